//! /console/orders/{id}: what happened to one order, and whether somebody has to do something.

mod attempts;
mod forms;

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use chrono::{DateTime, Utc};
use edge::Problem;
use http::StatusCode;
use saga::stored::Line;
use schema_orders::inspection::SagaRow;
use serde_json::json;
use uuid::Uuid;

use self::attempts::AttemptRow;
use self::forms::ActForm;
use super::failure::Failure;
use super::frame::{Frame, Screen};
use super::render::html;
use super::saga_words::{items_of, short};
use super::visit::Visit;
use super::when::When;
use super::words::{self, Mark};
use crate::OrderApi;
use crate::order_id::OrderId;
use crate::staff::actions::{self, ActionAnswer, AuditQuery};
use crate::staff::sagas::{SagaAnswer, find, find_history};
use timeline::{History, Look, Setting, draw};

pub(super) use forms::Tried;

const LOOK: Look<'static> =
    Look { title: "What happened to this order", id: "timeline-drawing", setting: Setting::InPage };

#[derive(Template)]
#[template(path = "saga.html")]
struct Page {
    frame: Frame,
    id: Uuid,
    short: String,
    items: String,
    mark: Mark,
    tone: &'static str,
    in_doubt: bool,
    stuck: bool,
    headline: String,
    stock: &'static str,
    next_step: String,
    next_at: Option<When>,
    advice: &'static str,
    runbook: Option<&'static str>,
    /// Made by `timeline`, which escapes what it is given.
    drawing: String,
    attempts: Vec<AttemptRow>,
    waiting: Vec<String>,
    forms: Vec<ActForm>,
    lines: Vec<Line>,
    created: When,
    updated: When,
    deadline: When,
    version: i32,
    epoch: i64,
    tries: i32,
    crashes: i16,
    reservation: Uuid,
    owner: String,
    tenant: String,
    events: Vec<EventRow>,
    actions: Vec<ActionRow>,
    raw: String,
}

struct EventRow {
    at: When,
    text: &'static str,
}

struct ActionRow {
    actor: String,
    what: String,
    at: When,
    reason: String,
    outcome: String,
}

pub(super) async fn show(
    State(api): State<Arc<OrderApi>>,
    order: Result<OrderId, Problem>,
    visit: Visit,
) -> Result<Response, Failure> {
    let OrderId(id) = order?;
    let page = page(&api, &visit, id, None).await?;
    Ok(html(StatusCode::OK, &page))
}

/// The page after an action that was not carried out, which says so beside its button.
pub(super) async fn show_tried(
    api: &Arc<OrderApi>,
    visit: &Visit,
    id: Uuid,
    tried: Tried,
) -> Result<Response, Failure> {
    let status = tried.status;
    let page = page(api, visit, id, Some(tried)).await?;
    Ok(html(status, &page))
}

async fn page(
    api: &Arc<OrderApi>,
    visit: &Visit,
    id: Uuid,
    tried: Option<Tried>,
) -> Result<Page, Problem> {
    let of_order = AuditQuery { order_id: Some(id), ..AuditQuery::default() };
    let (row, history, audit) =
        tokio::try_join!(find(api, id), find_history(api, id), actions::page(api, of_order))?;
    let from = visit.fields()?.read("from")?;
    let mut frame = Frame::new(api, visit, Screen::Orders, row.now);
    if tried.is_some() {
        frame.be_page(format!("/console/orders/{id}"));
    }
    Ok(Page::of(frame, row, &history, audit.items, (from, tried.as_ref())))
}

impl Page {
    fn of(
        frame: Frame,
        row: SagaRow,
        history: &History,
        audit: Vec<ActionAnswer>,
        (from, tried): (Option<u32>, Option<&Tried>),
    ) -> Page {
        let (now, version) = (row.now, row.version);
        let metadata = row.metadata.clone();
        let mut saga = SagaAnswer::from(row);
        let raw = json!({
            "saga": saga, "metadata": metadata, "explanation": saga.explanation, "history": history,
        });
        let words = saga.explanation.take();
        let words = words.as_ref();
        let mark = words::of_state(&saga.state);
        let when = |at: DateTime<Utc>| When::new(at, now);
        let forms = words.map(|words| forms::of(&words.actions, version, tried));
        Page {
            id: saga.id,
            short: short(saga.id),
            items: items_of(&saga.lines),
            tone: mark.tone,
            mark,
            in_doubt: saga.in_doubt,
            stuck: saga.stuck,
            stock: words.map_or("", |words| words.stock),
            next_step: words.and_then(|words| words.next_step.clone()).unwrap_or_default(),
            next_at: saga.next_try_at.filter(|at| *at > now).map(when),
            advice: words.map_or("", |words| words.advice),
            runbook: words.and_then(|words| words.runbook),
            drawing: draw(history, &LOOK),
            attempts: attempts::rows(history, from, now),
            waiting: attempts::waiting(history, now),
            forms: forms.unwrap_or_default(),
            created: when(saga.created_at),
            updated: when(saga.updated_at),
            deadline: when(saga.deadline_at),
            version,
            epoch: saga.epoch,
            tries: saga.attempt,
            crashes: saga.crashes,
            reservation: saga.reservation_id,
            owner: owner_of(&saga),
            events: events_of(history, now),
            actions: audit.into_iter().map(|action| ActionRow::of(action, now)).collect(),
            raw: serde_json::to_string_pretty(&raw).expect("plain data"),
            headline: saga.headline,
            tenant: saga.tenant,
            lines: saga.lines,
            frame,
        }
    }
}

fn owner_of(saga: &SagaAnswer) -> String {
    let Some(owner) = &saga.owner else { return "nobody".to_owned() };
    owner.name.clone().unwrap_or_else(|| format!("relay {} (gone)", owner.id))
}

/// The newest moments; all of them are in the raw history.
fn events_of(history: &History, now: DateTime<Utc>) -> Vec<EventRow> {
    const EVENTS_MAX: usize = 50;
    let newest = history.marks.iter().rev().take(EVENTS_MAX);
    newest.map(|mark| EventRow { at: When::new(mark.at, now), text: mark.text }).collect()
}

impl ActionRow {
    fn of(action: ActionAnswer, now: DateTime<Utc>) -> ActionRow {
        ActionRow {
            what: super::saga_words::done_word(&action.r#type).to_owned(),
            at: When::new(action.at, now),
            outcome: super::saga_words::outcome_words(&action),
            reason: action.reason,
            actor: action.actor,
        }
    }
}
