//! Repairs: inventory's own commands, each followed by its audit row in the orders database.
//!
//! There is no transaction over both databases: a repair whose audit row cannot be written is done all
//! the same, and the run ends with an error that says so. Everything here may be done twice.

use schema_inventory::apply::apply_batch;
use schema_inventory::recount::{Recount, recount_reserved};
use schema_inventory::{Answer, Command, Line, Reserve, State};
use schema_orders::reconcile_actions::{ReconcileAction, insert_reconcile_action};
use schema_pg::{Db, PoolConfig};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Kind, Outcome, ReconcileError, Repairer};
use crate::{Misfit, Subject};

/// Counting an item reads all lines there are.
const STATEMENT_TIMEOUT_MS: u32 = 60_000;
/// A hot item is locked again and again.
const LOCK_TIMEOUT_MS: u32 = 10_000;

pub(super) struct Repairs {
    orders: Db,
    inventory: Db,
    repairer: Repairer,
}

impl Repairs {
    pub(super) async fn open(
        subject: &Subject,
        repairer: Repairer,
    ) -> Result<Self, ReconcileError> {
        Ok(Self {
            orders: connect(&subject.orders_url).await?,
            inventory: connect(&subject.inventory_url).await?,
            repairer,
        })
    }

    /// Gives the stock back, and leaves a tombstone: nothing can take it again under this id.
    pub(super) async fn release(
        &mut self,
        misfit: &Misfit,
        kind: Kind,
        detail: &str,
    ) -> Result<Outcome, ReconcileError> {
        let Some(found) = &misfit.reservation else { return Ok(Outcome::Left) };
        let (reservation_id, order_id) = (found.id, found.order_id);
        // Outside any saga: whoever comes late with an epoch of its own meets the tombstone.
        let command = Command::Release { reservation_id, order_id, epoch: None };
        let applied = self.inventory.transaction(move |connection| {
            Box::pin(async move { apply_batch(connection, &[command]).await })
        });
        let applied = applied.await.map_err(ReconcileError::Repair)?;
        if applied.answers != [Answer::Done(State::Released)] {
            return Ok(Outcome::Left);
        }
        let before = json!({
            "drift": kind,
            "reservation_id": reservation_id,
            "reservation": found.state,
            "lines": found.lines,
            "order": misfit.order_state(),
        });
        let after = json!({"reservation_id": reservation_id, "reservation": "released"});
        self.record(Some(misfit.order_id), before, after, detail).await
    }

    /// Takes the stock of a confirmed order again, under its own id: inventory has lost it. Where there is not enough, nothing
    /// is written, so that it can be tried again.
    pub(super) async fn reserve(
        &mut self,
        misfit: &Misfit,
        kind: Kind,
        detail: &str,
    ) -> Result<Outcome, ReconcileError> {
        let Some(claim) = &misfit.claim else { return Ok(Outcome::Left) };
        let lines: Vec<Line> = claim
            .lines
            .iter()
            .map(|line| Line { item_id: line.item_id.clone(), quantity: line.quantity.into() })
            .collect();
        let taken = json!(claim.lines.0);
        let (id, order_id, epoch) = (claim.reservation_id, claim.order_id, Some(claim.epoch));
        let command = Command::Reserve(Reserve::new(id, order_id, epoch, lines));
        let applied = self.inventory.transaction(move |connection| {
            Box::pin(async move {
                let applied = apply_batch(connection, &[command]).await?;
                if applied.answers == [Answer::Done(State::Held)] {
                    return Ok(());
                }
                Err(NotTaken::Refused)
            })
        });
        match applied.await {
            Ok(()) => {}
            Err(NotTaken::Refused) => return Ok(Outcome::Left),
            Err(NotTaken::Database(error)) => return Err(ReconcileError::Repair(error)),
        }
        let before = json!({
            "drift": kind,
            "reservation_id": id,
            "reservation": null,
            "order": misfit.order_state(),
        });
        let after = json!({"reservation_id": id, "reservation": "held", "lines": taken});
        self.record(Some(misfit.order_id), before, after, detail).await
    }

    /// Writes down that a person lives with it.
    pub(super) async fn accept(
        &mut self,
        misfit: &Misfit,
        reservation_id: Uuid,
        kind: Kind,
        detail: &str,
    ) -> Result<Outcome, ReconcileError> {
        let found = misfit.reservation.as_ref();
        let before = json!({
            "drift": kind,
            "reservation_id": reservation_id,
            "reservation": found.map(|found| &found.state),
            "lines": found.map(|found| &found.lines),
            "order": misfit.order_state(),
        });
        let after = json!({"reservation_id": reservation_id, "accepted": kind});
        let order_id = Some(misfit.order_id).filter(|id| !id.is_nil());
        self.record(order_id, before, after, detail).await?;
        Ok(Outcome::Accepted)
    }

    pub(super) async fn recount(
        &mut self,
        item_id: &str,
        detail: &str,
    ) -> Result<Outcome, ReconcileError> {
        let counted = item_id.to_owned();
        let recount = self.inventory.transaction(move |connection| {
            Box::pin(async move { recount_reserved(connection, &counted).await })
        });
        match recount.await.map_err(ReconcileError::Repair)? {
            // It had only been on its way.
            Recount::Unchanged => Ok(Outcome::Repaired),
            Recount::Impossible { .. } => Ok(Outcome::Left),
            Recount::Corrected { before, after } => {
                let kind = Kind::ReservedDiffersFromHeld;
                let before = json!({"drift": kind, "item_id": item_id, "reserved": before});
                let after = json!({"item_id": item_id, "reserved": after});
                self.record(None, before, after, detail).await
            }
        }
    }

    async fn record(
        &mut self,
        order_id: Option<Uuid>,
        before: Value,
        after: Value,
        detail: &str,
    ) -> Result<Outcome, ReconcileError> {
        let action = ReconcileAction {
            id: Uuid::now_v7(),
            order_id,
            actor: self.repairer.actor.clone(),
            reason: self.repairer.reason.clone(),
            before,
            after,
            detail: detail.to_owned(),
        };
        let written = self.orders.transaction(move |connection| {
            Box::pin(async move { insert_reconcile_action(connection, &action).await })
        });
        written.await.map_err(ReconcileError::Repair)?;
        Ok(Outcome::Repaired)
    }
}

/// Why stock was not taken again.
enum NotTaken {
    Refused,
    Database(sqlx::Error),
}

impl From<sqlx::Error> for NotTaken {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

async fn connect(url: &str) -> Result<Db, ReconcileError> {
    let config = PoolConfig {
        connections_max: 2,
        statement_timeout_ms: STATEMENT_TIMEOUT_MS,
        lock_timeout_ms: LOCK_TIMEOUT_MS,
        ..PoolConfig::new(url, "valerix-reconcile")
    };
    Ok(Db::connect(&config).await?)
}
