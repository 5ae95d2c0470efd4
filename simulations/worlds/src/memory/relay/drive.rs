//! Driving what was claimed: `Driver` of the product, one effect at a time.

use super::flaws::mistaken;
use super::life;
use super::outcomes::{end_slot, put_outcome};
use crate::memory::dice::Source;
use crate::memory::faults::Fault;
use crate::memory::invariants::Invariant;
use crate::memory::known_bad::KnownBad;
use crate::memory::network::{self, Sent};
use crate::memory::queue::{Event as Agenda, Step};
use crate::memory::relay_state::{Memory, Slot, SlotStage};
use crate::memory::trace::Happened;
use crate::memory::wire::{Entry, Letter, Raw, Request, RequestId, Travels};
use crate::memory::world::{World, order_of};
use relay_core::answer::{self, Answer};
use relay_core::decide::{Call, NothingToDo, event_of, is_retry, newest_epoch, on_event};
use saga::{Effect, Event, QueueReason};
use schema_inventory::{Command, Line, Reserve};

/// Begins with what one claim brought: reservations together, where that is offered.
pub(crate) fn drive(world: &mut World, index: u16, group: u32) {
    let now_ms = world.now_ms;
    let memory = memory(world, index);
    let batches = memory.batch_offer.is_open(now_ms);
    let slots: Vec<(u32, bool, bool)> = memory
        .slots
        .iter()
        .filter(|(_, slot)| slot.group == group)
        .map(|(&name, slot)| (name, reserves(&slot.call), is_retry(&slot.call)))
        .collect();
    let reserving: Vec<u32> = slots.iter().filter(|slot| slot.1).map(|slot| slot.0).collect();
    let first_tries = slots.iter().filter(|slot| slot.1 && !slot.2).count();
    memory.gate.state.record_first_tries(first_tries as u32);
    if reserving.len() > 1 && batches {
        call_together(world, index, &reserving);
    } else {
        for &slot in &reserving {
            world.put_step(index, 0, Step::Call(slot));
        }
    }
    for (slot, ..) in slots.into_iter().filter(|slot| !slot.1) {
        world.put_step(index, 0, Step::Call(slot));
    }
}

/// Makes the call of one saga, if the gate lets it.
pub(crate) fn call(world: &mut World, index: u16, slot: u32) {
    if dies_of_poison(world, index, slot) || !admit(world, index, slot) {
        return;
    }
    send(world, index, &[slot], Travels::Alone);
}

/// Hears an answer. It counts only for the very request that waits for it.
pub(crate) fn receive_answer(world: &mut World, index: u16, letter: u32) {
    let letter = world.letters[letter as usize].clone();
    let Some(letter_slot) = letter.slot else { return receive_whole(world, index, &letter) };
    let by_order = world.is(KnownBad::AnswersMatchedByOrder);
    let slots = memory(world, index).slots.iter();
    let mut waiting = slots.filter(|&(&name, slot)| match slot.stage {
        SlotStage::Waits(_) if by_order => order_of(slot.call.loaded.order_id) == letter.order,
        SlotStage::Waits(request) => request == letter.request && name == letter_slot,
        SlotStage::Held | SlotStage::Ended => false,
    });
    let Some((&name, slot)) = waiting.next() else { return };
    let id = slot.call.loaded.saga.reservation_id;
    let Raw { status, retry_after_ms, body } = &letter.raw;
    let answer = if by_order && *status == 200 {
        Answer::Done
    } else if reserves(&slot.call) {
        answer::reserve(id, *status, *retry_after_ms, body.as_bytes())
    } else {
        answer::release(id, *status, *retry_after_ms, body.as_bytes())
    };
    let how = Finish { counted: Counted::Alone, looked: letter.looked };
    finish(world, index, name, &answer, how);
}

/// One answer to a batch: never a definitive no to any of its calls.
fn receive_whole(world: &mut World, index: u16, letter: &Letter) {
    let Raw { status, retry_after_ms, body } = &letter.raw;
    let is_success = (200..300).contains(status);
    if !is_success && answer::is_unknown_call(*status, body.as_bytes()) {
        return call_alone(world, index, letter.request);
    }
    let answer = if is_success {
        // A success without a single line for any of its calls.
        Answer::Unknown
    } else {
        answer::whole_batch(*status, *retry_after_ms, body.as_bytes())
    };
    end_request(world, index, letter.request, &answer);
}

