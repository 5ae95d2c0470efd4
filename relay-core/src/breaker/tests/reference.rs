//! The breaker written a second time, as plainly as possible: it keeps every call of a generation
//! in a list and recounts it at each question. The real one must agree with it after every step.

use crate::breaker::{Breaker, BreakerConfig, BreakerState, Outcome, Permit, Recorded};
use proptest::prelude::*;

/// One thing that happens to a breaker.
#[derive(Debug, Clone, Copy)]
pub(super) enum Op {
    Wait(u64),
    Acquire(u32),
    /// Gives back the n-th permit that is out (modulo their number).
    Finish(usize, Outcome),
    Abandon(usize),
    Isolate,
    Close,
}

struct Ended {
    second: u64,
    calls: u64,
    failed: bool,
    slow: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Place {
    Closed { ramp_from: Option<u64> },
    Open { until: u64 },
    HalfOpen { limit: u32, good: u32 },
    Isolated,
}

/// Runs the real breaker beside the naive one.
pub(super) struct Pair {
    config: BreakerConfig,
    real: Breaker,
    now: u64,
    place: Place,
    generation: u64,
    row: u32,
    answered_at: Option<u64>,
    opens_in_row: u32,
    ended: Vec<Ended>,
    /// Permits that are out, with the generation and the time the naive one remembers for them.
    out: Vec<(Permit, u64, u64, bool)>,
    /// Every state seen, for coverage.
    pub(super) seen: Vec<BreakerState>,
}

impl Pair {
    pub(super) fn new(config: BreakerConfig, seed: u32) -> Pair {
        Pair {
            config,
            real: Breaker::new(config, seed),
            now: 0,
            place: Place::Closed { ramp_from: None },
            generation: 1,
            row: 0,
            answered_at: None,
            opens_in_row: 0,
            ended: Vec::new(),
            out: Vec::new(),
            seen: Vec::new(),
        }
    }

    pub(super) fn step(&mut self, op: Op) {
        self.pass_time(if let Op::Wait(ms) = op { ms } else { 0 });
        match op {
            Op::Wait(_) => {}
            Op::Acquire(wanted) => self.acquire(wanted),
            Op::Finish(index, outcome) => {
                if let Some(out) = self.pick(index) {
                    self.finish(out, outcome);
                }
            }
            Op::Abandon(index) => {
                if let Some((permit, ..)) = self.pick(index) {
                    self.real.abandon(permit);
                }
            }
            Op::Isolate => {
                self.real.isolate(self.now);
                self.enter(Place::Isolated);
            }
            Op::Close => {
                self.real.close(self.now);
                self.opens_in_row = 0;
                self.enter(Place::Closed { ramp_from: Some(self.now) });
            }
        }
        self.pass_time(0);
        self.compare(op);
    }

    fn pass_time(&mut self, ms: u64) {
        self.now += ms;
        match self.place {
            Place::Open { until } if self.now >= until => {
                self.enter(Place::HalfOpen { limit: self.config.permits_first, good: 0 });
            }
            Place::Closed { ramp_from: Some(from) }
                if self.now - from >= self.config.slow_start_ms =>
            {
                self.place = Place::Closed { ramp_from: None };
                self.opens_in_row = 0;
            }
            Place::Open { .. }
            | Place::Closed { .. }
            | Place::HalfOpen { .. }
            | Place::Isolated => {}
        }
    }

    fn enter(&mut self, place: Place) {
        self.place = place;
        self.generation += 1;
        self.row = 0;
        self.answered_at = None;
        self.ended.clear();
    }

    fn probes_out(&self) -> u32 {
        self.out.iter().filter(|(_, _, _, probe)| *probe).map(|(permit, ..)| permit.calls()).sum()
    }

