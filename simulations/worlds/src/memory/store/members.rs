//! Table `relays`, as `schema_orders::relays` has it.

use super::Store;
use crate::memory::known_bad::KnownBad;
use relay_core::beat_report::{Beat, Renewal};
use std::ops::Bound;
use uuid::Uuid;

/// Silence after which every relay here counts as dead: the product's default.
pub(crate) const STALE_MS: i64 = 1_200;
/// As `schema_orders::relays` has it.
const REMOVED_AFTER: i64 = 10;

impl Store {
    pub(crate) fn join(&mut self) -> i64 {
        self.wake_from_the_future();
        self.relays_ever += 1;
        self.relays.insert(self.relays_ever, self.now_ms);
        self.relays_ever
    }

    pub(crate) fn renew(&mut self, relay: i64) -> Renewal {
        let before = self.relays.get(&relay).copied();
        if before.is_some() {
            self.relays.insert(relay, self.now_ms);
        }
        let clock_went_back = before.is_some_and(|before| before > self.now_ms);
        Renewal { member: before.is_some(), clock_went_back }
    }

    pub(crate) fn look_around(&self, relay: i64, floor: Uuid) -> Beat {
        let next = self.outbox.values().filter_map(|message| message.run_at_ms).min();
        let above = self.outbox.range((Bound::Excluded(floor), Bound::Unbounded));
        let mut above = above.map(|(_, message)| message);
        Beat {
            others_stale: self.relays.keys().any(|&id| id != relay && !self.is_alive(id)),
            fresh_work: above
                .clone()
                .any(|message| message.owner.is_none() && message.run_at_ms.is_none()),
            any_held: above.any(|message| message.owner.is_some()),
            next_due_ms: next.map(|run_at_ms| run_at_ms - self.now_ms),
        }
    }

    pub(crate) fn leave(&mut self, relay: i64) {
        self.relays.remove(&relay);
    }

    pub(crate) fn remove_silent(&mut self) {
        let (outbox, now_ms) = (&self.outbox, self.now_ms);
        self.relays.retain(|&id, &mut beat| {
            (now_ms - beat).abs() <= STALE_MS * REMOVED_AFTER
                || outbox.values().any(|message| message.owner == Some(id))
        });
    }

    pub(crate) fn is_alive(&self, relay: i64) -> bool {
        self.relays.get(&relay).is_some_and(|&beat| (self.now_ms - beat).abs() <= STALE_MS)
    }

    /// What waits although its saga has moved in the future: the clock has gone back since.
    pub(crate) fn wake_from_the_future(&mut self) {
        if self.is(KnownBad::FutureIsWaitedFor) {
            return;
        }
        for (order_id, message) in &mut self.outbox {
            let moved_at_ms = self.sagas.get(order_id).map(|row| row.moved_at_ms);
            let is_later = message.run_at_ms.is_some_and(|at| at > self.now_ms);
            if is_later && moved_at_ms.is_some_and(|at| at > self.now_ms) {
                message.run_at_ms = Some(self.now_ms);
            }
        }
    }
}
