//! How long a saga waits before its next attempt: exponential, capped, with full jitter.
//!
//! Pure: the randomness is an argument. "Full jitter" draws the whole delay, not a bit of it, so
//! that the sagas that failed together do not come back together; see
//! <https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>.

use serde::{Deserialize, Serialize};

/// The bounds of a wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backoff {
    /// Ceiling of the first wait. Default 100 ms; it doubles with every attempt.
    pub base_ms: u64,
    /// Ceiling of every wait. Default 30 s.
    pub cap_ms: u64,
    /// Longest `Retry-After` that is honoured; a header is not trusted further. Default 300 s.
    pub retry_after_max_ms: u64,
}

/// The bounds [`delay_ms`] uses.
pub const DEFAULT: Backoff = Backoff { base_ms: 100, cap_ms: 30_000, retry_after_max_ms: 300_000 };

/// The wait after `attempts` attempts within the default bounds; see [`Backoff::delay_ms`].
pub fn delay_ms(attempts: u32, retry_after_ms: Option<u64>, jitter: u32) -> u64 {
    DEFAULT.delay_ms(attempts, retry_after_ms, jitter)
}

impl Default for Backoff {
    fn default() -> Backoff {
        DEFAULT
    }
}

impl Backoff {
    /// The largest wait after `attempts` attempts, 1 being the first: `min(cap, base × 2^(attempts-1))`.
    pub fn ceiling_ms(&self, attempts: u32) -> u64 {
        let doublings = attempts.saturating_sub(1);
        let factor = 1_u64.checked_shl(doublings).unwrap_or(u64::MAX);
        self.base_ms.saturating_mul(factor).min(self.cap_ms)
    }

    /// The wait after `attempts` attempts: uniform in `0..=ceiling`, `jitter` being uniform over
    /// `u32`. A `Retry-After` (RFC 9110 section 10.2.3) is waited out first, and the jitter comes on
    /// top: the callers it was told to all at once must not return all at once.
    pub fn delay_ms(&self, attempts: u32, retry_after_ms: Option<u64>, jitter: u32) -> u64 {
        let choices = u128::from(self.ceiling_ms(attempts)) + 1;
        let drawn_ms = (choices * u128::from(jitter)) >> 32;
        let drawn_ms = u64::try_from(drawn_ms).unwrap_or(u64::MAX);
        let asked_ms = retry_after_ms.unwrap_or(0).min(self.retry_after_max_ms);
        asked_ms.saturating_add(drawn_ms)
    }
}

#[cfg(test)]
mod tests;
