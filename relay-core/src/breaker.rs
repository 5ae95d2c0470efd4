//! The circuit breaker in front of a remote service: decides whether a call may be made now.
//!
//! It keeps a dead or drowning service from being called, and lets it come back gently: closed,
//! open for a growing time, half-open with 1, 2, then 4 calls in flight, closed again with a slow
//! start. It must never do IO: time arrives as monotonic milliseconds, and the only randomness is
//! the seed given at the start.
//!
//! A caller asks [`Breaker::acquire`] for a [`Permit`] and gives it back with [`Breaker::finish`],
//! or with [`Breaker::abandon`] when the call was never decided (the shell does that from a drop
//! guard). Every change of state starts a new *generation*; the result of a call that was admitted
//! in an earlier one is late and changes nothing.
//!
//! Only *unknown* and *not executed* are failures. "Insufficient stock" is a success of the
//! service: it answered. A failure that says something about one item or one order only is
//! *discounted* ([`Suspects`] decides that): it moves the breaker in no state.
//!
//! Sources: Nygard, *Release It!* (the pattern); the trip rules and slow calls of
//! <https://resilience4j.readme.io/docs/circuitbreaker>; the rolling buckets of
//! <https://github.com/Netflix/Hystrix/wiki/How-it-Works>. What is different here: a permit that is
//! dropped returns its place (a lost one keeps resilience4j half-open for ever, its issue 903), and
//! after closing the load is ramped instead of let in at once.

mod config;
mod permit;
mod statistics;
mod suspects;
mod trace;
mod window;

pub use config::BreakerConfig;
pub use permit::{Outcome, Permit, Recorded, Refusal, RefusalReason};
pub use statistics::{BreakerState, Statistics, Totals};
pub use suspects::{Reply, Suspects};
pub use trace::{Change, Mark, Trace, Why};
pub use window::{BUCKET_MS, BUCKETS, BucketStatistics, Counts};

use window::Window;

/// For so long a breaker that was told to hurry opens for a moment only.
const HURRIED_FOR_MS: u64 = 10_000;
/// That moment.
const HURRIED_OPEN_MS: u64 = 250;

/// The breaker of one remote service. Not shared: the shell puts it behind a mutex.
#[derive(Debug, Clone)]
pub struct Breaker {
    config: BreakerConfig,
    phase: Phase,
    generation: u64,
    since_ms: u64,
    latest_ms: u64,
    window: Window,
    failures_in_row: u32,
    /// When a call of this generation was last answered.
    answered_at_ms: Option<u64>,
    opens_in_row: u32,
    /// Calls admitted in this generation and not yet given back.
    in_flight: u32,
    /// Half-open calls not yet given back, of this generation and of earlier ones.
    probes_in_flight: u32,
    random: u64,
    /// Until then it stays open for a moment only.
    hurried_until_ms: u64,
    totals: Totals,
    trace: Trace,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Closed { ramp_from_ms: Option<u64> },
    Open { until_ms: u64 },
    HalfOpen { permits: u32, answered: u32 },
    Isolated,
}

impl Breaker {
    /// A closed breaker. `seed` feeds the jitter of the open times and nothing else.
    pub fn new(config: BreakerConfig, seed: u32) -> Breaker {
        Breaker {
            config,
            phase: Phase::Closed { ramp_from_ms: None },
            generation: 1,
            since_ms: 0,
            latest_ms: 0,
            window: Window::default(),
            failures_in_row: 0,
            answered_at_ms: None,
            opens_in_row: 0,
            in_flight: 0,
            probes_in_flight: 0,
            random: u64::from(seed),
            hurried_until_ms: 0,
            totals: Totals::default(),
            trace: Trace::default(),
        }
    }

