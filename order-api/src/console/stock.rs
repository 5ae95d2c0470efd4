//! /console/stock: what is in the warehouse, who it is promised to, and every line that made it so.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use chrono::{DateTime, Utc};
use edge::Problem;
use http::StatusCode;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};

use super::failure::{Failure, text_of};
use super::form::Fields;
use super::frame::{Frame, Screen, clock};
use super::inventory::{Balance, InventoryError, Movement, Stocked};
use super::render::html;
use super::visit::Visit;
use super::when::When;
use super::words::{self, Mark, grouped};
use crate::OrderApi;

#[derive(Template)]
#[template(path = "stock.html")]
struct ListPage {
    frame: Frame,
    items: Vec<ItemRow>,
    invariant: Mark,
    invariant_text: String,
    unavailable: Option<String>,
    next: Option<String>,
}

#[derive(Template)]
#[template(path = "item.html")]
struct ItemPage {
    frame: Frame,
    item: ItemRow,
    invariant: Mark,
    invariant_text: String,
    sum: Mark,
    sum_text: String,
    ledger: Vec<LedgerRow>,
    ledger_error: Option<String>,
    next: Option<String>,
    tried: Fields,
    said: Option<String>,
}

struct ItemRow {
    id: String,
    link: String,
    name: String,
    on_hand: String,
    reserved: String,
    available: String,
    is_out: bool,
    updated: When,
}

struct LedgerRow {
    at: When,
    kind: String,
    on_hand: String,
    reserved: String,
    why: String,
}

pub(super) async fn list(
    State(api): State<Arc<OrderApi>>,
    visit: Visit,
) -> Result<Response, Failure> {
    let now = clock(&api).await?;
    let fields = visit.fields()?;
    let found = api.console.inventory.items(fields.get("cursor")).await;
    let frame = Frame::new(&api, &visit, Screen::Stock, now);
    let (items, cursor, unavailable) = match found {
        Ok(page) => (page.items, page.next_cursor, None),
        Err(error) => (Vec::new(), None, Some(error.text().to_owned())),
    };
    let (invariant, invariant_text) = judge(&items);
    let page = ListPage {
        frame,
        invariant,
        invariant_text,
        items: items.into_iter().map(|item| ItemRow::of(item, now)).collect(),
        unavailable,
        next: cursor.map(|cursor| format!("/console/stock?cursor={cursor}")),
    };
    Ok(html(StatusCode::OK, &page))
}

pub(super) async fn show(
    State(api): State<Arc<OrderApi>>,
    Path(id): Path<String>,
    visit: Visit,
) -> Result<Response, Failure> {
    item_page(&api, &visit, &id, None).await
}

/// POST: by so many, or to so many, with a reason.
pub(super) async fn adjust(
    State(api): State<Arc<OrderApi>>,
    Path(id): Path<String>,
    visit: Visit,
    fields: Fields,
) -> Result<Response, Failure> {
    let adjusted = match change_of(&id, &visit, &fields) {
        Ok(change) => api.console.inventory.update(&change).await.map(drop),
        Err(problem) => Err(InventoryError::Refused {
            status: problem.status().as_u16(),
            said: text_of(&problem),
        }),
    };
    match adjusted {
        Ok(()) => Ok(Redirect::to(&format!("{}?done=stock", path_of(&id))).into_response()),
        Err(error) => item_page(&api, &visit, &id, Some((fields, error))).await,
    }
}

fn change_of(id: &str, visit: &Visit, fields: &Fields) -> Result<Value, Problem> {
    let reason = fields.get("reason");
    let reason =
        reason.ok_or_else(|| Problem::invalid("reason", "missing-field", "why is needed"))?;
    let how = if fields.get("how") == Some("set") { "set" } else { "delta" };
    let number: Option<i64> = fields.read("number")?;
    let number = number.ok_or_else(|| Problem::invalid("number", "missing-field", "how many"))?;
    let mut change = Map::new();
    change.insert("item_id".to_owned(), json!(id));
    change.insert(how.to_owned(), json!(number));
    change.insert("reason".to_owned(), json!(format!("{reason} ({})", visit.actor)));
    Ok(Value::Object(change))
}

