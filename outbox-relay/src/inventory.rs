//! The client of inventory's reservation contract. It makes calls and says what came of them; it
//! retries nothing.

mod entry_traces;
pub mod exchange;

use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use failpoints::Site;
use http::header::CONTENT_TYPE;
use http::{Method, Request, Uri, request};
use http_body_util::Full;
use relay_core::answer::{self, Answer, NoAnswer, Reservation};
use relay_core::batch_offer::BatchOffer;
use saga::stored::Line;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio::time::Instant;
use uuid::Uuid;

use crate::config::{BatchCalls, Config};
use entry_traces::EntryTraces;
use exchange::{Answered, Connector, Exchange, next_bytes, rest, tcp};

/// Longest line of a batch answer, in bytes.
const LINE_BYTES_MAX: usize = 64 * 1024;
const TRACEPARENT: &str = "traceparent";
const PARTS_ARE_VALID: &str = "the base was checked, and ids and numbers are valid parts";

/// A client of one inventory service.
#[derive(Debug)]
pub struct Inventory {
    http: Exchange,
    base: String,
    call_timeout: Duration,
    started: Instant,
    batch_offer: Mutex<BatchOffer>,
    entry_traces: EntryTraces,
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
    /// W3C trace context of the call. In a batch it is said only to who has said that it knows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
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

/// The configured URL is none that calls could go to.
#[derive(Debug, thiserror::Error)]
#[error("INVENTORY_SERVICE_URL {url:?} is not a URL like http://127.0.0.1:3002")]
pub struct InventoryUrlError {
    url: String,
}

impl Inventory {
    /// A client for the service at the configured URL.
    pub fn new(config: &Config) -> Result<Self, InventoryUrlError> {
        Self::with_connector(tcp(config.call_timeout()), config)
    }

    /// The same over connections of another kind.
    pub fn with_connector(
        connector: Connector,
        config: &Config,
    ) -> Result<Self, InventoryUrlError> {
        let base = config.inventory_service_url.trim_end_matches('/').to_owned();
        let uri = base.parse::<Uri>().ok();
        let is_http = |uri: &Uri| uri.scheme_str() == Some("http") && uri.query().is_none();
        if !uri.as_ref().is_some_and(is_http) {
            return Err(InventoryUrlError { url: base });
        }
        let http = Exchange::with_connector(connector);
        Ok(Self {
            http,
            base,
            call_timeout: config.call_timeout(),
            started: Instant::now(),
            batch_offer: Mutex::new(BatchOffer::new(config.batch_calls == BatchCalls::Auto)),
            entry_traces: EntryTraces::default(),
        })
    }

    /// The longest one call may take.
    pub fn call_timeout(&self) -> Duration {
        self.call_timeout
    }

    /// Whether calls may travel together now.
    pub fn takes_batches(&self) -> bool {
        self.batch_offer().is_open(self.now_ms())
    }

    /// Reserves, by a single call.
    pub async fn reserve(&self, call: &ReserveCall<'_>) -> Answer {
        let id = call.reservation_id;
        let path = format!("/api/inventory/reservations/{id}");
        let mut request = self
            .request(Method::PUT, &path)
            .header("Saga-Epoch", call.epoch)
            .header("Saga-Deadline-Ms", call.deadline_ms);
        if let Some(context) = &call.traceparent {
            request = request.header(TRACEPARENT, context);
        }
        let body = SingleBody { order_id: call.order_id, lines: call.lines };
        let within = Duration::from_millis(call.deadline_ms);
        match self.http.call(Site::CallReserve, json(request, &body), within).await {
            Ok(Answered { status, retry_after_ms, body }) => {
                answer::reserve(id, status, retry_after_ms, &body)
            }
            Err(failure) => answer::failed(failure),
        }
    }

    /// Releases, or tombstones.
    pub async fn release(
        &self,
        reservation_id: Uuid,
        order_id: Uuid,
        epoch: i64,
        traceparent: Option<String>,
    ) -> Answer {
        let path = format!("/api/inventory/reservations/{reservation_id}?order_id={order_id}");
        let mut request = self.request(Method::DELETE, &path).header("Saga-Epoch", epoch);
        if let Some(context) = traceparent {
            request = request.header(TRACEPARENT, context);
        }
        let request = request.body(Full::default()).expect(PARTS_ARE_VALID);
        match self.http.call(Site::CallRelease, request, self.call_timeout).await {
            Ok(Answered { status, retry_after_ms, body }) => {
                answer::release(reservation_id, status, retry_after_ms, &body)
            }
            Err(failure) => answer::failed(failure),
        }
    }

