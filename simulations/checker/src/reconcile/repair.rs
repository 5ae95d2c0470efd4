//! Repairs: inventory's own commands, each followed by its audit row in the orders database.
//!
//! There is no transaction over both databases: a repair whose audit row cannot be written is done all
//! the same, and the run ends with an error that says so. Everything here may be done twice.

use schema_inventory::apply::apply_batch;
use schema_inventory::recount::{Recount, recount_reserved};
use schema_inventory::{Answer, Command, State};
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
            "order": misfit.order_state,
        });
        let after = json!({"reservation_id": reservation_id, "reservation": "released"});
        self.record(Some(misfit.order_id), before, after, detail).await
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

async fn connect(url: &str) -> Result<Db, ReconcileError> {
    let config = PoolConfig {
        connections_max: 2,
        statement_timeout_ms: STATEMENT_TIMEOUT_MS,
        lock_timeout_ms: LOCK_TIMEOUT_MS,
        ..PoolConfig::new(url, "valerix-reconcile")
    };
    Ok(Db::connect(&config).await?)
}