async fn item_page(
    api: &Arc<OrderApi>,
    visit: &Visit,
    id: &str,
    tried: Option<(Fields, InventoryError)>,
) -> Result<Response, Failure> {
    let now = clock(api).await?;
    let cursor = visit.fields()?.get("cursor").map(ToOwned::to_owned);
    let inventory = &api.console.inventory;
    let (item, ledger, balance) = tokio::join!(
        inventory.item(id),
        inventory.movements(id, cursor.as_deref()),
        inventory.balance(id)
    );
    let item = item.map_err(|error| error.problem())?;
    let (ledger, cursor, ledger_error) = match ledger {
        Ok(page) => (page.items, page.next_cursor, None),
        Err(error) => (Vec::new(), None, Some(error.text().to_owned())),
    };
    let status = tried.as_ref().map_or(StatusCode::OK, |(_, error)| error.status());
    let (tried, said) = match tried {
        Some((fields, error)) => (fields, Some(format!("Nothing was changed. {}", error.text()))),
        None => (Fields::default(), None),
    };
    let mut frame = Frame::new(api, visit, Screen::Stock, now);
    if said.is_some() {
        frame.be_page(path_of(id));
    }
    let (invariant, invariant_text) = judge(std::slice::from_ref(&item));
    let (sum, sum_text) = judge_ledger(balance);
    let page = ItemPage {
        frame,
        invariant,
        invariant_text,
        sum,
        sum_text,
        item: ItemRow::of(item, now),
        ledger: ledger.into_iter().map(|movement| LedgerRow::of(movement, now)).collect(),
        ledger_error,
        next: cursor.map(|cursor| format!("{}?cursor={cursor}", path_of(id))),
        tried,
        said,
    };
    Ok(html(status, &page))
}

/// What must be true of every item at every moment.
fn judge(items: &[Stocked]) -> (Mark, String) {
    let is_sound = |item: &&Stocked| {
        item.reserved_quantity >= 0
            && item.quantity >= item.reserved_quantity
            && item.available == item.quantity - item.reserved_quantity
    };
    let wrong: Vec<&str> =
        items.iter().filter(|item| !is_sound(item)).map(|item| item.item_id.as_str()).collect();
    if wrong.is_empty() {
        let text =
            "0 ≤ reserved ≤ on hand, and available = on hand − reserved, for every item shown.";
        (words::good("holds"), text.to_owned())
    } else {
        (words::bad("broken"), format!("More is reserved than is on hand: {}.", wrong.join(", ")))
    }
}

/// Whether every line that was ever written makes what is there.
fn judge_ledger(balance: Result<Balance, InventoryError>) -> (Mark, String) {
    let sum = match balance {
        Ok(Balance { ledger: Some(sum) }) => sum,
        Ok(Balance { ledger: None }) => {
            let text = "The ledger is too long to add up here; run valerix reconcile.";
            return (words::quiet("not added up"), text.to_owned());
        }
        Err(error) => return (words::quiet("not known"), error.text().to_owned()),
    };
    let made = format!(
        "{} lines add up to {} on hand and {} reserved",
        grouped(sum.lines),
        grouped(sum.quantity),
        grouped(sum.reserved_quantity)
    );
    if sum.adds_up {
        (words::good("the ledger adds up"), format!("{made}, as in the stock row."))
    } else {
        (words::bad("the ledger does not add up"), format!("{made}, but the stock row differs."))
    }
}

fn path_of(id: &str) -> String {
    format!("/console/stock/{}", utf8_percent_encode(id, NON_ALPHANUMERIC))
}

impl ItemRow {
    fn of(item: Stocked, now: DateTime<Utc>) -> ItemRow {
        ItemRow {
            link: path_of(&item.item_id),
            name: item.item_name,
            on_hand: grouped(item.quantity),
            reserved: grouped(item.reserved_quantity),
            available: grouped(item.available),
            is_out: item.available <= 0,
            updated: When::new(item.updated_at, now),
            id: item.item_id,
        }
    }
}

impl LedgerRow {
    fn of(movement: Movement, now: DateTime<Utc>) -> LedgerRow {
        let signed = |number: i64| match number {
            0 => "–".to_owned(),
            1.. => format!("+{}", grouped(number)),
            _ => grouped(number),
        };
        let of_order = movement.reservation_id.map(|id| format!("reservation {id}"));
        LedgerRow {
            at: When::new(movement.created_at, now),
            kind: movement.kind,
            on_hand: signed(movement.quantity_delta),
            reserved: signed(movement.reserved_delta),
            why: movement.reason.or(of_order).unwrap_or_default(),
        }
    }
}
