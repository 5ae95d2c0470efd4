//! People who order and change their minds, one request at a time: what the load's clients do not do.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, bail};
use reqwest::{Client, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use crate::load::item_id;

/// What is asked for is done by then, whoever dies meanwhile.
const DONE_WITHIN: Duration = Duration::from_secs(20);
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(50);
const ORDERS: usize = 4;

/// Cheap to clone.
#[derive(Clone)]
pub(super) struct People {
    pub(super) http: Client,
    orders: String,
}

impl People {
    pub(super) fn new(order_api: SocketAddr) -> anyhow::Result<Self> {
        let http = Client::builder().no_proxy().timeout(ANSWER_WITHIN).build()?;
        Ok(Self { http, orders: format!("http://{order_api}/api") })
    }

    /// A few orders, each cancelled as soon as it is taken.
    pub(super) async fn place_and_cancel(&self) -> anyhow::Result<()> {
        for id in self.place().await? {
            let url = format!("{}/orders/{id}/cancel", self.orders);
            self.persist(|| self.http.post(&url)).await?;
        }
        Ok(())
    }

    /// A few orders whose outcome nobody waits for.
    pub(super) async fn place(&self) -> anyhow::Result<Vec<Uuid>> {
        let mut ids = vec![];
        for number in 0..ORDERS {
            let key = Uuid::now_v7().to_string();
            let body = json!({"lines": [{"item_id": item_id(number as u32), "quantity": 1}]});
            let url = format!("{}/orders", self.orders);
            let request = || {
                let request = self.http.post(&url).header("idempotency-key", &key);
                request.header("prefer", "respond-async").json(&body)
            };
            let order = self.persist(request).await?;
            let id = order["id"].as_str().and_then(|id| id.parse().ok());
            ids.push(id.with_context(|| format!("an order without an id: {order}"))?);
        }
        Ok(ids)
    }

    /// As a person would: again, until it is answered with anything but "try again".
    pub(super) async fn persist(
        &self,
        request: impl Fn() -> RequestBuilder,
    ) -> anyhow::Result<Value> {
        let until = Instant::now() + DONE_WITHIN;
        loop {
            let said = match request().send().await {
                Ok(answer) if !answer.status().is_server_error() => {
                    let status = answer.status();
                    let body = answer.json().await.unwrap_or_default();
                    // It is confirmed already, or the first one arrived.
                    let is_fine = status.is_success() || status == StatusCode::CONFLICT;
                    if is_fine {
                        return Ok(body);
                    }
                    format!("{status}: {body}")
                }
                Ok(answer) => answer.status().to_string(),
                Err(error) => error.to_string(),
            };
            if Instant::now() > until {
                bail!("a stimulus was not done within {DONE_WITHIN:?}: {said}");
            }
            sleep(PAUSE).await;
        }
    }
}