    /// Asks for `calls_wanted` calls at once (0 counts as 1) and grants as many as fit, at least one.
    ///
    /// A batch takes one permit for all its entries; the breaker may grant fewer than wanted, and
    /// the caller sends only those.
    pub fn acquire(&mut self, now_ms: u64, calls_wanted: u32) -> Result<Permit, Refusal> {
        let now_ms = self.advance(now_ms);
        let calls_wanted = calls_wanted.max(1);
        let calls = self.room(now_ms).min(calls_wanted);
        if calls == 0 {
            self.totals.refused += u64::from(calls_wanted);
            return Err(self.refusal(now_ms));
        }
        self.totals.admitted += u64::from(calls);
        self.in_flight += calls;
        let probe = matches!(self.phase, Phase::HalfOpen { .. });
        if let Phase::HalfOpen { permits, .. } = self.phase {
            self.probes_in_flight += calls;
            self.mark(Change::ProbeStarted { in_flight: self.probes_in_flight, permits });
        }
        Ok(Permit { generation: self.generation, calls, started_at_ms: now_ms, probe })
    }

    /// Gives a permit back with what became of its calls.
    ///
    /// One `finish` is one answer: a batch that was lost as a whole is one piece of evidence for
    /// "so many in a row", while each of its calls weighs in the failure rate.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a permit is given back once, so it is used up"
    )]
    pub fn finish(&mut self, permit: Permit, outcome: Outcome, now_ms: u64) -> Recorded {
        let now_ms = self.advance(now_ms);
        self.give_back(&permit);
        if permit.calls == 0 {
            return Recorded::Nothing;
        }
        if permit.generation != self.generation {
            self.totals.late += u64::from(permit.calls);
            return Recorded::Late;
        }
        let slow = now_ms.saturating_sub(permit.started_at_ms) >= self.config.slow_call_ms;
        self.totals.count(outcome, slow, permit.calls);
        match self.phase {
            Phase::Closed { .. } => self.finish_closed(permit.calls, outcome, slow, now_ms),
            Phase::HalfOpen { permits, answered } => {
                self.mark(Change::ProbeEnded { outcome, slow, in_flight: self.probes_in_flight });
                match outcome {
                    Outcome::Failed => self.open(Why::ProbeFailed, now_ms),
                    Outcome::Answered if slow => self.open(Why::ProbeSlow, now_ms),
                    Outcome::Answered => {
                        self.probe_answered(permits, answered + permit.calls, now_ms);
                    }
                    // Its place is free for a better witness.
                    Outcome::Discounted => {}
                }
            }
            // No permit is handed out in these two, so none of their generation comes back.
            Phase::Open { .. } | Phase::Isolated => return Recorded::Late,
        }
        Recorded::Counted
    }

    /// Gives a permit back whose call was never decided: it was not made, or its caller is gone.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a permit is given back once, so it is used up"
    )]
    pub fn abandon(&mut self, permit: Permit) {
        self.give_back(&permit);
        self.totals.abandoned += u64::from(permit.calls);
    }

    /// Staff closes the gate until staff opens it again with [`Breaker::close`].
    pub fn isolate(&mut self, now_ms: u64) {
        let now_ms = self.advance(now_ms);
        self.enter(Phase::Isolated, now_ms);
        self.mark(Change::Isolated);
    }

    /// Staff closes the breaker, from any state; admission is ramped as after a recovery.
    pub fn close(&mut self, now_ms: u64) {
        let now_ms = self.advance(now_ms);
        self.opens_in_row = 0;
        self.close_because(Why::Staff, now_ms);
    }

    /// The cause of the failures has gone, as far as the caller can tell: an open breaker probes now, and one that opens again
    /// soon does so after a moment. One call at a time finds out; it is no more than half-open.
    pub fn hurry(&mut self, now_ms: u64) {
        let now_ms = self.advance(now_ms);
        self.hurried_until_ms = now_ms.saturating_add(HURRIED_FOR_MS);
        if matches!(self.phase, Phase::Open { .. }) {
            self.phase = Phase::Open { until_ms: now_ms };
            self.advance(now_ms);
        }
    }

    /// What the API, the console and the metrics show. Time passes by looking: an open time that
    /// is over shows as half-open.
    pub fn statistics(&mut self, now_ms: u64) -> Statistics {
        let now_ms = self.advance(now_ms);
        let (state, permits) = match self.phase {
            Phase::Closed { ramp_from_ms: None } => (BreakerState::Closed, None),
            Phase::Closed { ramp_from_ms: Some(from_ms) } => {
                (BreakerState::Closed, Some(self.ramp_limit(from_ms, now_ms)))
            }
            Phase::Open { .. } => (BreakerState::Open, Some(0)),
            Phase::HalfOpen { permits, .. } => (BreakerState::HalfOpen, Some(permits)),
            Phase::Isolated => (BreakerState::Isolated, Some(0)),
        };
        Statistics {
            state,
            generation: self.generation,
            since_ms: self.since_ms,
            next_try_in_ms: self.next_try_in_ms(now_ms),
            permits,
            permits_in_flight: self.in_flight,
            probes_in_flight: self.probes_in_flight,
            failures_in_row: self.failures_in_row,
            opens_in_row: self.opens_in_row,
            counts: self.window.counts(now_ms),
            buckets: self.window.buckets(now_ms),
            totals: self.totals,
        }
    }

    /// The changes since the last call, oldest first, for the log.
    pub fn take_trace(&mut self) -> Vec<Mark> {
        self.trace.take()
    }

    /// How many calls the breaker would admit now: what a relay should claim for at most.
    pub fn admissible(&mut self, now_ms: u64) -> u32 {
        let now_ms = self.advance(now_ms);
        self.room(now_ms)
    }

    /// Lets time pass. A clock that goes backwards is read as one that stands still.
    fn advance(&mut self, now_ms: u64) -> u64 {
        self.latest_ms = self.latest_ms.max(now_ms);
        let now_ms = self.latest_ms;
        match self.phase {
            Phase::Open { until_ms } if now_ms >= until_ms => {
                let permits = self.config.permits_first;
                self.enter(Phase::HalfOpen { permits, answered: 0 }, now_ms);
                self.mark(Change::HalfOpened { permits });
            }
            Phase::Closed { ramp_from_ms: Some(from_ms) }
                if now_ms.saturating_sub(from_ms) >= self.config.slow_start_ms =>
            {
                // Only a slow start that was survived proves the recovery: the next opening is a
                // first one again.
                self.phase = Phase::Closed { ramp_from_ms: None };
                self.opens_in_row = 0;
                self.mark(Change::SlowStartEnded);
            }
            Phase::Open { .. }
            | Phase::Closed { .. }
            | Phase::HalfOpen { .. }
            | Phase::Isolated => {}
        }
        now_ms
    }

    fn room(&self, now_ms: u64) -> u32 {
        match self.phase {
            Phase::Closed { ramp_from_ms: None } => u32::MAX.saturating_sub(self.in_flight),
            Phase::Closed { ramp_from_ms: Some(from_ms) } => {
                self.ramp_limit(from_ms, now_ms).saturating_sub(self.in_flight)
            }
            // Probes of an earlier half-open time that are still out count: "calls in flight never
            // exceed the permits" holds over generations too.
            Phase::HalfOpen { permits, .. } => permits.saturating_sub(self.probes_in_flight),
            Phase::Open { .. } | Phase::Isolated => 0,
        }
    }

    fn ramp_limit(&self, from_ms: u64, now_ms: u64) -> u32 {
        let doublings = now_ms.saturating_sub(from_ms) / self.config.slow_start_step_ms.max(1);
        let doublings = u32::try_from(doublings).unwrap_or(u32::MAX);
        let factor = 1_u32.checked_shl(doublings).unwrap_or(u32::MAX);
        self.config.permits_max.saturating_mul(factor)
    }

    fn refusal(&self, now_ms: u64) -> Refusal {
        let reason = match self.phase {
            Phase::Open { .. } => RefusalReason::Open,
            Phase::HalfOpen { .. } => RefusalReason::ProbesInFlight,
            Phase::Closed { .. } => RefusalReason::SlowStart,
            Phase::Isolated => RefusalReason::Isolated,
        };
        Refusal { reason, retry_in_ms: self.next_try_in_ms(now_ms) }
    }

    fn next_try_in_ms(&self, now_ms: u64) -> Option<u64> {
        match self.phase {
            Phase::Open { until_ms } => Some(until_ms - now_ms),
            Phase::Closed { ramp_from_ms: Some(from_ms) } if self.room(now_ms) == 0 => {
                let step_ms = self.config.slow_start_step_ms.max(1);
                Some(step_ms - now_ms.saturating_sub(from_ms) % step_ms)
            }
            Phase::Closed { .. } => Some(0),
            Phase::HalfOpen { .. } if self.room(now_ms) > 0 => Some(0),
            // A place becomes free when a call ends or staff acts: no time can be named.
            Phase::HalfOpen { .. } | Phase::Isolated => None,
        }
    }

    fn give_back(&mut self, permit: &Permit) {
        if permit.probe {
            self.probes_in_flight = self.probes_in_flight.saturating_sub(permit.calls);
        }
        if permit.generation == self.generation {
            self.in_flight = self.in_flight.saturating_sub(permit.calls);
        }
    }

    fn finish_closed(&mut self, calls: u32, outcome: Outcome, slow: bool, now_ms: u64) {
        match outcome {
            Outcome::Failed => self.failures_in_row = self.failures_in_row.saturating_add(1),
            Outcome::Answered => {
                self.failures_in_row = 0;
                self.answered_at_ms = Some(now_ms);
            }
            Outcome::Discounted => return,
        }
        self.window.record(calls, outcome, slow, now_ms);
        if let Some(why) = self.trip_reason(now_ms) {
            self.open(why, now_ms);
        }
    }

    fn trip_reason(&self, now_ms: u64) -> Option<Why> {
        let config = &self.config;
        // At a high rate a few failures stand in a row by chance: the run has to last as well.
        let unanswered_ms = self.answered_at_ms.map(|at_ms| now_ms.saturating_sub(at_ms));
        let has_lasted = unanswered_ms.is_none_or(|ms| ms >= config.in_row_least_ms);
        if self.failures_in_row >= config.failures_in_row && has_lasted {
            return Some(Why::FailuresInRow { failures: self.failures_in_row });
        }
        let counts = self.window.counts(now_ms);
        if counts.answers < config.answers_min {
            return None;
        }
        if counts.failed * 100 >= counts.calls * u64::from(config.failures_percent) {
            return Some(Why::FailureRate { counts });
        }
        if counts.slow * 100 >= counts.calls * u64::from(config.slow_percent) {
            return Some(Why::SlowRate { counts });
        }
        None
    }

    fn probe_answered(&mut self, permits: u32, answered: u32, now_ms: u64) {
        if answered < permits {
            self.phase = Phase::HalfOpen { permits, answered };
        } else if permits < self.config.permits_max {
            let permits = permits.saturating_mul(2).min(self.config.permits_max);
            self.phase = Phase::HalfOpen { permits, answered: 0 };
            self.mark(Change::PermitsRaised { permits });
        } else {
            self.close_because(Why::ProbesAnswered, now_ms);
        }
    }

    fn open(&mut self, why: Why, now_ms: u64) {
        self.opens_in_row = self.opens_in_row.saturating_add(1);
        self.totals.opens += 1;
        let jitter = self.next_random();
        let open_ms = self.config.open_time_ms(self.opens_in_row, jitter);
        let open_ms =
            if now_ms < self.hurried_until_ms { open_ms.min(HURRIED_OPEN_MS) } else { open_ms };
        self.enter(Phase::Open { until_ms: now_ms.saturating_add(open_ms) }, now_ms);
        self.mark(Change::Opened { why, open_ms, opens_in_row: self.opens_in_row });
    }

    fn close_because(&mut self, why: Why, now_ms: u64) {
        self.enter(Phase::Closed { ramp_from_ms: Some(now_ms) }, now_ms);
        self.mark(Change::Closed { why });
    }

    /// Every change of state goes through here: it starts a generation with a clean memory.
    fn enter(&mut self, phase: Phase, now_ms: u64) {
        self.phase = phase;
        self.generation += 1;
        self.since_ms = now_ms;
        self.in_flight = 0;
        self.failures_in_row = 0;
        self.answered_at_ms = None;
        self.window = Window::default();
    }

    fn mark(&mut self, change: Change) {
        let mark = Mark { at_ms: self.latest_ms, generation: self.generation, change };
        self.trace.push(mark);
    }

    /// SplitMix64 (Steele, Lea and Flood 2014): enough to keep relays from knocking in step.
    fn next_random(&mut self) -> u32 {
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 32) as u32
    }
}

#[cfg(test)]
mod tests;
