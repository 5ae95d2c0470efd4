//! /console/orders: find anything. Every view is an address, and a page never asks more than an index can tell.

mod asked;

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use chrono::{DateTime, SecondsFormat, Utc};
use edge::Problem;
use http::StatusCode;
use saga::StateName;
use schema_orders::inspection::{Counted, find_saga};
use uuid::Uuid;

use self::asked::{Asked, REASONS, VIEWS};
use super::failure::Failure;
use super::frame::{Frame, Screen, clock};
use super::render::html;
use super::saga_words::{items_of, short};
use super::visit::Visit;
use super::when::When;
use super::words::{self, Mark, count};
use crate::OrderApi;
use crate::staff::sagas::{self, Page as Found, SagaAnswer, find_page, stats};

pub(super) use asked::filters_of;

const ROWS: u32 = 50;
/// Orders have ids of this length at most.
const UUID_CHARS: usize = 36;

#[derive(Template)]
#[template(path = "orders.html")]
struct Page {
    frame: Frame,
    asked: Asked,
    views: Vec<View>,
    states: Vec<Choice>,
    reasons: Vec<Choice>,
    is_filtered: bool,
    has_fields: bool,
    /// Of the form that acts on all that match.
    filters: Vec<(&'static str, String)>,
    as_of: String,
    total: String,
    matching: String,
    empty: &'static str,
    rows: Vec<Row>,
    newest: Option<String>,
    next: Option<String>,
}

struct View {
    path: String,
    name: &'static str,
    is_here: bool,
}

struct Choice {
    name: &'static str,
    is_here: bool,
}

struct Row {
    id: Uuid,
    short: String,
    mark: Mark,
    items: String,
    headline: String,
    in_doubt: bool,
    stuck: bool,
    next: Option<When>,
    attempts: i32,
    placed: When,
}

pub(super) async fn show(
    State(api): State<Arc<OrderApi>>,
    visit: Visit,
) -> Result<Response, Failure> {
    let fields = visit.fields()?;
    let now = clock(&api).await?;
    let asked = Asked::of(&fields);
    if let Some(id) = found_by_id(&api, &asked.q).await? {
        return Ok(Redirect::to(&format!("/console/orders/{id}")).into_response());
    }
    let query = asked.query(now)?;
    let cursor = fields.get("cursor").map(ToOwned::to_owned);
    let total = known_total(&api, &asked).await?;
    let wanted = sagas::Asked { limit: ROWS, cursor: cursor.clone(), wants_total: total.is_none() };
    let found = find_page(&api, query, wanted).await?;
    let counted = found.total.map(|total| (total.count as i64, total.counted));
    let counted = total.or(counted).unwrap_or((0, Counted::Exact));
    let mut frame = Frame::new(&api, &visit, Screen::Orders, now);
    frame.search.clone_from(&asked.q);
    Ok(html(StatusCode::OK, &Page::of(frame, asked, found, counted, cursor.is_some())))
}

/// The search box takes an order's id straight to its page.
async fn found_by_id(api: &OrderApi, q: &str) -> Result<Option<Uuid>, Problem> {
    let Some(id) = Some(q).filter(|q| q.len() <= UUID_CHARS).and_then(|q| Uuid::try_parse(q).ok())
    else {
        return Ok(None);
    };
    let found = api.staff_reads.run(move |connection| Box::pin(find_saga(connection, id))).await?;
    Ok(found.map(|saga| saga.order_id))
}

/// What is counted anyway need not be counted again.
async fn known_total(
    api: &Arc<OrderApi>,
    asked: &Asked,
) -> Result<Option<(i64, Counted)>, Problem> {
    let Some(kind) = asked.counted_as() else { return Ok(None) };
    let stats = stats(State(api.clone())).await?;
    Ok(Some(match kind {
        asked::CountedAs::Everything => {
            let all = || stats.states.iter().map(|state| state.number);
            let is_exact = all().all(|number| number.counted == Counted::Exact);
            let counted = if is_exact { Counted::Exact } else { Counted::Estimate };
            (all().map(|number| number.count).sum(), counted)
        }
        asked::CountedAs::State(name) => {
            let state = stats.states.iter().find(|state| state.state == name);
            state.map_or((0, Counted::Exact), |state| (state.number.count, state.number.counted))
        }
        asked::CountedAs::Stuck => (stats.stuck.count, stats.stuck.counted),
        asked::CountedAs::InDoubt => (stats.in_doubt.count, stats.in_doubt.counted),
    }))
}

impl Page {
    fn of(
        frame: Frame,
        asked: Asked,
        found: Found,
        counted: (i64, Counted),
        is_later: bool,
    ) -> Page {
        let matching = count(counted.0, counted.1);
        let plural = if counted.0 == 1 { "" } else { "s" };
        let address = asked.address();
        let next = found.next_cursor.as_deref();
        let view = |(key, name): (&'static str, &'static str)| View {
            path: if key.is_empty() {
                "/console/orders".to_owned()
            } else {
                format!("/console/orders?view={key}")
            },
            name,
            is_here: asked.view == key && (!key.is_empty() || !asked.is_filtered()),
        };
        let choice = |here: &str| {
            let here = here.to_owned();
            move |name: &'static str| Choice { name, is_here: here == name }
        };
        Page {
            views: VIEWS.into_iter().map(view).collect(),
            states: StateName::unfinished_first()
                .map(StateName::as_str)
                .into_iter()
                .map(choice(&asked.state))
                .collect(),
            reasons: REASONS.into_iter().map(choice(&asked.reason)).collect(),
            is_filtered: asked.is_filtered(),
            has_fields: asked.has_fields(),
            filters: asked.pairs().into_iter().map(for_bulk).collect(),
            as_of: found.as_of.to_rfc3339_opts(SecondsFormat::Micros, true),
            total: format!("{matching} order{plural}"),
            matching,
            empty: empty(&asked, next.is_some()),
            newest: is_later.then(|| address.clone()),
            next: next.map(|cursor| {
                let joined = if address.contains('?') { '&' } else { '?' };
                format!("{address}{joined}cursor={cursor}")
            }),
            rows: found.items.into_iter().map(|saga| Row::of(saga, found.as_of)).collect(),
            frame,
            asked,
        }
    }
}

/// Beside the reason of an action, the filter of that name needs another.
fn for_bulk((name, value): (&'static str, String)) -> (&'static str, String) {
    (if name == "reason" { "reason_is" } else { name }, value)
}

fn empty(asked: &Asked, has_more: bool) -> &'static str {
    match (asked.is_filtered(), has_more) {
        (_, true) => "No match in the newest orders. Continue with older ones below.",
        (true, false) => "No order matches.",
        (false, false) => "No orders yet.",
    }
}

impl Row {
    fn of(saga: SagaAnswer, now: DateTime<Utc>) -> Row {
        Row {
            id: saga.id,
            short: short(saga.id),
            mark: words::of_state(&saga.state),
            items: items_of(&saga.lines),
            in_doubt: saga.in_doubt,
            stuck: saga.stuck,
            next: saga.next_try_at.filter(|at| *at > now).map(|at| When::new(at, now)),
            attempts: saga.attempt,
            placed: When::new(saga.created_at, now),
            headline: saga.headline,
        }
    }
}
