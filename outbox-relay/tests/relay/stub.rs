//! An inventory that does as it is told: it keeps a list of the calls it got, and answers each by script.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{post, put};
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use uuid::Uuid;

/// What is done with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// Reserve, or release, and say so.
    Do,
    /// Do it, and cut the connection before the answer is whole.
    DoThenCut,
    /// Do it, and never answer.
    DoThenHang,
    /// Answer with one of our problems.
    Problem(u16, &'static str),
    /// Say that a claim of this epoch has spoken before.
    Stale(i64),
    /// Answer with somebody else's page.
    Page(u16),
    /// Refuse for now.
    Later,
}

/// A call as it came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) verb: &'static str,
    pub(crate) reservation_id: Uuid,
    pub(crate) epoch: i64,
}

/// Which fields of an entry it knows beyond the first ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EntryFields {
    /// It says that it knows the trace context, and does.
    Traces,
    /// Another version behind the same address said so; this one refuses it.
    TracesOfAnother,
}

#[derive(Default)]
struct Inner {
    seen: Vec<Seen>,
    script: VecDeque<Act>,
    otherwise: Option<Act>,
    states: HashMap<Uuid, &'static str>,
    poisoned: HashSet<Uuid>,
    batches: Vec<usize>,
    entry_fields: Option<EntryFields>,
    traced: Vec<bool>,
    in_flight: usize,
    in_flight_max: usize,
}

/// The stub, and its server.
#[derive(Clone)]
pub(crate) struct Stub {
    inner: Arc<Mutex<Inner>>,
    pub(crate) address: std::net::SocketAddr,
}

impl Stub {
    /// Listens on a free port; every call is done unless a script says otherwise.
    pub(crate) async fn start() -> Stub {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stub = Stub { inner: Arc::default(), address: listener.local_addr().unwrap() };
        drop(stub.serve(listener));
        stub
    }

    /// A stub whose port nobody listens on, until [`Stub::open`].
    pub(crate) async fn closed() -> Stub {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Stub { inner: Arc::default(), address: listener.local_addr().unwrap() }
    }

    pub(crate) async fn open(&self) {
        drop(self.serve(TcpListener::bind(self.address).await.unwrap()));
    }

    fn serve(&self, listener: TcpListener) -> JoinHandle<()> {
        let router = Router::new()
            .route("/api/inventory/reservations/{id}", put(reserve).delete(release))
            .route("/api/inventory/reservations:batch", post(reserve_batch))
            .with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The next calls meet these; the ones after them meet `Do`, or what [`Stub::always`] said.
    pub(crate) fn script(&self, acts: &[Act]) {
        self.inner.lock().unwrap().script.extend(acts);
    }

    pub(crate) fn always(&self, act: Act) {
        self.inner.lock().unwrap().otherwise = Some(act);
    }

    /// Calls for these reservations are answered 500, whatever else is said.
    pub(crate) fn poison(&self, reservation_ids: impl IntoIterator<Item = Uuid>) {
        self.inner.lock().unwrap().poisoned.extend(reservation_ids);
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.inner.lock().unwrap().seen.clone()
    }

    pub(crate) fn batches(&self) -> Vec<usize> {
        self.inner.lock().unwrap().batches.clone()
    }

    pub(crate) fn knows(&self, fields: EntryFields) {
        self.inner.lock().unwrap().entry_fields = Some(fields);
    }

    /// Of each entry of a batch, whether it carried a trace context.
    pub(crate) fn traced(&self) -> Vec<bool> {
        self.inner.lock().unwrap().traced.clone()
    }

    /// Single calls in flight at most since the last look.
    pub(crate) fn take_in_flight_max(&self) -> usize {
        let mut inner = self.inner.lock().unwrap();
        let now = inner.in_flight;
        std::mem::replace(&mut inner.in_flight_max, now)
    }

    fn enter(&self) -> InFlight {
        let mut inner = self.inner.lock().unwrap();
        inner.in_flight += 1;
        inner.in_flight_max = inner.in_flight_max.max(inner.in_flight);
        InFlight(self.clone())
    }

    /// What this reservation came to: `held` or `released`.
    pub(crate) fn state_of(&self, reservation_id: Uuid) -> Option<&'static str> {
        self.inner.lock().unwrap().states.get(&reservation_id).copied()
    }

    fn act(&self, seen: Seen) -> Act {
        let mut inner = self.inner.lock().unwrap();
        let otherwise = inner.otherwise.unwrap_or(Act::Do);
        let is_poisoned = inner.poisoned.contains(&seen.reservation_id);
        let act = if is_poisoned {
            Act::Problem(500, "internal")
        } else {
            inner.script.pop_front().unwrap_or(otherwise)
        };
        if matches!(act, Act::Do | Act::DoThenCut | Act::DoThenHang) {
            let state = if seen.verb == "release" { "released" } else { "held" };
            inner.states.insert(seen.reservation_id, state);
        }
        inner.seen.push(seen);
        act
    }
}

