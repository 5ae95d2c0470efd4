//! A relay's gate: the product's, with two watches (I10) and three planted flaws around it.

use super::invariants::Invariant;
use super::known_bad::KnownBad;
use relay_core::answer::Answer;
use relay_core::breaker::{BreakerConfig, BreakerState, Outcome, Permit, Refusal};
use relay_core::decide::Call;
use relay_core::drain::DrainConfig;
use relay_core::gate::{GateConfig, GateState};
use relay_core::retry_budget::{RetryBudgetConfig, RetryGrant, RetryTotals};

#[derive(Debug)]
pub(super) struct Gate {
    pub(super) state: GateState,
    opened_at_ms: u64,
    retries: u64,
    known_bad: Option<KnownBad>,
    /// What the drain under way has left to wake. The flaw keeps a drain for which this is 0.
    drain_left: Option<u64>,
    pub(super) broken: Option<Invariant>,
}

impl Gate {
    pub(super) fn new(
        breaker: BreakerConfig,
        seed: u32,
        now_ms: u64,
        known_bad: Option<KnownBad>,
    ) -> Gate {
        let config = GateConfig { breaker, retry_budget: budget(), drain: DrainConfig::default() };
        Gate {
            state: GateState::new(&config, seed, now_ms),
            opened_at_ms: now_ms,
            retries: 0,
            known_bad,
            drain_left: None,
            broken: None,
        }
    }

    /// A permit for one call. `Ok(None)` only where a flaw lets everybody in.
    pub(super) fn acquire(&mut self, now_ms: u64) -> Result<Option<Permit>, Refusal> {
        match self.state.acquire(1, now_ms) {
            Ok(permit) => {
                if permit.is_probe() {
                    self.check_probes(now_ms, 0);
                }
                Ok(Some(permit))
            }
            Err(_)
                if self.known_bad == Some(KnownBad::HalfOpenUnlimited)
                    && self.is_half_open(now_ms) =>
            {
                self.check_probes(now_ms, 1);
                Ok(None)
            }
            Err(refusal) => Err(refusal),
        }
    }

    pub(super) fn judge(&mut self, call: &Call, answer: &Answer) -> Outcome {
        self.state.judge(call, answer)
    }

    pub(super) fn finish(&mut self, permit: Option<Permit>, outcome: Outcome, now_ms: u64) {
        if let Some(permit) = permit {
            self.state.finish(permit, outcome, now_ms);
        }
    }

    pub(super) fn abandon(&mut self, permit: Option<Permit>) {
        if let Some(permit) = permit {
            self.state.abandon(permit);
        }
    }

    pub(super) fn withdraw_retries(&mut self, calls: u32, now_ms: u64) -> RetryGrant {
        let grant = match self.known_bad {
            Some(KnownBad::RetriesWithoutBudget) => RetryGrant { granted: calls, later_ms: vec![] },
            _ => self.state.withdraw_retries(calls, now_ms),
        };
        self.retries += u64::from(grant.granted);
        self.check_retries(now_ms);
        grant
    }

    pub(super) fn give_back_retry(&mut self) {
        self.state.give_back_retry();
        self.retries -= 1;
    }

    /// Whether a drain that is over holds up everything that comes to wait: a planted flaw.
    pub(super) fn is_held_up(&self) -> bool {
        self.drain_left == Some(0) && self.known_bad == Some(KnownBad::EmptyDrainStays)
    }

    pub(super) fn drain_started(&mut self, backlog: u64) {
        self.drain_left = Some(backlog);
    }

    /// So many slots are given to the backlog.
    pub(super) fn backlog_asked(&mut self, slots: u32) {
        self.drain_left = self.drain_left.map(|left| left.saturating_sub(slots.into()));
    }

    /// So many of them found nothing.
    pub(super) fn backlog_claimed(&mut self, unused: u32) {
        self.drain_left = self.drain_left.filter(|left| *left > 0 && unused == 0);
    }

    fn is_half_open(&mut self, now_ms: u64) -> bool {
        self.state.statistics(now_ms).state == BreakerState::HalfOpen
    }

    /// I10: `beyond` calls are out that the breaker knows nothing of.
    fn check_probes(&mut self, now_ms: u64, beyond: u32) {
        let statistics = self.state.statistics(now_ms);
        let permits = statistics.permits.unwrap_or(u32::MAX);
        if statistics.probes_in_flight + beyond > permits {
            self.broken = Some(Invariant::HalfOpenBounded);
        }
    }

    /// I10: retries that failed <= first tries x 0.2 + floor.
    fn check_retries(&mut self, now_ms: u64) {
        let config = budget();
        let RetryTotals { first_tries, answered, .. } = self.state.retry_totals();
        let passed_ms = now_ms - self.opened_at_ms;
        let floor = u64::from(config.floor_per_second) * (passed_ms + 1_000) / 1_000;
        let bound = first_tries * u64::from(config.percent) / 100 + floor + 1;
        if self.retries > bound + answered {
            self.broken = Some(Invariant::RetriesBounded);
        }
    }
}

/// The product's shares with a floor of one a second, so that a small world can reach it.
fn budget() -> RetryBudgetConfig {
    RetryBudgetConfig { floor_per_second: 1, saved_max: 10, ..RetryBudgetConfig::default() }
}
