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
pub(crate) const KINDS: [&str; 7] =
    ["retry", "cancel", "resolve", "note", "bulk", "breaker", "reconcile"];

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AuditQuery {
    pub(crate) limit: Option<u32>,
    pub(crate) cursor: Option<String>,
    pub(crate) order_id: Option<Uuid>,
    pub(crate) actor: Option<String>,
    pub(crate) r#type: Option<String>,
    pub(crate) bulk_id: Option<Uuid>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OfSagaQuery {
    limit: Option<u32>,
    cursor: Option<String>,
}

#[derive(Serialize)]
pub(crate) struct Page {
    pub(crate) items: Vec<ActionAnswer>,
    pub(crate) next_cursor: Option<String>,
}

#[derive(Serialize)]
pub(crate) struct ActionAnswer {
    pub(crate) id: Uuid,
    pub(crate) order_id: Option<Uuid>,
    pub(crate) r#type: String,
    pub(crate) actor: String,
    pub(crate) at: DateTime<Utc>,
    pub(crate) reason: String,
    pub(crate) evidence: Option<String>,
    pub(crate) bulk_id: Option<Uuid>,
    /// What became of it at once.
    pub(crate) result: String,
    pub(crate) detail: Option<String>,
    pub(crate) before: Option<Value>,
    pub(crate) after: Option<Value>,
    /// What the saga came to afterwards; `None`: it is under way, or nothing was to come.
    pub(crate) outcome: Option<OutcomeAnswer>,
}

#[derive(Serialize)]
pub(crate) struct OutcomeAnswer {
    pub(crate) state: String,
    pub(crate) reason: Option<String>,
    pub(crate) at: DateTime<Utc>,
}

pub(crate) async fn list(
    State(api): State<Arc<OrderApi>>,
    StrictQuery(query): StrictQuery<AuditQuery>,
) -> Result<Json<Page>, Problem> {
    if query.r#type.as_deref().is_some_and(|kind| !KINDS.contains(&kind)) {
        let known = format!("one of {}", KINDS.join(", "));
        return Err(Problem::invalid("type", "unknown-value", known));
    }
    page(&api, query).await.map(Json)
}

pub(crate) async fn list_of_saga(
    State(api): State<Arc<OrderApi>>,
    OrderId(id): OrderId,
    StrictQuery(query): StrictQuery<OfSagaQuery>,
) -> Result<Json<Page>, Problem> {
    let found = api.staff_reads.run(move |connection| Box::pin(find_saga(connection, id))).await?;
    found.ok_or_else(absent)?;
    let OfSagaQuery { limit, cursor } = query;
    page(&api, AuditQuery { limit, cursor, order_id: Some(id), ..AuditQuery::default() })
        .await
        .map(Json)
}

/// A page of it, newest first.
pub(crate) async fn page(api: &OrderApi, query: AuditQuery) -> Result<Page, Problem> {
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
    let listed = api.staff_reads.run(move |connection| {
        Box::pin(async move { list_actions(connection, &filter, before, i64::from(limit)).await })
    });
    let listed = listed.await?;
    let next_cursor = listed.next_before.map(|before| cursor::encode(before, &bound_to));
    let items = listed.actions.into_iter().map(ActionAnswer::from).collect();
    Ok(Page { items, next_cursor })
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
