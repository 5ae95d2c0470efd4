//! What a relay decides about one saga, as functions over data.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use chrono::{DateTime, Utc};
use saga::stored::{ClaimedSaga, Line, LoadedSaga, OutboxChange, SagaUpdate};
use saga::{
    Claim, Effect, Event, Ignored, InvalidTransition, QueueReason, Transition, plan, transition,
};
use uuid::Uuid;

use crate::answer::Answer;
use crate::breaker::{Outcome, Suspects};

/// A call whose intent is stored.
#[derive(Debug, Clone)]
pub struct Call {
    /// The saga as it was stored.
    pub loaded: LoadedSaga,
    /// What to do.
    pub effect: Effect,
    /// What the order is for.
    pub lines: Vec<Line>,
    /// W3C trace context of the order.
    pub traceparent: Option<String>,
    /// Milliseconds to the order's deadline.
    pub time_left_ms: u64,
    /// Whether the saga comes from a relay that fell silent.
    pub taken_over: bool,
    /// Whether it went out before under this very intent, without an answer of its own.
    pub resent: bool,
    /// When the order was acknowledged, by the database's clock.
    pub ordered_at: DateTime<Utc>,
    /// When the saga last moved before it was claimed, by the same clock.
    pub last_moved_at: DateTime<Utc>,
}

impl Call {
    /// The trace of its order, for log lines.
    pub fn trace_id(&self) -> Option<&str> {
        self.traceparent.as_deref()?.split('-').nth(1)
    }

    /// Spreads retries: another number for each saga and each of its steps, the same when a run is repeated.
    pub fn jitter(&self) -> u32 {
        let mut hasher = DefaultHasher::new();
        (self.loaded.order_id, self.loaded.version).hash(&mut hasher);
        (hasher.finish() >> 32) as u32
    }
}

/// What the core says to a claim.
#[derive(Debug, Clone)]
#[expect(
    clippy::large_enum_variant,
    reason = "obsolete messages are so rare that their size does not matter"
)]
pub enum ClaimDecision {
    /// The saga changes, and mostly a call follows.
    Update {
        /// To be stored in the claim's own transaction.
        update: SagaUpdate,
        /// To be made when that has committed.
        call: Option<Call>,
    },
    /// A message without work: its saga has ended, or is parked.
    ObsoleteMessage(Uuid),
}

/// What the core says to an event.
#[derive(Debug, Clone)]
pub struct EventDecision {
    /// To be stored.
    pub update: SagaUpdate,
    /// The call that follows once it is stored.
    pub next: Option<Call>,
}

/// Why nothing follows from an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NothingToDo {
    /// It came late, or twice.
    Ignored(Ignored),
    /// It cannot happen in this state: a bug in the relay.
    Invalid(InvalidTransition),
}

/// Claims a saga whose message is locked: under a new epoch, with the intent to call on record.
pub fn on_claim(relay: i64, claimed: ClaimedSaga) -> ClaimDecision {
    let ClaimedSaga { loaded, claim, time_left_ms, lines, traceparent, .. } = claimed;
    let event = Event::Claimed { time_left_ms, claim };
    let (saga, effects) = match transition(&plan::ORDER, &loaded.saga, &event) {
        Ok(Transition::Moved(saga, effects)) => (saga, effects),
        Ok(Transition::Ignored(_)) => return ClaimDecision::ObsoleteMessage(loaded.order_id),
        Err(invalid) => unreachable!("every state can be claimed: {invalid}"),
    };
    let epoch = loaded.epoch + 1;
    let update = loaded.update(saga, event, &effects, 0);
    let mut update = SagaUpdate { epoch, worker: Some(relay), ..update };
    let call = call_of(&effects).map(|effect| {
        update.outbox = OutboxChange::Own { relay };
        let taken_over = claim == Claim::Takeover;
        let loaded = LoadedSaga { saga, version: loaded.version + 1, epoch, ..loaded };
        Call {
            loaded,
            effect,
            lines,
            traceparent,
            time_left_ms,
            taken_over,
            resent: false,
            ordered_at: claimed.created_at,
            last_moved_at: claimed.last_moved_at,
        }
    });
    ClaimDecision::Update { update, call }
}