    fn room(&self) -> u32 {
        let here: u32 = self
            .out
            .iter()
            .filter(|(_, generation, ..)| *generation == self.generation)
            .map(|(permit, ..)| permit.calls())
            .sum();
        match self.place {
            Place::Closed { ramp_from: None } => u32::MAX - here,
            Place::Closed { ramp_from: Some(from) } => {
                let mut limit = u64::from(self.config.permits_max);
                let mut at = from;
                while at + self.config.slow_start_step_ms <= self.now {
                    at += self.config.slow_start_step_ms;
                    limit = (limit * 2).min(u64::from(u32::MAX));
                }
                u32::try_from(limit).unwrap().saturating_sub(here)
            }
            Place::HalfOpen { limit, .. } => limit.saturating_sub(self.probes_out()),
            Place::Open { .. } | Place::Isolated => 0,
        }
    }

    fn acquire(&mut self, wanted: u32) {
        let room = self.room();
        let granted = self.real.acquire(self.now, wanted);
        if room == 0 {
            assert!(granted.is_err());
        } else {
            let permit = granted.expect("there is room");
            assert_eq!(permit.calls(), room.min(wanted.max(1)));
            let probe = matches!(self.place, Place::HalfOpen { .. });
            self.out.push((permit, self.generation, self.now, probe));
        }
    }

    fn pick(&mut self, index: usize) -> Option<(Permit, u64, u64, bool)> {
        (!self.out.is_empty()).then(|| self.out.remove(index % self.out.len()))
    }

    fn finish(&mut self, out: (Permit, u64, u64, bool), outcome: Outcome) {
        let (permit, generation, started, _) = out;
        let calls = permit.calls();
        let before = self.real.statistics(self.now);
        let recorded = self.real.finish(permit, outcome, self.now);
        if generation != self.generation {
            assert_eq!(recorded, Recorded::Late);
            let mut after = self.real.statistics(self.now);
            after.totals = before.totals;
            after.probes_in_flight = before.probes_in_flight;
            after.next_try_in_ms = before.next_try_in_ms;
            assert_eq!(after, before, "a late result changes nothing but the place it held");
            return;
        }
        assert_eq!(recorded, Recorded::Counted);
        if outcome == Outcome::Discounted {
            return;
        }
        let failed = outcome == Outcome::Failed;
        let slow = self.now - started >= self.config.slow_call_ms;
        match self.place {
            Place::Closed { .. } => {
                let calls = u64::from(calls);
                self.ended.push(Ended { second: self.now / 1_000, calls, failed, slow });
                if failed {
                    self.row += 1;
                } else {
                    (self.row, self.answered_at) = (0, Some(self.now));
                }
                if self.trips() {
                    self.open();
                }
            }
            Place::HalfOpen { .. } if failed || slow => self.open(),
            Place::HalfOpen { limit, good } => {
                let good = good + calls;
                if good < limit {
                    self.place = Place::HalfOpen { limit, good };
                } else if limit == self.config.permits_max {
                    self.enter(Place::Closed { ramp_from: Some(self.now) });
                } else {
                    let limit = (limit * 2).min(self.config.permits_max);
                    self.place = Place::HalfOpen { limit, good: 0 };
                }
            }
            Place::Open { .. } | Place::Isolated => panic!("a permit of a closed gate"),
        }
    }

    fn window(&self) -> (u64, u64, u64, u64) {
        let (mut answers, mut calls, mut failed, mut slow) = (0, 0, 0, 0);
        for ended in &self.ended {
            if ended.second + 10 > self.now / 1_000 {
                answers += 1;
                calls += ended.calls;
                failed += if ended.failed { ended.calls } else { 0 };
                slow += if ended.slow { ended.calls } else { 0 };
            }
        }
        (answers, calls, failed, slow)
    }

    fn trips(&self) -> bool {
        let (answers, calls, failed, slow) = self.window();
        let share = |part: u64, percent: u32| part * 100 >= calls * u64::from(percent);
        let lasted = self.answered_at.is_none_or(|at| self.now - at >= self.config.in_row_least_ms);
        self.row >= self.config.failures_in_row && lasted
            || answers >= self.config.answers_min
                && (share(failed, self.config.failures_percent)
                    || share(slow, self.config.slow_percent))
    }