/// A call that somebody waits for. It ends with its answer, or when its caller has gone.
struct InFlight(Stub);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.inner.lock().unwrap().in_flight -= 1;
    }
}

async fn reserve(state: State<Stub>, id: Path<Uuid>, headers: HeaderMap) -> Response {
    answer(state, "reserve", id, &headers).await
}

async fn release(state: State<Stub>, id: Path<Uuid>, headers: HeaderMap) -> Response {
    answer(state, "release", id, &headers).await
}

async fn answer(
    State(stub): State<Stub>,
    verb: &'static str,
    Path(reservation_id): Path<Uuid>,
    headers: &HeaderMap,
) -> Response {
    let _in_flight = stub.enter();
    let epoch = headers["Saga-Epoch"].to_str().unwrap().parse().unwrap();
    let act = stub.act(Seen { verb, reservation_id, epoch });
    if act == Act::DoThenHang {
        std::future::pending::<()>().await;
    }
    let (status, body) = told(act, verb, reservation_id);
    let status = StatusCode::from_u16(status).unwrap();
    let mut response = match act {
        Act::DoThenCut => (status, Body::from_stream(cut())).into_response(),
        Act::Page(_) => (status, "<html>not ours</html>").into_response(),
        Act::Do | Act::DoThenHang | Act::Problem(..) | Act::Stale(_) | Act::Later => {
            (status, Json(body)).into_response()
        }
    };
    if act == Act::Later {
        response.headers_mut().insert("retry-after", "1".parse().unwrap());
    }
    response
}

async fn reserve_batch(State(stub): State<Stub>, Json(batch): Json<Value>) -> Response {
    let entries = batch["entries"].as_array().unwrap().clone();
    let fields = {
        let mut inner = stub.inner.lock().unwrap();
        inner.batches.push(entries.len());
        inner.traced.extend(entries.iter().map(|entry| !entry["traceparent"].is_null()));
        inner.entry_fields
    };
    let mut lines = String::new();
    let mut is_cut = false;
    for entry in entries {
        let reservation_id: Uuid = serde_json::from_value(entry["reservation_id"].clone()).unwrap();
        let epoch = entry["epoch"].as_i64().unwrap();
        if !entry["traceparent"].is_null() && fields != Some(EntryFields::Traces) {
            let (status, body) = told(Act::Problem(400, "invalid-request"), "", reservation_id);
            let line = json!({"reservation_id": reservation_id, "status": status, "body": body});
            lines.push_str(&line.to_string());
            lines.push('\n');
            continue;
        }
        let seen = Seen { verb: "reserve", reservation_id, epoch };
        let act = stub.act(seen);
        match act {
            Act::DoThenHang | Act::DoThenCut => is_cut = true,
            Act::Page(_) => lines.push_str("<html>not ours</html>\n"),
            Act::Do | Act::Problem(..) | Act::Stale(_) | Act::Later => {
                let (status, body) = told(act, "reserve", reservation_id);
                let line = json!({"reservation_id": reservation_id, "status": status,
                    "retry_after_s": (act == Act::Later).then_some(1), "body": body});
                lines.push_str(&line.to_string());
                lines.push('\n');
            }
        }
    }
    if is_cut {
        let first = futures_util::stream::iter([Ok(lines)]);
        return Body::from_stream(futures_util::StreamExt::chain(first, cut())).into_response();
    }
    let mut response = lines.into_response();
    if fields.is_some() {
        response.headers_mut().insert("saga-entry-fields", "traceparent".parse().unwrap());
    }
    response
}

fn told(act: Act, verb: &str, reservation_id: Uuid) -> (u16, Value) {
    match act {
        Act::Problem(status, code) => {
            let kind = format!("https://valerix.dev/problems/{code}");
            (status, json!({"type": kind, "title": code, "status": status}))
        }
        Act::Stale(newest_epoch) => {
            let kind = "https://valerix.dev/problems/stale-epoch";
            (
                412,
                json!({"type": kind, "title": "stale", "status": 412, "newest_epoch": newest_epoch}),
            )
        }
        Act::Page(status) => (status, Value::Null),
        Act::Later => (503, json!({"title": "later"})),
        Act::Do | Act::DoThenCut | Act::DoThenHang => {
            let state = if verb == "release" { "released" } else { "held" };
            (200, json!({"reservation_id": reservation_id, "state": state}))
        }
    }
}

fn cut() -> impl futures_util::Stream<Item = Result<String, std::io::Error>> {
    futures_util::stream::iter([Err(std::io::Error::other("cut"))])
}
