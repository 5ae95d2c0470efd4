//! One order service on one fresh database, and what a client sends to it.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use clap::Parser;
use edge::Caller;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt;
use in_process::{Hints, NotifyScope};
use order_api::{Config, Deps, OrderApi, router};
use schema_orders::testing::fresh_database;
use schema_pg::testing::TestDb;
use schema_pg::{Db, PoolConfig};
use serde_json::{Value, json};
use tower::ServiceExt;
use uuid::Uuid;

/// Nothing here takes longer, and a test that waits for something gives up after it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Longer than a test holds a lock, however slow the machine is.
const LOCK_TIMEOUT_MS: u32 = 20_000;

pub(crate) struct World {
    pub(crate) database: TestDb,
    pub(crate) hints: Hints,
    pub(crate) api: Arc<OrderApi>,
}

/// The settings as the binary reads them.
#[derive(Parser)]
struct CommandLine {
    #[command(flatten)]
    config: Config,
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

pub(crate) fn config(arguments: &[&str]) -> Config {
    parse(arguments).unwrap()
}

pub(crate) fn parse(arguments: &[&str]) -> Result<Config, clap::Error> {
    CommandLine::try_parse_from([&["test"], arguments].concat()).map(|line| line.config)
}

impl World {
    pub(crate) async fn new() -> World {
        World::with(&[]).await
    }

    /// With these settings, and the relay in the same process.
    pub(crate) async fn with(arguments: &[&str]) -> World {
        World::on(fresh_database().await, NotifyScope::ThisProcess, arguments).await
    }

    pub(crate) async fn on(
        database: TestDb,
        notify_scope: NotifyScope,
        arguments: &[&str],
    ) -> World {
        let hints = Hints::new();
        let api = start(&database, &hints, notify_scope, LOCK_TIMEOUT_MS, arguments).await;
        World { database, hints, api }
    }

    /// A second service on the same database, which waits for locks only briefly.
    pub(crate) async fn impatient(&self, arguments: &[&str]) -> Arc<OrderApi> {
        start(&self.database, &self.hints, NotifyScope::ThisProcess, 100, arguments).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        send(&router(&self.api), request(Method::GET, path)).await
    }

    pub(crate) async fn post(&self, key: &str, body: &Value) -> Answer {
        send(&router(&self.api), order_request(key, body)).await
    }

    /// An order nobody waits for. Its id.
    pub(crate) async fn order(&self, key: &str) -> Uuid {
        let mut request = order_request(key, &one_ps5());
        request.headers_mut().insert("prefer", "respond-async".parse().unwrap());
        let answer = send(&router(&self.api), request).await;
        assert_eq!(answer.status, 202, "{answer:?}");
        answer.id()
    }

    pub(crate) async fn cancel(&self, id: Uuid) -> Answer {
        let path = format!("/api/orders/{id}/cancel");
        send(&router(&self.api), request(Method::POST, &path)).await
    }

    pub(crate) async fn status_of(&self, id: Uuid) -> String {
        let order = self.get(&format!("/api/orders/{id}")).await.json();
        order["status"].as_str().unwrap().to_owned()
    }
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON: {self:?}"))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn id(&self) -> Uuid {
        self.json()["id"].as_str().unwrap().parse().unwrap()
    }

    /// Status and code of a problem, which must look like one.
    #[track_caller]
    pub(crate) fn problem(&self) -> (u16, String) {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        let problem = self.json();
        let code = problem["code"].as_str().unwrap();
        assert_eq!(problem["type"], format!("https://valerix.dev/problems/{code}"));
        assert_eq!(problem["status"], self.status.as_u16());
        assert_eq!(problem["trace_id"], self.header("x-request-id").unwrap());
        (self.status.as_u16(), code.to_owned())
    }
}

pub(crate) async fn start(
    database: &TestDb,
    hints: &Hints,
    notify_scope: NotifyScope,
    lock_timeout_ms: u32,
    arguments: &[&str],
) -> Arc<OrderApi> {
    let pool = PoolConfig {
        lock_timeout_ms,
        statement_timeout_ms: 2 * LOCK_TIMEOUT_MS,
        ..PoolConfig::new(&database.url, "test")
    };
    let db = Db::connect(&pool).await.unwrap();
    let hints = hints.clone();
    OrderApi::start(
        config(arguments),
        Deps { db, hints, notify_scope, metrics: None, inventory_url: None },
    )
}

pub(crate) fn one_ps5() -> Value {
    json!({"item_id": "ps5", "quantity": 1})
}

pub(crate) fn request(method: Method, path: &str) -> Request<Body> {
    Request::builder().method(method).uri(path).body(Body::empty()).unwrap()
}

pub(crate) fn order_request(key: &str, body: &Value) -> Request<Body> {
    raw_order_request(key, body.to_string())
}

pub(crate) fn raw_order_request(key: &str, body: impl Into<Body>) -> Request<Body> {
    Request::post("/api/orders")
        .header("content-type", "application/json")
        .header("idempotency-key", key)
        .body(body.into())
        .unwrap()
}

/// As an authenticator would name the caller.
pub(crate) fn of_tenant(mut request: Request<Body>, tenant: &str) -> Request<Body> {
    request.extensions_mut().insert(Caller::Principal(tenant.into()));
    request
}

pub(crate) async fn send(router: &Router, request: Request<Body>) -> Answer {
    let response = router.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let text = String::from_utf8(body.to_vec()).unwrap();
    Answer { status: parts.status, headers: parts.headers, text }
}

/// Looks until there is something to see.
pub(crate) async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        if let Some(seen) = look().await {
            return seen;
        }
        assert!(tokio::time::Instant::now() < deadline, "never seen: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
