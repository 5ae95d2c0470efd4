//! I10: half-open calls and retries are bounded.

use serde::Serialize;

use super::Evidence;
use super::report::{Counts, Findings};

/// A half-open call that a breaker let pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct HalfOpen {
    /// When, on the breaker's clock.
    pub at_ms: u64,
    /// Half-open calls in flight, this one included.
    pub in_flight: u32,
    /// Calls that may be in flight.
    pub permits: u32,
}

/// How many calls of inventory a run may have made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Amplification {
    /// Retries per hundred first tries, not counting those that were answered.
    pub percent: u64,
    /// Retries that are allowed in any case: the budget's floor over the whole run, and what was saved up.
    pub floor: u64,
}

pub(super) fn check(evidence: &Evidence<'_>, counts: &Counts, findings: &mut Findings) {
    for HalfOpen { at_ms, in_flight, permits } in &evidence.half_open {
        if in_flight > permits {
            let detail = format!("{in_flight} in flight with {permits} permits at {at_ms} ms");
            findings.add("half-open-herd", None, detail);
        }
    }
    if let Some(Amplification { percent, floor }) = evidence.amplification {
        let Counts { calls, first_tries, answered_retries, .. } = *counts;
        let allowed = first_tries + answered_retries + first_tries * percent / 100 + floor;
        if calls > allowed {
            let detail = format!("{calls} calls for {first_tries} first tries, {allowed} allowed");
            findings.add("retry-storm", None, detail);
        }
    }
}
