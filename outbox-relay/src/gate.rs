//! The gate in front of inventory: `relay_core::gate` behind a lock, with a clock, and its changes in
//! log and metrics. It decides nothing itself.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use relay_core::answer::Answer;
use relay_core::breaker::{Outcome, Permit, Refusal};
use relay_core::decide::Call;
use relay_core::drain::Estimate;
use relay_core::gate::{GateConfig, GateSnapshot, GateState};
use relay_core::retry_budget::RetryGrant;
use tokio::time::{Instant, sleep_until};

use crate::metrics;

/// Shared by everything in one relay that calls inventory.
#[derive(Debug)]
pub struct Gate {
    started: Instant,
    state: Mutex<GateState>,
}

/// The right to make some calls. What is not finished when it is dropped is given back.
#[derive(Debug)]
pub struct GatePermit {
    gate: Arc<Gate>,
    permit: Option<Permit>,
}

impl Gate {
    /// A closed gate. `seed` feeds the jitter of the breaker's open times.
    pub fn new(config: &GateConfig, seed: u32) -> Arc<Self> {
        let state = Mutex::new(GateState::new(config, seed, 0));
        Arc::new(Self { started: Instant::now(), state })
    }

    /// Calls that would be admitted now; 0 while the breaker is open.
    pub fn room(&self) -> u32 {
        self.decide(GateState::room)
    }

    /// Whether nothing is held back: the breaker is closed and no drain is under way.
    pub fn is_free(&self) -> bool {
        self.decide(GateState::is_free)
    }

    /// Whether the breaker refuses everything now, and when to ask again.
    pub fn refusal(&self) -> Option<Refusal> {
        self.decide(GateState::refusal)
    }

    /// Asks for `calls` calls at once; fewer may be granted.
    pub fn acquire(self: &Arc<Self>, calls: u32) -> Result<GatePermit, Refusal> {
        let permit = self.decide(|state, now_ms| state.acquire(calls, now_ms))?;
        Ok(GatePermit { gate: Arc::clone(self), permit: Some(permit) })
    }

    /// What the breaker counts of the answer to one call.
    pub fn judge(&self, call: &Call, answer: &Answer) -> Outcome {
        self.lock().judge(call, answer)
    }

    /// Asks for retries, before their sagas are claimed.
    pub fn withdraw_retries(&self, calls: u32) -> RetryGrant {
        self.decide(|state, now_ms| state.withdraw_retries(calls, now_ms))
    }

    /// Takes back the grant of a retry that the breaker refused.
    pub fn give_back_retry(&self) {
        self.lock().give_back_retry();
    }

    /// Pays into the retry budget.
    pub fn record_first_tries(&self, calls: u32) {
        self.lock().record_first_tries(calls);
    }

    /// The drain's estimate, where one is under way.
    pub fn drain_estimate(&self, backlog_left: u64) -> Option<Estimate> {
        self.decide(|state, now_ms| state.drain_estimate(backlog_left, now_ms))
    }

    /// Staff keeps every call back until [`Gate::close`].
    pub fn isolate(&self) {
        self.decide(GateState::isolate);
        self.log_changes();
    }

    /// Staff closes the breaker.
    pub fn close(&self) {
        self.decide(GateState::close);
        self.log_changes();
    }

    /// What people see.
    pub fn snapshot(&self) -> GateSnapshot {
        self.log_changes();
        self.decide(GateState::snapshot)
    }

    /// Writes the breaker's changes since the last call to the log.
    pub fn log_changes(&self) {
        let (marks, state) = self.decide(|state, now_ms| {
            let statistics = state.statistics(now_ms);
            (state.take_marks(), statistics.state)
        });
        for mark in marks {
            metrics::breaker_changed(&mark.change);
            tracing::info!(breaker = "inventory", change = ?mark.change, generation = mark.generation, "breaker");
        }
        metrics::breaker_state(state);
    }

    /// Monotonic milliseconds: the relay's clock.
    pub fn now_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Waits for a moment of the gate's clock; `None`: for ever.
    pub async fn until(&self, at_ms: Option<u64>) {
        match at_ms {
            Some(at_ms) => sleep_until(self.started + Duration::from_millis(at_ms)).await,
            None => std::future::pending().await,
        }
    }

    /// Decides on the gate's state now, alone.
    pub fn decide<T>(&self, ask: impl FnOnce(&mut GateState, u64) -> T) -> T {
        let now_ms = self.now_ms();
        ask(&mut self.lock(), now_ms)
    }

    fn lock(&self) -> MutexGuard<'_, GateState> {
        self.state.lock().expect("no decision of the gate panics")
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
        self.gate.decide(|state, now_ms| state.finish(one, outcome, now_ms));
    }
}

impl Drop for GatePermit {
    fn drop(&mut self) {
        if let Some(rest) = self.permit.take() {
            self.gate.lock().abandon(rest);
        }
        self.gate.log_changes();
    }
}
