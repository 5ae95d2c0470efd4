//! All workloads, one after the other: one table of what was wanted, and how far each came.
//!
//! Each runs on a stack of its own, and within a bound: one that fails, panics or
//! hangs costs its own rows and no others.

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::options::Options;
use super::report::tables::{figure, table};
use super::report::{Goal, Report};
use super::workload::Workload;

/// Finished orders of W5 where nobody says how many.
const PAST_ORDERS: i64 = 1_000_000;
/// What starting, filling, draining and checking may take beside the loads.
const BESIDE: Duration = Duration::from_mins(8);
/// No workload has more loads than this in one round, their references included.
const LOADS_MAX: u32 = 12;

/// What all of them came to.
#[derive(Debug, Default)]
pub struct Suite {
    measured: Vec<Measured>,
}

/// What became of one workload.
#[derive(Debug)]
struct Measured {
    workload: Workload,
    took: Duration,
    /// Or why there is none.
    report: Result<Report, String>,
}

/// Runs them in their order; `told` hears of each when it has ended. What cannot be measured is in the
/// suite too.
pub async fn run_all(
    options: Options,
    mut told: impl FnMut(Workload, &Result<Report, String>),
) -> Suite {
    let mut suite = Suite::default();
    for workload in Workload::EVERY {
        let began = Instant::now();
        let report = run_one(&options, workload).await;
        told(workload, &report);
        suite.measured.push(Measured { workload, took: began.elapsed(), report });
        if let Some(directory) = options.directory() {
            let all = format!("{:#}\n", suite.to_json());
            if let Err(error) = super::write(&directory.join("all.json"), &all) {
                tracing::warn!(%error, "the table is not left there");
            }
        }
    }
    suite
}

async fn run_one(options: &Options, workload: Workload) -> Result<Report, String> {
    let options = Options {
        workload,
        past_orders: options.past_orders.or((!options.short).then_some(PAST_ORDERS)),
        svg: None,
        ..options.clone()
    };
    let within = within(&options);
    // Its stack goes with it, however it ends.
    let running = AssertUnwindSafe(super::run(options)).catch_unwind();
    match timeout(within, running).await {
        Ok(Ok(report)) => report.map_err(|error| format!("{error:#}")),
        Ok(Err(_)) => Err("it panicked".to_owned()),
        Err(_) => Err(format!("not done after {} minutes", within.as_secs() / 60)),
    }
}

fn within(options: &Options) -> Duration {
    let past = Duration::from_millis(options.past_orders().unsigned_abs() / 4);
    (BESIDE + options.duration() * LOADS_MAX) * options.rounds + past
}

impl Suite {
    /// True where everything was measured and no invariant is broken, however fast it was.
    pub fn is_correct(&self) -> bool {
        self.measured.iter().all(|one| one.report.as_ref().is_ok_and(Report::is_correct))
    }

    /// The suite as JSON: each workload's report, or why there is none.
    pub fn to_json(&self) -> Value {
        let one = |one: &Measured| {
            json!({
                "workload": one.workload,
                "took_s": one.took.as_secs_f64(),
                "report": one.report.as_ref().ok().map(Report::to_json),
                "error": one.report.as_ref().err(),
            })
        };
        json!({
            "correct": self.is_correct(),
            "workloads": self.measured.iter().map(one).collect::<Vec<_>>(),
        })
    }
}

impl fmt::Display for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut all = table(&["", "what", "measured", "first landing", "aim", "reached"]);
        for Measured { workload, report, .. } in &self.measured {
            let name = workload.name();
            let report = match report {
                Ok(report) => report,
                Err(error) => {
                    all.add_row([&name, error, "", "", "", "failed"]);
                    continue;
                }
            };
            for goal in report.goals.iter().filter(|goal| is_told(goal)) {
                let of = |bound: Option<f64>| figure(bound, goal.unit);
                all.add_row([
                    name.clone(),
                    goal.what.clone(),
                    of(goal.measured),
                    of(goal.first),
                    of(goal.aim),
                    goal.reached().to_owned(),
                ]);
            }
            if !report.is_correct() {
                all.add_row([&name, "the invariants", "broken", "", "", "failed"]);
            }
        }
        writeln!(f, "{all}")?;
        let took: Duration = self.measured.iter().map(|one| one.took).sum();
        writeln!(f, "{} workloads in {} s", self.measured.len(), took.as_secs())
    }
}

/// What something is wanted of, and the speed itself.
fn is_told(goal: &Goal) -> bool {
    goal.first.or(goal.aim).is_some() || goal.unit == "/s"
}

#[cfg(test)]
mod tests;