    /// What inventory has under this id; `Ok(None)`: nothing.
    ///
    /// It belongs to no saga's trace, and is in none of its own: nobody would look at so many.
    pub(crate) async fn look_up(&self, id: Uuid) -> Result<Option<Reservation>, NoAnswer> {
        let (trace, span) = (rand::random::<u128>() | 1, rand::random::<u64>() | 1);
        let request = self
            .request(Method::GET, &format!("/api/inventory/reservations/{id}"))
            .header(TRACEPARENT, format!("00-{trace:032x}-{span:016x}-00"))
            .body(Full::default())
            .expect(PARTS_ARE_VALID);
        let answered = self.http.read(request, self.call_timeout).await;
        let answered = answered.map_err(|_| NoAnswer)?;
        answer::look_up(id, answered.status, &answered.body)
    }

    /// Reserves by one call for all. `each` gets every answer as it comes in; those that never come
    /// (the stream was cut, the time was up) are the caller's to count as unknown.
    ///
    /// `Err`: the answer that stands for every entry, none of which was given to `each`; `None`: the
    /// service does not know this call.
    pub async fn reserve_batch(
        &self,
        mut calls: Vec<ReserveCall<'_>>,
        mut each: impl FnMut(Uuid, Answer),
    ) -> Result<(), Option<Answer>> {
        let timeout_ms = calls.iter().map(|call| call.deadline_ms).max().unwrap_or(0);
        let until = Instant::now() + Duration::from_millis(timeout_ms);
        let are_traced = self.entry_traces.are_known();
        if !are_traced {
            for call in &mut calls {
                call.traceparent = None;
            }
        }
        let request = self.request(Method::POST, "/api/inventory/reservations:batch");
        let request = json(request, &BatchBody { entries: &calls });
        let response = self.http.open(Site::CallReserveBatch, request, until).await;
        let response = response.map_err(|failure| Some(answer::failed(failure)))?;
        if !response.status().is_success() {
            let Answered { status, retry_after_ms, body } = rest(response, until).await;
            if answer::is_unknown_call(status, &body) {
                self.batch_offer().refuse(self.now_ms());
                tracing::warn!(
                    status,
                    "inventory does not know the batch call: calls go alone for a minute"
                );
                return Err(None);
            }
            return Err(Some(answer::whole_batch(status, retry_after_ms, &body)));
        }
        self.entry_traces.hear(response.headers());
        let mut stream = response.into_body();
        let mut pending = Vec::new();
        // A cut stream ends the loop: what was answered until then stays answered.
        while let Some(chunk) = next_bytes(&mut stream, until).await {
            pending.extend_from_slice(&chunk);
            let mut done = 0;
            while let Some(length) = pending[done..].iter().position(|byte| *byte == b'\n') {
                let line = &pending[done..done + length];
                done += length + 1;
                let Ok(line) = serde_json::from_slice::<BatchLine<'_>>(line) else { continue };
                if are_traced && line.status == 400 {
                    // Perhaps only because of that field: it goes again, and without.
                    self.entry_traces.refuse();
                    continue;
                }
                let body = line.body.map_or("", RawValue::get).as_bytes();
                let retry_after_ms = line.retry_after_s.map(|s| s.saturating_mul(1_000));
                let id = line.reservation_id;
                each(id, answer::reserve(id, line.status, retry_after_ms, body));
            }
            pending.drain(..done);
            if pending.len() > LINE_BYTES_MAX {
                break;
            }
        }
        Ok(())
    }

    fn batch_offer(&self) -> MutexGuard<'_, BatchOffer> {
        self.batch_offer.lock().expect("nothing that holds it panics")
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn request(&self, method: Method, path: &str) -> request::Builder {
        Request::builder().method(method).uri(format!("{}{path}", self.base))
    }
}

fn json(request: request::Builder, body: &impl Serialize) -> Request<Full<Bytes>> {
    let body = serde_json::to_vec(body).expect("ids, numbers and text can be written as JSON");
    let request = request.header(CONTENT_TYPE, "application/json");
    request.body(Full::new(body.into())).expect(PARTS_ARE_VALID)
}
