//! A limit of requests per caller, told in the standard headers.
//!
//! A token bucket (GCRA, crate governor) per [`Caller`]. It protects customers from one another;
//! it must never stand between our own services: [`Caller::Own`] and the exempt paths pass.
//! Headers: draft-ietf-httpapi-ratelimit-headers-10.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use governor::clock::{Clock, DefaultClock};
use governor::middleware::{StateInformationMiddleware, StateSnapshot};
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};
use http::{HeaderName, HeaderValue, StatusCode};

use crate::{Caller, Problem};

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
/// Callers whose bucket is full again are forgotten once in so many checks, which bounds memory.
const CHECKS_BETWEEN_FORGETTING: u32 = 10_000;
/// Probes and scrapes come from our own machinery.
const ALWAYS_EXEMPT: [&str; 2] = ["/health", "/metrics"];

/// How much one caller may ask.
#[derive(Clone, Copy, Debug)]
pub struct LimitConfig {
    /// Requests per second in the long run.
    pub per_second: NonZeroU32,
    /// Requests at once after a pause.
    pub burst: NonZeroU32,
    /// Path prefixes that our own services call.
    pub exempt_paths: &'static [&'static str],
}

/// The buckets of all callers.
#[derive(Clone)]
pub struct RateLimit(Arc<Inner>);

type Buckets =
    RateLimiter<Caller, DashMapStateStore<Caller>, DefaultClock, StateInformationMiddleware>;

struct Inner {
    config: LimitConfig,
    buckets: Buckets,
    clock: DefaultClock,
    policy: HeaderValue,
    checks: AtomicU32,
}

impl RateLimit {
    /// Empty buckets.
    pub fn new(config: LimitConfig) -> RateLimit {
        let quota = Quota::per_second(config.per_second).allow_burst(config.burst);
        let window_s = config.burst.get().div_ceil(config.per_second.get());
        let policy = format!("\"caller\";q={};w={window_s}", config.burst);
        RateLimit(Arc::new(Inner {
            config,
            buckets: RateLimiter::dashmap(quota).with_middleware(),
            clock: DefaultClock::default(),
            policy: HeaderValue::try_from(policy).expect("digits are a header value"),
            checks: AtomicU32::new(0),
        }))
    }

    /// `None` where the limit does not apply, the headers to add where it was kept, and the
    /// answer 429 where it was not.
    pub(crate) fn check(
        &self,
        caller: &Caller,
        path: &str,
    ) -> Option<Result<[(HeaderName, HeaderValue); 2], Problem>> {
        let exempt = ALWAYS_EXEMPT.iter().chain(self.0.config.exempt_paths);
        if *caller == Caller::Own || exempt.into_iter().any(|prefix| path.starts_with(prefix)) {
            return None;
        }
        self.forget_idle_callers();
        Some(match self.0.buckets.check_key(caller) {
            Ok(state) => Ok(self.headers(&state)),
            Err(refusal) => {
                let wait = refusal.wait_time_from(self.0.clock.now());
                let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
                Err(self.refuse(seconds.max(1)))
            }
        })
    }

    fn headers(&self, state: &StateSnapshot) -> [(HeaderName, HeaderValue); 2] {
        let left = state.remaining_burst_capacity();
        let missing = self.0.config.burst.get().saturating_sub(left);
        let full_in_s = missing.div_ceil(self.0.config.per_second.get());
        self.header_pair(left, u64::from(full_in_s))
    }

    fn header_pair(&self, left: u32, reset_s: u64) -> [(HeaderName, HeaderValue); 2] {
        let state = format!("\"caller\";r={left};t={reset_s}");
        let state = HeaderValue::try_from(state).expect("digits are a header value");
        [(RATE_LIMIT, state), (RATE_LIMIT_POLICY, self.0.policy.clone())]
    }

    fn refuse(&self, retry_after_s: u64) -> Problem {
        let LimitConfig { per_second, burst, .. } = self.0.config;
        let mut problem =
            Problem::new(StatusCode::TOO_MANY_REQUESTS, "rate-limited", "too many requests")
                .with_detail(format!("at most {per_second} a second, {burst} at once"))
                .retry_after_s(retry_after_s);
        for (name, value) in self.header_pair(0, retry_after_s) {
            problem = problem.with_header(name, value);
        }
        problem
    }

    fn forget_idle_callers(&self) {
        let checks = self.0.checks.fetch_add(1, Ordering::Relaxed);
        if checks % CHECKS_BETWEEN_FORGETTING == CHECKS_BETWEEN_FORGETTING - 1 {
            self.0.buckets.retain_recent();
            self.0.buckets.shrink_to_fit();
        }
    }
}

#[cfg(test)]
mod tests;
