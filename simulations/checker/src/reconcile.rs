//! Whether both databases agree about stock, and putting right what can be put right without guessing.
//!
//! It looks through the checker's eyes (`SideBySide`) on a system at work: sagas that are under way
//! or parked are left alone, and whatever does not fit is looked at twice. Both databases are streamed
//! once, so its memory does not grow with them. Nothing is written unless it is asked for; then every
//! repair is one transaction of inventory's own and one audit row. It stands beside the checker, not in
//! a service, because only the tools may know both databases. Start at [`run`].

mod repair;
mod report;

use std::collections::BTreeMap;
use std::time::Instant;

use indicatif::ProgressBar;
use saga::StateName;
use schema_inventory::consistency::find_imbalances;
use serde::Serialize;
use uuid::Uuid;

use crate::{
    CheckError, Connections, Misfit, Phase, Reservation, SideBySide, Subject, in_inventory,
};
use repair::Repairs;
pub use report::Report;

/// Items whose count may be wrong at once; a further run finds further ones.
const ITEMS_MAX: i64 = 10_000;
/// Between two looks of a person at the progress.
const SHOW_EVERY: u64 = 10_000;

/// What is to happen to drift.
#[derive(Debug, Clone)]
pub enum Mode {
    Report,
    /// It is put right where that needs no guess.
    Repair(Repairer),
}

/// Who repairs, for the audit log.
#[derive(Debug, Clone)]
pub struct Repairer {
    /// Who asked for it.
    pub actor: String,
    pub reason: String,
}

/// Why it could not go on.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// A database could not be read.
    #[error(transparent)]
    Read(#[from] CheckError),
    /// A database could not be opened for repairs.
    #[error("the databases could not be opened for repairs")]
    Open(#[from] schema_pg::ConnectError),
    /// A repair failed; what the report would have said is in the audit log.
    #[error("a repair failed")]
    Repair(#[source] sqlx::Error),
}

/// What does not agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// `stock.reserved` is not the sum of what is held. Repair: it is counted again.
    ReservedDiffersFromHeld,
    /// A failed or cancelled order holds stock. Repair: it is released.
    StockHeldByEndedOrder,
    /// Stock is held for an order that does not exist. Repair: it is released.
    StockHeldForNobody,
    /// An order holds stock under a second id. Repair: released, where the order has ended without stock.
    StockHeldTwice,
    /// A confirmed order holds nothing. A person decides.
    ConfirmedWithoutStock,
    /// A confirmed order holds other lines than it asked for. A person decides.
    LinesDiffer,
    /// A saga's reservation belongs to another order. A person decides.
    StockOfAnotherOrder,
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Told, as asked.
    Found,
    /// Put right.
    Repaired,
    /// A person has to decide.
    Left,
}

/// One thing that does not agree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Drift {
    pub kind: Kind,
    pub order_id: Option<Uuid>,
    /// Under which id.
    pub reservation_id: Option<Uuid>,
    pub item_id: Option<String>,
    /// The values that do not fit.
    pub detail: String,
    /// What became of it.
    pub outcome: Outcome,
}

/// Lays the databases side by side.
///
/// # Errors
/// Only when a database cannot be read or written. Drift is no error: it is in the report.
pub async fn run(subject: &Subject, mode: &Mode) -> Result<Report, ReconcileError> {
    let started = Instant::now();
    let progress = ProgressBar::new_spinner();
    let mut repairs = match mode {
        Mode::Report => None,
        Mode::Repair(repairer) => Some(Repairs::open(subject, repairer.clone()).await?),
    };
    let mut connections = Connections::open(subject).await?;
    let mut report = Report::default();
    // First: a release is refused by the database where less is counted than it gives back.
    items(&mut connections, repairs.as_mut(), &mut report).await?;
    let mut pairs = SideBySide::open(&mut connections, Phase::Live).await?;
    while let Some(misfit) = pairs.next().await? {
        progress.set_message(format!("{} orders", pairs.sagas / SHOW_EVERY * SHOW_EVERY));
        progress.tick();
        for (kind, detail) in drifts(&misfit) {
            let outcome = match &mut repairs {
                None => Outcome::Found,
                Some(repairs) if can_release(kind, &misfit) => {
                    repairs.release(&misfit, kind, &detail).await?
                }
                Some(_) => Outcome::Left,
            };
            report.add(drift(kind, &misfit, detail, outcome));
        }
    }
    (report.sagas, report.reservations) = (pairs.sagas, pairs.reservations);
    report.elapsed_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    progress.finish_and_clear();
    Ok(report)
}

