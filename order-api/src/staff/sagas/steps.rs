//! GET /api/sagas/{id}/steps: one row per attempt, oldest first, whose times are never overwritten.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use edge::{Problem, StrictQuery};
use schema_orders::inspection::{SagaRow, find_saga};
use schema_orders::relays::find_names;
use schema_orders::saga_steps::{StepRow, list_steps};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::OrderApi;
use crate::order_id::{OrderId, absent};
use timeline::{Attempt, Frame, History, Outcome, Wait, Why, read};

const LIMIT_MAX: usize = 100;
/// Journal rows that are read of one saga: some weeks of a breaker that never closes.
const ROWS_MAX: i64 = 20_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StepsQuery {
    limit: Option<usize>,
    /// The number of the attempt that the page begins after.
    cursor: Option<u32>,
}

#[derive(Serialize)]
pub(crate) struct Page {
    items: Vec<AttemptAnswer>,
    next_cursor: Option<String>,
    /// Whether the journal goes on beyond what this version reads.
    is_cut: bool,
}

#[derive(Serialize)]
struct AttemptAnswer {
    number: u32,
    action: &'static str,
    reservation_id: Option<Uuid>,
    is_replay: bool,
    scheduled_at: DateTime<Utc>,
    started_at: DateTime<Utc>,
    finished_at: Option<DateTime<Utc>>,
    took_ms: Option<i32>,
    waited_ms: i64,
    waited: Vec<WaitAnswer>,
    outcome: Outcome,
    outcome_text: &'static str,
    worker: Option<Worker>,
    epoch: i64,
    first_seq: i32,
    last_seq: Option<i32>,
}

#[derive(Serialize)]
struct WaitAnswer {
    why: Why,
    text: &'static str,
    from: DateTime<Utc>,
    ms: Option<i64>,
}

#[derive(Serialize)]
struct Worker {
    id: i64,
    /// `None`: it is on the list no more.
    name: Option<String>,
}

pub(crate) async fn list_attempts(
    State(api): State<Arc<OrderApi>>,
    OrderId(id): OrderId,
    StrictQuery(query): StrictQuery<StepsQuery>,
) -> Result<Json<Page>, Problem> {
    let limit = query.limit.unwrap_or(LIMIT_MAX);
    if limit == 0 || limit > LIMIT_MAX {
        return Err(Problem::invalid("limit", "out-of-range", "1 to 100"));
    }
    let after = query.cursor.unwrap_or(0);
    let history = find_history(&api, id).await?;
    let later: Vec<Attempt> =
        history.attempts.into_iter().skip_while(|attempt| attempt.number <= after).collect();
    let has_more = later.len() > limit;
    let shown: Vec<Attempt> = later.into_iter().take(limit).collect();
    let next_cursor = shown.last().filter(|_| has_more).map(|attempt| attempt.number.to_string());
    let mut workers: Vec<i64> = shown.iter().filter_map(|attempt| attempt.worker).collect();
    workers.sort_unstable();
    workers.dedup();
    let names = api
        .staff_reads
        .run(move |connection| Box::pin(async move { find_names(connection, &workers).await }));
    let names: HashMap<i64, String> = names.await?.into_iter().collect();
    let items = shown.iter().map(|attempt| AttemptAnswer::of(attempt, &names)).collect();
    Ok(Json(Page { items, next_cursor, is_cut: history.is_cut }))
}

/// A saga's history, or a 404.
pub(crate) async fn find_history(api: &OrderApi, id: Uuid) -> Result<History, Problem> {
    let found: Option<(SagaRow, Vec<StepRow>)> = api
        .staff_reads
        .run(move |connection| {
            Box::pin(async move {
                // the journal first: a saga that is read later has moved on, and never back
                let rows = list_steps(&mut *connection, id, 0, ROWS_MAX + 1).await?;
                Ok(find_saga(connection, id).await?.map(|saga| (saga, rows)))
            })
        })
        .await?;
    let (saga, mut rows) = found.ok_or_else(absent)?;
    let is_complete = rows.len() as i64 <= ROWS_MAX;
    rows.truncate(ROWS_MAX as usize);
    let frame = Frame {
        reservation_id: saga.columns.reservation_id,
        deadline_at: saga.deadline_at,
        now: saga.now,
    };
    read(&rows, is_complete, &frame).ok_or_else(|| {
        tracing::error!(order_id = %id, "a saga without a journal");
        Problem::internal()
    })
}

impl AttemptAnswer {
    fn of(attempt: &Attempt, names: &HashMap<i64, String>) -> AttemptAnswer {
        let wait = |wait: &Wait| WaitAnswer {
            why: wait.why,
            text: wait.why.text(),
            from: wait.from,
            ms: wait.ms(),
        };
        AttemptAnswer {
            waited_ms: attempt.waited.iter().filter_map(Wait::ms).sum(),
            waited: attempt.waited.iter().map(wait).collect(),
            outcome_text: attempt.outcome.text(),
            worker: attempt.worker.map(|id| Worker { id, name: names.get(&id).cloned() }),
            number: attempt.number,
            action: attempt.action,
            reservation_id: attempt.reservation_id,
            is_replay: attempt.is_replay,
            scheduled_at: attempt.scheduled_at,
            started_at: attempt.started_at,
            finished_at: attempt.finished_at,
            took_ms: attempt.took_ms,
            outcome: attempt.outcome,
            epoch: attempt.epoch,
            first_seq: attempt.first_seq,
            last_seq: attempt.last_seq,
        }
    }
}
