//! The relay's statements on a server on which nothing is set: the Postgres that teams have.

use schema_orders::{MIGRATOR, outbox, relays};
use schema_pg::testing::{compiled_statements, stock_database, warn_unless_stock_server_compiles};
use schema_pg::{Db, DbError, Plans, PoolConfig};
use uuid::Uuid;

/// Until Postgres 17 `jit` is on, and what a statement that may not scan costs on paper is above any bound.
#[tokio::test]
async fn nothing_is_compiled_on_a_stock_server() {
    let test = stock_database("orders", &MIGRATOR).await;
    warn_unless_stock_server_compiles().await;
    let config = PoolConfig { plans: Plans::OrderedLookups, ..PoolConfig::new(&test.url, "relay") };
    let relays = Db::connect(&config).await.unwrap();
    let compiled = relays.transaction(|c| {
        Box::pin(async move {
            let id = relays::join(c, "relay", None, 1_200).await?;
            relays::renew(c, id).await?;
            relays::look_around(c, id, Uuid::nil()).await?;
            relays::remove_silent(c, 1).await?;
            outbox::lock_fresh(c, Uuid::nil(), 10).await?;
            outbox::lock_due(c, 10).await?;
            outbox::lock_orphaned(c, (id, &[]), 0..=1, Uuid::nil(), 10).await?;
            outbox::lock_lost(c, id, &[], Uuid::nil(), 10).await?;
            outbox::measure_depth(c).await?;
            Ok::<_, DbError>(compiled_statements(c).await)
        })
    });
    assert_eq!(compiled.await.unwrap(), Vec::<String>::new());
}
