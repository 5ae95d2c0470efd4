//! GET /api/sagas/{id}: everything about one saga; and /explain: only the words.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use edge::Problem;
use http::{HeaderValue, header};
use saga::explain::Explanation;
use schema_orders::inspection::{SagaRow, find_saga};
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use super::SagaAnswer;
use crate::OrderApi;
use crate::order_id::{OrderId, absent};

#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    saga: SagaAnswer,
    metadata: Option<Value>,
    /// `None` for a state of a newer version.
    explanation: Option<Explanation>,
    as_of: DateTime<Utc>,
}

#[derive(Serialize)]
struct Explained {
    id: Uuid,
    state: String,
    version: i32,
    #[serde(flatten)]
    explanation: Option<Explanation>,
    /// Also there where there is no explanation.
    #[serde(skip_serializing_if = "Option::is_none")]
    headline: Option<String>,
    next_try_at: Option<DateTime<Utc>>,
    deadline_at: DateTime<Utc>,
    as_of: DateTime<Utc>,
}

pub(crate) async fn show_saga(
    State(api): State<Arc<OrderApi>>,
    OrderId(id): OrderId,
) -> Result<Response, Problem> {
    let row = find(&api, id).await?;
    let metadata = row.metadata.clone();
    let mut saga = SagaAnswer::from(row);
    let (explanation, as_of) = (saga.explanation.take(), saga.as_of);
    let etag = [(header::ETAG, etag(saga.version))];
    Ok((etag, Json(Shown { saga, metadata, explanation, as_of })).into_response())
}

pub(crate) async fn explain_saga(
    State(api): State<Arc<OrderApi>>,
    OrderId(id): OrderId,
) -> Result<Response, Problem> {
    let saga = SagaAnswer::from(find(&api, id).await?);
    let etag = [(header::ETAG, etag(saga.version))];
    let explained = Explained {
        id,
        version: saga.version,
        headline: saga.explanation.is_none().then_some(saga.headline),
        explanation: saga.explanation,
        state: saga.state,
        next_try_at: saga.next_try_at,
        deadline_at: saga.deadline_at,
        as_of: saga.as_of,
    };
    Ok((etag, Json(explained)).into_response())
}

/// The saga, or a 404.
pub(crate) async fn find(api: &OrderApi, id: Uuid) -> Result<SagaRow, Problem> {
    let row = api.staff_reads.run(move |connection| Box::pin(find_saga(connection, id))).await?;
    row.ok_or_else(absent)
}

/// What `If-Match` of an action refers to.
pub(crate) fn etag(version: i32) -> HeaderValue {
    HeaderValue::try_from(format!("\"{version}\"")).expect("digits are a header value")
}
