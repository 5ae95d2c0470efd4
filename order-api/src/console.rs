//! The console under `/console`: pages for support, for an incident, and for a first visit.
//!
//! Pages are made here, from the same functions that answer the API; a form is answered by a redirect, a
//! conflict beside the button that met it. Everything works without JavaScript but live updates, and nothing is
//! loaded from elsewhere. Read `door` (who may), `frame` (what every page has), then a screen.

mod act;
mod assets;
mod audit;
mod bulk;
mod chaos;
mod chart;
mod door;
mod failure;
mod form;
mod frame;
mod health;
mod inventory;
mod live;
mod live_streams;
mod new_order;
mod orders;
mod overview;
mod render;
mod saga;
mod saga_words;
mod simulations;
pub(crate) mod state;
mod stock;
mod visit;
mod when;
mod words;

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::response::Redirect;
use axum::routing::{get, post};
use edge::Problem;

use crate::OrderApi;
use failure::Failure;

pub(crate) fn routes(api: &Arc<OrderApi>) -> Router<Arc<OrderApi>> {
    Router::new()
        .route("/", get(async || Redirect::to("/console")))
        .route("/console", get(overview::show))
        .route("/console/", get(async || Redirect::permanent("/console")))
        .route("/console/orders", get(orders::show))
        .route("/console/orders/{id}", get(saga::show))
        .route("/console/orders/{id}/actions", post(act::act))
        .route("/console/bulk", post(bulk::post))
        .route("/console/bulk/{id}", get(bulk::show))
        .route("/console/health", get(health::show).post(health::switch))
        .route("/console/chaos", get(chaos::show).post(chaos::switch))
        .route("/console/stock", get(stock::list))
        .route("/console/stock/{item_id}", get(stock::show).post(stock::adjust))
        .route("/console/new", get(new_order::show).post(new_order::create))
        .route("/console/simulations", get(simulations::list))
        .route("/console/simulations/{name}", get(simulations::show))
        .route("/console/audit", get(audit::show))
        .route("/console/me", post(visit::rename))
        .route("/console/live", get(live::stream))
        .route(
            "/console/{*path}",
            get(async || Failure(Problem::not_found("there is no such page"))),
        )
        .route("/console/assets/{version}/{name}", get(assets::asset))
        .route_layer(from_fn_with_state(api.staff_access, door::admit))
}
