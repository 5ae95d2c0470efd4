//! The client of inventory's reservation contract. It makes calls and says what came of them; it
//! retries nothing.

pub mod classify;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::StreamExt as _;
use reqwest::header::{HeaderMap, HeaderValue, RETRY_AFTER};
use schema_orders::orders::Line;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

pub use classify::Answer;

use crate::config::{BatchCalls, Config};

/// Longest answer to a single call that is read, in bytes.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// Longest line of a batch answer, in bytes.
const LINE_BYTES_MAX: usize = 64 * 1024;
/// Connections kept open while idle. Shorter than the time after which the other side closes them,
/// so that no call goes out on a connection that is just being closed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(2);

/// A client of one inventory service. Redirects and proxies are off: a saga talks to inventory only.
#[derive(Debug)]
pub struct Inventory {
    http: reqwest::Client,
    base: String,
    call_timeout: Duration,
    batch_offered: AtomicBool,
}

/// One call to make.
#[derive(Debug, Clone, Serialize)]
pub struct ReserveCall<'a> {
    /// The idempotency key.
    pub reservation_id: Uuid,
    /// Whose stock it will be.
    pub order_id: Uuid,
    /// The fencing token.
    pub epoch: i64,
    /// Milliseconds inventory may take; it refuses expired work.
    pub deadline_ms: u64,
    /// What to reserve.
    pub lines: &'a [Line],
    /// The order asked for inventory's gremlin. Said only where it is so: the published contract does not
    /// know it.
    #[serde(skip_serializing_if = "is_false")]
    pub gremlin: bool,
}

#[derive(Serialize)]
struct SingleBody<'a> {
    order_id: Uuid,
    lines: &'a [Line],
}

#[derive(Serialize)]
struct BatchBody<'a> {
    entries: &'a [ReserveCall<'a>],
}

#[derive(Deserialize)]
struct BatchLine<'a> {
    reservation_id: Uuid,
    status: u16,
    #[serde(default)]
    retry_after_s: Option<u64>,
    #[serde(borrow, default)]
    body: Option<&'a RawValue>,
}

/// Why no client could be made.
#[derive(Debug, thiserror::Error)]
pub enum InventoryUrlError {
    /// The URL is not one.
    #[error("INVENTORY_SERVICE_URL {url:?} is not a URL like http://127.0.0.1:3002")]
    Url {
        /// As given.
        url: String,
    },
    /// The HTTP client could not be set up.
    #[error("the HTTP client could not be set up")]
    Client(#[source] reqwest::Error),
}

impl Inventory {
    /// A client for the service at the configured URL.
    pub fn new(config: &Config) -> Result<Self, InventoryUrlError> {
        let base = config.inventory_service_url.trim_end_matches('/').to_owned();
        let valid = reqwest::Url::parse(&base)
            .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        if !valid {
            return Err(InventoryUrlError::Url { url: base });
        }
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .connect_timeout(config.call_timeout())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .tcp_nodelay(true)
            .build()
            .map_err(InventoryUrlError::Client)?;
        let batch_offered = AtomicBool::new(config.batch_calls == BatchCalls::Auto);
        Ok(Self { http, base, call_timeout: config.call_timeout(), batch_offered })
    }

    /// The longest one call may take.
    pub fn call_timeout(&self) -> Duration {
        self.call_timeout
    }

    /// Whether calls may travel together.
    pub fn takes_batches(&self) -> bool {
        self.batch_offered.load(Ordering::Relaxed)
    }

    /// Reserves, by a single call.
    pub async fn reserve(&self, call: &ReserveCall<'_>) -> Answer {
        let mut request = self
            .http
            .put(format!("{}/api/inventory/reservations/{}", self.base, call.reservation_id))
            .header("Saga-Epoch", call.epoch)
            .header("Saga-Deadline-Ms", call.deadline_ms)
            .json(&SingleBody { order_id: call.order_id, lines: call.lines })
            .timeout(Duration::from_millis(call.deadline_ms));
        if call.gremlin {
            request = request.header("Saga-Gremlin", "true");
        }
        let (status, retry_after_ms, body) = match Self::send(request).await {
            Ok(answer) => answer,
            Err(answer) => return answer,
        };
        classify::reserve(call.reservation_id, status, retry_after_ms, &body)
    }

