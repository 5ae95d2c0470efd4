//! The three services in one process: what they share, and in which order they stop.

use edge::MetricsHandle;
use in_process::{Hints, NotifyScope};
use outbox_relay::Relay;
use schema_pg::Db;

use super::endpoints::Listeners;
use crate::cli::Up;
use crate::commands::{inventory_api as inventory, order_api as orders, relay};
use crate::databases::opening::Patience;
use crate::databases::{INVENTORY, ORDERS, Urls};
use crate::listening;
use crate::running::{Ended, Running};

/// What the setting says where nobody has set it: then it is our own inventory that is meant.
const INVENTORY_URL_UNSET: &str = "http://127.0.0.1:3002";

pub(crate) struct Services {
    order_api: Running,
    relay: Running,
    inventory_api: Running,
}

/// One pool for each service, so that none can starve another.
pub(crate) struct Databases {
    orders: Db,
    relay: Db,
    pub(crate) inventory: Db,
}

impl Databases {
    pub(crate) async fn open(up: &Up, urls: &Urls) -> anyhow::Result<Databases> {
        let orders_pool = up.pool.at(&urls.orders, orders::APPLICATION);
        let relay_pool = relay::pool(up.pool, &urls.orders);
        let inventory_pool = inventory::pool(up.pool, &urls.inventory);
        Ok(Databases {
            orders: ORDERS.open_patiently(&orders_pool, Patience::SHORT).await?,
            relay: ORDERS.open_patiently(&relay_pool, Patience::SHORT).await?,
            inventory: INVENTORY.open_patiently(&inventory_pool, Patience::SHORT).await?,
        })
    }
}

impl Services {
    pub(crate) fn start(
        up: Up,
        listeners: Listeners,
        databases: Databases,
        metrics: &MetricsHandle,
        ended: &Ended,
    ) -> anyhow::Result<Services> {
        let mut relay_config = up.relay;
        if relay_config.inventory_service_url == INVENTORY_URL_UNSET {
            relay_config.inventory_service_url = listening::url_of(&listeners.inventory_api)?;
        }
        let hints = Hints::new();
        let order_deps = order_api::Deps {
            db: databases.orders,
            hints: hints.clone(),
            notify_scope: NotifyScope::ThisProcess,
            metrics: Some(metrics.clone()),
            inventory_url: Some(relay_config.inventory_service_url.clone()),
        };
        let inventory_config = up.inventory_api.with_gremlin_on_loopback();
        let inventory_deps =
            inventory_api::Deps { db: databases.inventory, metrics: Some(metrics.clone()) };
        let relay = Relay::new(relay_config, databases.relay, hints, NotifyScope::ThisProcess)?;
        let metrics = metrics.clone();
        Ok(Services {
            inventory_api: Running::start("inventory-api", ended.clone(), |stop| async move {
                let listener = listeners.inventory_api;
                inventory_api::serve(inventory_config, inventory_deps, listener, stop).await;
                Ok(())
            }),
            relay: Running::start("relay", ended.clone(), |stop| {
                relay::serve(relay, listeners.relay, metrics, stop)
            }),
            order_api: Running::start("order-api", ended.clone(), |stop| async move {
                order_api::serve(up.order_api, order_deps, listeners.order_api, stop).await;
                Ok(())
            }),
        })
    }

    /// From above: requests under way still find a relay, and the relay's last calls still find inventory.
    pub(crate) async fn stop(self) {
        self.order_api.stop().await;
        self.relay.stop().await;
        self.inventory_api.stop().await;
    }
}
