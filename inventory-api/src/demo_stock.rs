//! The stock `valerix up` starts with, so that the first order has something to take.

use schema_inventory::stock::list_items;
use schema_inventory::update::{Change, StockUpdate, UpdateError, update_stock};
use schema_pg::Db;

/// Id, name, how many.
const DEMO_STOCK: [(&str, &str, i64); 8] = [
    ("ps5", "PlayStation 5", 1_000),
    ("xbox-series-x", "Xbox Series X", 1_000),
    ("switch-2", "Nintendo Switch 2", 1_000),
    ("controller", "Wireless controller", 5_000),
    ("headset", "Gaming headset", 2_500),
    ("ssd-2tb", "SSD 2 TB", 750),
    ("monitor-27", "27-inch monitor", 300),
    ("limited-edition", "Limited edition, signed", 5),
];
const REASON: &str = "demo stock";

/// Stocks an inventory that has no item at all; answers how many it made. One that has been stocked
/// is left as it is, sold out or not.
pub async fn seed_demo_stock(db: &Db) -> Result<usize, UpdateError> {
    db.transaction(|connection| {
        Box::pin(async move {
            if !list_items(&mut *connection, None, None, 1).await?.is_empty() {
                return Ok(0);
            }
            for (item_id, item_name, on_hand) in DEMO_STOCK {
                let update = StockUpdate {
                    item_id: item_id.to_owned(),
                    change: Change::Set(on_hand),
                    item_name: Some(item_name.to_owned()),
                    reason: Some(REASON.to_owned()),
                    key: None,
                };
                update_stock(&mut *connection, &update).await?;
            }
            Ok(DEMO_STOCK.len())
        })
    })
    .await
}
