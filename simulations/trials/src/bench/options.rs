//! Options of `valerix bench`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::workload::Workload;
use crate::stack::{Layout, StackOptions, name_and_value};

/// No directory for JSON: it is printed.
const PRINTED: &str = "-";

/// Measures one of the workloads W1 to W11, or all of them, each on a stack of its own.
#[derive(clap::Args, Debug, Clone)]
pub struct Options {
    /// The workload, or all of them.
    #[arg(value_enum)]
    pub workload: Workload,
    /// How long each load is measured, in seconds, after its warm-up. Default: 20; 1 to 86400.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub seconds: u64,
    /// Clients of a closed loop; may be given several times. Default: 64 and 256.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub clients: Vec<u32>,
    /// How often everything is measured; medians are told. Default: 1; 1 to 20.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=20))]
    pub rounds: u32,
    /// All services in one process, or one process for each.
    #[arg(long, value_enum, default_value_t = LayoutChoice::Together)]
    pub layout: LayoutChoice,
    /// Orders per second of an open loop. Default: half of what the closed loop reaches.
    #[arg(long)]
    pub rate: Option<f64>,
    /// Finished orders in the tables (w5). Default: 10000000; 1000000 in all; 20000 with --short.
    #[arg(long, value_parser = clap::value_parser!(i64).range(1..=100_000_000))]
    pub past_orders: Option<i64>,
    /// A few seconds of everything: shows that it works, not how fast it is.
    #[arg(long)]
    pub short: bool,
    /// Leave the reference out, and with it every ratio.
    #[arg(long)]
    pub no_reference: bool,
    /// Count what each SQL statement costs. Slows everything down a little.
    #[arg(long)]
    pub statements: bool,
    /// Print JSON instead of a table; with a directory: leave a JSON file and a picture of each workload there.
    #[arg(long, value_name = "DIRECTORY", num_args = 0..=1, default_missing_value = PRINTED)]
    pub json: Option<PathBuf>,
    /// Draw throughput and latency over time into this file.
    #[arg(long)]
    pub svg: Option<PathBuf>,
    /// Where it runs.
    #[command(flatten)]
    pub stack: StackOptions,
    /// Setting of the Postgres server, NAME=VALUE; may be given several times.
    #[arg(long = "postgres", value_name = "NAME=VALUE", value_parser = name_and_value)]
    pub postgres: Vec<(String, String)>,
    /// Seed of baskets and arrivals.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

/// Which processes there are.
#[derive(clap::ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum LayoutChoice {
    /// `valerix up`.
    Together,
    /// One order service, one relay, one inventory service.
    Apart,
}

impl Options {
    /// How long each load is measured.
    pub(super) fn duration(&self) -> Duration {
        Duration::from_secs(if self.short { self.seconds.min(3) } else { self.seconds })
    }

    /// How long each half of a reference takes.
    pub(super) fn reference_duration(&self) -> Duration {
        Duration::from_secs(if self.short { 1 } else { (self.seconds / 2).clamp(3, 8) })
    }

    pub(super) fn client_counts(&self) -> Vec<usize> {
        match (self.clients.as_slice(), self.short) {
            ([], true) => vec![64],
            ([], false) => vec![64, 256],
            (given, _) => given.iter().map(|clients| *clients as usize).collect(),
        }
    }

    pub(super) fn past_orders(&self) -> i64 {
        self.past_orders.unwrap_or(if self.short { 20_000 } else { 10_000_000 })
    }

    /// Whether JSON is printed instead of a table.
    pub fn prints_json(&self) -> bool {
        self.json.as_deref() == Some(Path::new(PRINTED))
    }

    /// Where files are left.
    pub(super) fn directory(&self) -> Option<&Path> {
        self.json.as_deref().filter(|_| !self.prints_json())
    }

    /// W7 and W8 need processes that can be told apart.
    pub(super) fn layout(&self) -> Layout {
        match (self.layout, self.workload) {
            (LayoutChoice::Apart, _) | (_, Workload::W7 | Workload::W8) => {
                Layout::Apart { order_apis: 1, relays: 1 }
            }
            (LayoutChoice::Together, _) => Layout::Together,
        }
    }

    /// Of every service. The past of W5 is old enough to be removed.
    pub(super) fn environment(&self) -> Vec<(String, String)> {
        let short_memory = ["ORDER_RETENTION_DAYS", "INVENTORY_RETENTION_DAYS"];
        let ours = short_memory.iter().filter(|_| self.workload == Workload::W5);
        let ours = ours.map(|name| ((*name).to_owned(), "1".to_owned()));
        ours.chain(self.stack.environment.iter().cloned()).collect()
    }
}
