//! The breaker's changes as data: the shell writes them to the log, tests read them.

use super::{Counts, Outcome};
use serde::Serialize;
use std::collections::VecDeque;
use std::fmt;

/// Marks kept when nobody takes them; the oldest go first.
const MARKS_MAX: usize = 256;

/// Marks waiting for the log.
#[derive(Debug, Clone, Default)]
pub struct Trace {
    marks: VecDeque<Mark>,
}

/// One change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Mark {
    /// When, on the caller's monotonic clock.
    pub at_ms: u64,
    /// The generation it left the breaker in.
    pub generation: u64,
    /// What happened.
    #[serde(flatten)]
    pub change: Change,
}

/// What changed. Half-open calls are marked one by one, so that the log itself shows that they
/// were bounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum Change {
    /// It tripped, or a probe failed.
    Opened {
        /// What made it open.
        why: Why,
        /// For how long.
        open_ms: u64,
        /// 1 is the first opening.
        opens_in_row: u32,
    },
    /// The open time is over.
    HalfOpened {
        /// Calls that may be in flight.
        permits: u32,
    },
    /// Enough probes were answered for the next stage.
    PermitsRaised {
        /// Calls that may now be in flight.
        permits: u32,
    },
    /// A half-open call was admitted.
    ProbeStarted {
        /// Half-open calls in flight, this one included.
        in_flight: u32,
        /// Calls that may be in flight.
        permits: u32,
    },
    /// A half-open call came back in time.
    ProbeEnded {
        /// What became of it.
        outcome: Outcome,
        /// Whether it was slow.
        slow: bool,
        /// Half-open calls still in flight.
        in_flight: u32,
    },
    /// Calls pass again, ramped.
    Closed {
        /// Who closed it.
        why: Why,
    },
    /// The ramp is over: no limit any more.
    SlowStartEnded,
    /// Staff shut the gate.
    Isolated,
}

impl Change {
    /// The label in metrics.
    pub fn name(&self) -> &'static str {
        match self {
            Change::Opened { .. } => "opened",
            Change::HalfOpened { .. } => "half_opened",
            Change::PermitsRaised { .. } => "permits_raised",
            Change::ProbeStarted { .. } => "probe_started",
            Change::ProbeEnded { .. } => "probe_ended",
            Change::Closed { .. } => "closed",
            Change::SlowStartEnded => "slow_start_ended",
            Change::Isolated => "isolated",
        }
    }
}

/// Why a breaker opened or closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "why", rename_all = "snake_case")]
pub enum Why {
    /// So many failed answers in a row.
    FailuresInRow {
        /// Failures in a row, at the moment it opened.
        failures: u32,
    },
    /// Too large a share of the window failed.
    FailureRate {
        /// Answers and failures of the window, at the moment it opened.
        counts: Counts,
    },
    /// Too large a share of the window was slow.
    SlowRate {
        /// Answers and failures of the window, at the moment it opened.
        counts: Counts,
    },
    /// A half-open call failed.
    ProbeFailed,
    /// A half-open call was slow.
    ProbeSlow,
    /// The last stage of half-open was answered.
    ProbesAnswered,
    /// Staff said so.
    Staff,
}

impl Trace {
    pub(super) fn push(&mut self, mark: Mark) {
        if self.marks.len() == MARKS_MAX {
            self.marks.pop_front();
        }
        self.marks.push_back(mark);
    }

    pub(super) fn take(&mut self) -> Vec<Mark> {
        self.marks.drain(..).collect()
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Change::Opened { why, open_ms, opens_in_row } => {
                write!(f, "opened for {open_ms} ms ({opens_in_row} in a row): {why}")
            }
            Change::HalfOpened { permits } => write!(f, "half-open with {permits} permits"),
            Change::PermitsRaised { permits } => write!(f, "permits raised to {permits}"),
            Change::ProbeStarted { in_flight, permits } => {
                write!(f, "probe started, {in_flight} of {permits} permits in flight")
            }
            Change::ProbeEnded { outcome, slow, in_flight } => {
                let speed = if *slow { ", slow" } else { "" };
                write!(f, "probe ended ({outcome:?}{speed}), {in_flight} in flight")
            }
            Change::Closed { why } => write!(f, "closed with a slow start: {why}"),
            Change::SlowStartEnded => f.write_str("slow start ended"),
            Change::Isolated => f.write_str("isolated by staff"),
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Why::FailuresInRow { failures } => write!(f, "{failures} failures in a row"),
            Why::FailureRate { counts } => {
                write!(f, "{} of {} calls failed", counts.failed, counts.calls)
            }
            Why::SlowRate { counts } => {
                write!(f, "{} of {} calls were slow", counts.slow, counts.calls)
            }
            Why::ProbeFailed => f.write_str("a half-open call failed"),
            Why::ProbeSlow => f.write_str("a half-open call was slow"),
            Why::ProbesAnswered => f.write_str("every half-open call was answered"),
            Why::Staff => f.write_str("staff"),
        }
    }
}
