//! The breaker seen from outside: one snapshot for API, console and metrics.

use super::window::BucketStatistics;
use super::{Counts, Outcome};
use serde::Serialize;

/// Where a breaker stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum BreakerState {
    /// Calls pass.
    Closed,
    /// No call passes until the open time is over.
    Open,
    /// A few calls pass to find out.
    HalfOpen,
    /// No call passes until staff closes it.
    Isolated,
}

impl BreakerState {
    /// The value of the metric `circuit_breaker_state`: 0 closed, 1 open (or isolated), 2 half-open.
    pub fn gauge(self) -> u8 {
        match self {
            BreakerState::Closed => 0,
            BreakerState::Open | BreakerState::Isolated => 1,
            BreakerState::HalfOpen => 2,
        }
    }

    /// The word used in the API, the console and labels.
    pub fn name(self) -> &'static str {
        match self {
            BreakerState::Closed => "closed",
            BreakerState::Open => "open",
            BreakerState::HalfOpen => "half_open",
            BreakerState::Isolated => "isolated",
        }
    }
}

/// A snapshot of one breaker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Statistics {
    /// Where it stands.
    pub state: BreakerState,
    /// Grows with every change of state.
    pub generation: u64,
    /// When the state was entered, on the caller's monotonic clock.
    pub since_ms: u64,
    /// When a call may be tried; `None` when that depends on a call in flight or on staff.
    pub next_try_in_ms: Option<u64>,
    /// Calls that may be in flight; `None` is no limit.
    pub permits: Option<u32>,
    /// Calls of this generation in flight.
    pub permits_in_flight: u32,
    /// Half-open calls in flight, of any generation.
    pub probes_in_flight: u32,
    /// Failed answers since the last good one.
    pub failures_in_row: u32,
    /// Openings since the last recovery that lasted.
    pub opens_in_row: u32,
    /// Sums over the window.
    pub counts: Counts,
    /// The window's seconds that hold something, oldest first.
    pub buckets: Vec<BucketStatistics>,
    /// Sums since the start.
    pub totals: Totals,
}

/// Sums since the start, in calls: for counters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// Calls admitted.
    pub admitted: u64,
    /// Calls refused.
    pub refused: u64,
    /// Calls that were answered.
    pub answered: u64,
    /// Calls that failed.
    pub failed: u64,
    /// Calls that failed and said nothing about the service.
    pub discounted: u64,
    /// Calls that were slow.
    pub slow: u64,
    /// Results of an earlier generation.
    pub late: u64,
    /// Permits given back without a result.
    pub abandoned: u64,
    /// Times the breaker opened.
    pub opens: u64,
}

impl Totals {
    pub(super) fn count(&mut self, outcome: Outcome, slow: bool, calls: u32) {
        let calls = u64::from(calls);
        match outcome {
            Outcome::Answered => self.answered += calls,
            Outcome::Failed => self.failed += calls,
            Outcome::Discounted => self.discounted += calls,
        }
        self.slow += if slow { calls } else { 0 };
    }
}
