//! The stock lock on a server on which nothing is set: the Postgres that teams have.

use schema_inventory::{MIGRATOR, retention, stock};
use schema_pg::testing::{compiled_statements, stock_database, warn_unless_stock_server_compiles};
use schema_pg::{Db, DbError, Plans, PoolConfig};

#[tokio::test]
async fn nothing_is_compiled_on_a_stock_server() {
    let test = stock_database("inventory", &MIGRATOR).await;
    warn_unless_stock_server_compiles().await;
    let config = PoolConfig { plans: Plans::Lookups, ..PoolConfig::new(&test.url, "inventory") };
    let inventory = Db::connect(&config).await.unwrap();
    let compiled = inventory.transaction(|c| {
        Box::pin(async move {
            let (items, places) = (["ps5".to_owned()], ["(0,1)".to_owned()]);
            stock::lock_stock(c, &items).await?;
            stock::lock_stock_and_memory(c, &items).await?;
            stock::lock_stock_at(c, &items, &places).await?;
            retention::find_removed_below(c).await?;
            Ok::<_, DbError>(compiled_statements(c).await)
        })
    });
    assert_eq!(compiled.await.unwrap(), Vec::<String>::new());
}
