//! What is stored of a saga and loaded again, as plain data: what a decision is made on, and what it
//! changes. The SQL that reads and writes it stands in `schema-orders`.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Claim, Effect, Event, Saga};

/// One line of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// The item, as inventory names it.
    pub item_id: String,
    /// Pieces, at least one.
    pub quantity: u32,
}

/// A saga as a decision needs it: what the core decides on, and under what it may be stored.
#[derive(Debug, Clone)]
pub struct LoadedSaga {
    /// The order, by whose id the saga goes.
    pub order_id: Uuid,
    /// What the core decides on.
    pub saga: Saga,
    /// Must still be the same when the update is stored.
    pub version: i32,
    /// Must still be the same when the update is stored.
    pub epoch: i64,
    /// When it gives up.
    pub deadline_at: DateTime<Utc>,
}

/// A saga whose message is locked by a transaction that is open.
#[derive(Debug, Clone)]
pub struct ClaimedSaga {
    /// The saga as it stands.
    pub loaded: LoadedSaga,
    /// Whether somebody held it.
    pub claim: Claim,
    /// Milliseconds to its deadline by the database's clock; 0: passed.
    pub time_left_ms: u64,
    /// What the order is for.
    pub lines: Vec<Line>,
    /// W3C trace context of the request that made the order.
    pub traceparent: Option<String>,
    /// When the order was acknowledged.
    pub created_at: DateTime<Utc>,
    /// When the saga last moved.
    pub last_moved_at: DateTime<Utc>,
    /// When it was locked, by the database's clock.
    pub claimed_at: DateTime<Utc>,
}

/// What changes of one saga, decided by [`transition`](crate::transition()) and not stored yet.
#[derive(Debug, Clone)]
pub struct SagaUpdate {
    /// The order, by whose id the saga goes.
    pub order_id: Uuid,
    /// The version it was decided on.
    pub expected_version: i32,
    /// The epoch it was decided under.
    pub expected_epoch: i64,
    /// The epoch from now on: grown by one for a claim and for staff, the same for an outcome.
    pub epoch: i64,
    /// Where it stands now.
    pub saga: Saga,
    /// What happened.
    pub event: Event,
    /// The relay, where one decided.
    pub worker: Option<i64>,
    /// How long the call took, for an outcome, in milliseconds.
    pub took_ms: Option<i32>,
    /// What becomes of the outbox message.
    pub outbox: OutboxChange,
}

/// What becomes of a saga's outbox message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutboxChange {
    /// Stays as it is.
    Keep,
    /// Belongs to this relay from now on.
    Own {
        /// `relays.id`.
        relay: i64,
    },
    /// Let go, and due after this time.
    Wait {
        /// Milliseconds from the database's now; 0: at once.
        delay_ms: i64,
    },
    /// Gone: no automatic step is left.
    Remove,
    /// There again, due at once. A deadline that has passed is renewed by so much.
    Add {
        /// Milliseconds from the database's now.
        deadline_ms: i64,
    },
}

/// An update that was stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredUpdate {
    /// The order, by whose id the saga goes.
    pub order_id: Uuid,
    /// Its new version.
    pub version: i32,
    /// When, by the database's clock.
    pub updated_at: DateTime<Utc>,
}

impl LoadedSaga {
    /// The update to `saga`, with these `effects` on the outbox.
    pub fn update(
        &self,
        saga: Saga,
        event: Event,
        effects: &[Effect],
        deadline_ms: i64,
    ) -> SagaUpdate {
        SagaUpdate {
            order_id: self.order_id,
            expected_version: self.version,
            expected_epoch: self.epoch,
            epoch: self.epoch,
            saga,
            event,
            worker: None,
            took_ms: None,
            outbox: OutboxChange::of(effects, deadline_ms),
        }
    }
}

impl OutboxChange {
    fn of(effects: &[Effect], deadline_ms: i64) -> Self {
        effects.iter().fold(Self::Keep, |change, effect| match *effect {
            Effect::WakeAfter { delay_ms } => {
                Self::Wait { delay_ms: i64::try_from(delay_ms).unwrap_or(i64::MAX) }
            }
            Effect::RemoveOutboxMessage => Self::Remove,
            Effect::AddOutboxMessage => Self::Add { deadline_ms },
            Effect::ReserveStock { .. } | Effect::ReleaseStock { .. } => change,
        })
    }
}
