//! The orders database in memory: the tables and the transactions of `schema-orders`, with the same
//! rows, the same names and the same conditions, over maps. A transaction here is one function call.

mod claims;
mod members;
mod updates;

use super::known_bad::KnownBad;
use chrono::{DateTime, Utc};
use saga::stored::{Line, LoadedSaga, SagaUpdate};
use saga::{Event, Saga};
use std::collections::BTreeMap;
use uuid::Uuid;

pub(crate) use members::STALE_MS;
pub(crate) use updates::Broken;

#[derive(Debug, Clone, Default)]
pub(crate) struct Store {
    /// Milliseconds since 1970 by the database's clock.
    pub(crate) now_ms: i64,
    pub(crate) orders: BTreeMap<Uuid, Vec<Line>>,
    pub(crate) keys: BTreeMap<u16, (u64, Uuid)>,
    pub(crate) sagas: BTreeMap<Uuid, SagaRow>,
    pub(crate) steps: BTreeMap<Uuid, Vec<StepRow>>,
    /// What each saga's first call is keyed by: no event says so.
    pub(crate) first_reservations: BTreeMap<Uuid, Uuid>,
    pub(crate) outbox: BTreeMap<Uuid, Message>,
    pub(crate) relays: BTreeMap<i64, i64>,
    pub(crate) relays_ever: i64,
    pub(crate) known_bad: Option<KnownBad>,
    /// Rules that a write itself broke.
    pub(crate) broken: Vec<Broken>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct SagaRow {
    pub(crate) saga: Saga,
    pub(crate) version: i32,
    pub(crate) epoch: i64,
    pub(crate) deadline_ms: i64,
    pub(crate) moved_at_ms: i64,
}

/// A journal row; the first one, of the creation, has no event.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StepRow {
    pub(crate) seq: i32,
    pub(crate) event: Option<Event>,
    pub(crate) epoch: i64,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Message {
    pub(crate) owner: Option<i64>,
    pub(crate) run_at_ms: Option<i64>,
}

/// An order to be written.
#[derive(Debug, Clone)]
pub(crate) struct NewOrder {
    pub(crate) id: Uuid,
    pub(crate) reservation_id: Uuid,
    pub(crate) key: u16,
    pub(crate) fingerprint: u64,
    pub(crate) lines: Vec<Line>,
    pub(crate) deadline_ms: i64,
    /// A relay's claim, stored with it.
    pub(crate) first_update: Option<SagaUpdate>,
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Insertion {
    Created,
    Replayed(Uuid),
    KeyReused,
}

impl Store {
    pub(crate) fn is(&self, known_bad: KnownBad) -> bool {
        self.known_bad == Some(known_bad)
    }

    /// Order, key, saga, first journal row and outbox message; a known key writes nothing.
    pub(crate) fn insert_order(&mut self, order: NewOrder) -> Insertion {
        if let Some(&(fingerprint, order_id)) = self.keys.get(&order.key)
            && !self.is(KnownBad::KeyOutsideTransaction)
        {
            let same = fingerprint == order.fingerprint;
            return if same { Insertion::Replayed(order_id) } else { Insertion::KeyReused };
        }
        let id = order.id;
        self.keys.insert(order.key, (order.fingerprint, id));
        self.orders.insert(id, order.lines);
        self.first_reservations.insert(id, order.reservation_id);
        let saga = Saga::new(order.reservation_id);
        let deadline_ms = self.now_ms + order.deadline_ms;
        let moved_at_ms = self.now_ms;
        self.sagas.insert(id, SagaRow { saga, version: 1, epoch: 0, deadline_ms, moved_at_ms });
        self.steps.insert(id, vec![StepRow { seq: 1, event: None, epoch: 0 }]);
        self.outbox.insert(id, Message { owner: None, run_at_ms: None });
        // The product writes the same rows in one statement.
        if let Some(claim) = order.first_update {
            self.store_updates(&[claim]);
        }
        Insertion::Created
    }

    /// One saga, as a decision needs it.
    pub(crate) fn load(&self, order_id: Uuid) -> Option<LoadedSaga> {
        let row = self.sagas.get(&order_id)?;
        Some(LoadedSaga {
            order_id,
            saga: row.saga,
            version: row.version,
            epoch: row.epoch,
            deadline_at: at(row.deadline_ms),
        })
    }
}

fn at(ms: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(ms).expect("simulated time is bounded")
}

#[cfg(test)]
mod tests;
