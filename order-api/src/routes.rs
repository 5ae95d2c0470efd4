//! All paths of the service, in one place.

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use edge::{Shell, metrics_route, wrap};

use crate::OrderApi;
use crate::orders::{cancel, create, events, get, list};
use crate::staff::{access, actions, breakers, bulk, lookup, relays, sagas};
use crate::{console, health, metrics};

const SERVICE: &str = "order-api";

/// The routes, inside their shell.
pub fn router(api: &Arc<OrderApi>) -> Router {
    let mut routes = Router::new()
        .route("/api/orders", post(create::create_order).get(list::list_orders))
        .route("/api/orders/{id}", get(get::get_order))
        .route("/api/orders/{id}/events", get(events::follow_order))
        .route("/api/orders/{id}/cancel", post(cancel::cancel_order))
        .route("/api/health/window", get(health::window))
        .route("/health", get(health::health))
        .route("/health/deep", get(health::deep))
        .route("/health/live", get(async || edge::health::live()))
        .route("/health/ready", get(health::ready))
        .merge(staff_routes(api))
        .merge(console::routes(api))
        .with_state(api.clone());
    let shell = match api.config.rate_limit() {
        Some(limit) => Shell::limited(SERVICE, limit),
        None => Shell::new(SERVICE),
    };
    if let Some(handle) = api.metrics.clone() {
        let api = Arc::clone(api);
        let refresh = move || {
            metrics::show_window(&api.window);
            api.backlog.look_again();
        };
        routes = routes.route("/metrics", metrics_route(handle, refresh));
    }
    wrap(routes, shell)
}

/// All of them behind the one door.
fn staff_routes(api: &Arc<OrderApi>) -> Router<Arc<OrderApi>> {
    let routes = sagas::routes()
        .merge(actions::routes())
        .merge(bulk::routes())
        .route("/api/lookup", get(lookup::lookup))
        .route("/api/relay", get(relays::show_relays))
        .route("/api/breakers", get(breakers::list_breakers))
        .route("/api/breakers/{name}/actions", post(breakers::act));
    routes.route_layer(from_fn_with_state(api.staff_access, access::admit))
}
