//! Runs searches and says what they found.

use super::config::{Bound, Config};
use super::invariants::Invariant;
use super::known_bad::KnownBad;
use super::search::Search;
use super::search::landmarks::landmarks;
use super::step::Action;
use stateright::{Checker, HasDiscoveries, Model};
use std::collections::BTreeSet;
use std::fmt;
use std::time::{Duration, Instant};

/// What to search.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// How much.
    pub bound: Bound,
    /// Threads of a search.
    pub threads: usize,
    /// What to leave out.
    pub only: Only,
}

/// Which half of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Only {
    #[default]
    Everything,
    /// The worlds as they should be.
    Worlds,
    /// The worlds with a planted flaw.
    KnownBad,
}

impl Default for Options {
    fn default() -> Options {
        Options { bound: Bound::Small, threads: 2, only: Only::Everything }
    }
}

/// What a run found.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// The worlds as they should be.
    pub worlds: Vec<Found>,
    /// The worlds with a planted flaw.
    pub known_bad: Vec<Found>,
}

/// What the search of one world found.
#[derive(Debug, Clone)]
pub struct Found {
    /// The world that was searched.
    pub config: Config,
    /// States that differ.
    pub states: usize,
    /// Steps of the longest shortest way.
    pub depth: usize,
    /// How long it took.
    pub took: Duration,
    /// The invariants that were broken, each with the way there. Empty: all hold, everywhere.
    pub violations: Vec<Violation>,
    /// What should have been seen and was not: the search covers less than it claims.
    pub missed: Vec<&'static str>,
}

/// A broken invariant.
#[derive(Debug, Clone)]
pub struct Violation {
    pub invariant: Invariant,
    /// The steps that lead there.
    pub trace: Vec<Action>,
}

/// Searches all worlds of a bound, and looks for every planted flaw. `each` sees every world's finding
/// as soon as it is there.
pub fn run(options: &Options, mut each: impl FnMut(&Found)) -> Report {
    let mut report = Report::default();
    if options.only != Only::KnownBad {
        for config in Config::worlds(options.bound) {
            let found = check(&config, options.threads);
            each(&found);
            report.worlds.push(found);
        }
    }
    if options.only != Only::Worlds {
        for world in KnownBad::ALL.into_iter().filter_map(KnownBad::world) {
            let found = check(&world, options.threads);
            each(&found);
            report.known_bad.push(found);
        }
    }
    report
}

/// Searches every state that `config` can reach; with a planted flaw, until what it breaks is broken.
pub fn check(config: &Config, threads: usize) -> Found {
    let started = Instant::now();
    let search = Search { config: *config, folded: config.known_bad.is_none() };
    let finish = match config.meant_to_break() {
        Some(invariant) => HasDiscoveries::AnyOf(BTreeSet::from([invariant.name()])),
        None => HasDiscoveries::All,
    };
    let checker = search.checker().threads(threads).finish_when(finish).spawn_bfs().join();
    let discoveries = checker.discoveries();
    let violations = Invariant::ALL.into_iter().filter_map(|invariant| {
        let path = discoveries.get(invariant.name())?.clone();
        Some(Violation { invariant, trace: path.into_actions() })
    });
    let missed = landmarks(config).into_iter().map(|landmark| landmark.name);
    Found {
        config: *config,
        states: checker.unique_state_count(),
        depth: checker.max_depth(),
        took: started.elapsed(),
        violations: violations.collect(),
        missed: missed.filter(|name| !discoveries.contains_key(name)).collect(),
    }
}

impl Report {
    /// Everything holds where it should, and every planted flaw was found.
    pub fn is_clean(&self) -> bool {
        self.worlds.iter().chain(&self.known_bad).all(Found::is_as_it_should_be)
    }

    /// States that differ, over the worlds as they should be.
    pub fn states(&self) -> usize {
        self.worlds.iter().map(|found| found.states).sum()
    }

    /// Planted flaws that were found.
    pub fn known_bad_found(&self) -> usize {
        self.known_bad.iter().filter(|found| found.is_as_it_should_be()).count()
    }
}

impl Found {
    /// Without a flaw: every invariant holds in every state, and every landmark was seen. With one: it
    /// broke what it was planted to break.
    pub fn is_as_it_should_be(&self) -> bool {
        match self.config.meant_to_break() {
            Some(invariant) => self.violation(invariant).is_some(),
            None => self.violations.is_empty() && self.missed.is_empty(),
        }
    }

    /// The way to a broken invariant.
    pub fn violation(&self, invariant: Invariant) -> Option<&Violation> {
        self.violations.iter().find(|violation| violation.invariant == invariant)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let took: Duration = self.worlds.iter().map(|found| found.took).sum();
        let depth = self.worlds.iter().map(|found| found.depth).max().unwrap_or(0);
        writeln!(
            f,
            "{} states in {} worlds, depth {depth}, {:.1} s; {} of {} planted flaws found",
            self.states(),
            self.worlds.len(),
            took.as_secs_f32(),
            self.known_bad_found(),
            self.known_bad.len(),
        )
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Found { config, states, depth, took, .. } = self;
        let name = match config.known_bad {
            Some(flaw) => format!("{flaw:?}"),
            None => config.name.to_owned(),
        };
        write!(f, "{name}: {states} states, depth {depth}, {:.1} s", took.as_secs_f32())?;
        match config.meant_to_break() {
            Some(invariant) => match self.violation(invariant) {
                Some(Violation { invariant, trace }) => {
                    write!(f, "; found in {} steps: {}", trace.len(), invariant.name())
                }
                None => f.write_str("; NOT FOUND"),
            },
            None if self.is_as_it_should_be() => f.write_str("; every invariant holds"),
            None => {
                for missed in &self.missed {
                    write!(f, "; never seen: {missed}")?;
                }
                self.violations.iter().try_for_each(|violation| write!(f, "\n{violation}"))
            }
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} is broken by:", self.invariant.name())?;
        for (step, action) in self.trace.iter().enumerate() {
            writeln!(f, "{:>4}  {action}", step + 1)?;
        }
        Ok(())
    }
}
