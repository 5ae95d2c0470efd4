//! The checker's own connections: they may take their time, and can write nothing.

use std::collections::BTreeMap;
use std::str::FromStr;

use schema_inventory::consistency::dump_reservations;
use schema_orders::consistency::{dump_order, find_stock_claim};
use serde_json::{Value, json};
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

use super::{CheckError, Subject};

/// Orders that are dumped in full.
const DUMPS_MAX: usize = 20;

pub(crate) struct Connections {
    pub(crate) orders: PgConnection,
    pub(crate) inventory: PgConnection,
    pub(super) look_again: LookAgain,
}

/// Connections for single looks while the others stream.
pub(crate) struct LookAgain {
    pub(super) orders: PgConnection,
    pub(super) inventory: PgConnection,
    /// As far as the last look knows.
    pub(super) orders_removed_below: Uuid,
    pub(super) reservations_removed_below: Uuid,
}

impl Connections {
    pub(crate) async fn open(subject: &Subject) -> Result<Self, CheckError> {
        Ok(Self {
            orders: open(&subject.orders_url).await.map_err(in_orders)?,
            inventory: open(&subject.inventory_url).await.map_err(in_inventory)?,
            look_again: LookAgain {
                orders: open(&subject.orders_url).await.map_err(in_orders)?,
                inventory: open(&subject.inventory_url).await.map_err(in_inventory)?,
                orders_removed_below: Uuid::nil(),
                reservations_removed_below: Uuid::nil(),
            },
        })
    }

    /// Everything that both databases know of these orders, up to a bound.
    pub(super) async fn dump(
        &mut self,
        order_ids: &[Uuid],
    ) -> Result<BTreeMap<Uuid, Value>, CheckError> {
        let mut dumps = BTreeMap::new();
        for order_id in order_ids.iter().take(DUMPS_MAX) {
            let orders = dump_order(&mut self.orders, *order_id).await.map_err(in_orders)?;
            let claim = find_stock_claim(&mut self.orders, *order_id).await.map_err(in_orders)?;
            let reservation_id = claim.map(|claim| claim.reservation_id);
            let inventory = dump_reservations(&mut self.inventory, *order_id, reservation_id);
            let inventory = inventory.await.map_err(in_inventory)?;
            dumps.insert(*order_id, json!({ "orders": orders, "inventory": inventory }));
        }
        Ok(dumps)
    }
}

/// Sorting a million rows is done in memory where it fits.
async fn open(url: &str) -> sqlx::Result<PgConnection> {
    let options = PgConnectOptions::from_str(url)?.application_name("valerix-checker").options([
        ("statement_timeout", "0"),
        ("default_transaction_read_only", "on"),
        ("work_mem", "128MB"),
        ("max_parallel_workers_per_gather", "0"),
        ("jit", "off"),
    ]);
    PgConnection::connect_with(&options).await
}

pub(crate) fn in_orders(source: sqlx::Error) -> CheckError {
    CheckError::Database { database: "orders", source }
}

pub(crate) fn in_inventory(source: sqlx::Error) -> CheckError {
    CheckError::Database { database: "inventory", source }
}