    /// Releases, or tombstones.
    pub async fn release(&self, reservation_id: Uuid, order_id: Uuid, epoch: i64) -> Answer {
        let request = self
            .http
            .delete(format!(
                "{}/api/inventory/reservations/{reservation_id}?order_id={order_id}",
                self.base
            ))
            .header("Saga-Epoch", epoch)
            .timeout(self.call_timeout);
        match Self::send(request).await {
            Ok((status, retry_after_ms, body)) => {
                classify::release(reservation_id, status, retry_after_ms, &body)
            }
            Err(answer) => answer,
        }
    }

    /// Reserves by one call for all. `each` gets every answer as it comes in; those that never come
    /// (the stream was cut, the time was up) are the caller's to count as unknown.
    ///
    /// `Err`: the answer that stands for every entry, none of which was given to `each`; `None`: the
    /// service does not know this call.
    pub async fn reserve_batch(
        &self,
        calls: &[ReserveCall<'_>],
        mut each: impl FnMut(Uuid, Answer),
    ) -> Result<(), Option<Answer>> {
        let timeout_ms = calls.iter().map(|call| call.deadline_ms).max().unwrap_or(0);
        let request = self
            .http
            .post(format!("{}/api/inventory/reservations:batch", self.base))
            .json(&BatchBody { entries: calls })
            .timeout(Duration::from_millis(timeout_ms));
        let response = request.send().await.map_err(|error| Some(classify::failed(&error)))?;
        let status = response.status().as_u16();
        if !response.status().is_success() {
            let retry_after_ms = retry_after_ms(response.headers());
            let body = read_bounded(response).await.unwrap_or_default();
            if classify::is_unknown_call(status, &body) {
                self.batch_offered.store(false, Ordering::Relaxed);
                return Err(None);
            }
            return Err(Some(classify::whole_batch(status, retry_after_ms, &body)));
        }
        let mut stream = response.bytes_stream();
        let mut pending = Vec::new();
        // A cut stream ends the loop: what was answered until then stays answered.
        while let Some(Ok(chunk)) = stream.next().await {
            pending.extend_from_slice(&chunk);
            let mut done = 0;
            while let Some(length) = pending[done..].iter().position(|byte| *byte == b'\n') {
                let line = &pending[done..done + length];
                if let Ok(line) = serde_json::from_slice::<BatchLine<'_>>(line) {
                    let body = line.body.map_or("", RawValue::get).as_bytes();
                    let retry_after_ms = line.retry_after_s.map(|s| s.saturating_mul(1_000));
                    let id = line.reservation_id;
                    each(id, classify::reserve(id, line.status, retry_after_ms, body));
                }
                done += length + 1;
            }
            pending.drain(..done);
            if pending.len() > LINE_BYTES_MAX {
                break;
            }
        }
        Ok(())
    }

    async fn send(request: reqwest::RequestBuilder) -> Result<(u16, Option<u64>, Vec<u8>), Answer> {
        let response = request.send().await.map_err(|error| classify::failed(&error))?;
        let status = response.status().as_u16();
        let retry_after_ms = retry_after_ms(response.headers());
        let body = read_bounded(response).await.ok_or(Answer::Unknown)?;
        Ok((status, retry_after_ms, body))
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
fn is_false(value: &bool) -> bool {
    !value
}

/// `None` where the body was cut or is longer than any honest one.
async fn read_bounded(mut response: reqwest::Response) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.ok()? {
        body.extend_from_slice(&chunk);
        if body.len() > ANSWER_BYTES_MAX {
            return None;
        }
    }
    Some(body)
}

/// Seconds only; a date is nothing a machine should have to trust a clock for.
fn retry_after_ms(headers: &HeaderMap<HeaderValue>) -> Option<u64> {
    let seconds: u64 = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(seconds.saturating_mul(1_000))
}
