//! Customers: they order, ask again with the same key when nobody answers, look, and change their minds.

use super::dice::{Source, Use};
use super::faults::{Fault, Moment};
use super::invariants::Invariant;
use super::inventory::item;
use super::known_bad::KnownBad;
use super::people::{Customer, RENEWED_MS, Stands};
use super::queue::Event;
use super::relay;
use super::store::{Insertion, NewOrder, Store};
use super::trace::Happened;
use super::world::World;
use saga::stored::{Line, LoadedSaga, OutboxChange, SagaUpdate};
use saga::{CancelledBy, Event as SagaEvent, ReleaseCause, State, Transition, plan, transition};
use uuid::Uuid;

/// Everybody comes at a moment of their own.
pub(super) fn arrive(world: &mut World) {
    for index in 0..world.setting.customers {
        let customer = draw(world, index);
        world.customers.push(customer);
        let source = Source::Order(index);
        let at_ms = world.dice.between(source, Use::Moment, 0, world.setting.open_until_ms);
        world.put(at_ms, Event::Submit(index));
        for _ in 0..3 {
            let at_ms = world.dice.between(source, Use::Moment, 0, world.setting.faults.until_ms);
            world.put(at_ms, Event::Read(index));
        }
    }
}

/// The order is sent, for the first time or again.
pub(super) fn submit(world: &mut World, index: u16) {
    let customer = &mut world.customers[usize::from(index)];
    if customer.stands != Stands::Asks {
        return;
    }
    customer.tries += 1;
    let source = Source::Order(index);
    if world.hits(Fault::RequestLost, Moment::Submit, index) {
        return again(world, index, "lost on the way");
    }
    if world.hits(Fault::RequestDoubled, Moment::Submit, index) {
        let delay_ms = world.dice.between(source, Use::Delay, 0, 2_000);
        world.put(world.now_ms + delay_ms, Event::Submit(index));
    }
    // The id is made before the commit, and a commit may take its time: ids come out of order.
    let mut order = new_order(world, index);
    let taken = relay::claim_on_insert(world, index, &mut order);
    let slow = world.dice.percent(source, Use::Delay, 10);
    let delay_ms = world.dice.between(source, Use::Delay, 0, if slow { 1_500 } else { 5 });
    world.put(world.now_ms + delay_ms, Event::Insert(world.inserts.len() as u32));
    world.inserts.push((index, order, taken));
}

/// The order is written, and the customer answered.
pub(super) fn insert(world: &mut World, number: u32) {
    let (index, order, taken) = world.inserts[number as usize].clone();
    let (source, id) = (Source::Order(index), order.id);
    let late = order.clone();
    let inserted = world.transact(source, Moment::Submit, &[], |store| store.insert_order(order));
    let written = world.store.keys.get(&world.customers[usize::from(index)].key).map(|key| key.1);
    remember(world, index, written);
    if let Some(taken) = taken {
        let is_written = inserted.map(|inserted| inserted == Insertion::Created).ok();
        relay::committed(world, index, taken, is_written);
    }
    match inserted {
        Ok(Insertion::Created) => acknowledge(world, index, id, "created"),
        Ok(Insertion::Replayed(id)) => acknowledge(world, index, id, "replayed"),
        Ok(Insertion::KeyReused) => {
            world.customers[usize::from(index)].stands = Stands::Refused;
            world.trace.note(world.now_ms, Happened::Submitted(index, "key reused"));
        }
        Err(_) if world.is(KnownBad::AnsweredBeforeCommit) => {
            acknowledge(world, index, id, "answered too early");
        }
        Err(_) => {
            if world.is(KnownBad::OrderAndOutboxInTwoTransactions)
                && !world.store.keys.contains_key(&late.key)
            {
                world.store.insert_order(late);
                world.store.outbox.remove(&id);
                remember(world, index, Some(id));
            }
            again(world, index, "unanswered");
        }
    }
}

/// The customer cancels.
pub(super) fn cancel(world: &mut World, index: u16) {
    let Stands::Acknowledged(order_id) = world.customers[usize::from(index)].stands else { return };
    let source = Source::Order(index);
    let torn = world.is(KnownBad::CancelIgnoresVersion);
    let read = world.customers[usize::from(index)].read_to_cancel.take();
    if torn && read.is_none() {
        world.customers[usize::from(index)].read_to_cancel = world.store.load(order_id);
        let delay_ms = world.dice.between(source, Use::Delay, 0, 200);
        return world.put(world.now_ms + delay_ms, Event::Cancel(index));
    }
    let cancelled = world.transact(source, Moment::Person, &[order_id], |store| {
        let loaded = read.or_else(|| store.load(order_id));
        loaded.and_then(|loaded| write_cancel(store, &loaded))
    });
    let state = world.store.sagas.get(&order_id).map(|row| row.saga.state);
    if let Some(State::Releasing { cause: ReleaseCause::CustomerCancel, .. } | State::Cancelled) =
        state
    {
        world.customers[usize::from(index)].is_cancelled = true;
    }
    let (what, tries_again) = match cancelled {
        Ok(Some(state)) => (state, false),
        Ok(None) => ("refused", false),
        Err(_) => ("unanswered", true),
    };
    world.trace.note(world.now_ms, Happened::Acted(index, "the customer cancels", what));
    if tries_again {
        let delay_ms = world.dice.between(source, Use::Delay, 100, 2_000);
        world.put(world.now_ms + delay_ms, Event::Cancel(index));
    } else {
        relay::wake_any(world, index);
    }
}

