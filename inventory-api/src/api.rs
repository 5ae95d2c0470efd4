//! The running service: what its handlers share.

use std::sync::Arc;

use edge::MetricsHandle;
use edge::health::HealthCache;
use schema_pg::Db;
use schema_pg::retention::keep_removing;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::Config;
use crate::gremlin::Gremlin;
use crate::intake::{Intake, Ledger, ledger_in};
use crate::stock_gauges::StockGauges;

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
    pub(crate) gremlin: Gremlin,
    pub(crate) metrics: Option<MetricsHandle>,
    pub(crate) stock_gauges: StockGauges,
    pub(crate) health: HealthCache,
    pub(crate) ready_health: HealthCache,
    tasks: TaskTracker,
    stop: CancellationToken,
}

/// Serves on `listener` until `stop`, drains, and ends its tasks.
pub async fn serve(config: Config, deps: Deps, listener: TcpListener, stop: CancellationToken) {
    let serve_config = config.serve_config();
    let terms = config.retention();
    let api = InventoryApi::start(config, deps);
    let take_turn = schema_inventory::retention::take_turn;
    let removing = keep_removing(api.db.clone(), "inventory", terms, take_turn);
    api.tasks.spawn(api.stop.clone().run_until_cancelled_owned(removing));
    edge::serve(listener, api.router(), serve_config, stop).await;
    api.stop.cancel();
    api.tasks.wait().await;
}

impl InventoryApi {
    /// Starts the tasks in the background. They end when the last handle is dropped.
    pub fn start(config: Config, deps: Deps) -> Arc<InventoryApi> {
        let ledger = ledger_in(&deps.db);
        InventoryApi::with_ledger(ledger, config, deps)
    }

    /// The same, with its reservations decided by another ledger than the database's.
    pub fn with_ledger(ledger: Ledger, config: Config, deps: Deps) -> Arc<InventoryApi> {
        crate::metrics::describe();
        let Deps { db, metrics } = deps;
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let intake = Intake::start(&config, ledger);
        let gremlin = match config.gremlin_enabled {
            Some(true) => Gremlin::allowed(db.clone()),
            Some(false) | None => Gremlin::absent(),
        };
        tasks.spawn(stop.clone().run_until_cancelled_owned(gremlin.clone().keep_watch()));
        let stock_gauges = StockGauges::default();
        let showing = stock_gauges.clone().show_when_asked(db.clone());
        tasks.spawn(stop.clone().run_until_cancelled_owned(showing));
        tasks.close();
        Arc::new(InventoryApi {
            config,
            db,
            intake,
            gremlin,
            metrics,
            stock_gauges,
            health: HealthCache::default(),
            ready_health: HealthCache::default(),
            tasks,
            stop,
        })
    }
}

impl Drop for InventoryApi {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