async fn items(
    connections: &mut Connections,
    mut repairs: Option<&mut Repairs>,
    report: &mut Report,
) -> Result<(), ReconcileError> {
    let found = find_imbalances(&mut connections.inventory, ITEMS_MAX).await;
    for item in found.map_err(in_inventory)?.into_iter().filter(|i| i.reserved != i.held) {
        let detail = format!("reserved {}, held {}", item.reserved, item.held);
        let outcome = match &mut repairs {
            None => Outcome::Found,
            Some(repairs) => repairs.recount(&item.item_id, &detail).await?,
        };
        report.add(Drift {
            kind: Kind::ReservedDiffersFromHeld,
            order_id: None,
            reservation_id: None,
            item_id: Some(item.item_id),
            detail,
            outcome,
        });
    }
    Ok(())
}

/// The faults of the checker that say that the databases disagree about stock, of sagas at rest.
fn drifts(misfit: &Misfit) -> Vec<(Kind, String)> {
    let is_final = |state: &str| StateName::parse(state).is_some_and(StateName::is_final);
    if misfit.order_state.as_deref().is_some_and(|state| !is_final(state)) {
        return Vec::new();
    }
    let kinds = BTreeMap::from([
        ("stock-held-by-ended-order", Kind::StockHeldByEndedOrder),
        ("stock-held-for-nobody", Kind::StockHeldForNobody),
        ("stock-held-twice", Kind::StockHeldTwice),
        ("confirmed-without-stock", Kind::ConfirmedWithoutStock),
        ("lines-differ", Kind::LinesDiffer),
        ("stock-of-another-order", Kind::StockOfAnotherOrder),
    ]);
    let of_stock = misfit
        .faults
        .iter()
        .filter_map(|(fault, detail)| kinds.get(fault).map(|kind| (*kind, detail.clone())));
    of_stock.collect()
}

/// Stock may be given back where no order can count on it: its order has ended without stock or does
/// not exist. What has been shipped is gone.
fn can_release(kind: Kind, misfit: &Misfit) -> bool {
    let is_held = misfit.reservation.as_ref().is_some_and(|found| found.state == "held");
    let belongs = misfit.faults.iter().all(|(fault, _)| *fault != "stock-of-another-order");
    let is_ended = match misfit.order_state.as_deref().map(StateName::parse) {
        None | Some(Some(StateName::Failed | StateName::Cancelled)) => true,
        Some(
            Some(
                StateName::Pending
                | StateName::Reserving
                | StateName::Queued
                | StateName::Confirmed
                | StateName::Releasing
                | StateName::Parked,
            )
            | None,
        ) => false,
    };
    let is_surplus = matches!(
        kind,
        Kind::StockHeldByEndedOrder | Kind::StockHeldForNobody | Kind::StockHeldTwice
    );
    is_held && belongs && is_ended && is_surplus
}

fn drift(kind: Kind, misfit: &Misfit, detail: String, outcome: Outcome) -> Drift {
    let reservation_id = misfit.reservation.as_ref().map(|Reservation { id, .. }| *id);
    let order_id = Some(misfit.order_id).filter(|id| !id.is_nil());
    Drift { kind, order_id, reservation_id, item_id: None, detail, outcome }
}

#[cfg(test)]
mod tests;
