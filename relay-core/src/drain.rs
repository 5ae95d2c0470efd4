//! How the backlog that gathered behind an open breaker is woken: paced, and never before new work.
//!
//! When the breaker closes, tens of thousands of sagas are due at once. Calling them all would open
//! it again, and orders placed now would wait behind hours of old ones. So the backlog is spread
//! over `backlog / rate`, and of what a relay can take at a moment a fixed share is for fresh
//! orders; whatever one side leaves unused goes to the other. Neither can starve the other.
//!
//! Pure: the caller says what the time is, how much it can take and how much is waiting.

use serde::{Deserialize, Serialize};

const TOKEN: u64 = 1_000;

/// How fast a backlog is woken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrainConfig {
    /// Backlog sagas woken per second, at least 1. Default 2,000; a relay that has measured what
    /// inventory takes passes that.
    pub rate_per_second: u32,
    /// Share of the free slots that is kept for fresh orders, in percent, 0..=100. Default 80: where both
    /// together are more than there is capacity for, it is the backlog that waits.
    pub fresh_percent: u32,
    /// How much unused pace can be saved up, in milliseconds of it. Default 250.
    pub burst_ms: u32,
}

impl Default for DrainConfig {
    fn default() -> DrainConfig {
        DrainConfig { rate_per_second: 2_000, fresh_percent: 80, burst_ms: 250 }
    }
}

/// One drain, from the breaker's closing until the backlog is gone.
#[derive(Debug, Clone)]
pub struct Drain {
    config: DrainConfig,
    backlog: u64,
    woken: u64,
    started_at_ms: u64,
    latest_ms: u64,
    /// Pace earned and not used, in thousandths of a saga.
    pace_parts: u64,
    /// What rounding owes to fresh orders, in hundredths of a slot.
    fresh_owed: u32,
}

/// How to fill the free slots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// Slots for fresh orders.
    pub fresh: u32,
    /// Slots for the backlog.
    pub backlog: u32,
}

/// What staff is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Estimate {
    /// Sagas still waiting.
    pub backlog_left: u64,
    /// Sagas woken so far by this relay.
    pub woken: u64,
    /// Sagas per second: measured, or as configured in the first second.
    pub rate_per_second: u64,
    /// When the backlog will be gone at that rate.
    pub done_in_ms: u64,
}

impl Drain {
    /// Starts when the breaker has closed over `backlog` waiting sagas.
    pub fn start(config: DrainConfig, backlog: u64, now_ms: u64) -> Drain {
        Drain {
            config,
            backlog,
            woken: 0,
            started_at_ms: now_ms,
            latest_ms: now_ms,
            pace_parts: 0,
            fresh_owed: 0,
        }
    }

    /// Divides `slots` free slots between `fresh_waiting` fresh orders and the backlog.
    ///
    /// The backlog never gets more than its pace. What is claimed less than it was given comes back
    /// through [`Drain::give_back`].
    pub fn share(&mut self, now_ms: u64, slots: u32, fresh_waiting: u32) -> Share {
        self.advance(now_ms);
        let paced = u32::try_from(self.pace_parts / TOKEN).unwrap_or(u32::MAX);
        let left = u32::try_from(self.backlog.saturating_sub(self.woken)).unwrap_or(u32::MAX);
        let backlog_ready = paced.min(left);
        let kept = self.slots_kept_for_fresh(slots, fresh_waiting, backlog_ready);
        let backlog = backlog_ready.min(slots - kept.min(fresh_waiting));
        let fresh = fresh_waiting.min(slots - backlog);
        self.pace_parts -= u64::from(backlog) * TOKEN;
        self.woken += u64::from(backlog);
        Share { fresh, backlog }
    }

    /// Returns backlog slots for which nothing was found.
    pub fn give_back(&mut self, slots: u32) {
        self.woken = self.woken.saturating_sub(u64::from(slots));
        self.pace_parts = (self.pace_parts + u64::from(slots) * TOKEN).min(self.pace_max());
    }

    /// Whether every saga of the backlog was woken.
    pub fn is_done(&self) -> bool {
        self.woken >= self.backlog
    }

    /// The drain as staff sees it; `backlog_left` is counted by the caller, who knows what other
    /// relays woke.
    pub fn estimate(&self, now_ms: u64, backlog_left: u64) -> Estimate {
        let passed_ms = now_ms.saturating_sub(self.started_at_ms);
        let gone = self.backlog.saturating_sub(backlog_left);
        let rate_per_second = if passed_ms < 1_000 || gone == 0 {
            self.rate()
        } else {
            (gone.saturating_mul(1_000) / passed_ms).max(1)
        };
        let done_in_ms = backlog_left.saturating_mul(1_000).div_ceil(rate_per_second);
        Estimate { backlog_left, woken: self.woken, rate_per_second, done_in_ms }
    }

    /// Slots the fresh share keeps. The share binds only while both sides want more than there is;
    /// its fractions are carried, so that a relay with one free slot at a time alternates.
    fn slots_kept_for_fresh(&mut self, slots: u32, fresh_waiting: u32, backlog: u32) -> u32 {
        if slots.saturating_sub(fresh_waiting) >= backlog {
            return fresh_waiting.min(slots);
        }
        let hundredths = u64::from(slots) * u64::from(self.config.fresh_percent.min(100))
            + u64::from(self.fresh_owed);
        self.fresh_owed = (hundredths % 100) as u32;
        u32::try_from(hundredths / 100).unwrap_or(u32::MAX).min(slots)
    }

    fn advance(&mut self, now_ms: u64) {
        let passed_ms = now_ms.saturating_sub(self.latest_ms);
        self.latest_ms = self.latest_ms.max(now_ms);
        let earned = passed_ms.saturating_mul(self.rate());
        self.pace_parts = self.pace_parts.saturating_add(earned).min(self.pace_max());
    }

    /// At least one saga, or a slow pace with a short burst would never wake any.
    fn pace_max(&self) -> u64 {
        (u64::from(self.config.burst_ms) * self.rate()).max(TOKEN)
    }

    fn rate(&self) -> u64 {
        u64::from(self.config.rate_per_second.max(1))
    }
}

#[cfg(test)]
mod tests;
