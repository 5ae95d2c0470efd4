//! The running service: what its handlers share.

use std::sync::Arc;

use axum::Router;
use edge::MetricsHandle;
use edge::health::HealthCache;
use schema_pg::Db;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::intake::Intake;
use crate::{Config, routes};

/// What the service works with.
pub struct Deps {
    /// The inventory database.
    pub db: Db,
    /// Where metrics go; without it there is no `/metrics`.
    pub metrics: Option<MetricsHandle>,
}

/// The service, ready to be asked.
pub struct InventoryApi {
    pub(crate) config: Config,
    pub(crate) db: Db,
    pub(crate) intake: Intake,
    pub(crate) metrics: Option<MetricsHandle>,
    pub(crate) health: HealthCache,
    pub(crate) ready_health: HealthCache,
}

/// Serves on `listener` until `stop`, then drains.
pub async fn serve(config: Config, deps: Deps, listener: TcpListener, stop: CancellationToken) {
    let serve_config = config.serve_config();
    let api = InventoryApi::start(config, deps);
    edge::serve(listener, api.router(), serve_config, stop).await;
}

impl InventoryApi {
    /// Starts the tasks in the background. They end when the last handle is dropped.
    pub fn start(config: Config, deps: Deps) -> Arc<InventoryApi> {
        crate::metrics::describe();
        let Deps { db, metrics } = deps;
        let intake = Intake::start(&config, db.clone());
        let (health, ready_health) = Default::default();
        Arc::new(InventoryApi { config, db, intake, metrics, health, ready_health })
    }

    /// The routes, inside their shell.
    pub fn router(self: &Arc<InventoryApi>) -> Router {
        routes::router(self)
    }
}
