//! `valerix order-api`: the order service alone. Relays live in other processes.

use in_process::{Hints, NotifyScope};
use order_api::Deps;

use crate::cli::OrderApi;
use crate::databases::ORDERS;
use crate::databases::opening::Patience;
use crate::{listening, output, shutdown, waiting};

pub(crate) const APPLICATION: &str = "valerix-order-api";

pub(crate) async fn run(asked: OrderApi) -> anyhow::Result<()> {
    let stop = shutdown::on_signal()?;
    let metrics = edge::install_prometheus()?;
    let url = ORDERS.required(asked.database.url.as_deref())?;
    let listener = listening::bind(asked.config.listen, "ORDER_API_LISTEN").await?;
    output::announce(&format!("order-api listens on {}\n", listening::url_of(&listener)?));
    let pool = asked.pool.at(&url, APPLICATION);
    let opening = ORDERS.open_patiently(&pool, Patience::Endless);
    let waiting = waiting::answer_until(listener, opening);
    let Some(waited) = stop.run_until_cancelled(waiting).await else { return Ok(()) };
    let (listener, db) = waited?;
    let deps = Deps {
        db: db?,
        hints: Hints::new(),
        notify_scope: NotifyScope::OtherProcesses,
        metrics: Some(metrics),
        inventory_url: Some(asked.inventory_service_url),
    };
    tracing::info!("order-api is ready");
    order_api::serve(asked.config, deps, listener, stop).await;
    Ok(())
}
