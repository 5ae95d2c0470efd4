//! From a replayed journal to attempts, waits and marks.

use chrono::{DateTime, Utc};
use saga::{CancelledBy, Claim, Event, Rejection, State};
use schema_orders::saga_steps::StepRow;
use uuid::Uuid;

use super::replay::{Step, call_of, replay};
use super::waiting::Waiting;
use super::{Attempt, Frame, History, Mark, MarkKind, Outcome, Wait};

/// Reads a journal that begins with its first row; `None` without one. Where `rows` are not all, the
/// history says that it is cut.
pub fn read(rows: &[StepRow], is_complete: bool, frame: &Frame) -> Option<History> {
    let first = rows.first()?;
    let steps = replay(rows);
    let mut reader = Reader {
        frame,
        reservations: Reservations::of(&steps, frame),
        attempts: Vec::new(),
        current: None,
        waits: Vec::new(),
        waited: Vec::new(),
        waiting: Some(Waiting::for_relay(first.at)),
        marks: Vec::new(),
    };
    for step in &steps {
        reader.take(step);
    }
    let is_cut = !is_complete || steps.len() < rows.len();
    let last = rows.last().unwrap_or(first);
    let is_final = !is_cut && steps.last().is_some_and(|step| step.after.state.is_final());
    let until = if is_final { last.at } else { frame.now.max(last.at) };
    Some(reader.finish(first.at, until, is_final, is_cut, last.state.clone()))
}

struct Reader<'f> {
    frame: &'f Frame,
    reservations: Reservations,
    attempts: Vec<Attempt>,
    current: Option<Attempt>,
    waits: Vec<Wait>,
    /// Of these, since the last attempt.
    waited: Vec<Wait>,
    waiting: Option<Waiting>,
    marks: Vec<Mark>,
}

