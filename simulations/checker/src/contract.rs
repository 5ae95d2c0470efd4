//! The conformance run for an inventory service of your own: `valerix contract-test --url URL`.
//!
//! The four calls on a reservation are the whole contract. Each check tells a saga's story over HTTP and
//! says what went wrong in the words of the contract. It needs one item with a known number of pieces,
//! takes and gives them back, and ships one piece at the end. Start at `checks`.

mod checks;
mod client;

use std::fmt;
use std::time::Duration;

use serde::Serialize;

pub use client::Client;

/// What to test.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// Base URL of the inventory service: http://host:port.
    #[arg(long)]
    pub url: String,
    /// An item whose stock nobody else uses meanwhile.
    #[arg(long, default_value = "ps5")]
    pub item: String,
    /// Pieces of it that are available now (10 to 10000); default: asked of GET /api/inventory/{item}.
    #[arg(long, value_parser = clap::value_parser!(u32).range(10..=10_000))]
    pub available: Option<u32>,
    /// The longest an answer may take, in milliseconds.
    #[arg(long, default_value_t = 5_000, value_parser = clap::value_parser!(u64).range(100..=60_000))]
    pub timeout_ms: u64,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// What came of one check.
#[derive(Debug, Clone, Serialize)]
pub struct Outcome {
    /// Stable name.
    pub name: &'static str,
    /// What the contract asks for.
    pub rule: &'static str,
    /// What was seen instead; `None`: as asked.
    pub fault: Option<String>,
}

/// All of them.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The service.
    pub url: String,
    /// In the order they ran.
    pub outcomes: Vec<Outcome>,
}

/// Why no check could run.
#[derive(Debug, thiserror::Error)]
pub enum ContractError {
    /// The client could not be made.
    #[error("{url:?} is not a URL like http://127.0.0.1:3002")]
    Url {
        /// As given.
        url: String,
    },
    /// The number of available pieces is needed, and the service does not tell it.
    #[error("how many {item} are available? give --available N ({why})")]
    Available {
        /// The item asked for.
        item: String,
        /// What was answered.
        why: String,
    },
}

/// Runs every check, one after the other.
pub async fn run(options: &Options) -> Result<Report, ContractError> {
    let timeout = Duration::from_millis(options.timeout_ms);
    let client = Client::new(&options.url, timeout)
        .ok_or_else(|| ContractError::Url { url: options.url.clone() })?;
    let available = match options.available {
        Some(available) => available,
        None => client
            .available(&options.item)
            .await
            .map_err(|why| ContractError::Available { item: options.item.clone(), why })?,
    };
    let stock = checks::Stock { client, item: options.item.clone(), available };
    Ok(Report { url: options.url.clone(), outcomes: checks::run_all(&stock).await })
}

impl Report {
    /// Whether the service keeps the contract.
    pub fn is_kept(&self) -> bool {
        self.outcomes.iter().all(|outcome| outcome.fault.is_none())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for outcome in &self.outcomes {
            match &outcome.fault {
                None => writeln!(f, "  ok    {}", outcome.name)?,
                Some(fault) => {
                    writeln!(f, "  FAIL  {}: {}", outcome.name, outcome.rule)?;
                    writeln!(f, "        {fault}")?;
                }
            }
        }
        let failed = self.outcomes.iter().filter(|outcome| outcome.fault.is_some()).count();
        let total = self.outcomes.len();
        match failed {
            0 => writeln!(f, "{}: all {total} checks passed", self.url),
            _ => writeln!(f, "{}: {failed} of {total} checks failed", self.url),
        }
    }
}
