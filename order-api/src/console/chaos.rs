//! /console/chaos: make the warehouse blink, and see that no order is lost or doubled by it.

mod since;

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use edge::Problem;
use http::StatusCode;
use serde_json::{Map, Value, json};

use self::since::{Since, count_since};
use super::failure::Failure;
use super::form::Fields;
use super::frame::{Frame, Screen, clock};
use super::inventory::{Chaos, InventoryError};
use super::render::html;
use super::visit::Visit;
use super::when::{When, length};
use super::words::{self, Mark, grouped};
use crate::OrderApi;

#[derive(Template)]
#[template(path = "chaos.html")]
struct Page {
    frame: Frame,
    tone: &'static str,
    mark: Mark,
    headline: String,
    began: Option<When>,
    left: String,
    settings: Vec<(String, String)>,
    calls: String,
    events: String,
    is_on: bool,
    is_allowed: bool,
    since: Option<Since>,
    tried: Fields,
    said: Option<String>,
}

pub(super) async fn show(
    State(api): State<Arc<OrderApi>>,
    visit: Visit,
) -> Result<Response, Failure> {
    page(&api, &visit, None).await
}

pub(super) async fn switch(
    State(api): State<Arc<OrderApi>>,
    visit: Visit,
    fields: Fields,
) -> Result<Response, Failure> {
    let switched = match fields.get("turn") {
        Some("off") => api.console.inventory.chaos_off().await,
        Some(_) | None => match settings_of(&fields) {
            Ok(settings) => api.console.inventory.chaos_on(&settings).await,
            Err(problem) => Err(InventoryError::Refused {
                status: problem.status().as_u16(),
                said: super::failure::text_of(&problem),
            }),
        },
    };
    match switched {
        Ok(chaos) => {
            tracing::warn!(
                enabled = chaos.enabled,
                actor = &*visit.actor,
                "the gremlin was switched"
            );
            let done = if chaos.enabled { "chaos-on" } else { "chaos-off" };
            Ok(Redirect::to(&format!("/console/chaos?done={done}")).into_response())
        }
        Err(error) => page(&api, &visit, Some((fields, error))).await,
    }
}

/// A preset, or what was filled in.
fn settings_of(fields: &Fields) -> Result<Value, Problem> {
    let mut settings = Map::new();
    for name in ["latency_ms", "jitter_ms", "ttl_s", "seed"] {
        if let Some(number) = fields.read::<u64>(name)? {
            settings.insert(name.to_owned(), json!(number));
        }
    }
    for (name, percent) in
        [("crash_rate", "crash_percent"), ("partial_failure_rate", "lost_percent")]
    {
        if let Some(share) = fields.read::<f64>(percent)? {
            settings.insert(name.to_owned(), json!(share / 100.0));
        }
    }
    if let Some(preset) = fields.get("preset") {
        settings.insert("preset".to_owned(), json!(preset));
    }
    let items: Vec<&str> = fields.all("item_id").collect();
    if !items.is_empty() {
        settings.insert("item_ids".to_owned(), json!(items));
    }
    Ok(Value::Object(settings))
}

/// What somebody asked for in vain, and what they are told.
#[derive(Default)]
struct Tried {
    fields: Fields,
    said: Option<String>,
}

async fn page(
    api: &Arc<OrderApi>,
    visit: &Visit,
    tried: Option<(Fields, InventoryError)>,
) -> Result<Response, Failure> {
    let now = clock(api).await?;
    let chaos = api.console.inventory.chaos().await;
    let status = tried.as_ref().map_or(StatusCode::OK, |(_, error)| error.status());
    let tried = match tried {
        Some((fields, error)) => {
            Tried { fields, said: Some(format!("Nothing was changed. {}", error.text())) }
        }
        None => Tried::default(),
    };
    let mut frame = Frame::new(api, visit, Screen::Chaos, now);
    frame.be_page("/console/chaos".to_owned());
    let page = match chaos {
        Ok(chaos) => {
            let began = chaos.began_at.filter(|_| chaos.enabled || chaos.calls > 0);
            let since = match began {
                Some(began) => Some(count_since(api, began).await?),
                None => None,
            };
            Page::of(frame, &chaos, since, tried, now)
        }
        Err(error) => Page::unavailable(frame, &error, tried),
    };
    Ok(html(status, &page))
}

impl Page {
    fn of(
        frame: Frame,
        chaos: &Chaos,
        since: Option<Since>,
        tried: Tried,
        now: chrono::DateTime<chrono::Utc>,
    ) -> Page {
        let when = |at| When::new(at, now);
        let (mark, headline) = match (chaos.allowed, chaos.enabled) {
            (false, _) => {
                (words::quiet("not allowed here"), "Fault injection is not allowed here.")
            }
            (true, true) => (words::bad("on"), "Fault injection is on."),
            (true, false) => (words::good("off"), "Fault injection is off."),
        };
        Page {
            frame,
            tone: mark.tone,
            mark,
            headline: headline.to_owned(),
            began: chaos.began_at.map(when),
            left: length(chaos.left_ms),
            settings: told(chaos.settings.as_ref().filter(|_| chaos.enabled)),
            calls: grouped(chaos.calls),
            events: format!(
                "{} delayed, {} crashed, {} answers lost",
                grouped(chaos.events.delayed),
                grouped(chaos.events.crashed),
                grouped(chaos.events.lost)
            ),
            is_on: chaos.enabled,
            is_allowed: chaos.allowed,
            since,
            tried: tried.fields,
            said: tried.said,
        }
    }

    /// Inventory itself does not answer: its gremlin cannot be seen, nor switched.
    fn unavailable(frame: Frame, error: &InventoryError, tried: Tried) -> Page {
        let mark = words::unclear("not known");
        Page {
            frame,
            tone: mark.tone,
            mark,
            headline: error.text().to_owned(),
            began: None,
            left: String::new(),
            settings: Vec::new(),
            calls: String::new(),
            events: String::new(),
            is_on: false,
            is_allowed: true,
            since: None,
            tried: tried.fields,
            said: tried.said,
        }
    }
}

/// The settings that do something, in words.
fn told(settings: Option<&Value>) -> Vec<(String, String)> {
    let Some(settings) = settings.and_then(Value::as_object) else { return Vec::new() };
    let does_something = |value: &&Value| match value {
        Value::Null | Value::Bool(false) => false,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::Array(values) => !values.is_empty(),
        Value::Bool(true) | Value::String(_) | Value::Object(_) => true,
    };
    let in_words = |(name, value): (&String, &Value)| {
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Bool(_) => "yes".to_owned(),
            Value::Number(share) if name.ends_with("_rate") => {
                format!("{:.0} % of the calls", share.as_f64().unwrap_or(0.0) * 100.0)
            }
            Value::Array(values) => {
                let texts = values.iter().map(|value| value.as_str().unwrap_or("?"));
                texts.collect::<Vec<_>>().join(", ")
            }
            Value::Null | Value::Number(_) | Value::Object(_) => value.to_string(),
        };
        (name.replace("_ms", ", ms").replace('_', " "), text)
    };
    settings.iter().filter(|(_, value)| does_something(value)).map(in_words).collect()
}
