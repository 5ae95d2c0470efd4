//! /console/new: place one order, the same one again, or many at a rate, and watch what becomes of them.

mod place_many;
pub(super) mod runs;

use std::sync::Arc;
use std::time::Instant;

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use edge::{Caller, Problem};
use http::StatusCode;
use schema_orders::inspection::{SagaFilter, find_sagas};
use uuid::Uuid;

use self::place_many::Orders;
use self::runs::Run;
use super::failure::{Failure, text_of};
use super::form::Fields;
use super::frame::{Frame, Screen, clock};
use super::inventory::Stocked;
use super::render::html;
use super::saga_words::short;
use super::visit::Visit;
use super::words::{self, Mark, grouped};
use crate::OrderApi;
use crate::orders::create::{Waits, place};
use crate::orders::order_request::{Basket, OrderRequest};

const ORDERS_MAX: u32 = 500;
const RATE_MAX: u32 = 50;

#[derive(Template)]
#[template(path = "new.html")]
struct Page {
    frame: Frame,
    items: Vec<ItemChoice>,
    unavailable: Option<String>,
    item_id: String,
    quantity: String,
    key: String,
    count: String,
    rate: String,
    gremlin: bool,
    said: Option<String>,
    told: Option<Told>,
    run: Option<RunWords>,
    squares: Vec<Square>,
}

struct ItemChoice {
    id: String,
    label: String,
    is_here: bool,
}

/// What became of one key.
struct Told {
    id: Uuid,
    short: String,
    is_replay: bool,
    mark: Mark,
    headline: String,
    key: String,
    item_id: String,
    quantity: String,
}

struct RunWords {
    text: String,
    counts: Vec<(Mark, usize)>,
}

struct Square {
    id: Uuid,
    mark: Mark,
    label: String,
}

pub(super) async fn show(
    State(api): State<Arc<OrderApi>>,
    visit: Visit,
) -> Result<Response, Failure> {
    let fields = visit.fields()?;
    page(&api, &visit, &fields, None).await
}

pub(super) async fn create(
    State(api): State<Arc<OrderApi>>,
    visit: Visit,
    caller: Caller,
    fields: Fields,
) -> Result<Response, Failure> {
    match begin(&api, &caller, &fields).await {
        Ok(path) => Ok(Redirect::to(&path).into_response()),
        Err(problem) => page(&api, &visit, &fields, Some(problem)).await,
    }
}

/// Places what the form says; where to watch it.
async fn begin(api: &Arc<OrderApi>, caller: &Caller, fields: &Fields) -> Result<String, Problem> {
    let item_id = fields.text("item_id");
    let quantity = fields.read("quantity")?.unwrap_or(1);
    let gremlin = fields.get("gremlin").is_some();
    let basket = || OrderRequest::of_one(item_id.clone(), quantity, gremlin).check();
    let key =
        edge::check_idempotency_key(fields.get("key").map_or_else(fresh_key, ToOwned::to_owned))?;
    let count: u32 = fields.read("count")?.unwrap_or(1);
    let rate: u32 = fields.read("rate")?.unwrap_or(10);
    bounded("count", count, ORDERS_MAX)?;
    bounded("rate", rate, RATE_MAX)?;
    let same = serialized(&[("item_id", &item_id), ("quantity", &quantity.to_string())]);
    if count == 1 {
        let basket = basket()?;
        // it waits and is measured like a customer's
        let _timing = api.window.time();
        let bounds = Waits { begun: Instant::now(), wait: api.config.wait() };
        let (order, is_new) = place(api, caller.tenant(), key.clone(), basket, bounds).await?;
        let replay = if is_new { "" } else { "&replayed=1" };
        let key = serialized(&[("key", &key)]);
        return Ok(format!("/console/new?order={}&{same}&{key}{replay}", order.id));
    }
    let baskets: Basket = basket()?;
    let run = api.console.runs.begin(count)?;
    let tenant = caller.tenant().to_owned();
    let id = run.id.clone();
    place_many::begin(api, run, Orders { tenant, key: key.clone(), basket: baskets, rate });
    let (count, rate) = (count.to_string(), rate.to_string());
    let more = serialized(&[("count", &count), ("rate", &rate)]);
    Ok(format!("/console/new?run={id}&{same}&{more}"))
}

