//! Claiming: lock messages, let the core decide, store the intents. One transaction.
//!
//! When it has committed, the epoch has grown, this relay owns the sagas, and what it is about to do
//! is on record; only then does a call go out.

use std::collections::HashMap;
use std::ops::RangeInclusive;

use saga::stored::{ClaimedSaga, OutboxChange, SagaUpdate, StoredUpdate};
use saga::{Event, QueueReason};
use schema_orders::outbox;
use schema_orders::sagas::store_moves;
use schema_pg::failpoint::Site;
use schema_pg::known_bad::{self, Flaw};
use schema_pg::{DbError, Lanes, PgConnection};
use uuid::Uuid;

use crate::decide::{Call, Decided, on_claim, on_event};
use crate::in_flight::InFlight;
use crate::metrics;

/// Crashes from which on a saga is a suspect, driven alone, so that it takes no innocent with it.
const SUSPECT_CRASHES: i16 = 2;

/// Where work comes from.
#[derive(Debug, Clone)]
pub enum Source {
    /// New orders above a floor.
    Fresh {
        /// See `schema_orders::outbox::lock_fresh`.
        floor: Uuid,
    },
    /// Sagas whose time has come.
    Due,
    /// Sagas whose owner has fallen silent.
    Orphaned {
        /// Milliseconds of silence.
        stale_ms: i64,
        /// Innocent ones together, suspects one by one.
        who: Orphans,
        /// Only above this id.
        floor: Uuid,
    },
    /// Sagas this relay owns and does not know of.
    Lost {
        /// What it does know of.
        in_flight: InFlight,
        /// Only above this id.
        floor: Uuid,
    },
}

/// Which of the orphaned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Orphans {
    /// Those that have not crashed a relay twice.
    Innocent,
    /// Those that have.
    Suspect,
}

/// What is done with what was claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// A call is made.
    Call,
    /// The breaker is open: queued at once, in the same transaction, no call, no attempt burnt.
    Queue {
        /// The breaker's word on when to come back.
        retry_after_ms: Option<u64>,
    },
}

/// What a claim brought.
#[derive(Debug, Default)]
pub struct Claimed {
    /// Calls to make.
    pub calls: Vec<Call>,
    /// Moves stored on the way that may answer a waiting request.
    pub moved: Vec<(SagaUpdate, StoredUpdate)>,
    /// Messages that were locked: fewer than asked for means that there are no more.
    pub locked: usize,
}

/// Claims up to `limit` sagas for `relay`.
pub async fn claim(
    lanes: &Lanes,
    relay: i64,
    source: Source,
    limit: i64,
    fate: Fate,
) -> Result<Claimed, DbError> {
    let claimed = lanes
        .write(Site::ClaimSagas, move |connection| {
            Box::pin(async move {
                let locked = lock(connection, relay, &source, limit).await?;
                if locked.is_empty() {
                    return Ok::<_, DbError>(Claimed::default());
                }
                let decided: Vec<Decided> =
                    locked.into_iter().map(|saga| on_claim(relay, saga)).collect();
                match fate {
                    Fate::Call => store(connection, decided).await,
                    Fate::Queue { retry_after_ms } => {
                        store_queued(connection, relay, decided, retry_after_ms).await
                    }
                }
            })
        })
        .await?;
    if claimed.locked > 0 {
        count(&claimed);
    }
    Ok(claimed)
}

fn count(claimed: &Claimed) {
    metrics::claimed(claimed.locked);
    metrics::moved(claimed.moved.iter().map(|(decided, _)| decided));
    for call in claimed.calls.iter().filter(|call| call.taken_over) {
        let of_call = |moved: &&StoredUpdate| moved.order_id == call.loaded.order_id;
        if let Some(moved) = claimed.moved.iter().map(|(_, moved)| moved).find(of_call) {
            metrics::taken_over(call, moved);
        }
    }
}

async fn lock(
    connection: &mut PgConnection,
    relay: i64,
    source: &Source,
    limit: i64,
) -> Result<Vec<ClaimedSaga>, DbError> {
    match source {
        Source::Fresh { floor } => outbox::lock_fresh(connection, *floor, limit).await,
        Source::Due => outbox::lock_due(connection, limit).await,
        Source::Orphaned { stale_ms, who, floor } => {
            let crashes: RangeInclusive<i16> = match who {
                Orphans::Innocent => 0..=SUSPECT_CRASHES - 1,
                Orphans::Suspect => SUSPECT_CRASHES..=i16::MAX,
            };
            outbox::lock_orphaned(connection, *stale_ms, crashes, *floor, limit).await
        }
        Source::Lost { in_flight, floor } => {
            let known = in_flight.ids();
            let mut lost = outbox::lock_lost(connection, relay, &known, *floor, limit).await?;
            // What was taken with its insert since then is held, and was before it could be seen.
            lost.retain(|saga| !in_flight.contains(&saga.loaded.order_id));
            Ok(lost)
        }
    }
}

async fn store(connection: &mut PgConnection, decided: Vec<Decided>) -> Result<Claimed, DbError> {
    let locked = decided.len();
    let (mut moves, mut calls, mut strays) = (vec![], vec![], vec![]);
    for decided in decided {
        match decided {
            Decided::Moves { mut decided, call } => {
                if call.is_some() && known_bad::is_on(Flaw::OutboxRemovedAtClaim) {
                    decided.outbox = OutboxChange::Remove;
                }
                moves.push(decided);
                calls.extend(call);
            }
            Decided::Stray(order_id) => strays.push(order_id),
        }
    }
    if !strays.is_empty() {
        tracing::warn!(?strays, "messages without work are removed");
        outbox::remove(connection, &strays).await?;
    }
    let stored = store_moves(connection, &moves).await?;
    let mut by_order: HashMap<Uuid, StoredUpdate> =
        stored.into_iter().map(|moved| (moved.order_id, moved)).collect();
    calls.retain(|call| by_order.contains_key(&call.loaded.order_id));
    let pairs = moves.into_iter().filter_map(|m| {
        let moved = by_order.remove(&m.order_id)?;
        Some((m, moved))
    });
    Ok(Claimed { calls, moved: pairs.collect(), locked })
}

/// Claims and lets go again, for a breaker that admits nothing.
async fn store_queued(
    connection: &mut PgConnection,
    relay: i64,
    decided: Vec<Decided>,
    retry_after_ms: Option<u64>,
) -> Result<Claimed, DbError> {
    let Claimed { calls, mut moved, locked } = store(&mut *connection, decided).await?;
    let reason = QueueReason::BreakerOpen;
    let refused = calls.iter().filter_map(|call| {
        let event = Event::CallNotExecuted { reason, retry_after_ms, jitter: rand::random() };
        on_event(relay, call, event).map(|decided| decided.moves)
    });
    let refused: Vec<SagaUpdate> = refused.collect();
    let stored = store_moves(connection, &refused).await?;
    moved.clear();
    for row in stored {
        if let Some(decided) = refused.iter().find(|m| m.order_id == row.order_id) {
            moved.push((decided.clone(), row));
        }
    }
    Ok(Claimed { calls: vec![], moved, locked })
}
