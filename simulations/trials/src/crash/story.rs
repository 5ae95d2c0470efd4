//! The saga of a run that went through most, told as the product tells it: the same reading of its journal,
//! the same drawing.

use chrono::{DateTime, TimeDelta, Utc};
use schema_orders::consistency::{Eventful, find_eventful, now};
use schema_orders::saga_steps::list_steps;
use serde::Serialize;
use sqlx::{Connection, PgConnection};
use timeline::{Frame, History, Look, MarkKind, Setting, draw, read};
use uuid::Uuid;

use super::fault::{FaultRecord, under_way};

/// Sagas that are looked at.
const CANDIDATES: i64 = 100;
/// Journal rows that are drawn.
const ROWS_MAX: i64 = 500;
/// Faults that are named.
const NAMED_MAX: usize = 6;

/// One saga, and why it is told.
#[derive(Debug, Clone, Serialize)]
pub struct Story {
    pub order_id: Uuid,
    /// Why this one.
    pub why: String,
    /// Rows of its journal.
    pub steps: i32,
    /// How often a relay took it up or over.
    pub claims: usize,
    /// The faults that were under way meanwhile, by their number in the report.
    pub faults: Vec<usize>,
    /// The drawing, as SVG.
    #[serde(skip)]
    pub drawing: String,
}

/// What the choice is made from.
pub(super) struct Run<'r> {
    pub(super) orders_url: &'r str,
    pub(super) began_at: DateTime<Utc>,
    pub(super) faults: &'r [FaultRecord],
    /// Orders that break an invariant: nothing is more interesting.
    pub(super) offending: &'r [Uuid],
}

/// The saga with the most steps and faults; one that breaks an invariant before all others.
pub(super) async fn find(run: &Run<'_>) -> anyhow::Result<Option<Story>> {
    let mut connection = PgConnection::connect(run.orders_url).await?;
    let candidates = find_eventful(&mut connection, run.offending, CANDIDATES).await?;
    let Some((saga, faults)) = most_interesting(candidates, run) else { return Ok(None) };
    let mut rows = list_steps(&mut connection, saga.order_id, 0, ROWS_MAX + 1).await?;
    let is_complete = rows.len() as i64 <= ROWS_MAX;
    rows.truncate(ROWS_MAX as usize);
    let frame = Frame {
        reservation_id: saga.reservation_id,
        deadline_at: saga.deadline_at,
        now: now(&mut connection).await?,
    };
    connection.close().await?;
    Ok(read(&rows, is_complete, &frame).map(|history| tell(&saga, faults, &history, run)))
}

fn most_interesting(candidates: Vec<Eventful>, run: &Run<'_>) -> Option<(Eventful, Vec<usize>)> {
    let felt = |saga: Eventful| {
        let faults = under_way(
            run.faults,
            millis(saga.from - run.began_at),
            millis(saga.until - run.began_at),
        );
        (saga, faults)
    };
    candidates.into_iter().map(felt).max_by_key(|(saga, faults)| {
        let is_offending = run.offending.contains(&saga.order_id);
        (is_offending, saga.steps as usize + faults.len(), saga.order_id)
    })
}

fn tell(saga: &Eventful, faults: Vec<usize>, history: &History, run: &Run<'_>) -> Story {
    let is_claim = |kind| matches!(kind, MarkKind::Claim | MarkKind::Crash);
    let claims = history.marks.iter().filter(|mark| is_claim(mark.kind)).count();
    let named = faults.iter().take(NAMED_MAX).map(|index| {
        let fault = &run.faults[*index];
        format!("{} ({}) at {:.1} s", fault.kind, fault.target, fault.at_ms / 1_000.0)
    });
    let mut named: Vec<String> = named.collect();
    if faults.len() > NAMED_MAX {
        named.push(format!("{} more", faults.len() - NAMED_MAX));
    }
    let chosen = if run.offending.contains(&saga.order_id) {
        "it breaks an invariant"
    } else {
        "of all sagas the most happened to it"
    };
    let while_it_ran = if named.is_empty() {
        "no fault while it went on".to_owned()
    } else {
        let noun = if faults.len() == 1 { "fault" } else { "faults" };
        format!("{} {noun} while it went on: {}", faults.len(), named.join(", "))
    };
    let Eventful { order_id, steps, .. } = *saga;
    let title = format!("What happened to order {order_id}");
    let look = Look { title: &title, id: "story", setting: Setting::InPage };
    Story {
        order_id,
        why: format!("{chosen}: {steps} steps, taken up {claims} times, {while_it_ran}"),
        steps,
        claims,
        faults,
        drawing: draw(history, &look),
    }
}

fn millis(time: TimeDelta) -> f64 {
    time.num_microseconds().unwrap_or(i64::MAX) as f64 / 1_000.0
}

#[cfg(test)]
mod tests;
