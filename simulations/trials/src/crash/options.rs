//! Options of `valerix simulate run`.

use std::path::PathBuf;
use std::time::Duration;

use super::scenario::Scenario;
use crate::stack::StackOptions;

/// Runs one scenario against real processes.
#[derive(clap::Args, Debug, Clone)]
pub struct Options {
    /// The scenario.
    #[arg(value_enum)]
    pub scenario: Scenario,
    /// The same seed gives the same orders and the same faults in the same order.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Orders to place at most. Default: 20000; 1 to 100000000.
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(1..=100_000_000))]
    pub orders: u32,
    /// Minutes at most. Default: 1; may be a fraction.
    #[arg(long, default_value_t = 1.0)]
    pub minutes: f64,
    /// Orders placed per second. Default: 300.
    #[arg(long, default_value_t = 300.0)]
    pub rate: f64,
    /// Faults at most; 0: as many as the time allows.
    #[arg(long, default_value_t = 0)]
    pub faults: u32,
    /// Of the full sweep: so many cells, chosen by the seed; 0: all of them.
    #[arg(long, default_value_t = 0)]
    pub cells: u32,
    /// Of the full sweep: only cells whose names hold this text, such as `.within=` or `=kill@2`.
    #[arg(long)]
    pub only: Option<String>,
    /// Plant this flaw in every service (in a binary that has failpoints). Of the scenario known-bad: this
    /// one only; of any other: see what it does.
    #[arg(long, value_name = "FLAW")]
    pub known_bad: Option<String>,
    /// Write the report to this file, once with .json and once with .html at its end.
    #[arg(long)]
    pub report: Option<PathBuf>,
    /// Print JSON instead of a table.
    #[arg(long)]
    pub json: bool,
    /// Where it runs.
    #[command(flatten)]
    pub stack: StackOptions,
}

impl Options {
    pub(super) fn duration(&self) -> Duration {
        Duration::from_secs_f64((self.minutes * 60.0).clamp(0.1, 7.0 * 86_400.0))
    }

    /// The line that repeats this run.
    pub fn command_line(&self) -> String {
        let Self { seed, orders, minutes, rate, .. } = self;
        let name = serde_json::to_value(self.scenario).expect("a name");
        let name = name.as_str().unwrap_or_default();
        if self.scenario == Scenario::FullSweep {
            let only = self.only.as_ref().map(|only| format!(" --only {only}")).unwrap_or_default();
            let cells = self.cells;
            return format!("valerix simulate run {name} --seed {seed} --cells {cells}{only}");
        }
        let flaw = self.known_bad.as_ref().map(|flaw| format!(" --known-bad {flaw}"));
        let flaw = flaw.unwrap_or_default();
        let faults = match self.faults {
            0 => String::new(),
            faults => format!(" --faults {faults}"),
        };
        format!(
            "valerix simulate run {name} --seed {seed} --orders {orders} --minutes {minutes} \
             --rate {rate}{faults}{flaw}"
        )
    }
}
