//! The invariants I1 to I11, held against any two databases and against what the clients were told.
//!
//! A foreign observer: its statements (`schema_orders::consistency`, `schema_inventory::consistency`) are used by
//! nothing that they judge, and every journal is replayed through the pure core. Everything is
//! streamed and bounded, so that a million orders cost seconds and little memory. It works on a
//! quiescent system and on a live one, where it says only what must be true at every moment and looks
//! twice at what spans both databases. The list of what is looked for is [`CHECKS`]; each entry is
//! proven by a test that plants its fault. Start at [`check`].

mod answers;
mod bounds;
mod catalogue;
mod connections;
pub mod contract;
mod journal;
mod journal_replay;
pub mod ledger;
pub mod reconcile;
mod report;
mod reservation_match;
mod reservations;
mod rows;

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};

pub use bounds::{Amplification, HalfOpen};
pub use catalogue::{CHECKS, Check, Invariant};
pub use report::{Counts, Finding, Report, Verdict};

pub(crate) use connections::{Connections, in_inventory, in_orders};
use ledger::Ledger;
use report::Findings;
pub(crate) use reservations::{Misfit, SideBySide};

/// The two databases.
#[derive(Debug, Clone)]
pub struct Subject {
    /// `postgres://…` of the orders database.
    pub orders_url: String,
    /// `postgres://…` of the inventory database.
    pub inventory_url: String,
}

/// Whether anything may still be under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Orders are being placed and driven.
    Live,
    /// Nothing moves any more: what is unfinished now is stuck.
    Quiescent,
}

/// What is known beside the databases. Everything is optional; what is not given is not checked.
#[derive(Debug, Clone, Default)]
pub struct Evidence<'a> {
    /// What clients were told.
    pub ledgers: Vec<&'a Ledger>,
    /// The bound of I11.
    pub settling: Option<Settling>,
    /// The bound of I10 on calls.
    pub amplification: Option<Amplification>,
    /// Calls in flight and permits, whenever a half-open breaker let a call pass (I10).
    pub half_open: Vec<HalfOpen>,
}

/// By when everything must have settled.
#[derive(Debug, Clone, Copy)]
pub struct Settling {
    /// When the last fault ended, by the database's clock.
    pub faults_ended_at: DateTime<Utc>,
    /// How long after that, or after its own creation, an order may take.
    pub within: Duration,
}

/// Why nothing can be said.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// A database did not answer, or not with the tables of this version.
    #[error("the {database} database could not be read")]
    Database {
        /// `orders` or `inventory`.
        database: &'static str,
        /// What sqlx says.
        source: sqlx::Error,
    },
}

/// Looks for every fault in the catalogue.
///
/// # Errors
/// Only when a database cannot be read. Faults are no errors: they are in the report.
pub async fn check(
    subject: &Subject,
    phase: Phase,
    evidence: &Evidence<'_>,
) -> Result<Report, CheckError> {
    let started = Instant::now();
    let mut findings = Findings::default();
    let mut counts = Counts::default();
    let mut connections = Connections::open(subject).await?;

    let Connections { orders, inventory, .. } = &mut connections;
    rows::check_orders(orders, phase, &mut findings).await.map_err(in_orders)?;
    rows::check_inventory(inventory, &mut findings).await.map_err(in_inventory)?;
    journal::check(orders, evidence.settling, &mut counts, &mut findings)
        .await
        .map_err(in_orders)?;
    reservations::check(&mut connections, phase, &mut counts, &mut findings).await?;
    for ledger in &evidence.ledgers {
        answers::check(&mut connections.orders, ledger, &mut counts, &mut findings)
            .await
            .map_err(in_orders)?;
    }
    bounds::check(evidence, &counts, &mut findings);

    let mut report = findings.into_report(counts, &evidence.unchecked(phase));
    report.dumps = connections.dump(&report.offending_orders()).await?;
    report.elapsed_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(report)
}

impl Evidence<'_> {
    /// Invariants of which nothing can be said without more evidence.
    fn unchecked(&self, phase: Phase) -> Vec<Invariant> {
        let mut unchecked = Vec::new();
        if phase == Phase::Live {
            unchecked.push(Invariant::I2);
        }
        if self.ledgers.is_empty() {
            unchecked.push(Invariant::I9);
        }
        if self.amplification.is_none() && self.half_open.is_empty() {
            unchecked.push(Invariant::I10);
        }
        if self.settling.is_none() {
            unchecked.push(Invariant::I11);
        }
        unchecked
    }
}

#[cfg(test)]
pub(crate) mod tests;
