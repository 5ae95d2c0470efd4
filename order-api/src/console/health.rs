//! /console/health: traffic lights, the thirty seconds, each check, the breaker and this process.

mod changes;
mod gate;

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use chrono::{DateTime, Utc};
use edge::health::HealthReport;
use edge::{Problem, Vitals};
use http::StatusCode;

use self::changes::{Change, changes_of, marker_of};
use self::gate::GateRow;
use super::chart::{Chart, Marker};
use super::failure::{Failure, text_of};
use super::form::Fields;
use super::frame::{Frame, Screen, clock};
use super::overview::LightWords;
use super::render::html;
use super::visit::Visit;
use super::when::{When, length};
use super::words::{self, Mark};
use crate::OrderApi;
use crate::health::deep;
use crate::staff::breakers::{OverrideAnswer, command, list_breakers};

#[derive(Template)]
#[template(path = "health.html")]
struct Page {
    frame: Frame,
    light: LightWords,
    tone: &'static str,
    chart: Chart,
    checks: Vec<CheckRow>,
    breaker: Mark,
    staff_override: Option<StaffOverride>,
    gates: Vec<GateRow>,
    changes: Vec<ChangeRow>,
    vitals: VitalsWords,
    tried: Fields,
    said: Option<String>,
}

struct CheckRow {
    mark: Mark,
    name: String,
    detail: String,
    took: String,
}

struct StaffOverride {
    text: &'static str,
    actor: String,
    reason: String,
    at: When,
}

struct ChangeRow {
    ago: String,
    text: &'static str,
}

struct VitalsWords {
    cpu: String,
    memory: String,
    threads: String,
    uptime: String,
}

pub(super) async fn show(
    State(api): State<Arc<OrderApi>>,
    visit: Visit,
) -> Result<Response, Failure> {
    page(&api, &visit, None).await
}

/// POST: staff overrides the breaker.
pub(super) async fn switch(
    State(api): State<Arc<OrderApi>>,
    visit: Visit,
    fields: Fields,
) -> Result<Response, Failure> {
    let isolated = match fields.get("type") {
        Some("isolate") => true,
        Some("close") => false,
        Some(_) | None => {
            return Err(Problem::invalid("type", "unknown-value", "isolate or close").into());
        }
    };
    match command(&api, &visit.actor, isolated, fields.text("reason")).await {
        Ok(_) => {
            let done = if isolated { "isolate" } else { "close" };
            Ok(Redirect::to(&format!("/console/health?done={done}")).into_response())
        }
        Err(problem) => page(&api, &visit, Some((fields, problem))).await,
    }
}

async fn page(
    api: &Arc<OrderApi>,
    visit: &Visit,
    tried: Option<(Fields, Problem)>,
) -> Result<Response, Failure> {
    let (report, breakers, chaos) = tokio::join!(
        deep(State(api.clone())),
        list_breakers(State(api.clone())),
        api.console.inventory.chaos()
    );
    let (breakers, now) = (breakers?, clock(api).await?);
    let breaker = breakers.items.first();
    let state = breaker.and_then(|breaker| breaker.state);
    let relays = breaker.map(|breaker| breaker.relays.as_slice()).unwrap_or_default();
    let changes = changes_of(relays, chaos.ok().as_ref(), now);
    let markers: Vec<Marker> = changes.iter().map(marker_of).collect();
    let window = api.window.snapshot();
    let light = LightWords::of(&window);
    let status = tried.as_ref().map_or(StatusCode::OK, |(_, problem)| problem.status());
    let mut frame = Frame::new(api, visit, Screen::Health, now);
    frame.be_page("/console/health".to_owned());
    let page = Page {
        frame,
        tone: light.mark.tone,
        chart: Chart::of(&window, &markers),
        light,
        checks: checks_of(&report),
        breaker: words::of_breaker(state),
        staff_override: breaker
            .and_then(|b| b.newest.as_ref())
            .map(|newest| StaffOverride::of(newest, now)),
        gates: relays.iter().map(GateRow::of).collect(),
        changes: changes.iter().map(ChangeRow::of).collect(),
        vitals: VitalsWords::of(api),
        said: tried.as_ref().map(|(_, problem)| format!("Nothing was done. {}", text_of(problem))),
        tried: tried.map(|(fields, _)| fields).unwrap_or_default(),
    };
    Ok(html(status, &page))
}

fn checks_of(report: &HealthReport) -> Vec<CheckRow> {
    let row = |(name, checked): (&'static str, &edge::health::Checked)| CheckRow {
        mark: words::of_health(checked.failure().is_none()),
        name: name.replace('_', " "),
        detail: checked.failure().unwrap_or_default().to_owned(),
        took: format!("{:.1} ms", checked.latency_ms()),
    };
    report.checks().map(row).collect()
}

impl ChangeRow {
    fn of(change: &Change) -> ChangeRow {
        ChangeRow { ago: format!("{} ago", length(change.ago_ms)), text: change.text }
    }
}

impl StaffOverride {
    fn of(newest: &OverrideAnswer, now: DateTime<Utc>) -> StaffOverride {
        StaffOverride {
            text: if newest.isolated { "paused calls" } else { "resumed calls" },
            actor: newest.actor.clone(),
            reason: newest.reason.clone(),
            at: When::new(newest.at, now),
        }
    }
}

impl VitalsWords {
    fn of(api: &OrderApi) -> VitalsWords {
        const MIB: f64 = 1024.0 * 1024.0;
        let vitals = Vitals::read();
        let or_unknown = |text: Option<String>| text.unwrap_or_else(|| "not known here".to_owned());
        let share = api.console.cpu_share(&vitals);
        VitalsWords {
            cpu: or_unknown(
                share.map(|share| format!("{:.0} % of a core", share.max(0.0) * 100.0)),
            ),
            memory: or_unknown(
                vitals.resident_bytes.map(|bytes| format!("{:.0} MiB", bytes / MIB)),
            ),
            threads: or_unknown(vitals.threads.map(|threads| format!("{threads:.0}"))),
            uptime: length(api.console.uptime_ms()),
        }
    }
}
