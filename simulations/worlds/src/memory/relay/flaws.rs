//! What planted flaws make of a relay's steps. Nothing in here happens without one.

use crate::memory::known_bad::KnownBad;
use crate::memory::world::World;
use relay_core::claims::{Claims, Source};
use relay_core::decide::Call;
use relay_core::schedule::Look;
use saga::stored::{ClaimedSaga, LoadedSaga, OutboxChange, SagaUpdate};
use saga::{
    Effect, Event, FailReason, QueueReason, Rejection, ReleaseCause, State, Transition, plan,
    transition,
};
use uuid::Uuid;

/// What a planted flaw makes of what is claimed. `locked` is each saga as it was, with a fresh id for it.
pub(super) fn flaw_claims(
    known_bad: Option<KnownBad>,
    claims: &mut Claims,
    locked: &[(ClaimedSaga, Uuid)],
) {
    if known_bad.is_none() {
        return;
    }
    for update in &mut claims.updates {
        let of_update = |saga: &&(ClaimedSaga, Uuid)| saga.0.loaded.order_id == update.order_id;
        let Some((was, fresh_id)) = locked.iter().find(of_update) else { continue };
        let of_saga = |call: &Call| call.loaded.order_id == update.order_id;
        let at = claims.calls.iter().position(of_saga);
        let call = at.map(|at| &mut claims.calls[at]);
        if flaw_claim(known_bad, update, call, was, *fresh_id) == Keeps::NoCall
            && let Some(at) = at
        {
            claims.calls.remove(at);
        }
    }
}

/// What a planted flaw makes of a look.
pub(super) fn flaw_look(world: &mut World, index: u16, look: Look) -> Look {
    let known_bad = world.known_bad;
    let memory = &world.relays[usize::from(index)].memory;
    let Look::Claim { mut source, mut limit, mode, is_awaited } = look else { return look };
    match (known_bad, &mut source) {
        (Some(KnownBad::UnknownClaimForgotten), Source::UnacknowledgedClaims { .. })
        | (Some(KnownBad::ProbesFromTheBacklog), Source::Untried { .. }) => limit = 0,
        (Some(KnownBad::EmptyDrainStays), Source::Due) if memory.gate.is_held_up() => limit = 0,
        (Some(KnownBad::OutboxReadByCursor), Source::Fresh { floor }) => {
            *floor = memory.looks.cursor;
        }
        _ => {}
    }
    Look::Claim { source, limit, mode, is_awaited }
}

#[derive(PartialEq, Eq)]
enum Keeps {
    Call,
    NoCall,
}

fn flaw_claim(
    known_bad: Option<KnownBad>,
    update: &mut SagaUpdate,
    call: Option<&mut Call>,
    was: &ClaimedSaga,
    fresh_id: Uuid,
) -> Keeps {
    match known_bad {
        Some(KnownBad::ClaimKeepsEpoch) if was.loaded.epoch > 0 => {
            update.epoch = was.loaded.epoch;
            if let Some(call) = call {
                call.loaded.epoch = was.loaded.epoch;
            }
        }
        Some(KnownBad::PoisonNotCounted) => {
            update.saga.crashes = 0;
            if let Some(call) = call {
                call.loaded.saga.crashes = 0;
            }
        }
        Some(KnownBad::NewReservationIdPerAttempt) => {
            let again = was.loaded.saga.attempt > 0;
            if let Some(call) = call
                && let Effect::ReserveStock { reservation_id } = &mut call.effect
                && again
            {
                *reservation_id = fresh_id;
                call.loaded.saga.reservation_id = fresh_id;
                update.saga.reservation_id = fresh_id;
            }
        }
        Some(KnownBad::DeadlineWithoutRelease) => {
            let turned = !matches!(was.loaded.saga.state, State::Releasing { .. });
            let deadline = State::Releasing {
                cause: ReleaseCause::DeadlinePassed,
                doubt: update.saga.state.doubt(),
            };
            if turned && update.saga.state == deadline {
                update.saga.state = State::Failed { reason: FailReason::DeadlinePassed };
                update.outbox = OutboxChange::Remove;
                return Keeps::NoCall;
            }
        }
        _ => {}
    }
    Keeps::Call
}

/// What a planted flaw takes an event for.
pub(super) fn mistaken(
    known_bad: Option<KnownBad>,
    effect: &Effect,
    event: Event,
    looked: bool,
) -> Event {
    let reason = Rejection::InsufficientStock;
    let reserves = matches!(effect, Effect::ReserveStock { .. });
    let again = |jitter| Event::CallNotExecuted {
        reason: QueueReason::Backoff,
        retry_after_ms: None,
        jitter,
    };
    match (known_bad, event) {
        (Some(KnownBad::TimeoutIsFailure), Event::CallUnknown { .. })
        | (Some(KnownBad::ContractErrorIsFailure), Event::ContractBroken)
            if reserves =>
        {
            Event::StepRejected { reason }
        }
        (Some(KnownBad::TimeoutIsNotExecuted), Event::CallUnknown { jitter }) => again(jitter),
        (Some(KnownBad::RejectionRetried), Event::StepRejected { .. }) => again(0),
        (Some(KnownBad::DirectionForgotten), Event::StepDone) => Event::StepReleased,
        // It looked, and there was something: looks again later.
        (Some(KnownBad::LookInsteadOfRelease), Event::StepReleased) if looked => again(u32::MAX),
        _ => event,
    }
}

/// Hands over and says that nothing was executed.
pub(super) fn given_up_as_certain(loaded: &LoadedSaga, member: i64) -> Option<SagaUpdate> {
    let reason = QueueReason::Backoff;
    let event = Event::CallNotExecuted { reason, retry_after_ms: None, jitter: 0 };
    match transition(&plan::ORDER, &loaded.saga, &event) {
        Ok(Transition::Moved(saga, effects)) => {
            let update = loaded.update(saga, event, &effects, 0);
            Some(SagaUpdate { worker: Some(member), epoch: loaded.epoch + 1, ..update })
        }
        Ok(Transition::Ignored(_)) | Err(_) => None,
    }
}

/// Removes outbox messages in a transaction of its own, before the outcome is stored.
pub(super) fn remove_messages_first(world: &mut World, updates: &[SagaUpdate]) {
    for one in updates.iter().filter(|one| one.outbox == OutboxChange::Remove) {
        if world.store.sagas.get(&one.order_id).is_some_and(|row| row.epoch == one.expected_epoch) {
            world.store.outbox.remove(&one.order_id);
        }
    }
}
