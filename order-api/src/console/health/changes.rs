//! When the breaker and the gremlin were seen to change, for the markers of the chart.
//!
//! Seen by whoever looks at the page: what happened while nobody looked is told at the next look, as of then.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use super::super::chart::Marker;

const KEPT_MAX: usize = 30;

/// The last look, and what has changed between looks.
#[derive(Default)]
pub(crate) struct Changes(Mutex<Seen>);

#[derive(Default)]
struct Seen {
    breaker: Option<&'static str>,
    chaos: Option<bool>,
    changes: VecDeque<(Instant, &'static str)>,
}

impl Changes {
    /// Compares with the last look; `None`: it could not be seen.
    pub(super) fn see(&self, breaker: Option<&'static str>, chaos: Option<bool>) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let (Some(before), Some(now)) = (seen.breaker, breaker)
            && before != now
        {
            seen.add(breaker_word(now));
        }
        if let (Some(before), Some(now)) = (seen.chaos, chaos)
            && before != now
        {
            seen.add(if now { "gremlin on" } else { "gremlin off" });
        }
        seen.breaker = breaker.or(seen.breaker);
        seen.chaos = chaos.or(seen.chaos);
    }

    pub(super) fn markers(&self) -> Vec<Marker> {
        self.newest_first().map(|(seconds_ago, text)| Marker { seconds_ago, text }).collect()
    }

    /// How many seconds ago, and what.
    pub(super) fn newest_first(&self) -> impl Iterator<Item = (f64, &'static str)> + use<> {
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let told = seen.changes.iter().rev().map(|(at, text)| (at.elapsed().as_secs_f64(), *text));
        told.collect::<Vec<_>>().into_iter()
    }
}

impl Seen {
    fn add(&mut self, text: &'static str) {
        self.changes.push_back((Instant::now(), text));
        if self.changes.len() > KEPT_MAX {
            self.changes.pop_front();
        }
    }
}

fn breaker_word(state: &str) -> &'static str {
    match state {
        "closed" => "breaker closed",
        "open" => "breaker open",
        "half_open" => "breaker half open",
        _ => "breaker isolated",
    }
}