    /// The open time itself is drawn by the real one; here only its bounds are known.
    fn open(&mut self) {
        self.opens_in_row += 1;
        let next_ms = self.real.statistics(self.now).next_try_in_ms;
        let mut least_ms = self.config.open_ms;
        for _ in 1..self.opens_in_row {
            least_ms = (least_ms * 2).min(self.config.open_max_ms);
        }
        least_ms = least_ms.min(self.config.open_max_ms);
        let most_ms = least_ms + least_ms * u64::from(self.config.open_jitter_percent) / 100;
        let open_ms = next_ms.expect("an open breaker says when");
        assert!((least_ms..=most_ms).contains(&open_ms), "{least_ms}..={most_ms}: {open_ms}");
        self.enter(Place::Open { until: self.now + open_ms });
    }

    fn compare(&mut self, op: Op) {
        let real = self.real.statistics(self.now);
        let state = match self.place {
            Place::Closed { .. } => BreakerState::Closed,
            Place::Open { .. } => BreakerState::Open,
            Place::HalfOpen { .. } => BreakerState::HalfOpen,
            Place::Isolated => BreakerState::Isolated,
        };
        assert_eq!(real.state, state, "after {op:?}");
        assert_eq!(real.generation, self.generation, "after {op:?}");
        assert_eq!(real.failures_in_row, self.row, "after {op:?}");
        assert_eq!(real.opens_in_row, self.opens_in_row, "after {op:?}");
        assert_eq!(real.probes_in_flight, self.probes_out(), "after {op:?}");
        assert_eq!(self.real.admissible(self.now), self.room(), "after {op:?}");
        let counts = (real.counts.answers, real.counts.calls, real.counts.failed, real.counts.slow);
        assert_eq!(counts, self.window(), "after {op:?}");
        assert!(real.probes_in_flight <= self.config.permits_max, "I10 after {op:?}");
        if let (BreakerState::HalfOpen, Some(permits)) = (real.state, real.permits) {
            let fresh = real.permits_in_flight;
            assert!(fresh <= permits, "I10: {fresh} of {permits} after {op:?}");
        }
        self.seen.push(real.state);
    }
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        2 => (0..3_000_u64).prop_map(Op::Wait),
        1 => (3_000..20_000_u64).prop_map(Op::Wait),
        8 => (0..4_u32).prop_map(Op::Acquire),
        1 => (0..500_u32).prop_map(Op::Acquire),
        5 => any::<usize>().prop_map(|index| Op::Finish(index, Outcome::Answered)),
        3 => any::<usize>().prop_map(|index| Op::Finish(index, Outcome::Failed)),
        1 => any::<usize>().prop_map(|index| Op::Finish(index, Outcome::Discounted)),
        1 => any::<usize>().prop_map(Op::Abandon),
    ]
}

fn staff_or_op() -> impl Strategy<Value = Op> {
    prop_oneof![60 => op(), 1 => Just(Op::Isolate), 2 => Just(Op::Close)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn agrees_with_the_naive_breaker_after_every_step(
        seed: u32,
        answers_min in 1..15_u64,
        failures_in_row in 1..8_u32,
        in_row_least_ms in 0..500_u64,
        permits_first in 1..3_u32,
        slow_start_ms in 0..8_000_u64,
        ops in proptest::collection::vec(staff_or_op(), 1..400),
    ) {
        let config = BreakerConfig {
            answers_min,
            failures_in_row,
            in_row_least_ms,
            permits_first,
            slow_start_ms,
            ..BreakerConfig::default()
        };
        let mut pair = Pair::new(config, seed);
        for op in ops {
            pair.step(op);
        }
    }
}
