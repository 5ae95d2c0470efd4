//! Health, the window and the metrics.

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use http::{Method, StatusCode};
use in_process::{Hints, NotifyScope};
use order_api::{Deps, OrderApi, router};
use schema_orders::testing::{empty_database, make_oldest_message_older};
use schema_pg::testing::TestDb;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::relay::{DONE, Relay};
use crate::world::{Answer, World, config, one_ps5, request, send};

#[tokio::test]
async fn has_the_seeds_shape_and_really_asks() {
    let world = World::new().await;
    let health = world.get("/health").await;
    let body = health.json();
    assert_eq!((health.status.as_u16(), &body["status"]), (200, &Value::from("healthy")));
    assert!(body["timestamp"].as_str().unwrap().ends_with('Z'));
    let services = body["services"].as_object().unwrap();
    assert_eq!(services.keys().collect::<Vec<_>>(), ["database", "database_write"]);
    let live = world.get("/health/live").await;
    assert_eq!((live.status.as_u16(), &live.json()["status"]), (200, &Value::from("healthy")));
    assert_eq!(world.get("/health/ready").await.status, 200);
    let listed = world.get("/api/orders").await.json();
    assert_eq!(listed["items"], serde_json::json!([]), "asking leaves nothing behind");
}

#[tokio::test]
async fn is_not_ready_before_the_migrations() {
    let empty = empty_database().await;
    let world = World::on(empty, NotifyScope::ThisProcess, &[]).await;
    let ready = world.get("/health/ready").await;
    assert_eq!((ready.status.as_u16(), status_of(&ready, "database")), (503, "unhealthy".into()));
    assert_eq!(world.get("/health").await.status, 503);
}

#[tokio::test]
async fn asks_deeply_for_everything_that_finishes_an_order() {
    let world = World::new().await;
    let (api, inventory) = with_inventory(&world.database, StatusCode::OK).await;
    let deep = async || send(&router(&api), request(Method::GET, "/health/deep")).await;
    let lonely = deep().await;
    assert_eq!((lonely.status.as_u16(), status_of(&lonely, "relay")), (503, "unhealthy".into()));
    assert_eq!(
        (lonely.json()["status"].as_str(), status_of(&lonely, "inventory")),
        (Some("degraded"), "healthy".into())
    );
    let _relay = Relay::of(&world).await;
    let (api, _) = with_inventory(&world.database, StatusCode::OK).await;
    let complete = send(&router(&api), request(Method::GET, "/health/deep")).await;
    assert_eq!(complete.status, 200, "{complete:?}");
    let (api, _) = with_inventory(&world.database, StatusCode::SERVICE_UNAVAILABLE).await;
    let refusing = send(&router(&api), request(Method::GET, "/health/deep")).await;
    assert_eq!(
        (refusing.status.as_u16(), status_of(&refusing, "inventory")),
        (503, "unhealthy".into())
    );
    assert_eq!(send(&router(&api), request(Method::GET, "/health/ready")).await.status, 200);
    inventory.abort();
    let _ = inventory.await;
}

#[tokio::test]
async fn notices_that_orders_are_not_finished() {
    let world = World::with(&["--order-api-wait-ms=0", "--order-api-outbox-age-max-s=60"]).await;
    let _relay = Relay::of(&world).await;
    world.order("k").await;
    make_oldest_message_older(&world.database.db, 61).await;
    let deep = world.get("/health/deep").await;
    assert_eq!((deep.status.as_u16(), status_of(&deep, "outbox")), (503, "unhealthy".into()));
    assert!(deep.json()["services"].get("inventory").is_none(), "nobody said where it is");
}

#[tokio::test]
async fn shows_the_window_and_the_seeds_metrics() {
    let metrics = edge::install_prometheus().unwrap();
    let mut world = World::new().await;
    let deps = Deps {
        db: world.database.db.clone(),
        hints: world.hints.clone(),
        notify_scope: NotifyScope::ThisProcess,
        metrics: Some(metrics),
        inventory_url: None,
    };
    world.api = OrderApi::start(config(&[]), deps);
    let relay = Relay::of(&world).await;
    let body = one_ps5();
    let (first, _) = tokio::join!(world.post("k", &body), relay.settle_next(DONE));
    assert_eq!((first.status.as_u16(), world.post("k", &body).await.status.as_u16()), (201, 201));
    let window = world.get("/api/health/window").await.json();
    assert_eq!((&window["status"], &window["count"]), (&"green".into(), &2.into()));
    assert_eq!(window["buckets"].as_array().unwrap().len(), 30);
    let text = world.get("/metrics").await.text;
    // at least, because all tests of a process share its recorder
    for (series, at_least) in [
        ("orders_created_total", 1.0),
        ("idempotency_cache_hits_total", 1.0),
        ("order_processing_duration_seconds_count{status=\"confirmed\"}", 1.0),
        ("order_response_status", 0.0),
        (
            "http_request_duration_seconds_count{service=\"order-api\",method=\"POST\",route=\"/api/orders\",status=\"201\"}",
            2.0,
        ),
        ("batch_rows_count{batcher=\"orders\"}", 2.0),
    ] {
        let shown = text.lines().find_map(|line| line.strip_prefix(series)?.trim().parse().ok());
        assert!(shown.is_some_and(|shown: f64| shown >= at_least), "{series} in\n{text}");
    }
    for name in ["process_cpu_seconds_total", "process_resident_memory_bytes"] {
        assert!(text.contains(name), "{name}");
    }
    assert!(!text.contains(&first.id().to_string()), "labels are bounded");
}

fn status_of(answer: &Answer, service: &str) -> String {
    answer.json()["services"][service]["status"].as_str().unwrap_or("absent").to_owned()
}

/// An order service that knows of an inventory whose readiness answers with this status.
async fn with_inventory(
    database: &TestDb,
    status: StatusCode,
) -> (Arc<OrderApi>, tokio::task::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let router = Router::new().route("/health/ready", get(async move || status));
    let serving = tokio::spawn(async move {
        edge::serve(listener, router, edge::ServeConfig::default(), CancellationToken::new()).await;
    });
    let deps = Deps {
        db: database.db.clone(),
        hints: Hints::new(),
        notify_scope: NotifyScope::ThisProcess,
        metrics: None,
        inventory_url: Some(url),
    };
    (OrderApi::start(config(&[]), deps), serving)
}
