//! Whether both databases agree about stock, and putting right what can be put right without guessing.
//!
//! It looks through the checker's eyes (`SideBySide`) on a system at work: sagas that are under way
//! or parked are left alone, and whatever does not fit is looked at twice. Both databases are streamed
//! once, so its memory does not grow with them. Nothing is written unless it is asked for; then every
//! repair is one transaction of inventory's own and one audit row. It stands beside the checker, not in
//! a service, because only the tools may know both databases. Start at [`run`].

mod repair;
mod report;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use indicatif::ProgressBar;
use saga::StateName;
use schema_inventory::consistency::find_imbalances;
use serde::Serialize;
use uuid::Uuid;

use crate::{CheckError, Connections, Misfit, Phase, SideBySide, Subject, in_inventory};
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
    Repair {
        /// In whose name.
        repairer: Repairer,
        /// Nothing at all is put right where more than this would have to be.
        most: u64,
        /// A person has decided that stock is released which is held for orders that the orders database does not have.
        releases_for_nobody: bool,
    },
    /// A person accepts what is found about these reservations: it is written down, and told no more.
    Accept {
        /// In whose name.
        repairer: Repairer,
        /// Which.
        reservation_ids: BTreeSet<Uuid>,
    },
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
    /// Something must have happened that a person has to look at first.
    #[error(
        "{wanted} differences would be repaired, and --most is {most}: nothing was. So many at once are no accident: was a \
         database restored, or did a failover lose its last commits? See docs/runbooks/reconcile-drift.md"
    )]
    TooMany {
        /// Repairs that would be made.
        wanted: u64,
        /// How many may be.
        most: u64,
    },
    /// There is nothing to accept. What was found about others is accepted all the same.
    #[error("nothing was found that does not agree about reservation {0}")]
    NothingToAccept(Uuid),
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
    /// Stock is held for an order that does not exist: after a restore of the orders database it may be one that a customer
    /// was told of. A person decides.
    StockHeldForNobody,
    /// An order holds stock under a second id. Repair: released, where the order has ended without stock.
    StockHeldTwice,
    /// A confirmed order holds nothing. Repair: reserved again under the same id, where inventory does not know the id and has
    /// the stock.
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
    /// A person has accepted it as it is.
    Accepted,
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
        Mode::Repair { repairer, most, releases_for_nobody } => {
            let wanted = count_repairs(subject, *releases_for_nobody).await?;
            if wanted > *most {
                return Err(ReconcileError::TooMany { wanted, most: *most });
            }
            Some(Repairs::open(subject, repairer.clone()).await?)
        }
        Mode::Accept { repairer, .. } => Some(Repairs::open(subject, repairer.clone()).await?),
    };
    let mut connections = Connections::open(subject).await?;
    let mut report = Report::default();
    // First: a release is refused by the database where less is counted than it gives back.
    let recounts = if matches!(mode, Mode::Repair { .. }) { repairs.as_mut() } else { None };
    items(&mut connections, recounts, &mut report).await?;
    let mut accepted = BTreeSet::new();
    let mut pairs = SideBySide::open(&mut connections, Phase::Live).await?;
    while let Some(misfit) = pairs.next().await? {
        progress.set_message(format!("{} orders", pairs.sagas / SHOW_EVERY * SHOW_EVERY));
        progress.tick();
        for (kind, detail) in drifts(&misfit) {
            let outcome = match (mode, &mut repairs) {
                (Mode::Accept { reservation_ids, .. }, Some(repairs)) => {
                    let id = misfit.reservation_id().filter(|id| reservation_ids.contains(id));
                    match id {
                        Some(id) => {
                            accepted.insert(id);
                            repairs.accept(&misfit, id, kind, &detail).await?
                        }
                        None => Outcome::Found,
                    }
                }
                (Mode::Repair { releases_for_nobody, .. }, Some(repairs)) => {
                    match Repair::of(kind, &misfit, *releases_for_nobody) {
                        Some(Repair::Release) => repairs.release(&misfit, kind, &detail).await?,
                        Some(Repair::Reserve) => repairs.reserve(&misfit, kind, &detail).await?,
                        None => Outcome::Left,
                    }
                }
                (Mode::Report | Mode::Repair { .. } | Mode::Accept { .. }, _) => Outcome::Found,
            };
            report.add(drift(kind, &misfit, detail, outcome));
        }
    }
    (report.sagas, report.reservations) = (pairs.sagas, pairs.reservations);
    report.accepted_before = pairs.accepted_met;
    report.elapsed_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    progress.finish_and_clear();
    if let Mode::Accept { reservation_ids, .. } = mode
        && let Some(id) = reservation_ids.difference(&accepted).next()
    {
        return Err(ReconcileError::NothingToAccept(*id));
    }
    Ok(report)
}

/// How much a repair would put right, seen without writing anything.
async fn count_repairs(
    subject: &Subject,
    releases_for_nobody: bool,
) -> Result<u64, ReconcileError> {
    let mut connections = Connections::open(subject).await?;
    let mut report = Report::default();
    items(&mut connections, None, &mut report).await?;
    let mut wanted: u64 = report.found.values().sum();
    let mut pairs = SideBySide::open(&mut connections, Phase::Live).await?;
    while let Some(misfit) = pairs.next().await? {
        let repairs = drifts(&misfit)
            .into_iter()
            .filter(|(kind, _)| Repair::of(*kind, &misfit, releases_for_nobody).is_some());
        wanted += repairs.count() as u64;
    }
    Ok(wanted)
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
    if misfit.order_state().is_some_and(|state| !is_final(state)) {
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

/// What puts it right without a guess.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Repair {
    Release,
    Reserve,
}

impl Repair {
    fn of(kind: Kind, misfit: &Misfit, releases_for_nobody: bool) -> Option<Self> {
        let is_for_nobody = kind == Kind::StockHeldForNobody;
        if can_release(kind, misfit) && (releases_for_nobody || !is_for_nobody) {
            return Some(Self::Release);
        }
        // Under an id that inventory knows, nothing is taken a second time.
        let can_reserve = kind == Kind::ConfirmedWithoutStock && misfit.reservation.is_none();
        can_reserve.then_some(Self::Reserve)
    }
}

/// Stock may be given back where no order can count on it: its order has ended without stock or does
/// not exist. What has been shipped is gone.
fn can_release(kind: Kind, misfit: &Misfit) -> bool {
    let is_held = misfit.reservation.as_ref().is_some_and(|found| found.state == "held");
    let belongs = misfit.faults.iter().all(|(fault, _)| *fault != "stock-of-another-order");
    let is_ended = match misfit.order_state().map(StateName::parse) {
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
    let reservation_id = misfit.reservation_id();
    let order_id = Some(misfit.order_id).filter(|id| !id.is_nil());
    Drift { kind, order_id, reservation_id, item_id: None, detail, outcome }
}

#[cfg(test)]
mod tests;
