//! GET /api/audit, and GET /api/sagas/{id}/actions: who did what, when, why, and what truly came of it.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use edge::{Problem, StrictQuery};
use schema_orders::inspection::find_saga;
use schema_orders::staff_actions::{ActionFilter, ActionRow, Outcome, list_actions};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::order_id::{OrderId, absent};
use crate::{OrderApi, cursor};

const LIMIT_MAX: u32 = 100;
const KINDS: [&str; 7] = ["retry", "cancel", "resolve", "note", "bulk", "breaker", "reconcile"];

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AuditQuery {
    limit: Option<u32>,
    cursor: Option<String>,
    order_id: Option<Uuid>,
    actor: Option<String>,
    r#type: Option<String>,
    bulk_id: Option<Uuid>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OfSagaQuery {
    limit: Option<u32>,
    cursor: Option<String>,
}

#[derive(Serialize)]
pub(crate) struct Page {
    items: Vec<ActionAnswer>,
    next_cursor: Option<String>,
}

#[derive(Serialize)]
struct ActionAnswer {
    id: Uuid,
    order_id: Option<Uuid>,
    r#type: String,
    actor: String,
    at: DateTime<Utc>,
    reason: String,
    evidence: Option<String>,
    bulk_id: Option<Uuid>,
    /// What became of it at once.
    result: String,
    detail: Option<String>,
    before: Option<Value>,
    after: Option<Value>,
    /// What the saga came to afterwards; `None`: it is under way, or nothing was to come.
    outcome: Option<OutcomeAnswer>,
}

#[derive(Serialize)]
struct OutcomeAnswer {
    state: String,
    reason: Option<String>,
    at: DateTime<Utc>,
}

pub(crate) async fn list(
    State(api): State<Arc<OrderApi>>,
    StrictQuery(query): StrictQuery<AuditQuery>,
) -> Result<Json<Page>, Problem> {
    if query.r#type.as_deref().is_some_and(|kind| !KINDS.contains(&kind)) {
        let known = format!("one of {}", KINDS.join(", "));
        return Err(Problem::invalid("type", "unknown-value", known));
    }
    page(&api, query).await
}

pub(crate) async fn list_of_saga(
    State(api): State<Arc<OrderApi>>,
    OrderId(id): OrderId,
    StrictQuery(query): StrictQuery<OfSagaQuery>,
) -> Result<Json<Page>, Problem> {
    let found = api.desk.read(move |connection| Box::pin(find_saga(connection, id))).await?;
    found.ok_or_else(absent)?;
    let OfSagaQuery { limit, cursor } = query;
    page(&api, AuditQuery { limit, cursor, order_id: Some(id), ..AuditQuery::default() }).await
}

async fn page(api: &OrderApi, query: AuditQuery) -> Result<Json<Page>, Problem> {
    let limit = query.limit.unwrap_or(LIMIT_MAX);
    if limit == 0 || limit > LIMIT_MAX {
        return Err(Problem::invalid("limit", "out-of-range", "1 to 100"));
    }
    let filter = ActionFilter {
        order_id: query.order_id,
        actor: query.actor,
        kind: query.r#type,
        bulk_id: query.bulk_id,
    };
    let bound_to = format!("audit\n{filter:?}");
    let before = query.cursor.as_deref().map(|text| cursor::decode(text, &bound_to)).transpose()?;
    let listed = api.desk.read(move |connection| {
        Box::pin(async move { list_actions(connection, &filter, before, i64::from(limit)).await })
    });
    let listed = listed.await?;
    let next_cursor = listed.next_before.map(|before| cursor::encode(before, &bound_to));
    let items = listed.actions.into_iter().map(ActionAnswer::from).collect();
    Ok(Json(Page { items, next_cursor }))
}

impl From<ActionRow> for ActionAnswer {
    fn from(row: ActionRow) -> ActionAnswer {
        ActionAnswer {
            id: row.id,
            order_id: row.order_id,
            r#type: row.kind,
            actor: row.actor,
            at: row.at,
            reason: row.reason,
            evidence: row.evidence,
            bulk_id: row.bulk_id,
            result: row.result,
            detail: row.detail,
            before: row.before,
            after: row.after,
            outcome: row.outcome.map(OutcomeAnswer::from),
        }
    }
}

impl From<Outcome> for OutcomeAnswer {
    fn from(Outcome { state, reason, at }: Outcome) -> OutcomeAnswer {
        OutcomeAnswer { state, reason, at }
    }
}
