//! A migrated inventory database per test.

use schema_pg::testing::{TestDb, fresh_database};

/// An inventory without any stock.
pub async fn fresh_inventory() -> TestDb {
    fresh_database("inventory", &crate::MIGRATOR).await
}
