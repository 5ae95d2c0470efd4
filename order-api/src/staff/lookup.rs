//! GET /api/lookup?q=: one box for everything a person may have in hand: an order's id (which is its
//! saga's), the idempotency key it was sent with, or an item.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use edge::{Problem, StrictQuery};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use schema_orders::inspection::{SagaFilter, SagaRow, find_by_key, find_saga, find_sagas};
use schema_pg::{DbConnection, DbError};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::OrderApi;
use crate::staff::sagas::SagaAnswer;

const TEXT_BYTES_MAX: usize = 400;
/// Orders told for a key or an item; the list of sagas has the rest.
const FOUND_MAX: i64 = 10;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LookupQuery {
    q: String,
    /// Narrows a key to its tenant.
    tenant: Option<String>,
}

#[derive(Serialize)]
pub(crate) struct Found {
    items: Vec<Match>,
    next_cursor: Option<String>,
}

#[derive(Serialize)]
struct Match {
    /// What `q` is of this order.
    kind: MatchKind,
    saga: SagaAnswer,
    /// Everything that matches in this way.
    more: String,
}

#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
enum MatchKind {
    Order,
    IdempotencyKey,
    Item,
}

pub(crate) async fn lookup(
    State(api): State<Arc<OrderApi>>,
    StrictQuery(query): StrictQuery<LookupQuery>,
) -> Result<Json<Found>, Problem> {
    let wanted = query.q.trim().to_owned();
    if wanted.is_empty() || wanted.len() > TEXT_BYTES_MAX {
        return Err(Problem::invalid("q", "out-of-range", "1 to 400 bytes"));
    }
    let asked = wanted.clone();
    let found = api.staff_reads.run(move |connection| {
        Box::pin(async move { find(connection, &asked, query.tenant.as_deref()).await })
    });
    let encoded = utf8_percent_encode(&wanted, NON_ALPHANUMERIC).to_string();
    let told = |(kind, row): (MatchKind, SagaRow)| Match {
        kind,
        saga: SagaAnswer::from(row),
        more: match kind {
            MatchKind::Order | MatchKind::IdempotencyKey => format!("/api/sagas?q={encoded}"),
            MatchKind::Item => format!("/api/sagas?item_id={encoded}"),
        },
    };
    let items = found.await?.into_iter().map(told).collect();
    Ok(Json(Found { items, next_cursor: None }))
}

/// By every meaning that `wanted` may have; each is one look along an index, bounded.
async fn find(
    connection: &mut DbConnection,
    wanted: &str,
    tenant: Option<&str>,
) -> Result<Vec<(MatchKind, SagaRow)>, DbError> {
    let mut found = Vec::new();
    if let Ok(id) = Uuid::try_parse(wanted) {
        let row = find_saga(&mut *connection, id).await?;
        found.extend(row.map(|row| (MatchKind::Order, row)));
    }
    for keyed in find_by_key(&mut *connection, tenant, wanted, FOUND_MAX).await? {
        let row = find_saga(&mut *connection, keyed.order_id).await?;
        found.extend(row.map(|row| (MatchKind::IdempotencyKey, row)));
    }
    let of_item = SagaFilter { item_id: Some(wanted.to_owned()), ..SagaFilter::default() };
    let page = find_sagas(connection, &of_item, None, FOUND_MAX as usize).await?;
    found.extend(page.sagas.into_iter().map(|row| (MatchKind::Item, row)));
    Ok(found)
}