impl Reader<'_> {
    fn take(&mut self, step: &Step<'_>) {
        let at = step.row.at;
        if let Some(event) = &step.event {
            self.end_current(step, outcome_of(event));
            self.mark_event(step, event);
        } else {
            self.mark(step, MarkKind::Created, "order placed");
            return;
        }
        if let Some(Event::RetryRequested { reservation_id }) = step.event
            && step.after.reservation_id == reservation_id
        {
            self.reservations.current = Some(reservation_id);
        }
        let next = Waiting::after(step, self.frame.deadline_at);
        let call = call_of(step);
        let has_ended_wait = call.is_some() || next.is_some() || step.after.state.is_final();
        let ended = self.waiting.take_if(|_| has_ended_wait);
        for wait in ended.iter().flat_map(|waiting| waiting.ended(at)) {
            self.waits.push(wait);
            self.waited.push(wait);
        }
        self.waiting = next.or(self.waiting.take());
        if let Some(action) = call {
            let scheduled_at = ended.map_or(at, |waiting| waiting.scheduled_at(at));
            self.begin(step, action, scheduled_at);
        }
        self.mark_state(step);
    }

    fn begin(&mut self, step: &Step<'_>, action: &'static str, scheduled_at: DateTime<Utc>) {
        let is_replay = step.after.state.doubt().is_in_doubt()
            && matches!(step.after.state, State::Reserving { .. });
        if is_replay {
            self.mark(step, MarkKind::Replay, "same call again: its outcome is unknown");
        }
        self.current = Some(Attempt {
            number: self.attempts.len() as u32 + 1,
            action,
            reservation_id: self.reservations.current,
            is_replay,
            scheduled_at,
            started_at: step.row.at,
            finished_at: None,
            took_ms: None,
            waited: std::mem::take(&mut self.waited),
            outcome: Outcome::Running,
            worker: step.row.worker,
            epoch: step.row.epoch,
            first_seq: step.row.seq,
            last_seq: None,
        });
    }

    fn end_current(&mut self, step: &Step<'_>, outcome: Outcome) {
        let Some(attempt) = self.current.take() else { return };
        self.attempts.push(Attempt {
            finished_at: Some(step.row.at),
            took_ms: step.row.took_ms,
            outcome,
            last_seq: Some(step.row.seq),
            ..attempt
        });
    }

    fn mark_event(&mut self, step: &Step<'_>, event: &Event) {
        match event {
            Event::Claimed { claim: Claim::Free, .. } => {
                self.mark(step, MarkKind::Claim, "taken up by a relay");
            }
            Event::Claimed { claim: Claim::Takeover, .. } => {
                self.mark(step, MarkKind::Crash, "its relay vanished; another took over");
            }
            Event::CancelRequested { by: CancelledBy::Customer } => {
                self.mark(step, MarkKind::Customer, "cancelled by the customer");
            }
            Event::CancelRequested { by: CancelledBy::Staff } => {
                self.mark(step, MarkKind::Staff, "cancelled by staff");
            }
            Event::RetryRequested { .. } => self.mark(step, MarkKind::Staff, "retried by staff"),
            Event::Resolved { .. } => {
                self.mark(step, MarkKind::Staff, "resolved by staff, with evidence");
            }
            Event::StepDone
            | Event::StepRejected { .. }
            | Event::StepTombstoned
            | Event::StepReleased
            | Event::CallUnknown { .. }
            | Event::CallNotExecuted { .. }
            | Event::ContractBroken => {}
        }
    }

    fn mark_state(&mut self, step: &Step<'_>) {
        let (was, is) = (step.before.state.doubt(), step.after.state.doubt());
        match (was.is_in_doubt(), is.is_in_doubt()) {
            (false, true) => self.mark(step, MarkKind::InDoubt, "outcome unknown"),
            (true, false) => self.mark(step, MarkKind::Resolved, "outcome known"),
            (true, true) | (false, false) => {}
        }
        match step.after.state {
            State::Parked { .. } => self.mark(step, MarkKind::Parked, "stopped: needs a person"),
            State::Confirmed => self.mark(step, MarkKind::Ended, "confirmed"),
            State::Failed { .. } => self.mark(step, MarkKind::Ended, "failed"),
            State::Cancelled => self.mark(step, MarkKind::Ended, "cancelled"),
            State::Pending
            | State::Reserving { .. }
            | State::Queued { .. }
            | State::Releasing { .. } => {}
        }
    }

    fn mark(&mut self, step: &Step<'_>, kind: MarkKind, text: &'static str) {
        self.marks.push(Mark { at: step.row.at, seq: step.row.seq, kind, text });
    }

    fn finish(
        mut self,
        from: DateTime<Utc>,
        until: DateTime<Utc>,
        is_final: bool,
        is_cut: bool,
        state: String,
    ) -> History {
        if let Some(waiting) = self.waiting.filter(|_| !is_cut) {
            self.waits.extend(waiting.going_on(until));
        }
        self.attempts.extend(self.current.take());
        let Reader { attempts, waits, marks, .. } = self;
        History { from, until, state, is_final, attempts, waits, marks, is_cut }
    }
}

/// The reservation id is in the journal only where staff's retry minted a new one.
struct Reservations {
    current: Option<Uuid>,
}

impl Reservations {
    /// Without a new one the first is the one that stands; with one, nobody knows the first any more.
    fn of(steps: &[Step<'_>], frame: &Frame) -> Reservations {
        let is_minted = steps.iter().any(|s| s.after.reservation_id != s.before.reservation_id);
        Reservations { current: (!is_minted).then_some(frame.reservation_id) }
    }
}

fn outcome_of(event: &Event) -> Outcome {
    match *event {
        Event::Claimed { .. } => Outcome::RelayLost,
        Event::StepDone => Outcome::Done,
        Event::StepRejected { reason: Rejection::InsufficientStock } => Outcome::InsufficientStock,
        Event::StepRejected { reason: Rejection::UnknownItem } => Outcome::UnknownItem,
        Event::StepTombstoned => Outcome::ReleasedElsewhere,
        Event::StepReleased => Outcome::Released,
        Event::CallUnknown { .. } => Outcome::Unknown,
        Event::CallNotExecuted { .. } => Outcome::NotExecuted,
        Event::ContractBroken => Outcome::ContractBroken,
        Event::CancelRequested { .. } | Event::RetryRequested { .. } | Event::Resolved { .. } => {
            Outcome::Overtaken
        }
    }
}
