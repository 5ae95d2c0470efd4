//! The services as a client sees them.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use reqwest::{Client, Response};
use serde_json::{Value, json};
use tokio::time::sleep;

const POLL: Duration = Duration::from_millis(50);
/// States in which an order waits for something.
const UNFINISHED: [&str; 4] = ["pending", "reserving", "queued", "releasing"];

#[derive(Clone)]
pub(crate) struct Api {
    pub(crate) address: SocketAddr,
    http: Client,
}

impl Api {
    pub(crate) fn at(port: u16) -> Api {
        let http = Client::builder()
            .no_proxy()
            .timeout(Duration::from_secs(15))
            // a kept connection may lead to a process that has been killed meanwhile
            .pool_max_idle_per_host(0)
            .build()
            .expect("a client");
        Api { address: ([127, 0, 0, 1], port).into(), http }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.http.get(self.url(path)).send().await.expect("the service answers")
    }

    pub(crate) async fn json(&self, path: &str) -> Value {
        self.get(path).await.json().await.expect("JSON")
    }

    /// Places an order, with a key where one is given.
    pub(crate) async fn order(&self, key: Option<&str>, body: &Value) -> Response {
        let mut request = self.http.post(self.url("/api/orders")).json(body);
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        request.send().await.expect("the order service answers")
    }

    /// Places an order for one piece and waits for nothing.
    pub(crate) async fn place(&self, key: &str, item_id: &str) {
        let body = json!({"item_id": item_id, "quantity": 1});
        let request = self.http.post(self.url("/api/orders")).json(&body);
        let request = request.header("idempotency-key", key).header("prefer", "respond-async");
        let answer = request.send().await.expect("the order service answers");
        assert_eq!(answer.status(), 202);
    }

    /// The same, in the caller's trace.
    pub(crate) async fn place_traced(&self, key: &str, item_id: &str, traceparent: &str) {
        let body = json!({"item_id": item_id, "quantity": 1});
        let request = self.http.post(self.url("/api/orders")).json(&body);
        let request = request.header("idempotency-key", key).header("prefer", "respond-async");
        let answer = request.header("traceparent", traceparent).send().await.expect("answered");
        assert_eq!(answer.status(), 202);
    }

    /// Switches the gremlin on, or off where nothing is wanted of it.
    pub(crate) async fn gremlin(&self, settings: Option<&Value>) {
        let path = self.url("/api/admin/chaos");
        let request = match settings {
            Some(settings) => self.http.post(path).json(settings),
            None => self.http.delete(path),
        };
        let answer = request.send().await.expect("the inventory service answers");
        assert!(answer.status().is_success(), "{}", answer.status());
    }

    /// Holds every call to inventory back, or lets them through again; done when each relay has heard it.
    pub(crate) async fn isolate(&self, isolated: bool) {
        let kind = if isolated { "isolate" } else { "close" };
        let body = json!({"type": kind, "reason": "a test"});
        let request = self.http.post(self.url("/api/breakers/inventory/actions")).json(&body);
        assert_eq!(request.send().await.expect("answered").status(), 202);
        while (self.json("/api/breakers").await["items"][0]["state"] == "isolated") != isolated {
            sleep(POLL).await;
        }
    }

    /// Does something to a saga, whatever it has come to.
    pub(crate) async fn act(&self, id: &str, action: &Value) {
        let request = self.http.post(self.url(&format!("/api/sagas/{id}/actions"))).json(action);
        let answer = request.header("if-match", "*").send().await.expect("answered");
        let status = answer.status();
        assert!(status.is_success(), "{status}: {}", answer.text().await.unwrap_or_default());
    }

    /// The value of the series that begins like this in its metrics.
    pub(crate) async fn metric(&self, series: &str) -> f64 {
        let text = self.get("/metrics").await.text().await.expect("text");
        let line = text.lines().find_map(|line| line.strip_prefix(series));
        line.and_then(|value| value.trim().parse().ok()).unwrap_or_default()
    }

    /// Sets the stock of an item.
    pub(crate) async fn stock(&self, item_id: &str, on_hand: i64) {
        let body = json!({"item_id": item_id, "set": on_hand});
        let request = self.http.post(self.url("/api/inventory/update")).json(&body);
        let key = format!("stock-{item_id}-{on_hand}");
        let answer = request.header("idempotency-key", key).send().await.expect("answered");
        let status = answer.status();
        assert!(status.is_success(), "{status}: {}", answer.text().await.unwrap_or_default());
    }

    /// What can still be ordered of an item.
    pub(crate) async fn available(&self, item_id: &str) -> i64 {
        let item = self.json(&format!("/api/inventory/{item_id}")).await;
        item["available"].as_i64().unwrap_or_else(|| panic!("no stock in {item}"))
    }

    /// Waits until the service says that it is ready; answers how long that took.
    pub(crate) async fn ready(&self, patience: Duration) -> Duration {
        let began = Instant::now();
        loop {
            let answer = self.http.get(self.url("/health/ready")).send().await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return began.elapsed();
            }
            assert!(began.elapsed() < patience, "{} is not ready", self.address);
            sleep(POLL).await;
        }
    }

    /// Whether any order waits for something.
    pub(crate) async fn has_unfinished(&self) -> bool {
        for state in UNFINISHED {
            let page = self.json(&format!("/api/orders?status={state}&limit=1")).await;
            if page["items"].as_array().is_none_or(|items| !items.is_empty()) {
                return true;
            }
        }
        false
    }

    /// Waits until every order has come to its end; answers how long that took.
    pub(crate) async fn settled(&self, patience: Duration) -> Duration {
        let began = Instant::now();
        while self.has_unfinished().await {
            assert!(began.elapsed() < patience, "orders are still unfinished");
            sleep(POLL).await;
        }
        began.elapsed()
    }
}
