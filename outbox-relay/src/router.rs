//! The relay's own HTTP face: health, metrics, and its gate for those who operate it.

use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router};
use edge::health::{self, HealthReport, Need};
use edge::{MetricsHandle, Shell, metrics_route};
use relay_core::gate::GateSnapshot;

use crate::metrics;
use crate::relay::Relay;

/// The routes of one relay.
pub fn router(relay: Relay, handle: MetricsHandle) -> Router {
    let measured = relay.clone();
    let refresh = move || {
        let relay = measured.clone();
        metrics::show_gate(&relay.gate().snapshot());
        relay.show_pool();
        // The gauges lag one scrape behind rather than hold this one up.
        tokio::spawn(async move { relay.measure().await });
    };
    let routes = Router::new()
        .route("/health", get(report))
        .route("/health/live", get(async || health::live()))
        .route("/health/ready", get(report))
        .route("/api/gate", get(gate))
        .route("/api/gate/isolate", post(isolate))
        .route("/api/gate/close", post(close))
        .with_state(relay)
        .route("/metrics", metrics_route(handle, refresh));
    edge::wrap(routes, Shell::new("relay"))
}

async fn report(State(relay): State<Relay>) -> HealthReport {
    let database = health::check("database", Need::Essential, async move {
        relay.measure().await.map(|_| ()).map_err(|_| "the outbox cannot be read".to_owned())
    });
    HealthReport::of([database.await])
}

async fn gate(State(relay): State<Relay>) -> Json<GateSnapshot> {
    Json(relay.gate().snapshot())
}

async fn isolate(State(relay): State<Relay>) -> Json<GateSnapshot> {
    relay.gate().isolate();
    gate(State(relay)).await
}

async fn close(State(relay): State<Relay>) -> Json<GateSnapshot> {
    relay.gate().close();
    relay.wake();
    gate(State(relay)).await
}
