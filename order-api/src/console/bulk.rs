//! /console/bulk: one action on many orders. First what it would do, to exactly what was seen; then what it did.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use chrono::{DateTime, SecondsFormat, Utc};
use edge::Problem;
use http::StatusCode;
use uuid::Uuid;

use super::failure::{Failure, text_of};
use super::form::Fields;
use super::frame::{Frame, Screen, clock};
use super::orders::filters_of;
use super::render::html;
use super::saga_words::short;
use super::visit::Visit;
use super::when::When;
use super::words::{self, Mark, grouped};
use crate::OrderApi;
use crate::order_id::OrderId;
use crate::staff::actions::Kind;
use crate::staff::bulk::{Begin, ItemAnswer, Preview, Selection, find, preview, start};

/// Items of a page.
const ITEMS: u32 = 100;
/// What is carried from the list to the preview, and on to the action.
const CARRIED: [&str; 11] = [
    "view",
    "state",
    "reason_is",
    "item_id",
    "min_attempts",
    "created_after",
    "created_before",
    "error",
    "in_doubt",
    "stuck",
    "q",
];

#[derive(Template)]
#[template(path = "bulk_preview.html")]
struct PreviewPage {
    frame: Frame,
    verb: &'static str,
    kind: &'static str,
    scope: String,
    count: usize,
    would_apply: usize,
    would_refuse: usize,
    as_of: String,
    seen: When,
    examples: Vec<(Uuid, String)>,
    carried: Vec<(String, String)>,
    reason: String,
    said: Option<String>,
}

#[derive(Template)]
#[template(path = "bulk.html")]
struct Page {
    frame: Frame,
    verb: String,
    actor: String,
    reason: String,
    began: When,
    is_done: bool,
    total: i64,
    done: String,
    applied: i64,
    refused: i64,
    moved: i64,
    missing: i64,
    items: Vec<Item>,
    next: Option<String>,
}

struct Item {
    n: i32,
    id: Uuid,
    short: String,
    result: Mark,
    detail: String,
    now: Option<Mark>,
}

pub(super) async fn post(
    State(api): State<Arc<OrderApi>>,
    visit: Visit,
    fields: Fields,
) -> Result<Response, Failure> {
    let kind = match fields.get("type") {
        Some("retry") => Kind::Retry,
        Some("cancel") => Kind::Cancel,
        Some(_) | None => {
            return Err(Problem::invalid("type", "unknown-value", "retry or cancel").into());
        }
    };
    let now = clock(&api).await?;
    let as_of = fields.read::<DateTime<Utc>>("as_of")?;
    let selection = selection_of(&fields, now)?;
    if fields.get("step") != Some("begin") {
        return show_preview(
            &api,
            &visit,
            &fields,
            Wanted { kind, selection: &selection, as_of },
            None,
        )
        .await;
    }
    let begun = async {
        let expected = fields.read("expected")?;
        let missing = |name: &str| Problem::invalid(name, "missing-field", "what was seen");
        let asked = Begin {
            kind,
            reason: fields.text("reason"),
            as_of: as_of.ok_or_else(|| missing("as_of"))?,
            expected: expected.ok_or_else(|| missing("expected"))?,
        };
        start(&api, &visit.actor, &selection, asked).await
    };
    match begun.await {
        Ok(id) => Ok(Redirect::to(&format!("/console/bulk/{id}")).into_response()),
        // what was seen is gone: what is there now is shown, and asked about anew
        Err(problem) if problem.status() == StatusCode::CONFLICT => {
            show_preview(
                &api,
                &visit,
                &fields,
                Wanted { kind, selection: &selection, as_of: None },
                Some(problem),
            )
            .await
        }
        Err(problem) => {
            show_preview(
                &api,
                &visit,
                &fields,
                Wanted { kind, selection: &selection, as_of },
                Some(problem),
            )
            .await
        }
    }
}

fn selection_of(fields: &Fields, now: DateTime<Utc>) -> Result<Selection, Problem> {
    if fields.get("scope") == Some("all") {
        let filter = filters_of(&fields.renamed("reason_is", "reason"), now)?;
        return Ok(Selection { filter: Some(filter), ids: None });
    }
    let wrong = |_| Problem::invalid("id", "invalid-value", "an order's id");
    let ids: Result<Vec<Uuid>, Problem> =
        fields.all("id").map(|id| Uuid::try_parse(id).map_err(wrong)).collect();
    let ids = ids?;
    if ids.is_empty() {
        let detail = "select orders in the list, or choose all that match";
        return Err(Problem::invalid("", "missing-field", detail));
    }
    Ok(Selection { filter: None, ids: Some(ids) })
}

