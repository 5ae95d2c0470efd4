//! Seeded random walks: a service that is well, slow or dead for a while, called by a crowd.
//! Longer than a property test can be, and every state must be reached.

use super::reference::{Op, Pair};
use crate::breaker::{BreakerConfig, BreakerState, Outcome};
use rand::{Rng, RngExt, SeedableRng, rngs::StdRng};
use std::collections::BTreeMap;

const SEEDS: u64 = 200;
const STEPS: u32 = 2_000;

#[test]
fn agrees_with_the_naive_breaker_on_long_walks_through_bad_weather() {
    let mut seen: BTreeMap<&str, u64> = BTreeMap::new();
    for seed in 0..SEEDS {
        let mut random = StdRng::seed_from_u64(seed);
        let mut pair = Pair::new(BreakerConfig::default(), random.next_u32());
        let mut failing_percent = 0;
        for step in 0..STEPS {
            if step % 200 == 0 {
                failing_percent = [0, 5, 45, 100][random.random_range(0..4)];
            }
            pair.step(draw(&mut random, failing_percent));
        }
        for state in pair.seen {
            *seen.entry(state.name()).or_default() += 1;
        }
    }
    println!("{SEEDS} seeds from 0, {STEPS} steps each: {seen:?}");
    for state in [BreakerState::Closed, BreakerState::Open, BreakerState::HalfOpen] {
        assert!(seen[state.name()] > u64::from(STEPS), "{} was hardly reached", state.name());
    }
}

fn draw(random: &mut impl Rng, failing_percent: u32) -> Op {
    let index = random.random_range(0..1_000_usize);
    match random.random_range(0..10_000_u32) {
        0..1_500 => Op::Wait(random.random_range(0..400)),
        1_500..1_700 => Op::Wait(random.random_range(1_000..15_000)),
        1_700..5_500 => Op::Acquire(random.random_range(1..3)),
        5_500..9_600 => {
            let failed = random.random_range(0..100) < failing_percent;
            Op::Finish(index, if failed { Outcome::Failed } else { Outcome::Answered })
        }
        9_600..9_995 => Op::Abandon(index),
        9_995 => Op::Isolate,
        _ => Op::Close,
    }
}
