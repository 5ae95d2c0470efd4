//! All paths of the service, in one place.

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post, put};
use edge::{Shell, metrics_route, wrap};

use crate::gremlin::admin;
use crate::{
    InventoryApi, SERVICE, batch, by_order, health, reservations, stock, transactions, update,
};

impl InventoryApi {
    /// The routes, inside their shell.
    pub fn router(self: &Arc<InventoryApi>) -> Router {
        router(self)
    }
}

fn router(api: &Arc<InventoryApi>) -> Router {
    let reservation =
        put(reservations::reserve).delete(reservations::release).get(reservations::get_reservation);
    let chaos = post(admin::switch_on).get(admin::get).delete(admin::switch_off);
    let routes = Router::new()
        .route("/api/inventory", get(stock::list_stock))
        .route("/api/inventory/{item_id}", get(stock::get_item))
        .route("/api/inventory/{item_id}/transactions", get(transactions::list_transactions))
        .route("/api/inventory/{item_id}/balance", get(transactions::show_balance))
        .route("/api/inventory/update", post(update::update_stock))
        .route("/api/inventory/reserve", post(by_order::reserve))
        .route("/api/inventory/deduct", post(by_order::deduct))
        .route("/api/inventory/reservations:batch", post(batch::reserve_batch))
        .route("/api/inventory/reservations/{reservation_id}", reservation)
        .route("/api/inventory/reservations/{reservation_id}/commit", post(reservations::commit))
        .route("/api/admin/chaos", chaos)
        .route("/health", get(health::health))
        .route("/health/live", get(async || edge::health::live()))
        .route("/health/ready", get(health::ready));
    let mut routes = routes.with_state(api.clone());
    if let Some(handle) = api.metrics.clone() {
        let gauges = api.stock_gauges.clone();
        routes = routes.route("/metrics", metrics_route(handle, move || gauges.look_again()));
    }
    let shell = match api.config.rate_limit() {
        Some(limit) => Shell::limited(SERVICE, limit),
        None => Shell::new(SERVICE),
    };
    wrap(routes, shell)
}
