//! Removing what has been kept long enough: in small batches, paced, by one process at a time.
//!
//! A database's tables are walked by id, which tells when a row was made, so that a batch is a few look-ups
//! by index and never a scan. Where the walk stands is a row of table `retention`: whoever holds its lock
//! may take the next turn, and the row says when that may be. Ids below [`WalkPosition::removed_below`] may have
//! been removed; whoever misses one knows why. What may go, the SQL of each database says (`retention.rs` of
//! `schema_orders` and `schema_inventory`).

use std::time::Duration;

use futures_util::future::BoxFuture;
use metrics::{Unit, counter, describe_counter, describe_gauge, gauge};
use sqlx::PgConnection;
use sqlx::types::Uuid;

use crate::Db;

mod walk;

pub use walk::{lock_position, store_next};

/// How often a process looks whether anything is due. Each look is one short transaction.
pub const LOOK_EVERY_MS: i64 = 30_000;

const MS_PER_DAY: i64 = 86_400_000;

/// What may go, and how slowly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// What is younger stays.
    pub keep_ms: i64,
    /// Looked at in one turn, and removed by it, at most.
    pub rows_max: i64,
    /// Between two turns, whoever takes them.
    pub pause_ms: i64,
}

impl Terms {
    /// `None`: everything is kept for ever, which is what 0 days mean.
    pub fn new(keep_days: u32, rows_max: u32, pause_ms: u32) -> Option<Self> {
        (keep_days > 0).then(|| Self {
            keep_ms: i64::from(keep_days) * MS_PER_DAY,
            rows_max: i64::from(rows_max),
            pause_ms: i64::from(pause_ms),
        })
    }
}

/// Where the walk stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WalkPosition {
    /// Where the next turn begins.
    pub cursor: Uuid,
    /// The smallest id that this round met and left: where the next round begins.
    pub first_kept: Option<Uuid>,
    /// Ids below may have been removed. Never goes back.
    pub removed_below: Uuid,
    /// The walk has been at it for long enough to begin again with what it left behind.
    pub is_round_over: bool,
}

/// What one turn looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Looked {
    /// Rows, kept or not.
    pub rows: i64,
    /// The last of them.
    pub last: Option<Uuid>,
    /// The first that could not go yet, but may some day.
    pub first_kept: Option<Uuid>,
    /// The last that went.
    pub last_removed: Option<Uuid>,
}

/// Where the next turn begins, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Next {
    pub position: WalkPosition,
    /// From now.
    pub pause_ms: i64,
    /// A new round begins.
    pub is_new_round: bool,
}

impl WalkPosition {
    /// After a turn. A short one has reached what is too young: then there is time, and now and then what
    /// was left behind is looked at again.
    pub fn after(self, looked: Looked, terms: Terms) -> Next {
        let cursor = looked.last.map_or(self.cursor, successor);
        let first_kept = self.first_kept.into_iter().chain(looked.first_kept).min();
        // Only what went is gone: what was looked at and left says nothing of what may still come.
        let removed_below =
            self.removed_below.max(looked.last_removed.map_or(Uuid::nil(), successor));
        let position = Self { cursor, first_kept, removed_below, ..self };
        if looked.rows >= terms.rows_max {
            return Next { position, pause_ms: terms.pause_ms, is_new_round: false };
        }
        let pause_ms = LOOK_EVERY_MS.max(terms.pause_ms);
        if !self.is_round_over {
            return Next { position, pause_ms, is_new_round: false };
        }
        let cursor = first_kept.unwrap_or(cursor);
        let position = Self { cursor, first_kept: None, ..position };
        Next { position, pause_ms, is_new_round: true }
    }
}

fn successor(id: Uuid) -> Uuid {
    Uuid::from_u128(id.as_u128().saturating_add(1))
}

/// What a turn came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// Rows removed, by table.
    pub removed: Vec<(&'static str, i64)>,
    /// Where the next one begins, and when.
    pub next: Next,
}

/// One turn, where it is this process's: one transaction of a database.
pub type TakeTurn =
    for<'c> fn(&'c mut PgConnection, Terms) -> BoxFuture<'c, sqlx::Result<Option<Turn>>>;

/// Takes turns for as long as it is not dropped; what is under way then is finished or undone. `database`
/// names the series.
pub async fn keep_removing(
    db: Db,
    database: &'static str,
    terms: Option<Terms>,
    take_turn: TakeTurn,
) {
    describe(database);
    let Some(terms) = terms else { return };
    loop {
        let pause_ms = match db.transaction(move |connection| take_turn(connection, terms)).await {
            Ok(Some(turn)) => {
                show(database, &turn);
                turn.next.pause_ms
            }
            Ok(None) => LOOK_EVERY_MS,
            Err(error) => {
                tracing::warn!(%error, database, "cannot remove what is old just now");
                LOOK_EVERY_MS
            }
        };
        tokio::time::sleep(Duration::from_millis(pause_ms.unsigned_abs())).await;
    }
}

fn describe(database: &'static str) {
    describe_counter!(
        "retention_rows_removed_total",
        "rows removed because they have been kept long enough, by database and table"
    );
    describe_gauge!(
        "retention_oldest_kept_timestamp_seconds",
        Unit::Seconds,
        "when the oldest was made of what retention has looked at and left, by database; before that: how \
         far it has come"
    );
    counter!("retention_turns_total", "database" => database).increment(0);
}

fn show(database: &'static str, turn: &Turn) {
    counter!("retention_turns_total", "database" => database).increment(1);
    for (table, rows) in &turn.removed {
        counter!("retention_rows_removed_total", "database" => database, "table" => *table)
            .increment(rows.unsigned_abs());
    }
    let WalkPosition { cursor, first_kept, .. } = turn.next.position;
    let made_ms = first_kept.unwrap_or(cursor).as_u128() >> 80;
    if made_ms > 0 {
        gauge!("retention_oldest_kept_timestamp_seconds", "database" => database)
            .set(made_ms as f64 / 1_000.0);
    }
}

#[cfg(test)]
mod tests;
