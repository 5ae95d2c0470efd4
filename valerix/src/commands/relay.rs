//! `valerix relay`: one relay alone. Several may run; each takes over from one that falls silent.

use edge::{MetricsHandle, ServeConfig};
use in_process::{Hints, NotifyScope};
use outbox_relay::Relay;
use schema_pg::{Plans, PoolConfig};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::cli::{self, Pool};
use crate::databases::ORDERS;
use crate::databases::opening::Patience;
use crate::{listening, output, shutdown, waiting};

pub(crate) const APPLICATION: &str = "valerix-relay";
/// A relay that hangs in the middle of a transaction holds locks on the sagas that others are to take over:
/// for no longer than it takes until its heartbeat is missed. Its transactions wait for nothing but the database.
const IDLE_IN_TRANSACTION_MS: u32 = 1_000;

pub(crate) async fn run(asked: cli::Relay) -> anyhow::Result<()> {
    let stop = shutdown::on_signal()?;
    let metrics = edge::install_prometheus()?;
    let url = ORDERS.required(asked.database.url.as_deref())?;
    let listener = listening::bind(asked.face.listen, "RELAY_LISTEN").await?;
    output::announce(&format!("relay listens on {}\n", listening::url_of(&listener)?));
    let pool = pool(asked.pool, &url);
    let opening = ORDERS.open_patiently(&pool, Patience::Endless);
    let waiting = waiting::answer_until(listener, opening);
    let Some(waited) = stop.run_until_cancelled(waiting).await else { return Ok(()) };
    let (listener, db) = waited?;
    let relay = Relay::new(asked.config, db?, Hints::new(), NotifyScope::OtherProcesses)?;
    serve(relay, listener, metrics, stop).await
}

/// How a relay uses its database. Planning its claims would cost more than running them.
pub(crate) fn pool(pool: Pool, url: &str) -> PoolConfig {
    PoolConfig {
        idle_in_transaction_timeout_ms: IDLE_IN_TRANSACTION_MS,
        plans: Plans::OrderedLookups,
        ..pool.at(url, APPLICATION)
    }
}

/// Runs the relay, and its face as long as it runs: people may watch it hand over.
pub(crate) async fn serve(
    relay: Relay,
    listener: TcpListener,
    metrics: MetricsHandle,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let url = listening::url_of(&listener)?;
    let face_stop = CancellationToken::new();
    let router = outbox_relay::router(relay.clone(), metrics);
    let face = edge::serve(listener, router, ServeConfig::default(), face_stop.clone());
    let face = tokio::spawn(face);
    let outcome = outbox_relay::serve(relay, Some(url), stop).await;
    face_stop.cancel();
    face.await?;
    Ok(outcome?)
}
