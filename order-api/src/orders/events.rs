//! GET /api/orders/{id}/events: what becomes of an order, as it happens (server-sent events).
//!
//! One event per journal row, whose `id` is its number: a client that comes back with `Last-Event-ID` goes on
//! exactly there, whichever instance it reaches, and whatever was restarted meanwhile. The journal is the
//! truth and is read only when [`streams`] says that there is something to read. An event tells what
//! `GET /api/orders/{id}` would: nothing of workers, epochs or errors.

pub(crate) mod streams;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use edge::{Caller, Problem};
use futures_util::StreamExt as _;
use futures_util::stream::{iter, unfold};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use saga::StateName;
use schema_orders::saga_steps::{StepRow, list_steps};
use serde::Serialize;
use uuid::Uuid;

use crate::OrderApi;
use crate::order_id::{OrderId, absent};
use crate::orders::get::find_order;
use crate::orders::order_answer::shown_reason;

use self::streams::{OpenStream, Woken};

/// Rows that are read and sent at once.
const ROWS_MAX: i64 = 200;
/// When to look again after the database did not answer.
const PAUSE: Duration = Duration::from_secs(1);
/// What a client that lost its stream waits before it comes back.
const RETRY: Duration = Duration::from_secs(1);
/// Keeps proxies from closing a stream in which nothing happens; a comment to the client.
const HEARTBEAT: &str = "waiting";
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Asks nginx and its like not to hold events back.
const UNBUFFERED: (HeaderName, HeaderValue) =
    (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));

/// What an event says.
#[derive(Serialize)]
struct Told<'r> {
    id: Uuid,
    status: &'r str,
    reason: Option<String>,
    version: i32,
    updated_at: DateTime<Utc>,
}

/// An open stream.
struct Tail {
    api: Arc<OrderApi>,
    order_id: Uuid,
    stream: OpenStream,
    /// The newest event that was sent.
    seen: i32,
    phase: Phase,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Greeting,
    Following,
    Ended,
}

pub(crate) async fn follow_order(
    State(api): State<Arc<OrderApi>>,
    OrderId(order_id): OrderId,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let seen = last_event_id(&headers)?;
    let order = find_order(&api, caller.tenant(), order_id).await?.ok_or_else(absent)?;
    if seen > order.version {
        let detail = "this order has no such event yet";
        return Err(Problem::invalid("Last-Event-ID", "out-of-range", detail));
    }
    if seen == order.version && is_final(&order.status) {
        // tells an EventSource that there is nothing to come back for
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let stream = api.streams.open(order_id, seen).ok_or_else(full)?;
    let tail = Tail { api, order_id, stream, seen, phase: Phase::Greeting };
    let events = unfold(tail, Tail::next)
        .flat_map(|events| iter(events.into_iter().map(Ok::<_, Infallible>)));
    Ok(([UNBUFFERED], Sse::new(events)).into_response())
}

impl Tail {
    /// What is to be sent next; `None`: the stream ends.
    async fn next(mut self) -> Option<(Vec<Event>, Tail)> {
        match self.phase {
            Phase::Ended => return None,
            Phase::Greeting => {
                self.phase = Phase::Following;
                return Some((vec![Event::default().retry(RETRY)], self));
            }
            Phase::Following => {}
        }
        let heartbeat = Duration::from_millis(self.api.config.heartbeat_ms);
        loop {
            match self.read().await {
                Some(rows) if !rows.is_empty() => {
                    let events = self.tell(&rows);
                    return Some((events, self));
                }
                Some(_) => match self.stream.woken_within(heartbeat).await {
                    Woken::ToLook => {}
                    Woken::ByTime => {
                        return Some((vec![Event::default().comment(HEARTBEAT)], self));
                    }
                    Woken::ToEnd => return None,
                },
                // a client that were sent away now might take it for the end
                None => match self.stream.woken_within(PAUSE).await {
                    Woken::ToLook => tokio::time::sleep(PAUSE).await,
                    Woken::ByTime => {}
                    Woken::ToEnd => return None,
                },
            }
        }
    }

    /// The rows after the last that was sent; `None`: the database does not answer just now.
    async fn read(&self) -> Option<Vec<StepRow>> {
        let (order_id, seen) = (self.order_id, self.seen);
        let rows = self.api.db.read(move |connection| {
            Box::pin(async move { list_steps(connection, order_id, seen, ROWS_MAX).await })
        });
        rows.await.inspect_err(|error| tracing::debug!(%error, "a stream cannot go on yet")).ok()
    }

    fn tell(&mut self, rows: &[StepRow]) -> Vec<Event> {
        if let Some(last) = rows.last() {
            self.seen = last.seq;
            self.stream.has_seen(last.seq);
            let is_newest = (rows.len() as i64) < ROWS_MAX;
            if is_newest && is_final(&last.state) {
                self.phase = Phase::Ended;
            }
        }
        rows.iter().map(event).collect()
    }
}

/// What a journal row tells.
fn event(row: &StepRow) -> Event {
    let told = Told {
        id: row.order_id,
        status: &row.state,
        reason: shown_reason(&row.state, row.reason.clone()),
        version: row.seq,
        updated_at: row.at,
    };
    let event = Event::default().id(row.seq.to_string()).event(&row.state);
    event.json_data(told).expect("plain data is JSON")
}

/// A state after which nothing follows by itself, nor needs a person.
fn is_final(state: &str) -> bool {
    StateName::parse(state).is_some_and(StateName::is_final)
}

fn last_event_id(headers: &HeaderMap) -> Result<i32, Problem> {
    let Some(value) = headers.get(LAST_EVENT_ID) else { return Ok(0) };
    let number = value.to_str().ok().and_then(|text| text.trim().parse().ok());
    let is_event = number.filter(|number| *number >= 0);
    is_event.ok_or_else(|| Problem::invalid("Last-Event-ID", "invalid-value", "the id of an event"))
}

fn full() -> Problem {
    Problem::unavailable("too many streams are open; come back, or ask with ?wait=25", 5)
}