fn bounded(name: &str, number: u32, max: u32) -> Result<(), Problem> {
    if (1..=max).contains(&number) {
        return Ok(());
    }
    Err(Problem::invalid(name, "out-of-range", format!("1 to {max}")))
}

fn fresh_key() -> String {
    Uuid::new_v4().to_string()
}

fn serialized(pairs: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

async fn page(
    api: &Arc<OrderApi>,
    visit: &Visit,
    fields: &Fields,
    problem: Option<Problem>,
) -> Result<Response, Failure> {
    let now = clock(api).await?;
    let (items, unavailable) = match api.console.inventory.items(None).await {
        Ok(page) => (page.items, None),
        Err(silence) => (Vec::new(), Some(silence.text().to_owned())),
    };
    let run = fields.get("run").and_then(|id| api.console.runs.find(id));
    let order: Option<Uuid> = fields.read("order")?;
    let ids = run.as_ref().map(Run::orders).unwrap_or_default();
    let squares = squares(api, ids.clone()).await?;
    let told = match order {
        Some(id) => told(api, id, fields).await?,
        None => None,
    };
    let mut frame = Frame::new(api, visit, Screen::NewOrder, now);
    if problem.is_some() {
        frame.be_page("/console/new".to_owned());
    }
    let item_id = fields.text("item_id");
    let or = |name: &str, default: &str| fields.get(name).unwrap_or(default).to_owned();
    let page = Page {
        frame,
        items: items.into_iter().map(|item| ItemChoice::of(item, &item_id)).collect(),
        unavailable,
        item_id,
        quantity: or("quantity", "1"),
        key: if problem.is_some() { or("key", "") } else { fresh_key() },
        count: or("count", "1"),
        rate: or("rate", "10"),
        gremlin: fields.get("gremlin").is_some(),
        said: problem.as_ref().map(|problem| format!("Nothing was ordered. {}", text_of(problem))),
        told,
        run: run.map(|run| RunWords::of(&run, &squares)),
        squares,
    };
    Ok(html(problem.map_or(StatusCode::OK, |problem| problem.status()), &page))
}

async fn told(api: &OrderApi, id: Uuid, fields: &Fields) -> Result<Option<Told>, Problem> {
    let found = crate::staff::sagas::find(api, id).await.ok();
    let Some(saga) = found.map(crate::staff::sagas::SagaAnswer::from) else { return Ok(None) };
    Ok(Some(Told {
        id,
        short: short(id),
        is_replay: fields.get("replayed").is_some(),
        mark: words::of_state(&saga.state),
        headline: saga.headline,
        key: fields.text("key"),
        item_id: fields.text("item_id"),
        quantity: fields.text("quantity"),
    }))
}

/// The orders of a run, as they stand, in the order in which they were placed.
async fn squares(api: &OrderApi, ids: Vec<Uuid>) -> Result<Vec<Square>, Problem> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let limit = ids.len();
    let filter = SagaFilter { ids: Some(ids), ..SagaFilter::default() };
    let read = api.staff_reads.run(move |connection| {
        Box::pin(async move { find_sagas(connection, &filter, None, limit).await })
    });
    let square = |saga: schema_orders::inspection::SagaRow| {
        let mark = words::of_state(&saga.columns.state);
        Square { id: saga.order_id, mark, label: format!("{} {}", short(saga.order_id), mark.word) }
    };
    Ok(read.await?.sagas.into_iter().rev().map(square).collect())
}

impl ItemChoice {
    fn of(item: Stocked, here: &str) -> ItemChoice {
        ItemChoice {
            is_here: item.item_id == here,
            label: format!("{} – {} available", item.item_name, grouped(item.available)),
            id: item.item_id,
        }
    }
}

impl RunWords {
    fn of(run: &Run, squares: &[Square]) -> RunWords {
        let mut counts: Vec<(Mark, usize)> = Vec::new();
        for square in squares {
            match counts.iter_mut().find(|(mark, _)| *mark == square.mark) {
                Some((_, count)) => *count += 1,
                None => counts.push((square.mark, 1)),
            }
        }
        let refused = run.refused();
        let mut text = format!("{} of {} orders placed", squares.len(), run.count);
        if refused > 0 {
            text = format!("{text}, {refused} refused");
        }
        RunWords { text, counts }
    }
}
