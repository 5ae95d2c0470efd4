//! One saga's journal, replayed through the core: what it should look like now (I5, I6), and which
//! calls were made on the way (I10).

use chrono::{DateTime, Utc};
use saga::{Effect, Event, Saga, Transition, plan, transition};
use schema_orders::consistency::{JournalRow, StoredSaga};
use schema_orders::saga_steps::{Phase, decode_event};
use schema_orders::sagas::SagaColumns;
use uuid::Uuid;

use super::report::Findings;

/// A replay under way.
pub(super) struct Replay {
    order_id: Uuid,
    /// `None` once a step could not be applied: what follows it says nothing any more.
    saga: Option<Saga>,
    rows: i32,
    epoch: i64,
    open: Option<OpenCall>,
    tried: Option<(Uuid, Direction)>,
    replayed: Replayed,
}

/// What a replay showed.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Replayed {
    /// Calls that were made, or may have been.
    pub(super) calls: u64,
    /// Of these, the first of their reservation and direction.
    pub(super) first_tries: u64,
    /// Of the others, those that were answered.
    pub(super) answered_retries: u64,
    /// When the first step was written.
    pub(super) created_at: DateTime<Utc>,
    /// When the last one was.
    pub(super) last_at: DateTime<Utc>,
}

/// A call whose intent is on record and whose outcome is not.
#[derive(Debug, Clone, Copy)]
struct OpenCall {
    epoch: i64,
    reservation_id: Uuid,
    direction: Direction,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    Forward,
    Back,
}

impl Replay {
    /// The first reservation id is not in the journal; the nil id stands for it.
    pub(super) fn new(order_id: Uuid) -> Self {
        Self {
            order_id,
            saga: Some(Saga::new(Uuid::nil())),
            rows: 0,
            epoch: 0,
            open: None,
            tried: None,
            replayed: Replayed::default(),
        }
    }

    pub(super) fn apply(&mut self, row: &JournalRow, findings: &mut Findings) {
        self.rows += 1;
        self.replayed.last_at = row.at;
        if self.rows == 1 {
            self.replayed.created_at = row.at;
        }
        if row.seq != self.rows && self.saga.is_some() {
            let detail = format!("step {} where {} is due", row.seq, self.rows);
            findings.add("journal-has-gaps", Some(self.order_id), detail);
            self.saga = None;
        }
        match decode_event(&row.event, row.detail.as_ref()) {
            Ok(None) if row.seq == 1 => self.compare_row(row, findings),
            Ok(Some(event)) if row.seq != 1 => self.apply_event(row, &event, findings),
            Ok(_) => self.give_up("journal-illegal-step", row, "not where it belongs", findings),
            Err(error) => {
                self.give_up("journal-unreadable", row, &error.to_string(), findings);
            }
        }
        self.epoch = self.epoch.max(row.epoch);
    }

    fn apply_event(&mut self, row: &JournalRow, event: &Event, findings: &mut Findings) {
        let phase = Phase::of(event);
        self.check_epoch(row, phase, findings);
        self.count_call(row, event, phase, findings);
        let Some(saga) = &self.saga else { return };
        match transition(&plan::ORDER, saga, event) {
            Ok(Transition::Moved(saga, effects)) => {
                self.saga = Some(saga);
                self.open = effects.iter().find_map(|effect| open_call(effect, row.epoch));
                self.compare_row(row, findings);
            }
            Ok(Transition::Ignored(why)) => {
                self.give_up("journal-illegal-step", row, &format!("{why:?}"), findings);
            }
            Err(invalid) => {
                self.give_up("journal-illegal-step", row, &invalid.to_string(), findings);
            }
        }
    }

    /// I5: who claims or acts raises the epoch, who records an outcome keeps it, nobody lowers it.
    fn check_epoch(&self, row: &JournalRow, phase: Phase, findings: &mut Findings) {
        let step = format!("step {} ({})", row.seq, row.event);
        if row.epoch < self.epoch {
            let detail = format!("{step} with epoch {} after epoch {}", row.epoch, self.epoch);
            findings.add("epoch-went-back", Some(self.order_id), detail);
        }
        if phase != Phase::Outcome && row.epoch == self.epoch {
            let detail = format!("{step} under epoch {} again", row.epoch);
            findings.add("claim-without-new-epoch", Some(self.order_id), detail);
        }
    }

