//! Table `outbox`: locking messages, as `schema_orders::outbox` does.

use super::{Message, SagaRow, Store, at};
use crate::memory::known_bad::KnownBad;
use relay_core::claims::Source;
use saga::stored::ClaimedSaga;
use saga::{Claim, QueueReason, State};
use std::ops::Bound;
use uuid::Uuid;

impl Store {
    /// Up to `limit` messages of a source, for `relay`, which knows that it holds those that `is_known` names.
    pub(crate) fn lock(
        &self,
        relay: i64,
        is_known: impl Fn(&Uuid) -> bool,
        source: &Source,
        limit: usize,
    ) -> Vec<ClaimedSaga> {
        let mut found: Vec<(i64, Uuid, Message)> = Vec::new();
        for (&order_id, &message) in &self.outbox {
            let Some(row) = self.sagas.get(&order_id) else { continue };
            if self.offers((relay, is_known(&order_id)), source, order_id, message, row) {
                found.push((message.run_at_ms.unwrap_or(0), order_id, message));
            }
        }
        if matches!(source, Source::Due | Source::Untried { .. }) {
            found.sort_by_key(|&(run_at_ms, ..)| run_at_ms);
        }
        found.truncate(limit);
        found.into_iter().filter_map(|(_, id, message)| self.claimed(id, message)).collect()
    }

    /// Has messages wait so many milliseconds; their sagas stay as they are.
    pub(crate) fn postpone(&mut self, later_ms: &[(Uuid, u64)]) {
        for (order_id, ms) in later_ms {
            if let Some(message) = self.outbox.get_mut(order_id) {
                let run_at_ms = self.now_ms.saturating_add(i64::try_from(*ms).unwrap_or(i64::MAX));
                *message = Message { owner: None, run_at_ms: Some(run_at_ms) };
            }
        }
    }

    /// Messages that wait for a time.
    pub(crate) fn waiting(&self) -> u64 {
        self.outbox.values().filter(|message| message.run_at_ms.is_some()).count() as u64
    }

    /// The first message above `floor` that waits for no time.
    pub(crate) fn first(&self, floor: Uuid) -> Option<Uuid> {
        let above = self.outbox.range((Bound::Excluded(floor), Bound::Unbounded));
        above.filter(|(_, message)| message.run_at_ms.is_none()).map(|(id, _)| *id).next()
    }

    fn offers(
        &self,
        (relay, is_known): (i64, bool),
        source: &Source,
        order_id: Uuid,
        message: Message,
        row: &SagaRow,
    ) -> bool {
        match source {
            Source::Fresh { floor } => {
                order_id > *floor && message.owner.is_none() && message.run_at_ms.is_none()
            }
            Source::Due => {
                message.owner.is_none() && message.run_at_ms.is_some_and(|at| at <= self.now_ms)
            }
            Source::Untried { avoid } => {
                let lines = &self.orders[&order_id];
                let waits_for_breaker = matches!(
                    row.saga.state,
                    State::Queued { reason: QueueReason::BreakerOpen, .. }
                );
                message.owner.is_none()
                    && message.run_at_ms.is_some_and(|at| at <= self.now_ms || waits_for_breaker)
                    && row.saga.attempt == 0
                    && !lines.iter().any(|line| avoid.contains(&line.item_id))
            }
            Source::FromDeadRelay { crashes, floor } => {
                order_id > *floor
                    && !is_known
                    && message.owner.is_some_and(|owner| owner != relay && !self.is_alive(owner))
                    && crashes.contains(&i16::try_from(row.saga.crashes).unwrap_or(i16::MAX))
                    && !self.is(KnownBad::NobodyTakesOver)
            }
            Source::UnacknowledgedClaims { floor } => {
                order_id > *floor && message.owner == Some(relay) && !is_known
            }
        }
    }

    fn claimed(&self, order_id: Uuid, message: Message) -> Option<ClaimedSaga> {
        let loaded = self.load(order_id)?;
        let left_ms = self.sagas[&order_id].deadline_ms - self.now_ms;
        Some(ClaimedSaga {
            claim: if message.owner.is_some() { Claim::Takeover } else { Claim::Free },
            time_left_ms: u64::try_from(left_ms).unwrap_or(0),
            lines: self.orders[&order_id].clone(),
            traceparent: None,
            // only measured with, never decided on
            created_at: loaded.deadline_at,
            last_moved_at: loaded.deadline_at,
            claimed_at: at(self.now_ms),
            loaded,
        })
    }
}
