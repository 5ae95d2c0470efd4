//! The gate in front of a participant: breaker, retry budget and paced drain as one state machine.
//!
//! Every method takes the time, in monotonic milliseconds. The shell brings it, and a lock.

use std::collections::VecDeque;

use serde::Serialize;

use crate::answer::Answer;
use crate::breaker::{
    Breaker, BreakerConfig, BreakerState, Change, Mark, Outcome, Permit, Refusal, Reply,
    Statistics, Suspects,
};
use crate::decide::{Call, evidence, is_retry};
use crate::drain::{Drain, DrainConfig, Estimate};
use crate::retry_budget::{RetryBudget, RetryBudgetConfig, RetryGrant, RetryTotals};

/// A breaker that opened so long before the relay's own database failed to answer, at most, opened in the same outage: a
/// statement that gets no answer is given up after as long.
const SAME_OUTAGE_MS: u64 = 6_000;
/// Changes of the breaker's state that are kept for people.
const CHANGES_MAX: usize = 20;

/// How the parts of a gate are set.
#[derive(Debug, Clone, Copy, Default)]
pub struct GateConfig {
    /// When the breaker opens, and for how long.
    pub breaker: BreakerConfig,
    /// The retry budget.
    pub retry_budget: RetryBudgetConfig,
    /// The paced drain.
    pub drain: DrainConfig,
}

/// What stands between one relay and one participant.
#[derive(Debug)]
pub struct GateState {
    breaker: Breaker,
    suspects: Suspects,
    budget: RetryBudget,
    drain_config: DrainConfig,
    drain: Option<Drain>,
    refused_before: bool,
    /// Newest last.
    changes: VecDeque<(u64, BreakerState)>,
}

/// What the API and the console show of a gate.
#[derive(Debug, Clone, Serialize)]
pub struct GateSnapshot {
    /// The breaker's state and what it counts.
    pub breaker: Statistics,
    /// The retry budget's totals.
    pub retries: RetryTotals,
    /// Retries it would grant now.
    pub retries_ready: u32,
    /// Whether a drain is under way; the backlog left is the caller's to count.
    pub draining: bool,
    /// The breaker's last changes of state, newest first.
    pub changes: Vec<StateChange>,
}

/// The breaker came into this state, so long ago.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct StateChange {
    /// The state that it came into.
    pub state: BreakerState,
    /// How long ago, in milliseconds.
    pub ago_ms: u64,
}

impl GateState {
    /// A closed gate. `seed` feeds the jitter of the breaker's open times.
    pub fn new(config: &GateConfig, seed: u32, now_ms: u64) -> Self {
        Self {
            breaker: Breaker::new(config.breaker, seed),
            suspects: Suspects::default(),
            budget: RetryBudget::new(config.retry_budget, now_ms),
            drain_config: config.drain,
            drain: None,
            refused_before: false,
            changes: VecDeque::new(),
        }
    }

    /// Calls that would be admitted now; 0 while the breaker is open.
    pub fn room(&mut self, now_ms: u64) -> u32 {
        self.breaker.admissible(now_ms)
    }

    /// The breaker, in numbers.
    pub fn statistics(&mut self, now_ms: u64) -> Statistics {
        self.breaker.statistics(now_ms)
    }

    /// Where the breaker is half-open: the items whose calls fail, which are no witnesses. A probe asks
    /// for something else where it can, or one bad item would keep the breaker open for all orders.
    pub fn probes_without(&mut self, now_ms: u64) -> Option<Vec<String>> {
        let is_half_open = self.breaker.statistics(now_ms).state == BreakerState::HalfOpen;
        is_half_open.then(|| self.suspects.failing_items())
    }

    /// Whether nothing is held back: the breaker is closed and no drain is under way.
    pub fn is_free(&mut self, now_ms: u64) -> bool {
        self.drain.is_none() && self.is_closed(now_ms)
    }

    /// Whether the breaker refuses everything now, and when to ask again.
    pub fn refusal(&mut self, now_ms: u64) -> Option<Refusal> {
        if self.is_closed(now_ms) {
            return None;
        }
        match self.breaker.acquire(now_ms, 1) {
            Ok(permit) => {
                self.breaker.abandon(permit);
                None
            }
            Err(refusal) => Some(refusal),
        }
    }

    /// What the breaker counts of the answer to one call. A retry that was answered pays for the next.
    pub fn judge(&mut self, call: &Call, answer: &Answer) -> Outcome {
        if is_retry(call) && answer.reply() == Reply::Answered {
            self.budget.refund();
        }
        evidence(call, answer, &mut self.suspects)
    }

    /// Asks for `calls` calls at once; fewer may be granted.
    pub fn acquire(&mut self, calls: u32, now_ms: u64) -> Result<Permit, Refusal> {
        self.breaker.acquire(now_ms, calls)
    }

    /// Gives a permit back with what became of its calls.
    pub fn finish(&mut self, permit: Permit, outcome: Outcome, now_ms: u64) {
        self.breaker.finish(permit, outcome, now_ms);
    }

    /// Gives a permit back whose calls were not made, or say nothing.
    pub fn abandon(&mut self, permit: Permit) {
        self.breaker.abandon(permit);
    }

