//! An order as clients see it, and the status that goes with its state.

use std::fmt;

use axum::Json;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use edge::Problem;
use http::{HeaderValue, StatusCode, header};
use saga::StateName;
use saga::stored::Line;
use schema_orders::orders::OrderRow;
use schema_orders::sagas::Settled;
use serde::{Serialize, Serializer};
use serde_json::Value;
use uuid::Uuid;

/// When to look again at an order that has not settled, in seconds.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");

/// The order of the contract.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct OrderAnswer {
    pub(crate) id: Uuid,
    pub(crate) status: String,
    #[serde(flatten)]
    lines: LinesAndLegacyFields,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<Value>,
    reason: Option<String>,
    pub(crate) version: i32,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    links: Links,
}

/// `lines`, and for one line also `item_id` and `quantity` as clients of the reference API expect.
#[derive(Clone, Debug, Serialize)]
struct LinesAndLegacyFields {
    lines: Vec<Line>,
    #[serde(skip_serializing_if = "Option::is_none")]
    item_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    quantity: Option<u32>,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct Links {
    #[serde(rename = "self", serialize_with = "as_text")]
    own: OrderPath,
    #[serde(serialize_with = "as_text")]
    cancel: CancelPath,
    #[serde(serialize_with = "as_text")]
    events: EventsPath,
}

#[derive(Clone, Copy, Debug)]
struct OrderPath(Uuid);

#[derive(Clone, Copy, Debug)]
struct CancelPath(Uuid);

#[derive(Clone, Copy, Debug)]
struct EventsPath(Uuid);

impl OrderAnswer {
    /// An order that was committed just now.
    pub(crate) fn pending(
        id: Uuid,
        lines: Vec<Line>,
        metadata: Option<Value>,
        created_at: DateTime<Utc>,
    ) -> OrderAnswer {
        OrderAnswer {
            id,
            status: StateName::Pending.to_string(),
            lines: lines.into(),
            metadata,
            reason: None,
            version: 1,
            created_at,
            updated_at: created_at,
            links: Links { own: OrderPath(id), cancel: CancelPath(id), events: EventsPath(id) },
        }
    }

    /// The same order, as far as its saga has come meanwhile.
    #[must_use]
    pub(crate) fn after(self, settled: Settled) -> OrderAnswer {
        OrderAnswer {
            reason: shown_reason(&settled.state, settled.reason),
            status: settled.state,
            version: settled.version,
            updated_at: settled.updated_at,
            ..self
        }
    }

    /// The path of this order.
    pub(crate) fn location(&self) -> HeaderValue {
        HeaderValue::try_from(OrderPath(self.id).to_string()).expect("a path is a header value")
    }

    /// No relay works on it: it has ended, or is parked.
    pub(crate) fn needs_no_relay(&self) -> bool {
        StateName::parse(&self.status).is_some_and(StateName::needs_no_relay)
    }

    /// What POST answers with for an order in this state.
    pub(crate) fn into_post_answer(self) -> Response {
        let location = self.location();
        let mut response = match StateName::parse(&self.status) {
            Some(StateName::Confirmed) => (StatusCode::CREATED, Json(self)).into_response(),
            Some(StateName::Cancelled) => (StatusCode::OK, Json(self)).into_response(),
            Some(StateName::Failed) => failure(self).into_response(),
            Some(
                StateName::Pending
                | StateName::Reserving
                | StateName::Queued
                | StateName::Releasing
                | StateName::Parked,
            )
            | None => self.into_accepted(),
        };
        response.headers_mut().insert(header::LOCATION, location);
        response
    }

    /// 202: taken, and not at its end.
    pub(crate) fn into_accepted(self) -> Response {
        let headers = [(header::LOCATION, self.location()), (header::RETRY_AFTER, RETRY_AFTER)];
        (StatusCode::ACCEPTED, headers, Json(self)).into_response()
    }
}

impl From<OrderRow> for OrderAnswer {
    fn from(row: OrderRow) -> OrderAnswer {
        let settled = Settled {
            order_id: row.id,
            state: row.state,
            reason: row.reason,
            version: row.version,
            updated_at: row.updated_at,
        };
        OrderAnswer::pending(row.id, row.lines.0, row.metadata, row.created_at).after(settled)
    }
}

impl From<Vec<Line>> for LinesAndLegacyFields {
    fn from(lines: Vec<Line>) -> LinesAndLegacyFields {
        let single = if let [line] = lines.as_slice() { Some(line) } else { None };
        let (item_id, quantity) = (single.map(|l| l.item_id.clone()), single.map(|l| l.quantity));
        LinesAndLegacyFields { lines, item_id, quantity }
    }
}

/// Why an order is parked is for those who repair it.
pub(crate) fn shown_reason(state: &str, reason: Option<String>) -> Option<String> {
    reason.filter(|_| StateName::parse(state) != Some(StateName::Parked))
}

fn failure(order: OrderAnswer) -> Problem {
    let (code, title, detail) = match order.reason.as_deref() {
        Some("insufficient_stock") => (
            "insufficient-stock",
            "there is not enough stock for this order",
            "nothing was taken; order less, or later, with a new key",
        ),
        Some("unknown_item") => (
            "unknown-item",
            "this order names an item that does not exist",
            "nothing was taken; check the item_id of each line, and order with a new key",
        ),
        Some("deadline_passed") => (
            "deadline-passed",
            "this order could not be confirmed in time",
            "nothing was taken; order again with a new key",
        ),
        _ => (
            "order-failed",
            "this order could not be confirmed",
            "nothing was taken; order again with a new key",
        ),
    };
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, code, title)
        .with_detail(detail)
        .with_member("order", order)
}

impl fmt::Display for OrderPath {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "/api/orders/{}", self.0)
    }
}

impl fmt::Display for CancelPath {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "/api/orders/{}/cancel", self.0)
    }
}

impl fmt::Display for EventsPath {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "/api/orders/{}/events", self.0)
    }
}

fn as_text<S: Serializer>(path: &impl fmt::Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(path)
}
