//! Storing outcomes, many at once: `Recorder` of the product.

use super::doubt::check_doubt;
use super::flaws::remove_messages_first;
use super::{life, wakes};
use crate::memory::dice::Source;
use crate::memory::faults::{Fault, Moment};
use crate::memory::known_bad::KnownBad;
use crate::memory::queue::Step;
use crate::memory::relay_state::{Flush, Memory, Outcome, SlotStage};
use crate::memory::staff;
use crate::memory::trace::Happened;
use crate::memory::world::{World, order_of};
use relay_core::decide::EventDecision;
use relay_core::outcome::{Recorded, in_order};
use saga::stored::SagaUpdate;
use saga::{Doubt, QueueReason, State};
use uuid::Uuid;

/// First and longest pause before outcomes are stored again.
const PAUSE_MS: (u64, u64) = (25, 1_000);
/// Outcomes in one transaction.
const OUTCOMES_MAX: usize = 4;

/// Puts a decision where it will be stored from.
pub(super) fn put_outcome(world: &mut World, index: u16, slot: u32, decision: EventDecision) {
    let EventDecision { mut update, next } = decision;
    if world.is(KnownBad::DoubtForgotten)
        && let State::Queued { reason: QueueReason::BreakerOpen, doubt } = &mut update.saga.state
    {
        *doubt = Doubt::Certain;
    }
    memory(world, index).outcomes.push_back(Outcome { slot, update, next });
    fill_flushes(world, index);
}

/// Stores a batch of outcomes: until it is answered, or the relay stops.
pub(crate) fn store(world: &mut World, index: u16, flush: usize) {
    let outcomes = memory(world, index).flushes[flush].outcomes.clone();
    let updates: Vec<SagaUpdate> = outcomes.iter().map(|outcome| outcome.update.clone()).collect();
    let orders: Vec<Uuid> = updates.iter().map(|one| one.order_id).collect();
    let source = Source::Relay(index);
    if world.is(KnownBad::OutcomeInTwoTransactions) {
        remove_messages_first(world, &updates);
        if world.roll(source, Fault::Crash) {
            return life::crash(world, index, Fault::Crash);
        }
    }
    let stored =
        world.transact(source, Moment::Record, &orders, |store| store.store_updates(&updates));
    let Ok(stored) = stored else { return again_later(world, index, flush) };
    let recorded = in_order(&updates, stored);
    memory(world, index).flushes[flush] = Flush::default();
    for (outcome, recorded) in outcomes.into_iter().zip(recorded) {
        let order = order_of(outcome.update.order_id);
        if recorded == Recorded::Fenced {
            world.trace.note(world.now_ms, Happened::Fenced(index, order));
            end_slot(world, index, outcome.slot);
            continue;
        }
        let state = outcome.update.saga.state.name().as_str();
        let event = outcome.update.event.name();
        world.trace.note(world.now_ms, Happened::Stored(index, order, event, state));
        check_doubt(world, &outcome.update);
        if matches!(outcome.update.saga.state, State::Parked { .. }) {
            staff::be_called(world, order);
        }
        match outcome.next {
            Some(next) => {
                if let Some(slot) = memory(world, index).slots.get_mut(&outcome.slot) {
                    slot.call = next;
                    slot.stage = SlotStage::Held;
                }
                world.put_step(index, 0, Step::Call(outcome.slot));
            }
            None => end_slot(world, index, outcome.slot),
        }
    }
    fill_flushes(world, index);
}

/// The relay is done with a saga; when it is done with its whole group, it lets go of all of it.
pub(super) fn end_slot(world: &mut World, index: u16, slot: u32) {
    let memory = memory(world, index);
    let Some(slot) = memory.slots.remove(&slot) else { return };
    memory.gate.abandon(slot.permit);
    let Some(group) = memory.groups.get_mut(&slot.group) else { return };
    group.left -= 1;
    if group.left > 0 {
        return;
    }
    let group = memory.groups.remove(&slot.group);
    for order_id in group.into_iter().flat_map(|group| group.orders) {
        memory.let_go(order_id);
    }
    if memory.looks.waits_for == Some(slot.group) {
        memory.looks.waits_for = None;
        wakes::go_on(world, index);
    }
}

fn memory(world: &mut World, index: u16) -> &mut Memory {
    &mut world.relays[usize::from(index)].memory
}

fn fill_flushes(world: &mut World, index: u16) {
    for flush in 0..2 {
        let memory = memory(world, index);
        if !memory.flushes[flush].outcomes.is_empty() || memory.outcomes.is_empty() {
            continue;
        }
        let count = memory.outcomes.len().min(OUTCOMES_MAX);
        let outcomes = memory.outcomes.drain(..count).collect();
        memory.flushes[flush] = Flush { outcomes, pause_ms: PAUSE_MS.0 };
        let delay_ms = world.moment(index);
        world.put_step(index, delay_ms, Step::Store(flush as u8));
    }
}

fn again_later(world: &mut World, index: u16, flush: usize) {
    let reapplies = world.is(KnownBad::UnknownRecordReapplied);
    let store = world.store.sagas.clone();
    let flush_of = &mut memory(world, index).flushes[flush];
    let pause_ms = flush_of.pause_ms;
    flush_of.pause_ms = (pause_ms * 2).min(PAUSE_MS.1);
    if reapplies {
        // Takes whatever version is there for the one it decided on.
        for outcome in &mut flush_of.outcomes {
            if let Some(row) = store.get(&outcome.update.order_id) {
                outcome.update.expected_version = row.version;
            }
        }
    }
    world.put_step(index, pause_ms, Step::Store(flush as u8));
}
