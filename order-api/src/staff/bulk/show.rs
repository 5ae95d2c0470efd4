//! GET /api/bulk-actions/{id}: how far it is, and what became of each saga.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use edge::{Problem, StrictQuery};
use schema_orders::bulk_actions::{BulkRow, ItemRow, find_bulk, list_items};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::OrderApi;
use crate::order_id::OrderId;

const LIMIT_MAX: u32 = 100;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ShowQuery {
    limit: Option<u32>,
    /// The number of the item that the page begins after.
    cursor: Option<i32>,
}

#[derive(Serialize)]
pub(crate) struct BulkAnswer {
    pub(crate) id: Uuid,
    pub(crate) r#type: String,
    pub(crate) state: &'static str,
    pub(crate) actor: String,
    pub(crate) reason: String,
    pub(crate) selection: Value,
    pub(crate) as_of: DateTime<Utc>,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) finished_at: Option<DateTime<Utc>>,
    pub(crate) total: i32,
    pub(crate) done: i64,
    pub(crate) results: Results,
    pub(crate) items: Vec<ItemAnswer>,
    pub(crate) next_cursor: Option<String>,
}

#[derive(Serialize)]
pub(crate) struct Results {
    pub(crate) applied: i64,
    pub(crate) refused: i64,
    pub(crate) moved: i64,
    pub(crate) missing: i64,
}

#[derive(Serialize)]
pub(crate) struct ItemAnswer {
    pub(crate) n: i32,
    pub(crate) order_id: Uuid,
    pub(crate) version: i32,
    /// `None`: still to do.
    pub(crate) result: Option<String>,
    pub(crate) detail: Option<String>,
    pub(crate) action_id: Option<Uuid>,
    pub(crate) done_at: Option<DateTime<Utc>>,
    /// Where the saga stands now.
    pub(crate) saga: Option<Now>,
}

#[derive(Serialize)]
pub(crate) struct Now {
    pub(crate) state: String,
    pub(crate) reason: Option<String>,
}

pub(crate) async fn show(
    State(api): State<Arc<OrderApi>>,
    OrderId(id): OrderId,
    StrictQuery(query): StrictQuery<ShowQuery>,
) -> Result<Json<BulkAnswer>, Problem> {
    let limit = query.limit.unwrap_or(LIMIT_MAX);
    if limit == 0 || limit > LIMIT_MAX {
        return Err(Problem::invalid("limit", "out-of-range", "1 to 100"));
    }
    find(&api, id, query.cursor.unwrap_or(0), limit).await.map(Json)
}

/// The action, with up to `limit` items after number `after`.
pub(crate) async fn find(
    api: &OrderApi,
    id: Uuid,
    after: i32,
    limit: u32,
) -> Result<BulkAnswer, Problem> {
    let found = api.staff_reads.run(move |connection| {
        Box::pin(async move {
            // in this order: an action that was seen done has no item that is seen undone
            let Some(bulk) = find_bulk(&mut *connection, id).await? else { return Ok(None) };
            let items = list_items(connection, id, after, i64::from(limit)).await?;
            Ok(Some((bulk, items)))
        })
    });
    let absent = || Problem::not_found("there is no bulk action with this id");
    let (bulk, items) = found.await?.ok_or_else(absent)?;
    Ok(BulkAnswer::of(bulk, items))
}

impl BulkAnswer {
    fn of(bulk: BulkRow, items: Vec<ItemRow>) -> BulkAnswer {
        let last = items.last().map(|item| item.n).filter(|n| *n < bulk.total);
        let results = Results {
            applied: bulk.applied,
            refused: bulk.refused,
            moved: bulk.moved,
            missing: bulk.missing,
        };
        BulkAnswer {
            id: bulk.id,
            r#type: bulk.kind,
            state: if bulk.finished_at.is_some() { "done" } else { "running" },
            actor: bulk.actor,
            reason: bulk.reason,
            selection: bulk.filter,
            as_of: bulk.as_of,
            created_at: bulk.created_at,
            finished_at: bulk.finished_at,
            total: bulk.total,
            done: results.applied + results.refused + results.moved + results.missing,
            results,
            items: items.into_iter().map(ItemAnswer::from).collect(),
            next_cursor: last.map(|n| n.to_string()),
        }
    }
}

impl From<ItemRow> for ItemAnswer {
    fn from(row: ItemRow) -> ItemAnswer {
        ItemAnswer {
            n: row.n,
            order_id: row.order_id,
            version: row.version,
            result: row.result,
            detail: row.detail,
            action_id: row.action_id,
            done_at: row.done_at,
            saga: row.state.map(|state| Now { state, reason: row.reason }),
        }
    }
}
