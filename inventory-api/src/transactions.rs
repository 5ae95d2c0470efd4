//! GET /api/inventory/{item_id}/transactions: the ledger of one item, newest first; and …/balance: whether it
//! adds up to the stock.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use chrono::{DateTime, Utc};
use edge::{Problem, StrictQuery};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use schema_inventory::stock::find_item;
use schema_inventory::transactions::{Transaction, find_balance};
use serde::Serialize;
use uuid::Uuid;

use crate::page::PageQuery;
use crate::{InventoryApi, db_problem, item_id};

/// A longer ledger is not added up for a look: `valerix reconcile` does that.
const LINES_MAX: i64 = 20_000;

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

/// A stock row beside its ledger.
#[derive(Debug, Serialize)]
pub(crate) struct BalanceAnswer {
    item_id: String,
    quantity: i64,
    reserved_quantity: i64,
    /// Absent where the ledger is too long to be added up for a look.
    ledger: Option<LedgerSum>,
}

#[derive(Debug, Serialize)]
struct LedgerSum {
    lines: i64,
    quantity: i64,
    reserved_quantity: i64,
    adds_up: bool,
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

pub(crate) async fn show_balance(
    State(api): State<Arc<InventoryApi>>,
    path: Result<Path<String>, PathRejection>,
) -> Result<Json<BalanceAnswer>, Problem> {
    let item_id = item_id::from_path(path)?;
    let id = item_id.clone();
    let read = api.db.read(move |connection| {
        Box::pin(async move { find_balance(connection, &id, LINES_MAX).await })
    });
    let found = read.await.map_err(|error| db_problem::problem_of(&error))?;
    let balance = found.ok_or_else(item_id::absent)?;
    let sum = LedgerSum {
        lines: balance.lines,
        quantity: balance.ledger_on_hand,
        reserved_quantity: balance.ledger_reserved,
        adds_up: balance.ledger_on_hand == balance.on_hand
            && balance.ledger_reserved == balance.reserved,
    };
    Ok(Json(BalanceAnswer {
        item_id,
        quantity: balance.on_hand,
        reserved_quantity: balance.reserved,
        ledger: (balance.lines <= LINES_MAX).then_some(sum),
    }))
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
