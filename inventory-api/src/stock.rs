//! GET /api/inventory and GET /api/inventory/{item_id}: the stock as it is.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use chrono::{DateTime, Utc};
use edge::{Problem, StrictQuery};
use http::{HeaderMap, HeaderValue};
use schema_inventory::stock::{Item, find_item, list_items};
use serde::{Deserialize, Serialize};

use crate::page::PageQuery;
use crate::{InventoryApi, db_problem, item_id};

/// May be kept, and is asked about before each use.
const NO_CACHE: HeaderValue = HeaderValue::from_static("no-cache");

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListQuery {
    limit: Option<u32>,
    cursor: Option<String>,
    /// Only what runs low.
    low: Option<bool>,
}

/// An item as in the reference API.
#[derive(Debug, Serialize)]
pub(crate) struct ItemAnswer {
    item_id: String,
    item_name: String,
    quantity: i64,
    reserved_quantity: i64,
    available: i64,
    version: i64,
    updated_at: DateTime<Utc>,
}

pub(crate) async fn list_stock(
    State(api): State<Arc<InventoryApi>>,
    StrictQuery(query): StrictQuery<ListQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let ListQuery { limit, cursor, low } = query;
    let low = low.unwrap_or(false);
    let (filters, link) =
        if low { ("low", "/api/inventory?low=true&") } else { ("", "/api/inventory?") };
    let asked = PageQuery { limit, cursor }.check(filters)?;
    let below = low.then_some(api.config.low_below);
    let (after, rows_max) = (asked.after.clone(), asked.rows_max());
    let rows = api.db.read(move |connection| {
        Box::pin(async move { list_items(connection, after.as_deref(), below, rows_max).await })
    });
    let rows = rows.await.map_err(|error| db_problem::problem_of(&error))?;
    let version = version_of(&rows);
    let answer = asked.answer::<Item, ItemAnswer>(rows, filters, link, |item| item.item_id.clone());
    Ok(edge::with_etag(&headers, edge::etag(version), NO_CACHE, answer))
}

pub(crate) async fn get_item(
    State(api): State<Arc<InventoryApi>>,
    path: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let id = item_id::from_path(path)?;
    let item = api
        .db
        .read(move |connection| Box::pin(async move { find_item(connection, &id).await }))
        .await
        .map_err(|error| db_problem::problem_of(&error))?
        .ok_or_else(item_id::absent)?;
    let version = item.version;
    Ok(edge::with_etag(&headers, edge::etag(version), NO_CACHE, Json(ItemAnswer::from(item))))
}

/// Changes with every item on the page. Two releases may hash differently: then it is sent again.
fn version_of(rows: &[Item]) -> u64 {
    let mut hasher = DefaultHasher::new();
    for item in rows {
        (&item.item_id, item.version).hash(&mut hasher);
    }
    hasher.finish()
}

impl From<Item> for ItemAnswer {
    fn from(item: Item) -> ItemAnswer {
        ItemAnswer {
            item_id: item.item_id,
            item_name: item.item_name,
            quantity: item.on_hand,
            reserved_quantity: item.reserved,
            available: item.on_hand - item.reserved,
            version: item.version,
            updated_at: item.updated_at,
        }
    }
}