    /// Asks for retries, before their sagas are claimed.
    pub fn withdraw_retries(&mut self, calls: u32, now_ms: u64) -> RetryGrant {
        self.budget.ask(now_ms, calls)
    }

    /// Takes back the grant of a retry that the breaker refused.
    pub fn give_back_retry(&mut self) {
        self.budget.give_back();
    }

    /// Pays into the retry budget.
    pub fn record_first_tries(&mut self, calls: u32) {
        self.budget.record_first_tries(calls);
    }

    /// What the retry budget has granted and refused.
    pub fn retry_totals(&self) -> RetryTotals {
        self.budget.totals()
    }

    /// How many of `slots` the backlog may take now. While no drain is under way: half of them.
    pub fn backlog_slots(&mut self, slots: u32, now_ms: u64) -> u32 {
        if self.drain.as_ref().is_some_and(Drain::is_done) {
            // It had nothing to wake, or the claim of its last part failed: it must not hold up what
            // comes to wait from now on.
            self.drain = None;
        }
        match self.drain.as_mut() {
            Some(drain) => drain.share(now_ms, slots, slots).backlog,
            None => slots.div_ceil(2),
        }
    }

    /// Tells the drain how many of its slots found nothing.
    pub fn give_back_backlog(&mut self, slots: u32) {
        if let Some(drain) = self.drain.as_mut() {
            drain.give_back(slots);
            if slots > 0 || drain.is_done() {
                self.drain = None;
            }
        }
    }

    /// Whether the breaker has let calls through again since the last look: the moment to measure the
    /// backlog and to start a drain.
    pub fn reopened(&mut self, now_ms: u64) -> bool {
        let refuses = !self.is_closed(now_ms);
        let reopened = self.refused_before && !refuses;
        self.refused_before = refuses;
        reopened
    }

    /// Paces the backlog that has gathered.
    pub fn start_drain(&mut self, backlog: u64, now_ms: u64) {
        self.drain = Some(Drain::start(self.drain_config, backlog, now_ms));
    }

    /// The drain's estimate, where one is under way.
    pub fn drain_estimate(&self, backlog_left: u64, now_ms: u64) -> Option<Estimate> {
        self.drain.as_ref().map(|drain| drain.estimate(now_ms, backlog_left))
    }

    /// The relay's own database answers again, after it had not since `since_ms`. Where the breaker opened in the same outage,
    /// inventory's database may have failed with it, as in a failover of one server for both, and be back with it: it is asked
    /// now, instead of when the open time is over.
    pub fn database_returned(&mut self, since_ms: u64, now_ms: u64) {
        let breaker = self.breaker.statistics(now_ms);
        let opened_with_it = breaker.since_ms.saturating_add(SAME_OUTAGE_MS) >= since_ms;
        if breaker.state == BreakerState::Open && opened_with_it {
            self.breaker.hurry(now_ms);
        }
    }

    /// Staff keeps every call back until [`GateState::close`].
    pub fn isolate(&mut self, now_ms: u64) {
        self.breaker.isolate(now_ms);
    }

    /// Staff closes the breaker.
    pub fn close(&mut self, now_ms: u64) {
        self.breaker.close(now_ms);
    }

    /// What people see.
    pub fn snapshot(&mut self, now_ms: u64) -> GateSnapshot {
        GateSnapshot {
            breaker: self.breaker.statistics(now_ms),
            retries: self.budget.totals(),
            retries_ready: self.budget.balance(now_ms),
            draining: self.drain.is_some(),
            changes: self.changes_at(now_ms),
        }
    }

    /// What the breaker has marked since the last call.
    pub fn take_marks(&mut self) -> Vec<Mark> {
        let marks = self.breaker.take_trace();
        let changes = marks.iter().filter_map(|mark| Some((mark.at_ms, entered(&mark.change)?)));
        self.changes.extend(changes);
        let surplus = self.changes.len().saturating_sub(CHANGES_MAX);
        self.changes.drain(..surplus);
        marks
    }

    fn is_closed(&mut self, now_ms: u64) -> bool {
        self.breaker.statistics(now_ms).state == BreakerState::Closed
    }

    fn changes_at(&self, now_ms: u64) -> Vec<StateChange> {
        let change = |&(at_ms, state): &(u64, BreakerState)| StateChange {
            state,
            ago_ms: now_ms.saturating_sub(at_ms),
        };
        self.changes.iter().rev().map(change).collect()
    }
}

/// The state a change leads to; `None`: it stays in its own.
fn entered(change: &Change) -> Option<BreakerState> {
    match change {
        Change::Opened { .. } => Some(BreakerState::Open),
        Change::HalfOpened { .. } => Some(BreakerState::HalfOpen),
        Change::Closed { .. } => Some(BreakerState::Closed),
        Change::Isolated => Some(BreakerState::Isolated),
        Change::PermitsRaised { .. }
        | Change::ProbeStarted { .. }
        | Change::ProbeEnded { .. }
        | Change::SlowStartEnded => None,
    }
}

#[cfg(test)]
mod tests;