/// What somebody is about to do, and to what.
struct Wanted<'s> {
    kind: Kind,
    selection: &'s Selection,
    /// When it was seen; `None`: it is to be seen now.
    as_of: Option<DateTime<Utc>>,
}

async fn show_preview(
    api: &Arc<OrderApi>,
    visit: &Visit,
    fields: &Fields,
    wanted: Wanted<'_>,
    problem: Option<Problem>,
) -> Result<Response, Failure> {
    let Wanted { kind, selection, as_of } = wanted;
    let seen = preview(api, kind, selection, as_of).await?;
    let status = problem.as_ref().map_or(StatusCode::OK, Problem::status);
    let frame = Frame::new(api, visit, Screen::Orders, clock(api).await?);
    let page = PreviewPage::of(frame, kind, fields, seen, problem.as_ref());
    Ok(html(status, &page))
}

pub(super) async fn show(
    State(api): State<Arc<OrderApi>>,
    order: Result<OrderId, Problem>,
    visit: Visit,
) -> Result<Response, Failure> {
    let OrderId(id) = order?;
    let after = visit.fields()?.read("after")?.unwrap_or(0);
    let now = clock(&api).await?;
    let bulk = find(&api, id, after, ITEMS).await?;
    let page = Page {
        frame: Frame::new(&api, &visit, Screen::Orders, now),
        verb: bulk.r#type.clone(),
        actor: bulk.actor,
        reason: bulk.reason,
        began: When::new(bulk.created_at, now),
        is_done: bulk.finished_at.is_some(),
        total: i64::from(bulk.total),
        done: grouped(bulk.done),
        applied: bulk.results.applied,
        refused: bulk.results.refused,
        moved: bulk.results.moved,
        missing: bulk.results.missing,
        items: bulk.items.into_iter().map(Item::of).collect(),
        next: bulk.next_cursor.map(|after| format!("/console/bulk/{id}?after={after}")),
    };
    Ok(html(StatusCode::OK, &page))
}

impl PreviewPage {
    fn of(
        frame: Frame,
        kind: Kind,
        fields: &Fields,
        seen: Preview,
        problem: Option<&Problem>,
    ) -> PreviewPage {
        let carry = |name: &'static str| {
            fields
                .all(name)
                .map(move |value| (name.to_owned(), value.to_owned()))
                .collect::<Vec<_>>()
        };
        let is_all = fields.get("scope") == Some("all");
        let ids = if is_all { Vec::new() } else { carry("id") };
        PreviewPage {
            verb: if kind == Kind::Retry { "Retry" } else { "Cancel" },
            kind: kind.name(),
            scope: if is_all { "all".to_owned() } else { "selected".to_owned() },
            count: seen.count,
            would_apply: seen.would_apply,
            would_refuse: seen.would_refuse,
            as_of: seen.as_of.to_rfc3339_opts(SecondsFormat::Micros, true),
            seen: When::new(seen.as_of, frame.now()),
            examples: seen.examples.into_iter().map(|id| (id, short(id))).collect(),
            carried: CARRIED.into_iter().flat_map(carry).chain(ids).collect(),
            reason: if fields.get("step") == Some("begin") {
                fields.text("reason")
            } else {
                String::new()
            },
            said: problem.map(|problem| format!("Nothing was done. {}", text_of(problem))),
            frame,
        }
    }
}

impl Item {
    fn of(item: ItemAnswer) -> Item {
        let result = match item.result.as_deref() {
            Some("applied") => words::good("done"),
            Some("refused") => words::crossed("refused"),
            Some("moved") => words::unclear("skipped: it had changed"),
            Some(_) => words::quiet("no longer there"),
            None => words::waiting("waiting"),
        };
        Item {
            n: item.n,
            id: item.order_id,
            short: short(item.order_id),
            result,
            detail: item.detail.unwrap_or_default(),
            now: item.saga.map(|now| words::of_state(&now.state)),
        }
    }
}