/// The customer looks at the order.
pub(super) fn read(world: &mut World, index: u16) {
    let Stands::Acknowledged(order_id) = world.customers[usize::from(index)].stands else { return };
    let Some(mut row) = world.store.sagas.get(&order_id).copied() else {
        return world.breaks(Invariant::AcknowledgedExists, Some(order_id));
    };
    if world.is(KnownBad::ReadsFromLaggingCopy)
        && world.dice.percent(Source::Order(index), Use::Moment, 50)
    {
        row.version -= 1;
    }
    let seen = world.customers[usize::from(index)].seen.replace((row.version, row.saga.state));
    if seen.is_some_and(|(version, _)| version > row.version) {
        world.breaks(Invariant::ReadsNeverGoBack, Some(order_id));
    }
}

fn draw(world: &mut World, index: u16) -> Customer {
    let source = Source::Order(index);
    let dice = &mut world.dice;
    let items = world.setting.stock.len();
    let mut lines = Vec::new();
    for nth in 0..items {
        if lines.is_empty() && nth + 1 == items || dice.percent(source, Use::Order, 60) {
            let quantity = dice.between(source, Use::Order, 1, 2) as u32;
            lines.push(Line { item_id: item(nth), quantity });
        }
    }
    // one that nobody sells; and two lines of one item
    if dice.percent(source, Use::Order, 5) {
        lines.push(Line { item_id: "unknown".to_owned(), quantity: 1 });
    }
    if dice.percent(source, Use::Order, 10) {
        lines.push(Line { item_id: item(0), quantity: 1 });
    }
    let short = dice.percent(source, Use::Order, 25);
    let is_poison = world.setting.faults.roll(dice, 0, source, Fault::Poison);
    let mut customer = Customer {
        key: index,
        fingerprint: u64::from(index),
        lines,
        deadline_ms: if short {
            dice.between(source, Use::Order, 200, 5_000) as i64
        } else {
            RENEWED_MS
        },
        is_patient: dice.percent(source, Use::Order, 80),
        tries: 0,
        stands: Stands::Asks,
        order_id: None,
        is_cancelled: false,
        seen: None,
        read_to_cancel: None,
        is_poison,
    };
    if index > 0 && dice.percent(source, Use::Order, 10) {
        // the same key as the customer before, with the same request or with another
        let before = world.customers[usize::from(index) - 1].clone();
        let same = dice.percent(source, Use::Order, 60);
        customer.key = before.key;
        if same {
            customer = Customer { order_id: None, tries: 0, stands: Stands::Asks, ..before };
        }
    }
    customer
}

fn new_order(world: &mut World, index: u16) -> NewOrder {
    let (id, reservation_id) = (world.mint(index), world.mint(index));
    let customer = &world.customers[usize::from(index)];
    NewOrder {
        id,
        reservation_id,
        key: customer.key,
        fingerprint: customer.fingerprint,
        lines: customer.lines.clone(),
        deadline_ms: customer.deadline_ms,
        first_update: None,
    }
}

/// Whoever has this key has this order.
fn remember(world: &mut World, index: u16, order_id: Option<Uuid>) {
    let (key, fingerprint) = {
        let customer = &world.customers[usize::from(index)];
        (customer.key, customer.fingerprint)
    };
    for customer in &mut world.customers {
        if customer.key == key && customer.fingerprint == fingerprint {
            customer.order_id = customer.order_id.or(order_id);
        }
    }
}

fn acknowledge(world: &mut World, index: u16, order_id: Uuid, what: &'static str) {
    if let Stands::Acknowledged(earlier) = world.customers[usize::from(index)].stands {
        // A double of the request: the same key and request get the same answer.
        if earlier != order_id {
            world.breaks(Invariant::SameKeySameOrder, Some(order_id));
        }
        return;
    }
    if world.hits(Fault::AnswerLost, Moment::Submit, index) {
        return again(world, index, "the answer is lost");
    }
    world.trace.note(world.now_ms, Happened::Submitted(index, what));
    world.customers[usize::from(index)].stands = Stands::Acknowledged(order_id);
    if !world.hits(Fault::HintLost, Moment::Submit, index) {
        relay::wake_any(world, index);
    }
    let source = Source::Order(index);
    if world.dice.percent(source, Use::Order, 35) {
        let delay_ms = world.dice.between(source, Use::Delay, 0, 6_000);
        world.put(world.now_ms + delay_ms, Event::Cancel(index));
    }
}

fn again(world: &mut World, index: u16, what: &'static str) {
    world.trace.note(world.now_ms, Happened::Submitted(index, what));
    let source = Source::Order(index);
    let customer = &mut world.customers[usize::from(index)];
    if customer.stands != Stands::Asks {
        return;
    }
    if !customer.is_patient && customer.tries > 2 {
        customer.stands = Stands::GaveUp;
        return;
    }
    let delay_ms = world.dice.between(source, Use::Delay, 50, 2_000);
    world.put(world.now_ms + delay_ms, Event::Submit(index));
}

/// As the order service cancels: decided and written in one transaction, under a new epoch.
fn write_cancel(store: &mut Store, loaded: &LoadedSaga) -> Option<&'static str> {
    let event = SagaEvent::CancelRequested { by: CancelledBy::Customer };
    let Ok(Transition::Moved(saga, effects)) = transition(&plan::ORDER, &loaded.saga, &event)
    else {
        return None;
    };
    let epoch = loaded.epoch + i64::from(!store.is(KnownBad::CancelKeepsEpoch));
    let mut update = SagaUpdate { epoch, ..loaded.update(saga, event, &effects, RENEWED_MS) };
    if store.is(KnownBad::CancelWithoutRelease) {
        update.saga.state = State::Cancelled;
        update.outbox = OutboxChange::Remove;
    }
    let stored = store.store_updates(std::slice::from_ref(&update));
    (!stored.is_empty()).then_some(update.saga.state.name().as_str())
}
