//! The gate in front of inventory: breaker, retry budget and paced drain of `saga`, behind one lock,
//! with a clock. What they decide is theirs; the gate only brings the time.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};

use relay_core::breaker::{
    Breaker, BreakerState, Change, Mark, Outcome, Permit, Refusal, Statistics,
};
use relay_core::drain::{Drain, DrainConfig, Estimate};
use relay_core::retry_budget::{RetryBudget, RetryTotals};
use tokio::time::Instant;

use crate::{Config, metrics};

/// Changes of the breaker's state that are kept for people.
const CHANGES_MAX: usize = 20;

/// Shared by everything in one relay that calls inventory.
#[derive(Debug)]
pub struct Gate {
    started: Instant,
    drain_config: DrainConfig,
    state: Mutex<GateState>,
}

#[derive(Debug)]
struct GateState {
    breaker: Breaker,
    budget: RetryBudget,
    drain: Option<Drain>,
    refused_before: bool,
    /// Newest last.
    changes: VecDeque<(u64, BreakerState)>,
}

/// The right to make some calls. What is not finished when it is dropped is given back.
#[derive(Debug)]
pub struct GatePermit {
    gate: Arc<Gate>,
    permit: Option<Permit>,
}

/// What the API and the console show of the gate.
#[derive(Debug, Clone, serde::Serialize)]
pub struct GateSnapshot {
    /// The breaker.
    pub breaker: Statistics,
    /// The retry budget's totals.
    pub retries: RetryTotals,
    /// Retries it would grant now.
    pub retries_ready: u32,
    /// The drain under way, as it was started; the backlog left is the caller's to count.
    pub draining: bool,
    /// The breaker's last changes of state, newest first.
    pub changes: Vec<StateChange>,
}

/// The breaker came into this state, so long ago.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct StateChange {
    /// The state.
    pub state: BreakerState,
    /// How long ago, in milliseconds.
    pub ago_ms: u64,
}

impl Gate {
    /// A closed gate. `seed` feeds the jitter of the breaker's open times.
    pub fn new(config: &Config, seed: u32) -> Arc<Self> {
        let state = GateState {
            breaker: Breaker::new(config.breaker(), seed),
            budget: RetryBudget::new(config.retry_budget(), 0),
            drain: None,
            refused_before: false,
            changes: VecDeque::new(),
        };
        Arc::new(Self {
            started: Instant::now(),
            drain_config: config.drain(),
            state: Mutex::new(state),
        })
    }

    /// Calls that would be admitted now; 0 while the breaker is open.
    pub fn room(&self) -> u32 {
        let now_ms = self.now_ms();
        self.lock().breaker.admissible(now_ms)
    }

    /// Whether nothing is held back: the breaker is closed and no drain is under way.
    pub fn is_free(&self) -> bool {
        let now_ms = self.now_ms();
        let mut state = self.lock();
        state.drain.is_none() && state.breaker.statistics(now_ms).state == BreakerState::Closed
    }

    /// Whether the breaker refuses everything now, and when to ask again.
    pub fn refusal(&self) -> Option<Refusal> {
        let now_ms = self.now_ms();
        let mut state = self.lock();
        let statistics = state.breaker.statistics(now_ms);
        if matches!(statistics.state, BreakerState::Closed) {
            return None;
        }
        match state.breaker.acquire(now_ms, 1) {
            Ok(permit) => {
                state.breaker.abandon(permit);
                None
            }
            Err(refusal) => Some(refusal),
        }
    }

    /// Asks for `calls` calls at once; fewer may be granted.
    pub fn acquire(self: &Arc<Self>, calls: u32) -> Result<GatePermit, Refusal> {
        let now_ms = self.now_ms();
        let permit = self.lock().breaker.acquire(now_ms, calls)?;
        Ok(GatePermit { gate: Arc::clone(self), permit: Some(permit) })
    }

    /// Asks for a retry. `Err`: when to ask again, in milliseconds.
    pub fn withdraw_retry(&self) -> Result<(), Option<u64>> {
        let now_ms = self.now_ms();
        let mut state = self.lock();
        if state.budget.withdraw(now_ms, 1) == 1 {
            Ok(())
        } else {
            Err(state.budget.next_in_ms(now_ms))
        }
    }

    /// Pays into the retry budget.
    pub fn record_first_tries(&self, calls: u32) {
        self.lock().budget.record_first_tries(calls);
    }

