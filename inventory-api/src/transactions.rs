//! GET /api/inventory/{item_id}/transactions: the ledger of one item, newest first.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use chrono::{DateTime, Utc};
use edge::{Problem, StrictQuery};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use schema_inventory::stock::find_item;
use schema_inventory::transactions::Transaction;
use serde::Serialize;
use uuid::Uuid;

use crate::page::PageQuery;
use crate::{InventoryApi, db_problem, item_id};

#[derive(Debug, Serialize)]
struct TransactionAnswer {
    id: i64,
    /// opening, adjustment, reserve, release or commit
    kind: String,
    quantity_delta: i64,
    reserved_delta: i64,
    reservation_id: Option<Uuid>,
    reason: Option<String>,
    created_at: DateTime<Utc>,
}

pub(crate) async fn list_transactions(
    State(api): State<Arc<InventoryApi>>,
    path: Result<Path<String>, PathRejection>,
    StrictQuery(query): StrictQuery<PageQuery>,
) -> Result<Response, Problem> {
    let id = item_id::from_path(path)?;
    let filters = format!("transactions of {id}");
    let asked = query.check(&filters)?;
    let before = asked.after.as_deref().map(parse_place).transpose()?;
    let link =
        format!("/api/inventory/{}/transactions?", utf8_percent_encode(&id, NON_ALPHANUMERIC));
    let rows_max = asked.rows_max();
    let rows = api.db.read(move |connection| {
        Box::pin(async move {
            if find_item(&mut *connection, &id).await?.is_none() {
                return Ok(None);
            }
            let ledger = schema_inventory::transactions::list_transactions;
            ledger(connection, &id, before, rows_max).await.map(Some)
        })
    });
    let rows = rows.await.map_err(|error| db_problem::problem_of(&error))?;
    let rows = rows.ok_or_else(item_id::absent)?;
    let key = |row: &Transaction| row.id.to_string();
    Ok(asked.answer::<Transaction, TransactionAnswer>(rows, &filters, &link, key))
}

fn parse_place(text: &str) -> Result<i64, Problem> {
    let place = text.parse().ok();
    place.ok_or_else(|| {
        Problem::invalid("cursor", "invalid-cursor", "take it from next_cursor as it is")
    })
}

impl From<Transaction> for TransactionAnswer {
    fn from(row: Transaction) -> TransactionAnswer {
        TransactionAnswer {
            id: row.id,
            kind: row.kind,
            quantity_delta: row.on_hand_delta,
            reserved_delta: row.reserved_delta,
            reservation_id: row.reservation_id,
            reason: row.reason,
            created_at: row.at,
        }
    }
}