/// The service knows single calls only, or so it seems: everything in it goes again that way.
fn call_alone(world: &mut World, index: u16, request: RequestId) {
    let now_ms = world.now_ms;
    let memory = memory(world, index);
    memory.batch_offer.refuse(now_ms);
    let mut again = Vec::new();
    for (&name, slot) in &mut memory.slots {
        if slot.stage == SlotStage::Waits(request) {
            slot.stage = SlotStage::Held;
            slot.call.resent = true;
            memory.gate.abandon(slot.permit.take());
            again.push(name);
        }
    }
    for slot in again {
        world.put_step(index, 0, Step::Call(slot));
    }
}

/// Waits no longer for a request: what has no answer yet will have none.
pub(crate) fn give_up(world: &mut World, index: u16, request: RequestId) {
    end_request(world, index, request, &Answer::Unknown);
}

/// One answer for everything in a request that has none of its own. One connection that broke is one
/// failure to the breaker.
pub(crate) fn end_request(world: &mut World, index: u16, request: RequestId, answer: &Answer) {
    let slots = memory(world, index).slots.iter();
    let waiting: Vec<u32> = slots
        .filter(|(_, slot)| slot.stage == SlotStage::Waits(request))
        .map(|(&name, _)| name)
        .collect();
    for (nth, slot) in waiting.into_iter().enumerate() {
        let counted = if nth == 0 { Counted::ForAll } else { Counted::No };
        finish(world, index, slot, answer, Finish { counted, looked: false });
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Counted {
    /// As the answer to this call.
    Alone,
    /// As the one answer to everything in its request.
    ForAll,
    No,
}

fn memory(world: &mut World, index: u16) -> &mut Memory {
    &mut world.relays[usize::from(index)].memory
}

fn reserves(call: &Call) -> bool {
    matches!(call.effect, Effect::ReserveStock { .. })
}

fn call_together(world: &mut World, index: u16, slots: &[u32]) {
    if slots.iter().any(|&slot| dies_of_poison(world, index, slot)) {
        return;
    }
    let admitted: Vec<u32> =
        slots.iter().copied().filter(|&slot| admit(world, index, slot)).collect();
    if !admitted.is_empty() {
        send(world, index, &admitted, Travels::Together);
    }
}

/// An order whose call crashes its relay.
fn dies_of_poison(world: &mut World, index: u16, slot: u32) -> bool {
    let Some(order) = order_in(world, index, slot) else { return true };
    let is_poison = world.customers[usize::from(order)].is_poison;
    if is_poison {
        world.note_order(Fault::Poison, crate::memory::faults::Moment::Call, order);
        life::crash(world, index, Fault::Crash);
    }
    is_poison
}

fn order_in(world: &World, index: u16, slot: u32) -> Option<u16> {
    let slot = world.relays[usize::from(index)].memory.slots.get(&slot)?;
    Some(order_of(slot.call.loaded.order_id))
}

/// Asks the gate. What it refuses is put off.
fn admit(world: &mut World, index: u16, name: u32) -> bool {
    let now_ms = world.now_ms;
    let memory = memory(world, index);
    let Some(slot) = memory.slots.get(&name) else { return false };
    let is_retry = is_retry(&slot.call);
    match memory.gate.acquire(now_ms) {
        Ok(permit) => {
            if let Some(slot) = memory.slots.get_mut(&name) {
                slot.permit = permit;
            }
            true
        }
        Err(refusal) => {
            if is_retry {
                memory.gate.give_back_retry();
            }
            put_off(world, index, name, refusal.retry_in_ms);
            false
        }
    }
}

fn put_off(world: &mut World, index: u16, slot: u32, retry_after_ms: Option<u64>) {
    let reason = QueueReason::BreakerOpen;
    let jitter = world.dice.jitter(Source::Relay(index));
    let event = Event::CallNotExecuted { reason, retry_after_ms, jitter };
    decide(world, index, slot, event, None);
}

fn send(world: &mut World, index: u16, slots: &[u32], travels: Travels) {
    let request = world.requests.len() as RequestId;
    let life = world.relays[usize::from(index)].life;
    let mut entries = Vec::with_capacity(slots.len());
    let mut longest_ms = 0;
    for &name in slots {
        let timeout_ms = world.setting.call_timeout_ms;
        let looks = world.is(KnownBad::LookInsteadOfRelease);
        let Some(slot) = memory(world, index).slots.get_mut(&name) else { continue };
        slot.stage = SlotStage::Waits(request);
        let is_reserve = reserves(&slot.call);
        let left_ms = if is_reserve { slot.call.time_left_ms.max(1) } else { timeout_ms };
        longest_ms = longest_ms.max(timeout_ms.min(left_ms));
        let entry = entry(name, slot, looks && !is_reserve);
        check_intent(world, &entry);
        let verb = if is_reserve { "reserve" } else { "release" };
        let epoch = entry.command.epoch().unwrap_or(0);
        world.trace.note(world.now_ms, Happened::Called(index, entry.order, verb, epoch));
        entries.push(entry);
    }
    world.requests.push(Request { relay: index, life, entries, travels });
    world.put(
        world.now_ms + longest_ms,
        Agenda::Relay { relay: index, life, step: Step::GiveUp(request) },
    );
    if network::send(world, request) == Sent::Refused {
        // The caller hears at once.
        let answer = Answer::NotExecuted { retry_after_ms: None, throttled: false };
        end_request(world, index, request, &answer);
    }
}

fn entry(name: u32, slot: &Slot, looks: bool) -> Entry {
    let loaded = &slot.call.loaded;
    let (order_id, epoch) = (loaded.order_id, Some(loaded.epoch));
    let command = match slot.call.effect {
        Effect::ReserveStock { reservation_id } => {
            let lines = slot.call.lines.iter().map(|line| Line {
                item_id: line.item_id.clone(),
                quantity: i64::from(line.quantity),
            });
            Command::Reserve(Reserve::new(reservation_id, order_id, epoch, lines.collect()))
        }
        Effect::ReleaseStock { reservation_id } => {
            Command::Release { reservation_id, order_id: Some(order_id), epoch }
        }
        Effect::WakeAfter { .. } | Effect::RemoveOutboxMessage | Effect::AddOutboxMessage => {
            unreachable!("a call is one of two effects")
        }
    };
    Entry { slot: name, order: order_of(order_id), order_id, command, looks }
}

/// I6: no call goes out whose intent is not stored.
fn check_intent(world: &mut World, entry: &Entry) {
    let steps = &world.store.steps[&entry.order_id];
    let is_stored = steps.iter().any(|step| {
        matches!(step.event, Some(Event::Claimed { .. }))
            && Some(step.epoch) == entry.command.epoch()
    });
    if !is_stored {
        world.breaks(Invariant::NoCallWithoutIntent, Some(entry.order_id));
    }
}

/// How an answer counts.
#[derive(Clone, Copy)]
struct Finish {
    counted: Counted,
    looked: bool,
}

fn finish(world: &mut World, index: u16, name: u32, answer: &Answer, how: Finish) {
    let now_ms = world.now_ms;
    let Some(order) = order_in(world, index, name) else { return };
    world.trace.note(now_ms, Happened::AnswerReceived(index, order, answer.name()));
    let memory = memory(world, index);
    let Some(slot) = memory.slots.get_mut(&name) else { return };
    let permit = slot.permit.take();
    match how.counted {
        Counted::Alone => {
            let outcome = memory.gate.judge(&slot.call, answer);
            memory.gate.finish(permit, outcome, now_ms);
        }
        Counted::ForAll => memory.gate.finish(permit, answer.breaker_outcome(), now_ms),
        Counted::No => memory.gate.abandon(permit),
    }
    let effect = slot.call.effect;
    let jitter = world.dice.jitter(Source::Relay(index));
    let event = event_of(&effect, answer, jitter);
    let event = mistaken(world.known_bad, &effect, event, how.looked);
    decide(world, index, name, event, newest_epoch(answer));
}

/// Has the core decide, and puts its decision where it is stored from.
fn decide(world: &mut World, index: u16, name: u32, event: Event, newest_epoch: Option<i64>) {
    let memory = memory(world, index);
    let Some(slot) = memory.slots.get_mut(&name) else { return };
    slot.stage = SlotStage::Ended;
    let member = memory.groups[&slot.group].member;
    let decision = on_event(member, &slot.call, event, newest_epoch);
    let order_id = slot.call.loaded.order_id;
    match decision {
        Ok(decision) => put_outcome(world, index, name, decision),
        Err(nothing) => {
            if matches!(nothing, NothingToDo::Invalid(_)) {
                world.breaks(Invariant::NothingImpossible, Some(order_id));
            }
            end_slot(world, index, name);
        }
    }
}
