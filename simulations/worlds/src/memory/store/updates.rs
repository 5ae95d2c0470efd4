//! Storing updates, as `schema_orders::sagas::store_updates` does: saga, journal and outbox together, under
//! version and epoch. Here, too, is where a write can be seen to break a rule.

use super::{Message, SagaRow, StepRow, Store, at};
use crate::memory::invariants::Invariant;
use crate::memory::known_bad::KnownBad;
use saga::stored::{OutboxChange, SagaUpdate, StoredUpdate};
use saga::{Event, State};
use uuid::Uuid;

/// A rule that a write broke, and whose saga it was.
pub(crate) type Broken = (Invariant, Option<Uuid>);

impl Store {
    /// Stores a batch of updates. An update that is not in the answer was fenced.
    pub(crate) fn store_updates(&mut self, updates: &[SagaUpdate]) -> Vec<StoredUpdate> {
        updates.iter().filter_map(|update| self.store_update(update)).collect()
    }

    fn store_update(&mut self, one: &SagaUpdate) -> Option<StoredUpdate> {
        let row = *self.sagas.get(&one.order_id)?;
        let is_expected = row.version == one.expected_version && row.epoch == one.expected_epoch;
        if !is_expected && !self.writes_anyway(one, &row) {
            return None;
        }
        self.judge(one, &row);
        let mut deadline_ms = row.deadline_ms;
        if let OutboxChange::Add { deadline_ms: renewed } = one.outbox
            && deadline_ms <= self.now_ms
        {
            deadline_ms = self.now_ms + renewed;
        }
        let version = row.version + 1;
        let (saga, epoch, moved_at_ms) = (one.saga, one.epoch, self.now_ms);
        let stored = SagaRow { saga, version, epoch, deadline_ms, moved_at_ms };
        self.sagas.insert(one.order_id, stored);
        let step = StepRow { seq: version, event: Some(one.event), epoch: one.epoch };
        let is_lost = self.is(KnownBad::JournalLosesRows)
            && matches!(one.event, Event::CallNotExecuted { .. });
        if !is_lost {
            self.steps.entry(one.order_id).or_default().push(step);
        }
        self.change_outbox(one, deadline_ms);
        Some(StoredUpdate { order_id: one.order_id, version, updated_at: at(self.now_ms) })
    }

    fn change_outbox(&mut self, one: &SagaUpdate, deadline_ms: i64) {
        let id = one.order_id;
        let (now_ms, unread) = (self.now_ms, self.is(KnownBad::QueueNobodyReads));
        match one.outbox {
            OutboxChange::Keep => {}
            OutboxChange::Own { .. } if self.is(KnownBad::OutboxRemovedAtClaim) => {
                self.outbox.remove(&id);
            }
            OutboxChange::Own { relay } => {
                if let Some(message) = self.outbox.get_mut(&id) {
                    *message = Message { owner: Some(relay), run_at_ms: None };
                }
            }
            OutboxChange::Wait { .. }
                if unread && matches!(one.saga.state, State::Queued { .. }) =>
            {
                self.outbox.remove(&id);
            }
            OutboxChange::Wait { delay_ms } => {
                let due_ms = now_ms.saturating_add(delay_ms);
                let due_ms = if deadline_ms > now_ms { due_ms.min(deadline_ms) } else { due_ms };
                if let Some(message) = self.outbox.get_mut(&id) {
                    *message = Message { owner: None, run_at_ms: Some(due_ms) };
                }
            }
            OutboxChange::Remove => {
                self.outbox.remove(&id);
            }
            OutboxChange::Add { .. } => {
                let message = Message { owner: None, run_at_ms: Some(now_ms) };
                if self.outbox.insert(id, message).is_some() {
                    self.broken.push((Invariant::OneMessage, Some(id)));
                }
            }
        }
    }

    /// Only where a flaw is planted.
    fn writes_anyway(&self, one: &SagaUpdate, row: &SagaRow) -> bool {
        let same_epoch = row.epoch == one.expected_epoch;
        match one.event {
            Event::CancelRequested { .. } => self.is(KnownBad::CancelIgnoresVersion),
            Event::Claimed { .. } | Event::RetryRequested { .. } | Event::Resolved { .. } => false,
            Event::StepDone
            | Event::StepRejected { .. }
            | Event::StepTombstoned
            | Event::StepReleased
            | Event::CallUnknown { .. }
            | Event::CallNotExecuted { .. }
            | Event::ContractBroken => {
                self.is(KnownBad::NoFenceInOrders)
                    || (same_epoch && self.is(KnownBad::CancelKeepsEpoch))
                    || (same_epoch && self.is(KnownBad::UnknownRecordReapplied))
            }
        }
    }

    fn judge(&mut self, one: &SagaUpdate, row: &SagaRow) {
        let id = Some(one.order_id);
        if one.expected_epoch < row.epoch {
            self.broken.push((Invariant::NoWriteByOldEpoch, id));
        }
        if matches!(one.event, Event::Claimed { .. }) && one.epoch <= row.epoch {
            self.broken.push((Invariant::ClaimRaisesEpoch, id));
        }
        let retried = matches!(one.event, Event::RetryRequested { .. })
            && matches!(row.saga.state, State::Failed { .. });
        if row.saga.state.is_final() && !retried {
            self.broken.push((Invariant::FinalStatesStay, id));
        }
        let minted = row.saga.reservation_id != one.saga.reservation_id;
        if minted && !matches!(row.saga.state, State::Failed { .. }) {
            self.broken.push((Invariant::NewIdOnlyAfterDefinitiveOutcome, id));
        }
    }
}
