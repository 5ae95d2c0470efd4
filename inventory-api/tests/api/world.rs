//! A service on a database of its own, and how the tests talk to it.

use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use clap::Parser;
use edge::CutConnection;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use http_body::Frame;
use http_body_util::BodyExt;
use inventory_api::{Config, Deps, InventoryApi};
use schema_inventory::consistency::find_imbalances;
use schema_inventory::testing::fresh_inventory;
use schema_pg::testing::TestDb;
use serde_json::{Value, json};
use tower::ServiceExt;
use uuid::Uuid;

/// How long something may take that must come about.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct World {
    pub(crate) router: Router,
    pub(crate) database: TestDb,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
    /// The connection would have been cut: before the head, or in the middle of the body.
    pub(crate) was_cut: bool,
}

#[derive(Parser)]
struct Defaults {
    #[command(flatten)]
    config: Config,
}

impl World {
    pub(crate) async fn with_stock(items: &[(&str, i64)]) -> World {
        World::configured(defaults(), items).await
    }

    /// One in which the gremlin is allowed, and off.
    pub(crate) async fn with_gremlin(items: &[(&str, i64)]) -> World {
        let config = Config { gremlin_enabled: Some(true), ..defaults() };
        World::configured(config, items).await
    }

    /// The same database behind another instance of the service.
    pub(crate) fn replica(&self) -> Replica {
        let config = Config { gremlin_enabled: Some(true), ..defaults() };
        let deps = Deps { db: self.database.db.clone(), metrics: None };
        Replica(InventoryApi::start(config, deps).router())
    }

    pub(crate) async fn configured(config: Config, items: &[(&str, i64)]) -> World {
        let database = fresh_inventory().await;
        let deps = Deps { db: database.db.clone(), metrics: None };
        let api = InventoryApi::start(config, deps);
        let world = World { router: api.router(), database };
        for (item_id, quantity) in items {
            let answer = world
                .send(Method::POST, "/api/inventory/update")
                .json(&json!({"item_id": item_id, "set": quantity}))
                .await;
            assert_eq!(answer.status, 200, "{answer:?}");
        }
        world
    }

    /// A request to be completed; it is sent when it is awaited.
    pub(crate) fn send(&self, method: Method, path: &str) -> Sending {
        Sending::to(&self.router, method, path)
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path).empty().await
    }

    pub(crate) async fn put(&self, id: Uuid, epoch: i64, lines: &[(&str, i64)]) -> Answer {
        let path = format!("/api/inventory/reservations/{id}");
        self.send(Method::PUT, &path)
            .header("saga-epoch", epoch)
            .json(&reserve_body(id, lines))
            .await
    }

    pub(crate) async fn delete(&self, id: Uuid, epoch: i64) -> Answer {
        let path = format!("/api/inventory/reservations/{id}?order_id={}", order_of(id));
        self.send(Method::DELETE, &path).header("saga-epoch", epoch).empty().await
    }

    pub(crate) async fn commit(&self, id: Uuid, epoch: i64) -> Answer {
        let path = format!("/api/inventory/reservations/{id}/commit");
        self.send(Method::POST, &path).header("saga-epoch", epoch).empty().await
    }

    /// Quantity and reserved quantity.
    pub(crate) async fn level(&self, item_id: &str) -> (i64, i64) {
        let item = self.get(&format!("/api/inventory/{item_id}")).await.json();
        let number = |member: &str| item[member].as_i64().expect("a number");
        (number("quantity"), number("reserved_quantity"))
    }

    /// Stock, ledger and reservation lines agree.
    pub(crate) async fn assert_clean_slate(&self) {
        let read = self.database.db.read(|connection| Box::pin(find_imbalances(connection, 10)));
        let found: Result<_, schema_pg::DbError> = read.await;
        assert_eq!(found.expect("read"), []);
    }
}

/// Another instance of the service.
pub(crate) struct Replica(Router);

impl Replica {
    pub(crate) fn send(&self, method: Method, path: &str) -> Sending {
        Sending::to(&self.0, method, path)
    }
}

pub(crate) struct Sending {
    router: Router,
    request: http::request::Builder,
}

impl Sending {
    fn to(router: &Router, method: Method, path: &str) -> Sending {
        let request = Request::builder().method(method).uri(path);
        Sending { router: router.clone(), request }
    }

    pub(crate) fn header(mut self, name: &str, value: impl TryInto<HeaderValue>) -> Sending {
        let value = value.try_into().ok().expect("a header value");
        self.request = self.request.header(name, value);
        self
    }

    pub(crate) async fn json(self, body: &Value) -> Answer {
        self.text(body.to_string()).await
    }

    pub(crate) async fn text(self, body: impl Into<Body>) -> Answer {
        let sending = self.header("content-type", "application/json");
        let request = sending.request.body(body.into()).expect("a request");
        finish(sending.router, request).await
    }

    pub(crate) async fn empty(self) -> Answer {
        let request = self.request.body(Body::empty()).expect("a request");
        finish(self.router, request).await
    }
}

async fn finish(router: Router, request: Request<Body>) -> Answer {
    let response = router.oneshot(request).await.expect("infallible");
    let (parts, mut body) = response.into_parts();
    let mut was_cut = parts.extensions.get::<CutConnection>().is_some();
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        match frame.map(Frame::into_data) {
            Ok(data) => bytes.extend_from_slice(&data.expect("no trailers")),
            Err(_) => was_cut = true,
        }
    }
    let text = String::from_utf8(bytes).expect("UTF-8");
    Answer { status: parts.status.as_u16(), headers: parts.headers, text, was_cut }
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).expect("JSON")
    }

    /// One JSON value per line.
    pub(crate) fn lines(&self) -> Vec<Value> {
        self.text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }

    /// Status and problem code, or state.
    #[track_caller]
    pub(crate) fn assert_is(&self, status: u16, code_or_state: &str) {
        let body = self.json();
        let said = body.get("code").or(body.get("state")).and_then(Value::as_str);
        assert_eq!((self.status, said), (status, Some(code_or_state)), "{}", self.text);
        if self.status >= StatusCode::BAD_REQUEST.as_u16() {
            assert_eq!(body["type"], format!("https://valerix.dev/problems/{code_or_state}"));
            assert_eq!(self.headers["content-type"], "application/problem+json");
        }
    }
}

pub(crate) fn defaults() -> Config {
    Defaults::parse_from(["test"]).config
}

pub(crate) fn order_of(reservation_id: Uuid) -> Uuid {
    Uuid::from_u128(reservation_id.as_u128() ^ 1)
}

pub(crate) fn reserve_body(reservation_id: Uuid, lines: &[(&str, i64)]) -> Value {
    json!({"order_id": order_of(reservation_id), "lines": lines_json(lines)})
}

pub(crate) fn lines_json(lines: &[(&str, i64)]) -> Value {
    lines
        .iter()
        .map(|(item_id, quantity)| json!({"item_id": item_id, "quantity": quantity}))
        .collect()
}

/// Polls until it is so, for a bounded time.
pub(crate) async fn eventually(condition: impl AsyncFn() -> bool) {
    let begun = Instant::now();
    while !condition().await {
        assert!(begun.elapsed() < PATIENCE, "it did not come about within {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
