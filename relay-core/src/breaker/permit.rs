//! What passes between a caller and the breaker: permit, outcome, refusal.

use serde::Serialize;

/// The right to make `calls` calls now. Not `Clone`: it is given back exactly once, by
/// [`finish`](super::Breaker::finish) or [`abandon`](super::Breaker::abandon).
#[must_use = "a permit that is not given back blocks a half-open breaker"]
#[derive(Debug, PartialEq, Eq)]
pub struct Permit {
    pub(super) generation: u64,
    pub(super) calls: u32,
    pub(super) started_at_ms: u64,
    pub(super) probe: bool,
}

impl Permit {
    /// How many calls it stands for; a batch must not send more.
    pub fn calls(&self) -> u32 {
        self.calls
    }

    /// The generation it was admitted in.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Whether it was admitted half-open: its call is a probe.
    pub fn is_probe(&self) -> bool {
        self.probe
    }

    /// Splits off up to `calls` calls, for a batch whose answers come one by one. `None` when it is
    /// used up.
    pub fn take(&mut self, calls: u32) -> Option<Permit> {
        let calls = calls.min(self.calls);
        if calls == 0 {
            return None;
        }
        self.calls -= calls;
        let Permit { generation, started_at_ms, probe, .. } = *self;
        Some(Permit { generation, calls, started_at_ms, probe })
    }
}

/// What became of a call, as the breaker sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The service gave a definitive answer. A business "no" is one.
    Answered,
    /// Unknown (timeout, reset, 500, 502, 504, broken body) or not executed (refused, 429, 503).
    Failed,
    /// It failed, and that is evidence about its item or its order, not about the service.
    Discounted,
}

/// Whether a result changed anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    /// It was counted.
    Counted,
    /// It belongs to an earlier generation; only its place was returned.
    Late,
    /// The permit was already used up by [`Permit::take`].
    Nothing,
}

/// Why no call may be made now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// The rule that refused.
    pub reason: RefusalReason,
    /// When to ask again; `None` when that depends on a call in flight or on staff.
    pub retry_in_ms: Option<u64>,
}

/// The rule that refused a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusalReason {
    /// The breaker is open.
    Open,
    /// Half-open, and every permit is out.
    ProbesInFlight,
    /// Just closed, and the ramp is used up.
    SlowStart,
    /// Staff isolated the service.
    Isolated,
}
