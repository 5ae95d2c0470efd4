//! `valerix inventory-api`: the inventory service alone.

use inventory_api::Deps;

use crate::cli::InventoryApi;
use crate::databases::INVENTORY;
use crate::databases::opening::Patience;
use crate::{listening, output, shutdown, waiting};

pub(crate) const APPLICATION: &str = "valerix-inventory-api";

pub(crate) async fn run(asked: InventoryApi) -> anyhow::Result<()> {
    let stop = shutdown::on_signal()?;
    let metrics = edge::install_prometheus()?;
    let url = INVENTORY.required(asked.database.url.as_deref())?;
    let listener = listening::bind(asked.config.listen, "INVENTORY_API_LISTEN").await?;
    output::print(&format!("inventory-api listens on {}\n", listening::url_of(&listener)?));
    let pool = asked.pool.at(&url, APPLICATION);
    let opening = INVENTORY.open_patiently(&pool, Patience::Endless);
    let waiting = waiting::answer_until(listener, opening);
    let Some(waited) = stop.run_until_cancelled(waiting).await else { return Ok(()) };
    let (listener, db) = waited?;
    tracing::info!("inventory-api is ready");
    inventory_api::serve(asked.config, Deps { db: db?, metrics: Some(metrics) }, listener, stop)
        .await;
    Ok(())
}
