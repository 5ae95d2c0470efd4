//! A bound on retries, so that retries cannot become the load.
//!
//! A token bucket: every first try pays in a share of a token, a floor pays in by time (a quiet
//! relay must be able to retry at all), a retry takes a whole token out. Who finds it empty does
//! not retry now; the saga stays queued, which costs it time and nothing else.
//!
//! Sources: the client-side retry budget of
//! <https://sre.google/sre-book/handling-overload/>; share, floor and token bucket as in
//! <https://finagle.github.io/blog/2016/02/08/retry-budgets>.

use serde::{Deserialize, Serialize};

/// A token is a thousand parts, so that a fifth of one is exact.
const TOKEN: u64 = 1_000;

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
}

impl RetryBudget {
    /// A budget that starts with one second of its floor.
    pub fn new(config: RetryBudgetConfig, now_ms: u64) -> RetryBudget {
        let saved_parts = u64::from(config.floor_per_second.min(config.saved_max)) * TOKEN;
        RetryBudget { config, saved_parts, latest_ms: now_ms, totals: RetryTotals::default() }
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

    /// When the floor alone will have paid for one retry; `None` when there is no floor.
    pub fn next_in_ms(&mut self, now_ms: u64) -> Option<u64> {
        self.advance(now_ms);
        if self.saved_parts >= TOKEN {
            return Some(0);
        }
        // The floor pays `floor_per_second` parts per millisecond.
        let floor = u64::from(self.config.floor_per_second);
        (floor > 0).then(|| (TOKEN - self.saved_parts).div_ceil(floor))
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
