//! In-process hints: that there is work, and that sagas have settled.
//!
//! A hint makes things fast and never makes them right. It may be lost, late or doubled: whoever
//! listens also polls the tables, which are the truth.

use saga::stored::{SagaUpdate, StoredUpdate};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use tokio::sync::{Notify, broadcast};
use uuid::Uuid;

use crate::handoff::Handoff;
use crate::sagas::SagaColumns;

/// Batches of settled sagas a slow listener may fall behind before it is sent back to polling.
const SETTLED_BACKLOG_MAX: usize = 4_096;

/// The channel on which new work is told to relays in other processes.
pub const WORK_CHANNEL: &str = "valerix_work";
/// The channel on which settled sagas are told to order services in other processes. Its payload is
/// empty: who waits looks.
pub const SETTLED_CHANNEL: &str = "valerix_settled";

/// Shared between the order service and a relay that live in one process. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Hints {
    /// Rung after new outbox messages have been committed.
    pub work: Arc<Notify>,
    /// Sagas that have just been stored in a state that answers a waiting request.
    pub settled: broadcast::Sender<Arc<[Settled]>>,
    /// Where a relay in this process takes new orders with their insert.
    pub handoff: Handoff,
}

/// Where relays and order services run, which decides how they tell each other to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotifyScope {
    /// All in this process: they share one [`Hints`].
    ThisProcess,
    /// Others run elsewhere: LISTEN and NOTIFY as well, as a hint only.
    OtherProcesses,
}

/// What a waiting request needs to know of a saga that has settled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    /// Whose saga it is.
    pub order_id: Uuid,
    /// `confirmed`, `failed`, `cancelled`; also `parked`, and `queued` behind an open breaker.
    pub state: String,
    /// Why, where the state has a reason.
    pub reason: Option<String>,
    /// The saga's version after the move.
    pub version: i32,
    /// When it moved, by the database's clock.
    pub updated_at: DateTime<Utc>,
}

impl Settled {
    /// What a move that was stored tells those who wait for it.
    pub fn of(decided: &SagaUpdate, moved: &StoredUpdate) -> Self {
        let SagaColumns { state, reason, .. } = SagaColumns::from(&decided.saga);
        let StoredUpdate { order_id, version, updated_at } = *moved;
        Self { order_id, state, reason, version, updated_at }
    }
}

impl Hints {
    /// Hints for one process.
    pub fn new() -> Self {
        let (settled, _) = broadcast::channel(SETTLED_BACKLOG_MAX);
        Self { work: Arc::new(Notify::new()), settled, handoff: Handoff::default() }
    }
}

impl Default for Hints {
    fn default() -> Self {
        Self::new()
    }
}

/// Tells other processes, when this statement or its transaction commits. One call per batch, never per order:
/// notifying transactions commit one after the other.
pub async fn notify(connection: &mut PgConnection, channel: &str) -> sqlx::Result<()> {
    sqlx::query!("select pg_notify($1, '')", channel).execute(connection).await?;
    Ok(())
}
