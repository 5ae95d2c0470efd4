//! A saga as staff sees it: the row, and what it means.

use chrono::{DateTime, Utc};
use saga::explain::{Explanation, Facts, explain};
use saga::stored::Line;
use saga::{Saga, plan};
use schema_orders::inspection::{Holder, SagaRow};
use serde::Serialize;
use uuid::Uuid;

use crate::config::RELAY_SILENT_MAX_S;

/// What is said of a state that only a newer version understands.
const OF_A_NEWER_VERSION: &str =
    "A newer version of this system works on this order; this one leaves it alone.";

/// A saga in a list, and the head of its page.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct SagaAnswer {
    pub(crate) id: Uuid,
    pub(crate) state: String,
    pub(crate) reason: Option<String>,
    pub(crate) cause: Option<String>,
    pub(crate) in_doubt: bool,
    pub(crate) stuck: bool,
    /// What happened, in one sentence.
    pub(crate) headline: String,
    pub(crate) needs_person: bool,
    pub(crate) step: &'static str,
    pub(crate) attempt: i32,
    pub(crate) crashes: i16,
    pub(crate) version: i32,
    pub(crate) epoch: i64,
    pub(crate) reservation_id: Uuid,
    pub(crate) tenant: String,
    pub(crate) lines: Vec<Line>,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) updated_at: DateTime<Utc>,
    pub(crate) deadline_at: DateTime<Utc>,
    /// When it is tried again by itself; `None`: held, at once, or never.
    pub(crate) next_try_at: Option<DateTime<Utc>>,
    pub(crate) owner: Option<Owner>,
    links: Links,
    /// `None` for a state of a newer version. Only told on the saga's own page.
    #[serde(skip)]
    pub(crate) explanation: Option<Explanation>,
    #[serde(skip)]
    pub(crate) as_of: DateTime<Utc>,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Owner {
    pub(crate) id: i64,
    pub(crate) name: Option<String>,
    /// Since its last sign of life.
    pub(crate) silent_ms: Option<i64>,
}

#[derive(Clone, Debug, Serialize)]
struct Links {
    #[serde(rename = "self")]
    own: String,
    order: String,
    steps: String,
    timeline: String,
    actions: String,
}

impl From<SagaRow> for SagaAnswer {
    fn from(row: SagaRow) -> SagaAnswer {
        let explanation = explanation_of(&row);
        let own = format!("/api/sagas/{}", row.order_id);
        let steps = plan::ORDER.steps;
        let step = steps.get(row.columns.step as usize).map_or("unknown", |step| step.action);
        SagaAnswer {
            id: row.order_id,
            stuck: row.is_stuck,
            headline: explanation
                .as_ref()
                .map_or_else(|| OF_A_NEWER_VERSION.to_owned(), |words| words.headline.clone()),
            needs_person: explanation.as_ref().is_some_and(|words| words.needs_person),
            step,
            state: row.columns.state,
            reason: row.columns.reason,
            cause: row.columns.cause,
            in_doubt: row.columns.in_doubt,
            attempt: row.columns.attempt,
            crashes: row.columns.crashes,
            version: row.version,
            epoch: row.epoch,
            reservation_id: row.columns.reservation_id,
            tenant: row.tenant,
            lines: row.lines,
            created_at: row.created_at,
            updated_at: row.updated_at,
            deadline_at: row.deadline_at,
            next_try_at: row.run_at,
            owner: row.holder.map(Owner::from),
            links: Links {
                order: format!("/api/orders/{}", row.order_id),
                steps: format!("{own}/steps"),
                timeline: format!("{own}/timeline"),
                actions: format!("{own}/actions"),
                own,
            },
            explanation,
            as_of: row.now,
        }
    }
}

impl From<Holder> for Owner {
    fn from(holder: Holder) -> Owner {
        let silent_ms = holder.silent_s.map(|seconds| (seconds * 1_000.0).round() as i64);
        Owner { id: holder.id, name: holder.name, silent_ms }
    }
}

/// The words for a stored saga; `None` where only a newer version knows them.
fn explanation_of(row: &SagaRow) -> Option<Explanation> {
    let saga = Saga::try_from(row.columns.clone()).ok()?;
    let is_held = row
        .holder
        .as_ref()
        .and_then(|holder| holder.silent_s)
        .is_some_and(|silent_s| silent_s < RELAY_SILENT_MAX_S);
    let until_due = |at: DateTime<Utc>| u64::try_from((at - row.now).num_milliseconds());
    let next_try_in_ms =
        row.is_on_work_list.then(|| row.run_at.map_or(0, |run_at| until_due(run_at).unwrap_or(0)));
    Some(explain(&Facts { saga, next_try_in_ms, is_held }))
}