    /// How many of `places` the backlog may take now. While no drain is under way: half of them.
    pub fn backlog_places(&self, places: u32) -> u32 {
        let now_ms = self.now_ms();
        let mut state = self.lock();
        if state.drain.as_ref().is_some_and(Drain::is_done) {
            // It had nothing to wake, or the claim of its last part failed: it must not hold up what
            // comes to wait from now on.
            state.drain = None;
        }
        match state.drain.as_mut() {
            Some(drain) => drain.share(now_ms, places, places).backlog,
            None => places.div_ceil(2),
        }
    }

    /// Tells the drain how many of its places found nothing.
    pub fn give_back_backlog(&self, places: u32) {
        let mut state = self.lock();
        if let Some(drain) = state.drain.as_mut() {
            drain.give_back(places);
            if places > 0 || drain.is_done() {
                state.drain = None;
            }
        }
    }

    /// Whether the breaker has let calls through again since the last look: the moment to measure the
    /// backlog and to start a drain.
    pub fn reopened(&self) -> bool {
        let now_ms = self.now_ms();
        let mut state = self.lock();
        let refuses = state.breaker.statistics(now_ms).state != BreakerState::Closed;
        let reopened = state.refused_before && !refuses;
        state.refused_before = refuses;
        reopened
    }

    /// Paces the backlog that has gathered.
    pub fn start_drain(&self, backlog: u64) {
        let now_ms = self.now_ms();
        tracing::info!(backlog, "the breaker closed: waking the backlog at its pace");
        self.lock().drain = Some(Drain::start(self.drain_config, backlog, now_ms));
    }

    /// The drain's estimate, where one is under way.
    pub fn drain_estimate(&self, backlog_left: u64) -> Option<Estimate> {
        let now_ms = self.now_ms();
        self.lock().drain.as_ref().map(|drain| drain.estimate(now_ms, backlog_left))
    }

    /// Staff keeps every call back until [`Gate::close`].
    pub fn isolate(&self) {
        let now_ms = self.now_ms();
        self.lock().breaker.isolate(now_ms);
        self.log_changes();
    }

    /// Staff closes the breaker.
    pub fn close(&self) {
        let now_ms = self.now_ms();
        self.lock().breaker.close(now_ms);
        self.log_changes();
    }

    /// What people see.
    pub fn snapshot(&self) -> GateSnapshot {
        self.log_changes();
        let now_ms = self.now_ms();
        let mut state = self.lock();
        GateSnapshot {
            breaker: state.breaker.statistics(now_ms),
            retries: state.budget.totals(),
            retries_ready: state.budget.balance(now_ms),
            draining: state.drain.is_some(),
            changes: state.changes_at(now_ms),
        }
    }

    /// Writes the breaker's changes since the last call to the log.
    pub fn log_changes(&self) {
        let now_ms = self.now_ms();
        let (marks, state) = {
            let mut state = self.lock();
            let statistics = state.breaker.statistics(now_ms);
            (state.take_marks(), statistics.state)
        };
        for mark in marks {
            metrics::breaker_changed(&mark.change);
            tracing::info!(breaker = "inventory", change = ?mark.change, generation = mark.generation, "breaker");
        }
        metrics::breaker_state(state);
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn lock(&self) -> MutexGuard<'_, GateState> {
        self.state.lock().expect("no decision of the gate panics")
    }
}

impl GateState {
    /// What the breaker has marked since the last call.
    fn take_marks(&mut self) -> Vec<Mark> {
        let marks = self.breaker.take_trace();
        let changes = marks.iter().filter_map(|mark| Some((mark.at_ms, entered(&mark.change)?)));
        self.changes.extend(changes);
        let surplus = self.changes.len().saturating_sub(CHANGES_MAX);
        self.changes.drain(..surplus);
        marks
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

impl GatePermit {
    /// Calls it still stands for.
    pub fn calls(&self) -> u32 {
        self.permit.as_ref().map_or(0, Permit::calls)
    }

    /// Gives one call's place back with what became of it.
    pub fn finish_one(&mut self, outcome: Outcome) {
        let Some(one) = self.permit.as_mut().and_then(|permit| permit.take(1)) else { return };
        let now_ms = self.gate.now_ms();
        self.gate.lock().breaker.finish(one, outcome, now_ms);
    }
}

impl Drop for GatePermit {
    fn drop(&mut self) {
        if let Some(rest) = self.permit.take() {
            self.gate.lock().breaker.abandon(rest);
        }
        self.gate.log_changes();
    }
}

#[cfg(test)]
mod tests;
