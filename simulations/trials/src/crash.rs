//! Real processes on a real Postgres, killed, frozen, restarted and cut off while orders are placed.
//!
//! A scenario says which processes there are and what is done to them; the seed says when and to whom.
//! Clients behave as good clients do (the same key again after a lost answer), and a share of them does
//! not. When the orders are placed or the time is over, everything is healed, and must come to rest within
//! a bound; then the invariants are checked against both databases and against what every client was
//! told. Start at [`run`], then `runner`.

mod clock;
mod database;
mod disk;
mod fault;
mod known_bad;
mod nemesis;
mod options;
mod page;
mod people;
mod proxy;
mod recovery;
mod report;
mod runner;
mod scenario;
mod story;
#[cfg(feature = "failpoints")]
mod sweep;
mod sweep_report;

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde_json::{Value, json};

use crate::xml::escape;

pub use clock::Clock;
pub use fault::{Fault, FaultRecord, Kind, Target};
pub use known_bad::{KnownBadReport, Sighting};
pub use options::Options;
pub use proxy::{Proxy, Rule};
pub use report::{Affected, Report};
pub use scenario::Scenario;
pub use story::Story;
pub use sweep_report::{Cell, SweepReport};

/// What was run, and what it came to.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// A load under faults.
    Run(Box<Report>),
    /// The sweep over the failpoints.
    Sweep(Box<SweepReport>),
    /// Known flaws, planted.
    KnownBad(KnownBadReport),
    /// What this machine cannot do.
    Skipped(Skipped),
}

/// A scenario that this machine cannot run.
#[derive(Debug, Clone)]
pub struct Skipped {
    /// What would run it elsewhere.
    pub command_line: String,
    /// What is missing, and how it can be had.
    pub why: String,
}

/// Runs one scenario to its end.
///
/// # Errors
/// Where the run itself failed. An invariant that is broken is in the report.
pub async fn run(options: &Options) -> anyhow::Result<Outcome> {
    let directory = options.stack.directory("valerix-simulate-")?;
    let room = directory.path();
    make_room_for(options.report.as_deref())?;
    let mut outcome = if let Some(why) = options.scenario.lacks(room) {
        Outcome::Skipped(Skipped { command_line: options.command_line(), why })
    } else if options.scenario == Scenario::FullSweep {
        sweep(options, room).await?
    } else if options.scenario == Scenario::KnownBad {
        known_bad::run(options, room).await?
    } else {
        Outcome::Run(Box::new(runner::run(options, room).await?))
    };
    if options.stack.keep || !outcome.is_clean() {
        outcome.keep(directory.keep());
    }
    if let Some(path) = &options.report {
        write(&path.with_extension("json"), &format!("{:#}\n", outcome.to_json()))?;
        write(&path.with_extension("html"), &outcome.to_html())?;
    }
    Ok(outcome)
}

#[cfg(feature = "failpoints")]
async fn sweep(options: &Options, directory: &Path) -> anyhow::Result<Outcome> {
    Ok(Outcome::Sweep(Box::new(sweep::run(options, directory).await?)))
}

#[cfg(not(feature = "failpoints"))]
#[expect(clippy::unused_async, reason = "it is the sweep of a binary that has none")]
async fn sweep(_: &Options, _: &Path) -> anyhow::Result<Outcome> {
    anyhow::bail!(
        "this binary has no failpoints; run the sweep with: \
         cargo run --release --features failpoints -- simulate run full-sweep"
    )
}

impl Outcome {
    /// True when every invariant holds, and every point was reached.
    pub fn is_clean(&self) -> bool {
        match self {
            Self::Run(report) => report.is_clean(),
            Self::Sweep(report) => report.is_clean(),
            Self::KnownBad(report) => report.is_clean(),
            Self::Skipped(_) => true,
        }
    }

    /// The line that repeats it.
    pub fn command_line(&self) -> &str {
        match self {
            Self::Run(report) => &report.command_line,
            Self::Sweep(report) => &report.command_line,
            Self::KnownBad(report) => &report.command_line,
            Self::Skipped(skipped) => &skipped.command_line,
        }
    }

    pub fn to_json(&self) -> Value {
        match self {
            Self::Run(report) => report.to_json(),
            Self::Sweep(report) => report.to_json(),
            Self::KnownBad(report) => report.to_json(),
            Self::Skipped(Skipped { command_line, why }) => {
                json!({ "command_line": command_line, "skipped": why })
            }
        }
    }

    fn to_html(&self) -> String {
        match self {
            Self::Run(report) => page::html(report),
            Self::Sweep(report) => report.to_html(),
            Self::KnownBad(report) => report.to_html(),
            Self::Skipped(_) => plain_page("Skipped", &self.to_string()),
        }
    }

    fn keep(&mut self, directory: PathBuf) {
        match self {
            Self::Run(report) => report.kept = Some(directory),
            Self::Sweep(report) => report.kept = Some(directory),
            // A flaw that was not seen leaves a clean stack.
            Self::KnownBad(_) | Self::Skipped(_) => drop(std::fs::remove_dir_all(directory)),
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Run(report) => report.fmt(f),
            Self::Sweep(report) => report.fmt(f),
            Self::KnownBad(report) => report.fmt(f),
            Self::Skipped(Skipped { command_line, why }) => {
                writeln!(f, "{command_line}\nskipped because {why}")
            }
        }
    }
}

/// What cannot be written is said before the run, not after it.
fn make_room_for(report: Option<&Path>) -> anyhow::Result<()> {
    let Some(directory) = report.and_then(Path::parent) else { return Ok(()) };
    let says = || format!("{} cannot be made", directory.display());
    std::fs::create_dir_all(directory).with_context(says)
}

/// A page of what the terminal shows.
fn plain_page(title: &str, text: &str) -> String {
    let text = escape(text);
    format!("<!doctype html><meta charset=\"utf-8\"><title>{title}</title><pre>{text}</pre>")
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    std::fs::write(path, text).with_context(|| format!("{} cannot be written", path.display()))
}
