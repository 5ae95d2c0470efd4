//! /console/audit: who did what, when, why, and what truly came of it.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use chrono::{DateTime, Utc};
use edge::Problem;
use http::StatusCode;
use uuid::Uuid;

use super::failure::Failure;
use super::frame::{Frame, Screen, clock};
use super::render::html;
use super::saga_words::outcome_words;
use super::saga_words::short;
use super::visit::Visit;
use super::when::When;
use crate::OrderApi;
use crate::staff::actions::{self, ActionAnswer, AuditQuery, KINDS};

const ROWS: u32 = 50;

#[derive(Template)]
#[template(path = "audit.html")]
struct Page {
    frame: Frame,
    actor: String,
    order: String,
    kinds: Vec<Choice>,
    rows: Vec<Row>,
    next: Option<String>,
}

struct Choice {
    name: &'static str,
    is_here: bool,
}

struct Row {
    at: When,
    actor: String,
    kind: String,
    order: Option<(Uuid, String)>,
    bulk: Option<Uuid>,
    reason: String,
    evidence: Option<String>,
    result: String,
    outcome: String,
}

pub(super) async fn show(
    State(api): State<Arc<OrderApi>>,
    visit: Visit,
) -> Result<Response, Failure> {
    let fields = visit.fields()?;
    let now = clock(&api).await?;
    let kind = fields.get("type").map(ToOwned::to_owned);
    if kind.as_deref().is_some_and(|kind| !KINDS.contains(&kind)) {
        return Err(Problem::invalid("type", "unknown-value", KINDS.join(", ")).into());
    }
    let query = AuditQuery {
        limit: Some(ROWS),
        cursor: fields.get("cursor").map(ToOwned::to_owned),
        order_id: fields.read("order")?,
        actor: fields.get("actor").map(ToOwned::to_owned),
        r#type: kind.clone(),
        bulk_id: fields.read("bulk")?,
    };
    let found = actions::page(&api, query).await?;
    let mut kept = form_urlencoded::Serializer::new(String::new());
    for name in ["actor", "type", "order", "bulk"] {
        if let Some(value) = fields.get(name) {
            kept.append_pair(name, value);
        }
    }
    let kept = kept.finish();
    let choice = |name| Choice { name, is_here: kind.as_deref() == Some(name) };
    let page = Page {
        frame: Frame::new(&api, &visit, Screen::Audit, now),
        actor: fields.text("actor"),
        order: fields.text("order"),
        kinds: KINDS.into_iter().map(choice).collect(),
        rows: found.items.into_iter().map(|action| Row::of(action, now)).collect(),
        next: found.next_cursor.map(|cursor| format!("/console/audit?{kept}&cursor={cursor}")),
    };
    Ok(html(StatusCode::OK, &page))
}

impl Row {
    fn of(action: ActionAnswer, now: DateTime<Utc>) -> Row {
        Row {
            at: When::new(action.at, now),
            order: action.order_id.map(|id| (id, short(id))),
            bulk: action.bulk_id,
            outcome: outcome_words(&action),
            kind: action.r#type,
            actor: action.actor,
            reason: action.reason,
            evidence: action.evidence,
            result: action.result,
        }
    }
}
