//! `valerix migrate`: both databases get the shape this binary knows. Safe to run at any time, also twice.

use std::time::Duration;

use anyhow::{Context, bail};
use schema_pg::PoolConfig;
use sqlx::migrate::Migrator;

use crate::cli::DatabaseUrls;
use crate::databases::{self, Urls};

/// A database that is just being started is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) async fn run(urls: &DatabaseUrls) -> anyhow::Result<()> {
    match databases::given(urls)? {
        Some(urls) => both(&urls).await,
        None => bail!(
            "no database to migrate: set ORDER_DATABASE_URL and INVENTORY_DATABASE_URL, or run `valerix postgres` and \
             use the lines it prints"
        ),
    }
}

/// Migrates both databases.
pub(crate) async fn both(urls: &Urls) -> anyhow::Result<()> {
    one("orders", &urls.orders, &schema_orders::MIGRATOR).await?;
    one("inventory", &urls.inventory, &schema_inventory::MIGRATOR).await?;
    Ok(())
}

async fn one(name: &'static str, url: &str, migrator: &Migrator) -> anyhow::Result<()> {
    let mut config = PoolConfig::new(url, "valerix-migrate");
    config.connections_max = 1;
    let db = databases::connect(&config, PATIENCE).await?;
    let outcome = schema_pg::migrate(&db, migrator).await;
    db.pool().close().await;
    outcome.with_context(|| format!("the {name} database"))?;
    tracing::info!(database = name, "migrated");
    Ok(())
}
