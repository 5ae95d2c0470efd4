//! `inventory_stock_level{item_id, kind}`, and how the database is: read from the database when somebody looks at the
//! metrics, shown at the next look. Nobody looks, nothing is asked; and a database that does not
//! answer never keeps the metrics waiting.

use std::sync::Arc;

use schema_inventory::stock::{Item, list_items};
use schema_pg::{Db, show_pool, show_vitals};
use tokio::sync::Notify;

/// The number of series must have a bound: items beyond it are in the stock list.
const ITEMS_MAX: i64 = 100;

/// Rings for a look at the stock.
#[derive(Clone, Default)]
pub(crate) struct StockGauges(Arc<Notify>);

impl StockGauges {
    /// Somebody is reading the metrics.
    pub(crate) fn look_again(&self) {
        self.0.notify_one();
    }

    /// One read at a time, however many look.
    pub(crate) async fn show_when_asked(self, db: Db) {
        loop {
            self.0.notified().await;
            show_pool(&db, "inventory-api");
            show_vitals(&db, "inventory").await;
            let items =
                db.read(|connection| Box::pin(list_items(connection, None, None, ITEMS_MAX))).await;
            match items {
                Ok(items) => items.iter().for_each(show),
                Err(error) => tracing::debug!(%error, "stock levels could not be read"),
            }
        }
    }
}

fn show(item: &Item) {
    let levels = [
        ("on_hand", item.on_hand),
        ("reserved", item.reserved),
        ("available", item.on_hand - item.reserved),
    ];
    for (kind, level) in levels {
        let item_id = item.item_id.clone();
        let gauge = metrics::gauge!("inventory_stock_level", "item_id" => item_id, "kind" => kind);
        gauge.set(level as f64);
    }
}
