//! Exponential backoff with full jitter: a delay drawn uniformly from `0..=min(cap, base * 2^attempt)`.
//!
//! Source: Marc Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.

/// The first attempt waits at most this long, in milliseconds.
pub const BASE_MS: u64 = 100;
/// No attempt waits longer than this by its own choice, in milliseconds.
pub const CAP_MS: u64 = 30_000;
/// The longest Retry-After that is believed, in milliseconds.
pub const RETRY_AFTER_MAX_MS: u64 = 300_000;

/// How long to wait before the next call, in milliseconds.
///
/// `attempt` counts from 1. `retry_after_ms` is the other side's word: never come back sooner, and add
/// jitter on top so that those who were told the same do not come back together. `jitter` is a uniform
/// random number.
pub fn delay_ms(attempt: u32, retry_after_ms: Option<u64>, jitter: u32) -> u64 {
    let ceiling = BASE_MS.saturating_mul(1 << attempt.saturating_sub(1).min(20)).min(CAP_MS);
    let drawn = (u128::from(ceiling + 1) * u128::from(jitter)) >> 32;
    let drawn = u64::try_from(drawn).expect("a draw is at most its ceiling");
    retry_after_ms.unwrap_or(0).min(RETRY_AFTER_MAX_MS) + drawn
}

#[cfg(test)]
mod tests;
