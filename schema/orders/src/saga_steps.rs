//! Table `saga_steps`: the append-only journal of every saga.
//!
//! Rows are written by [`crate::sagas::store_updates`] together with the saga they moved. The event is
//! stored as its name and, where they are not the usual ones, its fields.

use chrono::{DateTime, Utc};
use saga::{Claim, Event};
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

/// What a row is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// A call is about to be made.
    Intent,
    /// A call's outcome, or that none was made.
    Outcome,
    /// Anything else: a request, staff, parking.
    Mark,
}

impl Phase {
    /// The name in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Intent => "intent",
            Self::Outcome => "outcome",
            Self::Mark => "mark",
        }
    }

    /// The phase of the row that an event leaves behind.
    pub fn of(event: &Event) -> Self {
        match event {
            Event::Claimed { .. } => Self::Intent,
            Event::StepDone
            | Event::StepRejected { .. }
            | Event::StepTombstoned
            | Event::StepReleased
            | Event::CallUnknown { .. }
            | Event::CallNotExecuted { .. }
            | Event::ContractBroken => Self::Outcome,
            Event::CancelRequested { .. }
            | Event::RetryRequested { .. }
            | Event::Resolved { .. } => Self::Mark,
        }
    }
}

/// A row of the journal.
#[derive(Debug, Clone)]
pub struct StepRow {
    pub order_id: Uuid,
    /// Dense from 1.
    pub seq: i32,
    /// `created`, `intent`, `outcome` or `mark`.
    pub phase: String,
    /// The event's name.
    pub event: String,
    /// The event's fields, where they are not the usual ones.
    pub detail: Option<Value>,
    /// The state after the event.
    pub state: String,
    pub reason: Option<String>,
    /// Index into the plan.
    pub step: i16,
    /// Calls executed, or in doubt, for this step.
    pub attempt: i32,
    /// The epoch it was written under.
    pub epoch: i64,
    /// The relay that wrote it.
    pub worker: Option<i64>,
    /// Outcome rows: how long the call took, in milliseconds.
    pub took_ms: Option<i32>,
    /// When, by the database's clock.
    pub at: DateTime<Utc>,
}

/// The event's fields as the journal stores them; `None` for a claim in time of a free saga, and for
/// events without fields, which together are nearly all.
pub fn encode_detail(event: &Event) -> Option<Value> {
    if matches!(event, Event::Claimed { time_left_ms: 1.., claim: Claim::Free }) {
        return None;
    }
    let mut fields = serde_json::to_value(event).expect("an event is plain data");
    let map = fields.as_object_mut().expect("an event is a tagged object");
    map.remove("event");
    (!map.is_empty()).then_some(fields)
}

/// The event of a journal row; `None` for the row that records the creation.
///
/// # Errors
/// A row that a newer version wrote, or nobody.
pub fn decode_event(
    name: &str,
    detail: Option<&Value>,
) -> Result<Option<Event>, serde_json::Error> {
    if name == "created" {
        return Ok(None);
    }
    let mut fields = detail.cloned().unwrap_or_else(|| serde_json::json!({}));
    if name == "claimed" && detail.is_none() {
        fields = serde_json::json!({ "time_left_ms": u64::MAX, "claim": "free" });
    }
    if let Some(map) = fields.as_object_mut() {
        map.insert("event".to_owned(), Value::from(name));
    }
    serde_json::from_value(fields).map(Some)
}

/// A saga's history after `after_seq`, oldest first.
pub async fn list_steps(
    connection: &mut PgConnection,
    order_id: Uuid,
    after_seq: i32,
    limit: i64,
) -> sqlx::Result<Vec<StepRow>> {
    sqlx::query_as!(
        StepRow,
        "select order_id, seq, phase, event, detail, state, reason, step, attempt, epoch, worker,
            took_ms, at
         from saga_steps
         where order_id = $1 and seq > $2
         order by seq
         limit $3",
        order_id,
        after_seq,
        limit,
    )
    .fetch_all(connection)
    .await
}

#[cfg(test)]
mod tests;
