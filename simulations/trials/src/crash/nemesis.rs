//! Who decides what breaks next. All of it comes from the seed: the same seed gives the same faults in
//! the same order, although never at the same instant of a real machine.

use std::ops::RangeInclusive;
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use super::fault::{Fault, Kind};

/// A kind of fault, how often it comes compared with the others, and how long it lasts.
#[derive(Debug, Clone)]
pub(super) struct Habit {
    pub(super) kind: Kind,
    pub(super) weight: u32,
    pub(super) lasts_ms: RangeInclusive<u64>,
}

/// A source of faults.
pub(super) struct Nemesis {
    habits: &'static [Habit],
    pause_ms: RangeInclusive<u64>,
    random: SmallRng,
}

impl Nemesis {
    pub(super) fn new(habits: &'static [Habit], pause_ms: RangeInclusive<u64>, seed: u64) -> Self {
        Self { habits, pause_ms, random: SmallRng::seed_from_u64(seed) }
    }

    /// The next fault.
    pub(super) fn next(&mut self) -> Fault {
        let weights: u32 = self.habits.iter().map(|habit| habit.weight).sum();
        let mut point = self.random.random_range(0..weights);
        let habit = self.habits.iter().find(|habit| {
            let here = point < habit.weight;
            point = point.saturating_sub(habit.weight);
            here
        });
        let habit = habit.expect("the point lies below the sum of the weights");
        Fault {
            kind: habit.kind,
            pause: Duration::from_millis(self.random.random_range(self.pause_ms.clone())),
            lasts: Duration::from_millis(self.random.random_range(habit.lasts_ms.clone())),
            pick: self.random.random(),
        }
    }
}

#[cfg(test)]
mod tests;
