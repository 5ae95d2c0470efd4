//! Every saga with every step of its journal, one after the other.

use chrono::{DateTime, Utc};
use futures_util::stream::BoxStream;
use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::sagas::SagaColumns;

/// One step, and the saga it belongs to as it is stored.
#[derive(Debug, Clone)]
pub struct JournalRow {
    pub order_id: Uuid,
    /// The saga; the same in all of its rows.
    pub stored: StoredSaga,
    /// Dense from 1.
    pub seq: i32,
    /// `created`, `intent`, `outcome` or `mark`.
    pub phase: String,
    /// The event's name.
    pub event: String,
    /// The event's fields.
    pub detail: Option<Value>,
    /// The state after the event.
    pub state: String,
    pub reason: Option<String>,
    /// Index into the plan after the event.
    pub step: i16,
    /// Calls after the event.
    pub attempt: i32,
    /// The epoch it was written under.
    pub epoch: i64,
    pub at: DateTime<Utc>,
}

/// A row of `sagas`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSaga {
    /// What the core decides on.
    pub columns: SagaColumns,
    /// Must be the seq of its newest step.
    pub version: i32,
    /// Must be the epoch of its newest step.
    pub epoch: i64,
}

/// All sagas by order, each with its steps by seq, in one snapshot.
pub fn stream_journal(connection: &mut PgConnection) -> BoxStream<'_, sqlx::Result<JournalRow>> {
    sqlx::query!(
        r#"select saga.order_id, saga.state as saga_state, saga.step as saga_step,
               saga.attempt as saga_attempt, saga.crashes, saga.in_doubt,
               saga.reason as saga_reason, saga.cause, saga.reservation_id, saga.version,
               saga.epoch as saga_epoch, journal.seq, journal.phase, journal.event, journal.detail,
               journal.state, journal.reason, journal.step, journal.attempt, journal.epoch,
               journal.at
           from sagas as saga
           join saga_steps as journal on journal.order_id = saga.order_id
           order by saga.order_id, journal.seq"#,
    )
    .map(|row| JournalRow {
        order_id: row.order_id,
        stored: StoredSaga {
            columns: SagaColumns {
                state: row.saga_state,
                step: row.saga_step,
                attempt: row.saga_attempt,
                crashes: row.crashes,
                in_doubt: row.in_doubt,
                reason: row.saga_reason,
                cause: row.cause,
                reservation_id: row.reservation_id,
            },
            version: row.version,
            epoch: row.saga_epoch,
        },
        seq: row.seq,
        phase: row.phase,
        event: row.event,
        detail: row.detail,
        state: row.state,
        reason: row.reason,
        step: row.step,
        attempt: row.attempt,
        epoch: row.epoch,
        at: row.at,
    })
    .fetch(connection)
}

/// The clock that `at` is of.
pub async fn now(connection: &mut PgConnection) -> sqlx::Result<DateTime<Utc>> {
    sqlx::query_scalar!(r#"select clock_timestamp() as "now!""#).fetch_one(connection).await
}
