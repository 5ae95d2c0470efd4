//! The orders database: each function is one transaction, and the only way a saga is written.
//!
//! What a saga becomes is [`machine::decide`]'s word, which is the product's. Here and in `claims` is
//! what the product's SQL adds: who may claim, under which epoch a write counts, what becomes of the
//! outbox message.

use super::config::{Config, RESERVATIONS_MAX};
use super::invariants::Invariant;
use super::known_bad::KnownBad;
use super::machine::{self, Decided, Then};
use super::world::{
    Call, Cancel, Cause, Deadline, Doubt, Kind, Order, Outcome, Owner, Relay, Row, State, World,
};
use saga::{CancelledBy, Event, QueueReason, Rejection};

/// Order, key, saga, first step and outbox message in one transaction; a known key is a replay.
pub(super) fn create(config: &Config, world: &mut World, order: u8) {
    let order = &mut world.orders[usize::from(order)];
    if order.state != State::Absent {
        if config.is(KnownBad::KeyOutsideTransaction) {
            order.copies += 1;
        }
        return;
    }
    order.copies += 1;
    order.state = State::Pending;
    order.outbox = true;
}

/// Records how a call ended, under the epoch it was claimed with.
pub(super) fn record(config: &Config, world: &mut World, call: Call, outcome: Outcome) {
    if !may_write(config, world, call) {
        return;
    }
    let row = &mut world.orders[usize::from(call.order)];
    if call.kind == Kind::Settle {
        return settle(row, State::Confirmed);
    }
    if call.kind == Kind::Reserve && outcome == Outcome::Done && config.is_new(call.relay) {
        return rest(row, State::Settling);
    }
    let event = event_of(config, call.kind, outcome);
    remember(row, call.kind);
    let before = row.state;
    write(world, call.order, &event);
    let row = &mut world.orders[usize::from(call.order)];
    if config.is(KnownBad::ReleaseGivenUp) && matches!(event, Event::CallUnknown { .. }) {
        give_up_release(row, before);
    }
    let queued = matches!(row.state, State::Queued { .. });
    row.outbox &= !(queued && config.is(KnownBad::QueueNobodyReads));
}

/// Records that the breaker let no call through: the saga waits, and no attempt is burnt.
pub(super) fn record_breaker_open(config: &Config, world: &mut World, call: Call) {
    if !may_write(config, world, call) {
        return;
    }
    let attempt = world.orders[usize::from(call.order)].attempt;
    write(world, call.order, &not_executed(QueueReason::BreakerOpen));
    let row = &mut world.orders[usize::from(call.order)];
    row.attempt += u8::from(config.is(KnownBad::OpenBreakerBurnsAttempts));
    if config.is(KnownBad::DoubtForgotten)
        && let State::Queued { doubt, .. } = &mut row.state
    {
        *doubt = Doubt::Certain;
    }
    if row.attempt != attempt {
        world.breaks(Invariant::OpenBreakerBurnsNoAttempt);
    }
}

/// A relay that is stopped lets go of what it owns, in doubt and under a new epoch.
pub(super) fn hand_over(config: &Config, world: &mut World, relay: u8) {
    for order in 0..world.orders.len() as u8 {
        let row = &mut world.orders[usize::from(order)];
        if row.owner != Owner::Relay(relay) {
            continue;
        }
        row.epoch += 1;
        if row.state == State::Settling {
            rest(row, State::Settling);
        } else if config.is(KnownBad::HandOverIsCertain) {
            write(world, order, &not_executed(QueueReason::Backoff));
        } else {
            write(world, order, &Event::CallUnknown { jitter: 0 });
        }
    }
}

/// The outbox message goes in a transaction of its own, and the relay dies before the second one.
pub(super) fn tear_record(world: &mut World, call: Call) {
    let row = &mut world.orders[usize::from(call.order)];
    if row.epoch == call.epoch {
        row.outbox = false;
    }
}

/// The customer cancels: decided and written in one transaction, under a new epoch.
pub(super) fn cancel(config: &Config, world: &mut World, order: u8) {
    let event = Event::CancelRequested { by: CancelledBy::Customer };
    let decided = machine::decide(world, order, &event);
    let row = &mut world.orders[usize::from(order)];
    let Some(decided) = decided else {
        row.cancel = Cancel::Refused;
        return;
    };
    let ours = matches!(decided.state, State::Releasing { cause: Cause::Customer, .. });
    row.cancel = if ours { Cancel::Accepted } else { Cancel::Refused };
    if config.is(KnownBad::CancelKeepsEpoch) && row.intent_open {
        // The relay at work goes on, and its outcome will count.
        row.state = decided.state;
        return;
    }
    row.epoch += 1;
    if config.is(KnownBad::CancelWithoutRelease) {
        return settle(row, State::Cancelled);
    }
    apply(world, order, decided);
}

/// Only where a flaw tears reading and writing apart: writes over whatever is there now.
pub(super) fn cancel_blindly(world: &mut World, order: u8) {
    let row = &mut world.orders[usize::from(order)];
    row.cancel = Cancel::Accepted;
    row.epoch += 1;
    row.outbox = true;
    rest(row, State::Releasing { cause: Cause::Customer, doubt: Doubt::InDoubt });
}

/// What staff does: decided and written in one transaction, under a new epoch.
pub(super) fn act(world: &mut World, order: u8, event: &Event) {
    if let Some(decided) = machine::decide(world, order, event) {
        world.orders[usize::from(order)].epoch += 1;
        apply(world, order, decided);
    }
}

