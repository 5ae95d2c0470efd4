//! Many seeds at once, and what they came to.

use super::coverage::Coverage;
use super::faults::Fault;
use super::known_bad::KnownBad;
use super::run::{Run, count_faults, run_seed, shrink};
use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Failing seeds that are kept; the search ends with them.
const FAILURES_MAX: usize = 3;
/// Seeds that one thread takes at a time.
const SEEDS_AT_ONCE: u64 = 64;

#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// The first seed.
    pub first_seed: u64,
    pub seeds: u64,
    /// On so many threads. It changes nothing but the time it takes.
    pub threads: usize,
}

impl Default for Options {
    fn default() -> Options {
        Options { first_seed: 1, seeds: 100_000, threads: 2 }
    }
}

/// What many seeds came to.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Seeds that were run.
    pub seeds: u64,
    /// Events that happened.
    pub steps: u64,
    /// Orders that were taken.
    pub orders: u64,
    /// Of these, by how they ended: confirmed, failed, cancelled, parked.
    pub ended: [u64; 4],
    /// Faults, by kind.
    pub faults: [u64; Fault::ALL.len()],
    /// Which fault hit which state when.
    pub coverage: Coverage,
    /// The longest time from the last fault until everything was settled, in simulated milliseconds.
    pub settled_after_ms_max: u64,
    /// All traces in one number: two runs of the same seeds have the same.
    pub fingerprint: u64,
    /// How long it took.
    pub took: Duration,
    /// Seeds that broke an invariant, least first, each with the faults it needs.
    pub failures: Vec<Run>,
}

/// Runs seeds. `progress` is told how many are done.
pub fn run_seeds(options: &Options, progress: impl Fn(u64) + Sync) -> Report {
    let started = Instant::now();
    let next = AtomicU64::new(0);
    let stop = AtomicBool::new(false);
    let whole = Mutex::new(Report::default());
    std::thread::scope(|scope| {
        for _ in 0..options.threads.max(1) {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let from = next.fetch_add(SEEDS_AT_ONCE, Ordering::Relaxed);
                    if from >= options.seeds {
                        return;
                    }
                    let until = (from + SEEDS_AT_ONCE).min(options.seeds);
                    let part = run_part(options.first_seed + from..options.first_seed + until);
                    let mut whole = whole.lock().expect("no seed panics under the lock");
                    whole.add(part);
                    stop.fetch_or(whole.failures.len() >= FAILURES_MAX, Ordering::Relaxed);
                    progress(whole.seeds);
                }
            });
        }
    });
    let mut report = whole.into_inner().expect("no seed panics under the lock");
    report.failures.sort_by_key(|run| run.seed);
    report.failures = report.failures.iter().map(|run| shrink(run, None)).collect();
    report.took = started.elapsed();
    report
}

/// The first seed of so many that shows a planted flaw by the invariant it breaks, and how many it took.
pub fn find(known_bad: KnownBad, seeds_max: u64) -> Option<(u64, Run)> {
    let meant = known_bad.breaks_in_memory()?;
    (1..=seeds_max).find_map(|seed| {
        let run = run_seed(seed, None, Some(known_bad));
        run.broke(meant).then_some((seed, run))
    })
}

fn run_part(seeds: std::ops::Range<u64>) -> Report {
    let mut part = Report::default();
    for seed in seeds {
        let run = run_seed(seed, None, None);
        part.seeds += 1;
        part.steps += run.steps;
        part.orders += run.orders;
        for (sum, count) in part.ended.iter_mut().zip(run.ended) {
            *sum += count;
        }
        for (sum, count) in part.faults.iter_mut().zip(count_faults(&run.faults)) {
            *sum += count;
        }
        part.coverage.add(&run.coverage);
        part.settled_after_ms_max = part.settled_after_ms_max.max(run.settled_after_ms);
        // A sum does not depend on which thread was first.
        part.fingerprint = part.fingerprint.wrapping_add(run.trace.fingerprint());
        if !run.is_clean() {
            part.failures.push(run);
        }
    }
    part
}

impl Report {
    /// Whether every invariant held in every seed.
    pub fn is_clean(&self) -> bool {
        self.failures.is_empty()
    }

    fn add(&mut self, part: Report) {
        self.seeds += part.seeds;
        self.steps += part.steps;
        self.orders += part.orders;
        for (sum, count) in self.ended.iter_mut().zip(part.ended) {
            *sum += count;
        }
        for (sum, count) in self.faults.iter_mut().zip(part.faults) {
            *sum += count;
        }
        self.coverage.add(&part.coverage);
        self.settled_after_ms_max = self.settled_after_ms_max.max(part.settled_after_ms_max);
        self.fingerprint = self.fingerprint.wrapping_add(part.fingerprint);
        self.failures.extend(part.failures);
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [confirmed, failed, cancelled, parked] = self.ended;
        let seconds = self.took.as_secs_f64();
        writeln!(
            f,
            "{} seeds in {seconds:.1} s ({:.0} a second), {} events, {} faults; fingerprint {:016x}",
            self.seeds,
            self.seeds as f64 / seconds.max(0.001),
            self.steps,
            self.faults.iter().sum::<u64>(),
            self.fingerprint,
        )?;
        writeln!(
            f,
            "{} orders: {confirmed} confirmed, {failed} failed, {cancelled} cancelled, {parked} parked; \
             settled {:.1} s after the last fault at most",
            self.orders,
            self.settled_after_ms_max as f64 / 1_000.0,
        )?;
        for (fault, count) in Fault::ALL.iter().zip(self.faults) {
            writeln!(f, "  {:<18} {count}", fault.name())?;
        }
        write!(
            f,
            "{} places of fault, moment and state\n{}",
            self.coverage.places(),
            self.coverage
        )?;
        self.failures.iter().try_for_each(|run| write!(f, "{run}"))
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {}, with {} faults:", self.seed, self.faults.len())?;
        for (invariant, order) in &self.broken {
            match order {
                Some(order) => writeln!(f, "  broken: {} (order {order})", invariant.name())?,
                None => writeln!(f, "  broken: {}", invariant.name())?,
            }
        }
        match self.broken.iter().find_map(|(_, order)| *order) {
            Some(order) => self.trace.of_order(order).try_for_each(|line| writeln!(f, "{line}")),
            None => write!(f, "{}", self.trace),
        }
    }
}
