//! A bound on retries, so that retries cannot become the load.
//!
//! A token bucket: every first try pays in a share of a token, a floor pays in by time (a quiet
//! relay must be able to retry at all), a retry takes a whole token out, and gives it back when it is
//! answered well: only retries that fail are bounded, so that what a fault has left behind is worked off
//! as soon as the fault is over. It is asked before a saga is claimed. Who finds it empty does not retry
//! now; the saga stays as it is, and its message waits for a turn of its own.
//!
//! Sources: the client-side retry budget of
//! <https://sre.google/sre-book/handling-overload/>; share, floor and token bucket as in
//! <https://finagle.github.io/blog/2016/02/08/retry-budgets>; tokens that come back as in the retry quota of
//! <https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html>.

use serde::{Deserialize, Serialize};

/// A token is a thousand parts, so that a fifth of one is exact.
const TOKEN: u64 = 1_000;
/// No retry waits longer for its turn.
const TURN_MAX_US: u64 = 30_000_000;

/// How much may be retried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetryBudgetConfig {
    /// Retries per hundred first tries. Default 20.
    pub percent: u32,
    /// Retries per second that are always allowed. Default 100.
    pub floor_per_second: u32,
    /// Most retries that can be saved up: the largest burst. Default 1,000.
    pub saved_max: u32,
}

impl Default for RetryBudgetConfig {
    fn default() -> RetryBudgetConfig {
        RetryBudgetConfig { percent: 20, floor_per_second: 100, saved_max: 1_000 }
    }
}

/// The retries of one client towards one service.
#[derive(Debug, Clone)]
pub struct RetryBudget {
    config: RetryBudgetConfig,
    saved_parts: u64,
    latest_ms: u64,
    /// The last turn that was promised, in microseconds of the same clock.
    promised_us: u64,
    totals: RetryTotals,
}

/// Sums since the start, for counters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct RetryTotals {
    /// Calls that were a saga's first.
    pub first_tries: u64,
    /// Retries granted.
    pub granted: u64,
    /// Retries put off.
    pub refused: u64,
    /// Retries that were answered well.
    pub answered: u64,
}

/// What the budget says to sagas that want to repeat a call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RetryGrant {
    /// So many may do it now.
    pub granted: u32,
    /// When each of the others may ask again, from now, in milliseconds.
    pub later_ms: Vec<u64>,
}

impl RetryBudget {
    /// A budget that starts with one second of its floor.
    pub fn new(config: RetryBudgetConfig, now_ms: u64) -> RetryBudget {
        let saved_parts = u64::from(config.floor_per_second.min(config.saved_max)) * TOKEN;
        let totals = RetryTotals::default();
        RetryBudget { config, saved_parts, latest_ms: now_ms, promised_us: 0, totals }
    }

    /// Pays in for calls that are the first of their saga.
    pub fn record_first_tries(&mut self, calls: u32) {
        self.totals.first_tries += u64::from(calls);
        self.pay_in(u64::from(calls) * u64::from(self.config.percent) * TOKEN / 100);
    }

    /// Asks for up to `calls_wanted` retries and returns how many may be made now.
    pub fn withdraw(&mut self, now_ms: u64, calls_wanted: u32) -> u32 {
        self.advance(now_ms);
        let granted = self.saved().min(calls_wanted);
        self.saved_parts -= u64::from(granted) * TOKEN;
        self.totals.granted += u64::from(granted);
        self.totals.refused += u64::from(calls_wanted - granted);
        granted
    }

    /// Retries that could be made now.
    pub fn balance(&mut self, now_ms: u64) -> u32 {
        self.advance(now_ms);
        self.saved()
    }

    /// Asks for `calls_wanted` retries, and for a turn for each that is refused.
    pub fn ask(&mut self, now_ms: u64, calls_wanted: u32) -> RetryGrant {
        let granted = self.withdraw(now_ms, calls_wanted);
        let later_ms = (granted..calls_wanted).map(|_| self.promise_turn(now_ms)).collect();
        RetryGrant { granted, later_ms }
    }

    /// Gives a token back: a retry was answered well.
    pub fn refund(&mut self) {
        self.totals.answered += 1;
        self.pay_in(TOKEN);
    }

    /// Takes a grant back that was not used.
    pub fn give_back(&mut self) {
        self.totals.granted = self.totals.granted.saturating_sub(1);
        self.pay_in(TOKEN);
    }

    /// The next moment at which the floor pays for a retry that nobody was promised yet. Where more wait than it pays
    /// for in time, they share the later half of the longest wait.
    fn promise_turn(&mut self, now_ms: u64) -> u64 {
        let floor = u64::from(self.config.floor_per_second);
        let apart_us = 1_000_000_u64.checked_div(floor).unwrap_or(TURN_MAX_US);
        let now_us = now_ms.saturating_mul(1_000);
        let turn_us = self.promised_us.max(now_us).saturating_add(apart_us);
        let is_too_late = turn_us > now_us.saturating_add(TURN_MAX_US);
        self.promised_us =
            if is_too_late { now_us.saturating_add(TURN_MAX_US / 2) } else { turn_us };
        (self.promised_us - now_us).div_ceil(1_000)
    }

    /// Sums since the start.
    pub fn totals(&self) -> RetryTotals {
        self.totals
    }

    fn saved(&self) -> u32 {
        u32::try_from(self.saved_parts / TOKEN).unwrap_or(u32::MAX)
    }

    fn advance(&mut self, now_ms: u64) {
        let passed_ms = now_ms.saturating_sub(self.latest_ms);
        self.latest_ms = self.latest_ms.max(now_ms);
        self.pay_in(passed_ms.saturating_mul(u64::from(self.config.floor_per_second)));
    }

    fn pay_in(&mut self, parts: u64) {
        let most = u64::from(self.config.saved_max) * TOKEN;
        self.saved_parts = self.saved_parts.saturating_add(parts).min(most);
    }
}

#[cfg(test)]
mod tests;
