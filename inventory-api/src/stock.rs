//! GET /api/inventory and GET /api/inventory/{item_id}.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use edge::{Problem, StrictQuery};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use schema_inventory::stock::{Item, find_item, list_items};
use serde::{Deserialize, Serialize};

use crate::{InventoryApi, cursor, db_problem, item_id};

const LIMIT_MAX: u32 = 100;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListQuery {
    limit: Option<u32>,
    cursor: Option<String>,
    /// Only what runs low.
    low: Option<bool>,
}

/// An item as the seeds' clients know it.
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

#[derive(Serialize)]
struct Page {
    items: Vec<ItemAnswer>,
    next_cursor: Option<String>,
}

pub(crate) async fn list_stock(
    State(api): State<Arc<InventoryApi>>,
    StrictQuery(query): StrictQuery<ListQuery>,
) -> Result<Response, Problem> {
    let limit = query.limit.unwrap_or(LIMIT_MAX);
    if limit == 0 || limit > LIMIT_MAX {
        return Err(Problem::invalid("limit", "out-of-range", "1 to 100"));
    }
    let low = query.low.unwrap_or(false);
    let filters = if low { "&low=true" } else { "" };
    let after = query.cursor.as_deref().map(|text| cursor::decode(text, filters)).transpose()?;
    let below = low.then_some(api.config.low_below);
    // one more than asked for tells whether there is a next page
    let rows = api.db.read(move |connection| {
        Box::pin(async move {
            list_items(connection, after.as_deref(), below, i64::from(limit) + 1).await
        })
    });
    let mut rows = rows.await.map_err(|error| db_problem::problem_of(&error))?;
    let has_more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    let last = rows.last().filter(|_| has_more);
    let next_cursor = last.map(|last| cursor::encode(&last.item_id, filters));
    let link = next_cursor.as_deref().map(|cursor| next_link(limit, filters, cursor));
    let items = rows.into_iter().map(ItemAnswer::from).collect();
    let mut response = Json(Page { items, next_cursor }).into_response();
    if let Some(link) = link {
        response.headers_mut().insert(header::LINK, link);
    }
    Ok(response)
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
    let etag = etag(item.version);
    let standard = [(header::ETAG, etag.clone()), (header::CACHE_CONTROL, NO_CACHE)];
    if matches_etag(&headers, &etag) {
        return Ok((StatusCode::NOT_MODIFIED, standard).into_response());
    }
    Ok((standard, Json(ItemAnswer::from(item))).into_response())
}

/// May be kept, and is asked about before each use.
const NO_CACHE: HeaderValue = HeaderValue::from_static("no-cache");

fn etag(version: i64) -> HeaderValue {
    HeaderValue::try_from(format!("\"{version}\"")).expect("digits are a header value")
}

/// RFC 9110 section 13.1.2: weak comparison against a list, or `*`.
fn matches_etag(headers: &HeaderMap, etag: &HeaderValue) -> bool {
    headers.get_all(header::IF_NONE_MATCH).iter().any(|value| {
        value.to_str().unwrap_or("").split(',').map(str::trim).any(|candidate| {
            candidate == "*" || candidate.strip_prefix("W/").unwrap_or(candidate) == etag
        })
    })
}

fn next_link(limit: u32, filters: &str, cursor: &str) -> HeaderValue {
    let link = format!("</api/inventory?limit={limit}{filters}&cursor={cursor}>; rel=\"next\"");
    HeaderValue::try_from(link).expect("hex digits and fixed words are a header value")
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