    /// Closes the call under way: an outcome must belong to it, anything else ends it unknown.
    fn count_call(
        &mut self,
        row: &JournalRow,
        event: &Event,
        phase: Phase,
        findings: &mut Findings,
    ) {
        let open = self.open.take();
        if phase == Phase::Outcome && open.is_none_or(|call| call.epoch != row.epoch) {
            let detail = format!("step {} ({}) answers no call", row.seq, row.event);
            findings.add("outcome-without-intent", Some(self.order_id), detail);
        }
        if let Some(call) = open
            && !matches!(event, Event::CallNotExecuted { .. })
        {
            self.count(
                call,
                phase == Phase::Outcome && !matches!(event, Event::CallUnknown { .. }),
            );
        }
    }

    fn count(&mut self, call: OpenCall, is_answered: bool) {
        self.replayed.calls += 1;
        let what = (call.reservation_id, call.direction);
        if self.tried != Some(what) {
            self.tried = Some(what);
            self.replayed.first_tries += 1;
        } else if is_answered {
            self.replayed.answered_retries += 1;
        }
    }

    /// The row says how the saga stood after it.
    fn compare_row(&mut self, row: &JournalRow, findings: &mut Findings) {
        let Some(saga) = &self.saga else { return };
        let columns = SagaColumns::from(saga);
        let replayed = (
            columns.state.as_str(),
            columns.reason.as_deref().or(columns.cause.as_deref()),
            columns.step,
            columns.attempt,
        );
        let written = (row.state.as_str(), row.reason.as_deref(), row.step, row.attempt);
        if replayed != written {
            let detail = format!("replayed {replayed:?}, written {written:?}");
            self.give_up("journal-contradicts-saga", row, &detail, findings);
        }
    }

    fn give_up(&mut self, fault: &str, row: &JournalRow, why: &str, findings: &mut Findings) {
        // One fault makes the next one: only the first is told.
        if self.saga.take().is_some() {
            let detail = format!("step {} ({}): {why}", row.seq, row.event);
            findings.add(fault, Some(self.order_id), detail);
        }
    }

    pub(super) fn finish(mut self, stored: &StoredSaga, findings: &mut Findings) -> Replayed {
        if let Some(call) = self.open.take() {
            self.count(call, false);
        }
        let contradicts =
            |what: &str, replayed: &dyn std::fmt::Debug, kept: &dyn std::fmt::Debug| {
                format!("{what} by the journal {replayed:?}, stored {kept:?}")
            };
        let mut detail = None;
        if let Some(mut saga) = self.saga {
            if saga.reservation_id.is_nil() {
                saga.reservation_id = stored.columns.reservation_id;
            }
            let columns = SagaColumns::from(&saga);
            if columns != stored.columns {
                detail = Some(contradicts("saga", &columns, &stored.columns));
            } else if self.rows != stored.version {
                detail = Some(contradicts("version", &self.rows, &stored.version));
            } else if self.epoch != stored.epoch {
                detail = Some(contradicts("epoch", &self.epoch, &stored.epoch));
            }
        }
        if let Some(detail) = detail {
            findings.add("journal-contradicts-saga", Some(self.order_id), detail);
        }
        self.replayed
    }
}

fn open_call(effect: &Effect, epoch: i64) -> Option<OpenCall> {
    let (reservation_id, direction) = match *effect {
        Effect::ReserveStock { reservation_id } => (reservation_id, Direction::Forward),
        Effect::ReleaseStock { reservation_id } => (reservation_id, Direction::Back),
        Effect::WakeAfter { .. } | Effect::RemoveOutboxMessage | Effect::AddOutboxMessage => {
            return None;
        }
    };
    Some(OpenCall { epoch, reservation_id, direction })
}
