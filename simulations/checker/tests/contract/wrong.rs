//! A small inventory in memory that keeps the contract, but for one mistake at a time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use uuid::Uuid;

pub(crate) const AVAILABLE: i64 = 20;

/// What it does wrong. Each of these was found in a real system, or in the search of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mistake {
    None,
    TakesAgainWhenRepeated,
    ForgetsRejections,
    ForgetsReleases,
    AnswersUnknownReleasesWith404,
    TakesTheFirstLines,
    LooksAtEachLineAlone,
    IgnoresOtherPayloads,
    IgnoresEpochsOfReserves,
    IgnoresEpochsOfReleases,
    IgnoresDeadlines,
    SaysNoWithoutOurType,
    ReleasesWhatWasShipped,
    CrashesOnNonsense,
}

#[derive(Clone)]
struct Held {
    state: &'static str,
    lines: Value,
    taken: i64,
    epoch: i64,
}

struct Wrong {
    mistake: Mistake,
    available: Mutex<i64>,
    reservations: Mutex<HashMap<Uuid, Held>>,
}

type Shared = State<Arc<Wrong>>;

pub(crate) async fn start(mistake: Mistake) -> String {
    let wrong = Wrong { mistake, available: Mutex::new(AVAILABLE), reservations: Mutex::default() };
    let router = Router::new()
        .route("/api/inventory/reservations/{id}", put(reserve).delete(release).get(look_up))
        .route("/api/inventory/reservations/{id}/commit", post(commit))
        .route("/api/inventory/thing", get(async || Json(json!({"available": AVAILABLE}))))
        .with_state(Arc::new(wrong));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    url
}

async fn reserve(
    State(wrong): Shared,
    Path(id): Path<Uuid>,
    headers: HeaderMap,
    body: String,
) -> Response {
    let Some((lines, wanted)) = read(&body) else {
        let status = if wrong.mistake == Mistake::CrashesOnNonsense { 500 } else { 400 };
        return problem(status, "invalid-request");
    };
    let mut reservations = wrong.reservations.lock().unwrap();
    let mut available = wrong.available.lock().unwrap();
    if number(&headers, "saga-deadline-ms") == Some(0) && wrong.mistake != Mistake::IgnoresDeadlines
    {
        return problem(503, "deadline-passed");
    }
    let epoch = number(&headers, "saga-epoch").unwrap_or(0);
    if let Some(held) = reservations.get_mut(&id) {
        if epoch < held.epoch && wrong.mistake != Mistake::IgnoresEpochsOfReserves {
            return problem(412, "stale-epoch");
        }
        held.epoch = held.epoch.max(epoch);
        if wrong.mistake == Mistake::TakesAgainWhenRepeated && held.state == "held" {
            *available -= held.taken;
        }
        let is_other = held.lines != lines && held.lines != Value::Null;
        return match held.state {
            "released" => problem(410, "reservation-tombstoned"),
            _ if is_other && wrong.mistake != Mistake::IgnoresOtherPayloads => {
                problem(422, "reservation-mismatch")
            }
            "rejected" => problem(409, "insufficient-stock"),
            state => stands(200, id, state),
        };
    }
    if lines.as_array().unwrap().iter().any(|line| line["item_id"] != "thing") {
        if wrong.mistake == Mistake::TakesTheFirstLines {
            *available -= 1;
        }
        return problem(404, "unknown-item");
    }
    let alone = lines.as_array().unwrap().iter().filter_map(|line| line["quantity"].as_i64()).max();
    let needed =
        if wrong.mistake == Mistake::LooksAtEachLineAlone { alone.unwrap() } else { wanted };
    if needed > *available {
        if wrong.mistake != Mistake::ForgetsRejections {
            reservations.insert(id, Held { state: "rejected", lines, taken: 0, epoch });
        }
        if wrong.mistake == Mistake::SaysNoWithoutOurType {
            return StatusCode::CONFLICT.into_response();
        }
        return problem(409, "insufficient-stock");
    }
    *available -= needed;
    reservations.insert(id, Held { state: "held", lines, taken: needed, epoch });
    stands(201, id, "held")
}

async fn release(State(wrong): Shared, Path(id): Path<Uuid>, headers: HeaderMap) -> Response {
    let mut reservations = wrong.reservations.lock().unwrap();
    let epoch = number(&headers, "saga-epoch").unwrap_or(0);
    let Some(held) = reservations.get_mut(&id) else {
        if wrong.mistake == Mistake::AnswersUnknownReleasesWith404 {
            return problem(404, "not-found");
        }
        let tombstone = Held { state: "released", lines: Value::Null, taken: 0, epoch };
        reservations.insert(id, tombstone);
        return stands(200, id, "released");
    };
    if epoch < held.epoch && wrong.mistake != Mistake::IgnoresEpochsOfReleases {
        return problem(412, "stale-epoch");
    }
    if held.state == "committed" && wrong.mistake != Mistake::ReleasesWhatWasShipped {
        return problem(409, "reservation-committed");
    }
    *wrong.available.lock().unwrap() += std::mem::take(&mut held.taken);
    (held.state, held.epoch) = ("released", epoch);
    if wrong.mistake == Mistake::ForgetsReleases {
        reservations.remove(&id);
    }
    stands(200, id, "released")
}

async fn commit(State(wrong): Shared, Path(id): Path<Uuid>) -> Response {
    let mut reservations = wrong.reservations.lock().unwrap();
    let held = reservations.get_mut(&id).unwrap();
    held.state = "committed";
    stands(200, id, "committed")
}

async fn look_up(State(wrong): Shared, Path(id): Path<Uuid>) -> Response {
    match wrong.reservations.lock().unwrap().get(&id) {
        Some(held) => stands(200, id, held.state),
        None => problem(404, "not-found"),
    }
}

fn read(body: &str) -> Option<(Value, i64)> {
    let body: Value = serde_json::from_str(body).ok()?;
    body["order_id"].as_str()?;
    let lines = body["lines"].as_array().filter(|lines| !lines.is_empty())?;
    let quantity = |line: &Value| {
        let is_plain = !line["item_id"].as_str()?.contains('\0');
        line["quantity"].as_i64().filter(|quantity| *quantity > 0 && is_plain)
    };
    let wanted = lines.iter().map(quantity).sum::<Option<i64>>()?;
    Some((body["lines"].clone(), wanted))
}

fn number(headers: &HeaderMap, name: &str) -> Option<i64> {
    headers.get(name)?.to_str().ok()?.parse().ok()
}

fn stands(status: u16, id: Uuid, state: &str) -> Response {
    let status = StatusCode::from_u16(status).unwrap();
    (status, Json(json!({"reservation_id": id, "state": state}))).into_response()
}

fn problem(status: u16, code: &str) -> Response {
    let kind = format!("https://valerix.dev/problems/{code}");
    let status = StatusCode::from_u16(status).unwrap();
    (status, Json(json!({"type": kind, "title": code, "status": status.as_u16()}))).into_response()
}
