//! Fresh orders databases for tests.

use schema_pg::testing::TestDb;

/// A migrated, empty orders database of its own.
pub async fn fresh_database() -> TestDb {
    schema_pg::testing::fresh_database("orders", &crate::MIGRATOR).await
}
