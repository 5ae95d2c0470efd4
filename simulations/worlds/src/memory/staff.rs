//! People: they retry, cancel and resolve at random moments, with what they saw a while ago; and when
//! the storm is over somebody looks after what is parked.

use super::dice::{Source, Use};
use super::faults::Moment;
use super::known_bad::KnownBad;
use super::people::{Plan, RENEWED_MS, Stands, Verb};
use super::queue::Event;
use super::relay::wakes::wake_any;
use super::trace::Happened;
use super::world::{World, order_of};
use saga::stored::{LoadedSaga, OutboxChange, SagaUpdate};
use saga::{CancelledBy, Event as SagaEvent, FailReason, Finding, State, Transition};
use saga::{plan, transition};
use schema_inventory::State as Held;
use uuid::Uuid;

/// Everybody's moment, drawn in advance.
pub(super) fn plan(world: &mut World) {
    for index in 0..world.setting.staff_at_ms.len() as u16 {
        let source = Source::Planned(1_000 + index);
        let customers = u64::from(world.setting.customers);
        let order = world.dice.below(source, Use::Moment, customers) as u16;
        let verb = match world.dice.below(source, Use::Moment, 4) {
            0 => Verb::Cancel,
            1 => Verb::Resolve,
            _ => Verb::Retry,
        };
        world.plans.push(Plan { order, verb, seen: None });
        let at_ms = world.setting.staff_at_ms[usize::from(index)];
        world.put(at_ms, Event::Staff(index));
    }
}

/// Something was parked, and somebody is told; half of the time they act.
pub(super) fn be_called(world: &mut World, order: u16) {
    let source = Source::Order(order);
    if world.now_ms >= world.setting.faults.until_ms || world.dice.percent(source, Use::Moment, 50)
    {
        return;
    }
    let verb = match world.dice.below(source, Use::Moment, 3) {
        0 => Verb::Cancel,
        1 => Verb::Resolve,
        _ => Verb::Retry,
    };
    let index = world.plans.len() as u16;
    world.plans.push(Plan { order, verb, seen: None });
    let delay_ms = world.dice.between(source, Use::Delay, 0, 4_000);
    world.put(world.now_ms + delay_ms, Event::Staff(index));
}

/// Somebody looks; a while later they act on what they saw.
pub(super) fn act(world: &mut World, index: u16) {
    let Plan { order, verb, seen } = world.plans[usize::from(index)].clone();
    let Stands::Acknowledged(order_id) = world.customers[usize::from(order)].stands else { return };
    let Some(seen) = seen else {
        world.plans[usize::from(index)].seen = world.store.load(order_id);
        let source = Source::Planned(1_000 + index);
        let delay_ms = world.dice.between(source, Use::Delay, 0, 300);
        return world.put(world.now_ms + delay_ms, Event::Staff(index));
    };
    let event = event_of(world, order_id, verb, &seen);
    store(world, &seen, event);
}

/// After the storm: what is parked is tried again. Returns whether there was anything.
pub(super) fn look_after_parked(world: &mut World) -> bool {
    let parked: Vec<Uuid> = world
        .store
        .sagas
        .iter()
        .filter(|(_, row)| matches!(row.saga.state, State::Parked { .. }))
        .map(|(&id, _)| id)
        .filter(|&id| !world.customers[usize::from(order_of(id))].is_poison)
        .collect();
    for &order_id in &parked {
        if let Some(seen) = world.store.load(order_id) {
            let reservation_id = world.mint(order_of(order_id));
            store(world, &seen, SagaEvent::RetryRequested { reservation_id });
        }
    }
    !parked.is_empty()
}

fn event_of(world: &mut World, order_id: Uuid, verb: Verb, seen: &LoadedSaga) -> SagaEvent {
    match verb {
        Verb::Retry => SagaEvent::RetryRequested { reservation_id: world.mint(order_of(order_id)) },
        Verb::Cancel => SagaEvent::CancelRequested { by: CancelledBy::Staff },
        Verb::Resolve => SagaEvent::Resolved { finding: evidence(world, seen) },
    }
}

/// What inventory shows. Where it knows of nothing a reserve may be on its way: the release refuses it.
fn evidence(world: &World, seen: &LoadedSaga) -> Finding {
    let row = world.inventory.row(seen.saga.reservation_id);
    match row.map(|row| row.state) {
        Some(Held::Held | Held::Committed) => Finding::StockHeld,
        Some(Held::Released | Held::Rejected) | None => Finding::StockNotHeld,
    }
}

fn store(world: &mut World, seen: &LoadedSaga, event: SagaEvent) {
    let order = order_of(seen.order_id);
    let name = event.name();
    let Ok(Transition::Moved(mut saga, mut effects)) = transition(&plan::ORDER, &seen.saga, &event)
    else {
        return world.trace.note(world.now_ms, Happened::Acted(order, name, "does not apply"));
    };
    if let SagaEvent::RetryRequested { reservation_id } = event
        && world.is(KnownBad::RetryOfParkedMintsNewId)
        && saga.state.doubt().is_in_doubt()
    {
        saga.reservation_id = reservation_id;
    }
    let not_held = SagaEvent::Resolved { finding: Finding::StockNotHeld };
    if event == not_held && world.is(KnownBad::AbsenceIsEvidence) {
        saga.state = State::Failed { reason: FailReason::ResolvedByStaff };
        effects.clear();
    }
    let mut update = seen.update(saga, event, &effects, RENEWED_MS);
    if world.is(KnownBad::RetryAddsMessage) && matches!(event, SagaEvent::RetryRequested { .. }) {
        update.outbox = OutboxChange::Add { deadline_ms: RENEWED_MS };
    }
    let update = SagaUpdate { epoch: seen.epoch + 1, ..update };
    let source = Source::Order(order);
    let stored = world.transact(source, Moment::Person, &[seen.order_id], |store| {
        store.store_updates(std::slice::from_ref(&update))
    });
    let what = match stored {
        Ok(stored) if stored.is_empty() => "somebody was faster",
        Ok(_) => update.saga.state.name().as_str(),
        Err(_) => "unanswered",
    };
    world.trace.note(world.now_ms, Happened::Acted(order, name, what));
    wake_any(world, order);
}
