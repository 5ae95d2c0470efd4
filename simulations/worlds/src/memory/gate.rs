//! A relay's gate: the product's breaker, retry budget and paced drain, put together as
//! `outbox_relay::gate` does, with the time handed in.

use super::invariants::Invariant;
use super::known_bad::KnownBad;
use relay_core::breaker::{Breaker, BreakerConfig, BreakerState, Outcome, Permit, Refusal};
use relay_core::drain::{Drain, DrainConfig};
use relay_core::retry_budget::{RetryBudget, RetryBudgetConfig};

#[derive(Debug)]
pub(super) struct Gate {
    breaker: Breaker,
    budget: RetryBudget,
    drain: Option<Drain>,
    refused_before: bool,
    opened_at_ms: u64,
    retries: u64,
    known_bad: Option<KnownBad>,
    pub(super) broken: Option<Invariant>,
}

impl Gate {
    pub(super) fn new(
        config: BreakerConfig,
        seed: u32,
        now_ms: u64,
        known_bad: Option<KnownBad>,
    ) -> Gate {
        Gate {
            breaker: Breaker::new(config, seed),
            budget: RetryBudget::new(budget(), now_ms),
            drain: None,
            refused_before: false,
            opened_at_ms: now_ms,
            retries: 0,
            known_bad,
            broken: None,
        }
    }

    pub(super) fn room(&mut self, now_ms: u64) -> u32 {
        if self.known_bad == Some(KnownBad::HalfOpenUnlimited) && self.is_half_open(now_ms) {
            return u32::MAX;
        }
        self.breaker.admissible(now_ms)
    }

    pub(super) fn is_free(&mut self, now_ms: u64) -> bool {
        self.drain.is_none() && self.breaker.statistics(now_ms).state == BreakerState::Closed
    }

    pub(super) fn refusal(&mut self, now_ms: u64) -> Option<Refusal> {
        if self.breaker.statistics(now_ms).state == BreakerState::Closed {
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

    /// A permit for one call. `Ok(None)` only where a flaw lets everybody in.
    pub(super) fn acquire(&mut self, now_ms: u64) -> Result<Option<Permit>, Refusal> {
        match self.breaker.acquire(now_ms, 1) {
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

    pub(super) fn finish(&mut self, permit: Option<Permit>, outcome: Outcome, now_ms: u64) {
        if let Some(permit) = permit {
            self.breaker.finish(permit, outcome, now_ms);
        }
    }

    pub(super) fn abandon(&mut self, permit: Option<Permit>) {
        if let Some(permit) = permit {
            self.breaker.abandon(permit);
        }
    }

    pub(super) fn withdraw_retry(&mut self, now_ms: u64) -> Result<(), Option<u64>> {
        let granted = self.budget.withdraw(now_ms, 1) == 1;
        if !granted && self.known_bad != Some(KnownBad::RetriesWithoutBudget) {
            return Err(self.budget.next_in_ms(now_ms));
        }
        self.retries += 1;
        self.check_retries(now_ms);
        Ok(())
    }

    pub(super) fn record_first_tries(&mut self, calls: u32) {
        self.budget.record_first_tries(calls);
    }

    pub(super) fn backlog_places(&mut self, places: u32, now_ms: u64) -> u32 {
        let is_done = self.drain.as_ref().is_some_and(Drain::is_done);
        if is_done && self.known_bad != Some(KnownBad::EmptyDrainStays) {
            self.drain = None;
        }
        match self.drain.as_mut() {
            Some(drain) => drain.share(now_ms, places, places).backlog,
            None => places.div_ceil(2),
        }
    }

    pub(super) fn give_back_backlog(&mut self, places: u32) {
        if let Some(drain) = self.drain.as_mut() {
            drain.give_back(places);
            if places > 0 || drain.is_done() {
                self.drain = None;
            }
        }
    }

    pub(super) fn reopened(&mut self, now_ms: u64) -> bool {
        let refuses = self.breaker.statistics(now_ms).state != BreakerState::Closed;
        let reopened = self.refused_before && !refuses;
        self.refused_before = refuses;
        reopened
    }

    pub(super) fn start_drain(&mut self, backlog: u64, now_ms: u64) {
        self.drain = Some(Drain::start(DrainConfig::default(), backlog, now_ms));
    }

    fn is_half_open(&mut self, now_ms: u64) -> bool {
        self.breaker.statistics(now_ms).state == BreakerState::HalfOpen
    }

    /// I10: `beyond` calls are out that the breaker knows nothing of.
    fn check_probes(&mut self, now_ms: u64, beyond: u32) {
        let statistics = self.breaker.statistics(now_ms);
        let permits = statistics.permits.unwrap_or(u32::MAX);
        if statistics.probes_in_flight + beyond > permits {
            self.broken = Some(Invariant::HalfOpenBounded);
        }
    }

    /// I10: total calls <= first tries x 1.2 + floor.
    fn check_retries(&mut self, now_ms: u64) {
        let config = budget();
        let first_tries = self.budget.totals().first_tries;
        let passed_ms = now_ms - self.opened_at_ms;
        let floor = u64::from(config.floor_per_second) * (passed_ms + 1_000) / 1_000;
        let bound = first_tries * u64::from(config.percent) / 100 + floor + 1;
        if self.retries > bound {
            self.broken = Some(Invariant::RetriesBounded);
        }
    }
}

/// The product's shares with a floor of one a second, so that a small world can reach it.
fn budget() -> RetryBudgetConfig {
    RetryBudgetConfig { floor_per_second: 1, saved_max: 10, ..RetryBudgetConfig::default() }
}