/// Decides on what became of a call. Where inventory has told of a `newest_epoch` above the saga's, the saga goes on
/// above that one: only who still holds it can store this.
pub fn on_event(
    relay: i64,
    call: &Call,
    mut event: Event,
    newest_epoch: Option<i64>,
) -> Result<EventDecision, NothingToDo> {
    if call.resent
        && let Event::CallNotExecuted { jitter, .. } = event
    {
        // That it was not executed this time says nothing of the time before.
        event = Event::CallUnknown { jitter };
    }
    let (saga, effects) = match transition(&plan::ORDER, &call.loaded.saga, &event) {
        Ok(Transition::Moved(saga, effects)) => (saga, effects),
        Ok(Transition::Ignored(why)) => return Err(NothingToDo::Ignored(why)),
        Err(invalid) => return Err(NothingToDo::Invalid(invalid)),
    };
    let update = call.loaded.update(saga, event, &effects, 0);
    let epoch = update.epoch.max(newest_epoch.unwrap_or(0));
    let mut update = SagaUpdate { worker: Some(relay), epoch, ..update };
    let next = call_of(&effects).map(|effect| {
        // It goes on holding the saga.
        update.outbox = OutboxChange::Keep;
        let version = call.loaded.version + 1;
        let loaded = LoadedSaga { saga, version, epoch, ..call.loaded.clone() };
        Call { loaded, effect, resent: false, ..call.clone() }
    });
    Ok(EventDecision { update, next })
}

/// The event an answer stands for.
pub fn event_of(effect: &Effect, answer: &Answer, jitter: u32) -> Event {
    let releasing = matches!(effect, Effect::ReleaseStock { .. });
    match *answer {
        Answer::Done | Answer::Tombstoned if releasing => Event::StepReleased,
        Answer::Done => Event::StepDone,
        Answer::Tombstoned => Event::StepTombstoned,
        Answer::Rejected(_) if releasing => Event::ContractBroken,
        Answer::Rejected(reason) => Event::StepRejected { reason },
        Answer::ContractBroken { .. } => Event::ContractBroken,
        Answer::NotExecuted { retry_after_ms, throttled } => Event::CallNotExecuted {
            reason: if throttled { QueueReason::Throttled } else { QueueReason::Backoff },
            retry_after_ms,
            jitter,
        },
        Answer::ItemBusy { retry_after_ms } => {
            Event::CallNotExecuted { reason: QueueReason::Throttled, retry_after_ms, jitter }
        }
        // Whoever claimed the saga last stores nothing more under an older version, and is fenced. Who still holds it
        // has a database that forgot that claim: what came of it is unknown, and it goes on above its epoch.
        Answer::Stale { .. } | Answer::Failed | Answer::Unknown => Event::CallUnknown { jitter },
    }
}

/// The newest epoch that an answer tells of.
pub fn newest_epoch(answer: &Answer) -> Option<i64> {
    match *answer {
        Answer::Stale { newest_epoch } => newest_epoch,
        Answer::Done
        | Answer::Rejected(_)
        | Answer::Tombstoned
        | Answer::ContractBroken { .. }
        | Answer::NotExecuted { .. }
        | Answer::ItemBusy { .. }
        | Answer::Failed
        | Answer::Unknown => None,
    }
}

/// What the breaker counts of the answer to one call. A release names no item: its answer neither clears
/// one nor accuses it.
pub fn evidence(call: &Call, answer: &Answer, suspects: &mut Suspects) -> Outcome {
    let attempts = call.loaded.saga.attempt;
    if matches!(call.effect, Effect::ReleaseStock { .. }) {
        return Suspects::default().judge(answer.reply(), &[], attempts);
    }
    let items: Vec<&str> = call.lines.iter().map(|line| line.item_id.as_str()).collect();
    suspects.judge(answer.reply(), &items, attempts)
}

/// A retry of a call that was executed, or may have been. The replay of a saga that was taken over is
/// not one: its relay failed, not inventory.
pub fn is_retry(call: &Call) -> bool {
    !call.taken_over && call.loaded.saga.attempt > 0
}

/// What a relay that stops says of calls whose answer it did not wait for.
pub fn given_up(loaded: &LoadedSaga, relay: i64) -> Option<SagaUpdate> {
    let event = Event::CallUnknown { jitter: 0 };
    match transition(&plan::ORDER, &loaded.saga, &event) {
        Ok(Transition::Moved(saga, effects)) => {
            let update = loaded.update(saga, event, &effects, 0);
            Some(SagaUpdate { worker: Some(relay), epoch: loaded.epoch + 1, ..update })
        }
        Ok(Transition::Ignored(_)) | Err(_) => None,
    }
}

fn call_of(effects: &[Effect]) -> Option<Effect> {
    let is_call = |effect: &&Effect| {
        matches!(effect, Effect::ReserveStock { .. } | Effect::ReleaseStock { .. })
    };
    effects.iter().find(is_call).copied()
}

#[cfg(test)]
mod tests;
