//! `valerix inventory-api`: the inventory service alone.

use inventory_api::Deps;

use schema_pg::{Plans, PoolConfig};

use crate::cli::{InventoryApi, Pool};
use crate::databases::INVENTORY;
use crate::databases::opening::Patience;
use crate::{listening, output, shutdown, waiting};

pub(crate) const APPLICATION: &str = "valerix-inventory-api";

pub(crate) async fn run(asked: InventoryApi) -> anyhow::Result<()> {
    let stop = shutdown::on_signal()?;
    let metrics = edge::install_prometheus()?;
    let url = INVENTORY.required(asked.database.url.as_deref())?;
    let listener = listening::bind(asked.config.listen, "INVENTORY_API_LISTEN").await?;
    output::announce(&format!("inventory-api listens on {}\n", listening::url_of(&listener)?));
    let pool = pool(asked.pool, &url);
    let opening = INVENTORY.open_patiently(&pool, Patience::Endless);
    let waiting = waiting::answer_until(listener, opening);
    let Some(waited) = stop.run_until_cancelled(waiting).await else { return Ok(()) };
    let (listener, db) = waited?;
    tracing::info!("inventory-api is ready");
    inventory_api::serve(asked.config, Deps { db: db?, metrics: Some(metrics) }, listener, stop)
        .await;
    Ok(())
}

/// How inventory uses its database. While somebody holds a snapshot, stock rows gather versions that nobody may
/// remove: a batch that reads the table instead of looking its items up would read all of them.
pub(crate) fn pool(pool: Pool, url: &str) -> PoolConfig {
    PoolConfig { plans: Plans::Lookups, ..pool.at(url, APPLICATION) }
}