/// A new reservation id: only after a definitive outcome of the previous one.
pub(super) fn mint_reservation(world: &mut World, order: u8) {
    let row = &mut world.orders[usize::from(order)];
    let old = row.reservations[usize::from(row.reservation)].row;
    row.reservation = (row.reservation + 1).min(RESERVATIONS_MAX as u8 - 1);
    if !matches!(old, Row::Rejected | Row::Released) {
        world.breaks(Invariant::NewIdOnlyAfterDefinitiveOutcome);
    }
}

/// The saga is at rest in a state that needs no relay.
pub(super) fn settle(row: &mut Order, state: State) {
    rest(row, state);
    row.outbox = false;
}

/// A relay that is gone leaves what it owned to whoever comes.
pub(super) fn forsake(world: &mut World, relay: u8) {
    for row in &mut world.orders {
        if row.owner == Owner::Relay(relay) {
            row.owner = Owner::Stale(relay);
        }
    }
}

/// Whether the relay has anything to lose.
pub(super) fn owns_any(world: &World, relay: u8) -> bool {
    world.orders.iter().any(|row| row.owner == Owner::Relay(relay))
        || world.relays[usize::from(relay)] != Relay::Idle
}

/// Decides and writes. The caller has seen to version and epoch.
fn write(world: &mut World, order: u8, event: &Event) {
    if let Some(decided) = machine::decide(world, order, event) {
        apply(world, order, decided);
    }
}

/// The saga waits for the next claim.
fn rest(row: &mut Order, state: State) {
    row.state = state;
    row.owner = Owner::Nobody;
    row.intent_open = false;
}

fn apply(world: &mut World, order: u8, decided: Decided) {
    let row = &mut world.orders[usize::from(order)];
    row.attempt = decided.attempt;
    row.crashes = decided.crashes;
    match decided.then {
        Then::Call(_) => row.state = decided.state,
        Then::Wait => rest(row, decided.state),
        Then::Remove | Then::Nothing => settle(row, decided.state),
        Then::Add => {
            rest(row, decided.state);
            row.outbox = true;
            row.deadline = Deadline::Ahead;
        }
    }
    if decided.reservation != row.reservation {
        mint_reservation(world, order);
    }
}

/// Fencing, and the check that the retry of a write whose commit got no answer needs.
fn may_write(config: &Config, world: &mut World, call: Call) -> bool {
    let row = &world.orders[usize::from(call.order)];
    if row.epoch != call.epoch {
        if !config.is(KnownBad::NoFenceInOrders) {
            return false;
        }
        world.breaks(Invariant::NoWriteByOldEpoch);
    } else if !row.intent_open {
        if !config.is(KnownBad::UnknownRecordReapplied) {
            return false;
        }
        world.breaks(Invariant::OneOutcomePerIntent);
    }
    true
}

/// A relay decides on the saga as it loaded it. The fence sees to it that this is what is stored;
/// where a flaw took the fence away, the write goes over whatever is there.
fn remember(row: &mut Order, kind: Kind) {
    let doubt = Doubt::Certain;
    if kind == Kind::Reserve && !matches!(row.state, State::Reserving { .. }) {
        row.state = State::Reserving { doubt };
    } else if kind != Kind::Reserve && !matches!(row.state, State::Releasing { .. }) {
        row.state = State::Releasing { cause: Cause::Customer, doubt };
    }
}

/// The event that an outcome is.
fn event_of(config: &Config, kind: Kind, outcome: Outcome) -> Event {
    if let Some(flawed) = mistake(config, kind, outcome) {
        return flawed;
    }
    match (outcome, kind) {
        (Outcome::Done, Kind::Reserve) => Event::StepDone,
        (Outcome::Rejected, Kind::Reserve) => {
            Event::StepRejected { reason: Rejection::InsufficientStock }
        }
        (Outcome::Tombstoned, Kind::Reserve) => Event::StepTombstoned,
        (Outcome::Rejected | Outcome::ContractBroken, _) => Event::ContractBroken,
        // The newer claim that inventory knows of fences this in the orders database too.
        (Outcome::Unknown | Outcome::Stale, _) => Event::CallUnknown { jitter: 0 },
        (Outcome::NotExecuted, _) | (Outcome::Done, Kind::Look) => {
            not_executed(QueueReason::Backoff)
        }
        (Outcome::Done | Outcome::Tombstoned | Outcome::NotFound, _) => Event::StepReleased,
    }
}

/// What a flaw takes an outcome for.
fn mistake(config: &Config, kind: Kind, outcome: Outcome) -> Option<Event> {
    let rejected = Event::StepRejected { reason: Rejection::InsufficientStock };
    let again = not_executed(QueueReason::Backoff);
    let forward = kind == Kind::Reserve;
    let (flaw, event) = match outcome {
        Outcome::Done => (KnownBad::DirectionForgotten, Event::StepReleased),
        Outcome::Rejected => (KnownBad::RejectionRetried, again),
        Outcome::ContractBroken if forward => (KnownBad::ContractErrorIsFailure, rejected),
        Outcome::Unknown if forward && config.is(KnownBad::TimeoutIsFailure) => {
            (KnownBad::TimeoutIsFailure, rejected)
        }
        Outcome::Unknown => (KnownBad::TimeoutIsNotExecuted, again),
        Outcome::Tombstoned
        | Outcome::Stale
        | Outcome::NotExecuted
        | Outcome::ContractBroken
        | Outcome::NotFound => return None,
    };
    config.is(flaw).then_some(event)
}

fn not_executed(reason: QueueReason) -> Event {
    Event::CallNotExecuted { reason, retry_after_ms: None, jitter: 0 }
}

fn give_up_release(row: &mut Order, before: State) {
    if let (State::Releasing { cause, .. }, State::Parked { .. }) = (before, row.state) {
        let cancelled = matches!(cause, Cause::Customer | Cause::Staff);
        settle(row, if cancelled { State::Cancelled } else { State::Failed });
    }
}
