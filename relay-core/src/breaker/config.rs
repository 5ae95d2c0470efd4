//! The breaker's settings, their defaults and the growth of the open time.

use serde::{Deserialize, Serialize};

/// When a breaker trips and how it comes back. The defaults are those of the reference API:
/// 50 %, 10 s open. A call timeout of 3 s belongs to them, which is the caller's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BreakerConfig {
    /// Answers within the window before a rate says anything. Default 10.
    pub answers_min: u64,
    /// Share of failed calls that trips, in percent, 1..=100. Default 50.
    pub failures_percent: u32,
    /// Failed answers in a row that trip, whatever the rate. Default 5.
    pub failures_in_row: u32,
    /// Time without any answer that such a run must have lasted, so that chance alone does not make
    /// one at a high rate. Default 250 ms: at 700 calls/s a run of 175.
    pub in_row_least_ms: u64,
    /// A call that took this long is slow, whatever it answered. Default 2 s of the 3 s timeout.
    pub slow_call_ms: u64,
    /// Share of slow calls that trips, in percent, 1..=100. Default 80.
    pub slow_percent: u32,
    /// The first open time. Default 10 s.
    pub open_ms: u64,
    /// The longest open time, before jitter. Default 15 s: what waits must not wait much longer than the
    /// fault lasts.
    pub open_max_ms: u64,
    /// Jitter added to an open time, in percent of it. Default 25.
    pub open_jitter_percent: u32,
    /// Calls in flight at the start of half-open. Default 1.
    pub permits_first: u32,
    /// Calls in flight at its end; doubles up to here. Default 4.
    pub permits_max: u32,
    /// Length of the slow start after closing; 0 is none. Default 5 s.
    pub slow_start_ms: u64,
    /// The slow start's limit begins at `permits_max` and doubles this often. Default 500 ms.
    pub slow_start_step_ms: u64,
}

impl Default for BreakerConfig {
    fn default() -> BreakerConfig {
        BreakerConfig {
            answers_min: 10,
            failures_percent: 50,
            failures_in_row: 5,
            in_row_least_ms: 250,
            slow_call_ms: 2_000,
            slow_percent: 80,
            open_ms: 10_000,
            open_max_ms: 15_000,
            open_jitter_percent: 25,
            permits_first: 1,
            permits_max: 4,
            slow_start_ms: 5_000,
            slow_start_step_ms: 500,
        }
    }
}

impl BreakerConfig {
    /// `open_ms` doubled per opening in a row (1 is the first), capped, plus jitter. Jitter only
    /// adds: a service is never probed sooner than configured.
    pub fn open_time_ms(&self, opens_in_row: u32, jitter: u32) -> u64 {
        let doublings = opens_in_row.saturating_sub(1).min(32);
        let grown_ms = self.open_ms.saturating_mul(1 << doublings).min(self.open_max_ms);
        let spread_ms = u128::from(grown_ms) * u128::from(self.open_jitter_percent) / 100;
        let jitter_ms = (spread_ms * u128::from(jitter)) >> 32;
        grown_ms.saturating_add(u64::try_from(jitter_ms).unwrap_or(u64::MAX))
    }
}
