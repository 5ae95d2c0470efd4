//! Looking for work: `Work::look` of the product, one transaction at a time.

use super::flaws::flaw_claims;
use super::life::{BEGIN, STALE_MS};
use super::{Group, Memory, Slot, SlotStage};
use crate::memory::dice::{Source, Use};
use crate::memory::faults::Moment;
use crate::memory::known_bad::KnownBad;
use crate::memory::queue::{Stage, Step};
use crate::memory::store::StepRow;
use crate::memory::trace::Happened;
use crate::memory::world::{Unanswered, World, order_of};
use relay_core::claims::{ClaimMode, INNOCENT, SUSPECT, Source as From, plan_claims};
use relay_core::decide::Call;
use saga::stored::ClaimedSaga;
use saga::{Claim, Event};
use std::collections::BTreeSet;
use uuid::Uuid;

/// The product's times.
pub(super) const PAUSE_MIN_MS: u64 = 2;
const PAUSE_MAX_MS: u64 = 100;
const SWEEP_EVERY_MS: u64 = 5_000;
const FULL_SCAN_EVERY_MS: u64 = 1_000;

/// What a claim brought.
struct Claimed {
    calls: Vec<Call>,
    newest: Option<Uuid>,
    locked: usize,
}

/// Has the loop look, in so many milliseconds at the latest.
pub(crate) fn wake(world: &mut World, index: u16, delay_ms: u64) {
    let at_ms = world.now_ms + delay_ms;
    let looks = &mut memory(world, index).looks;
    if looks.at_ms.is_none_or(|planned_ms| at_ms < planned_ms) {
        looks.at_ms = Some(at_ms);
        world.put_step(index, delay_ms, BEGIN);
    }
}

/// A hint: some relay hears that there is work.
pub(crate) fn wake_any(world: &mut World, order: u16) {
    let relays = u64::from(world.setting.relays);
    let index = world.dice.below(Source::Order(order), Use::Moment, relays) as u16;
    if world.relays[usize::from(index)].up {
        wake(world, index, 0);
    }
}

/// One stage of a look.
pub(crate) fn look(world: &mut World, index: u16, stage: Stage) {
    if stage == Stage::Begin && !may_begin(world, index) {
        return;
    }
    let next = match stage {
        Stage::Begin => Ok(begin(world, index)),
        Stage::Lost => {
            let limit = world.setting.claim_max;
            if world.is(KnownBad::UnknownClaimForgotten) {
                Ok(Stage::Orphans)
            } else {
                take(world, index, &From::UnacknowledgedClaims { floor: Uuid::nil() }, limit)
                    .map(|_| Stage::Orphans)
            }
        }
        Stage::Orphans => {
            let source =
                From::FromDeadRelay { stale_ms: STALE_MS, crashes: INNOCENT, floor: Uuid::nil() };
            let limit = world.setting.claim_max;
            take(world, index, &source, limit)
                .map(|found| if found < limit { Stage::Suspects } else { Stage::Orphans })
        }
        Stage::Suspects => suspects(world, index),
        Stage::RemoveStale => remove_stale(world, index),
        Stage::Untried => untried(world, index),
        Stage::NewProbes => new_probes(world, index),
        Stage::Due => due(world, index),
        Stage::Fresh => fresh(world, index, ClaimMode::Dispatch),
        Stage::Queue => {
            let now_ms = world.now_ms;
            let refusal = memory(world, index).gate.state.refusal(now_ms);
            let retry_after_ms = refusal.and_then(|refusal| refusal.retry_in_ms);
            fresh(world, index, ClaimMode::Defer { retry_after_ms })
        }
        Stage::End => return end(world, index),
    };
    match next {
        Ok(_) if memory(world, index).looks.waits_for.is_some() => {}
        Ok(stage) => {
            let delay_ms = world.dice.below(Source::Relay(index), Use::Delay, 3);
            world.put_step(index, delay_ms, Step::Look(stage));
        }
        Err(Unanswered) => {
            // The commit may have gone through: look for sagas held without knowing.
            let looks = &mut memory(world, index).looks;
            looks.unsure = true;
            looks.is_under_way = false;
            wake(world, index, 100);
        }
    }
}

/// Goes on after a suspect was driven alone.
pub(super) fn go_on(world: &mut World, index: u16) {
    world.put_step(index, 0, Step::Look(Stage::RemoveStale));
}

fn memory(world: &mut World, index: u16) -> &mut Memory {
    &mut world.relays[usize::from(index)].memory
}

fn may_begin(world: &mut World, index: u16) -> bool {
    let now_ms = world.now_ms;
    let memory = memory(world, index);
    let looks = &mut memory.looks;
    if looks.at_ms.is_none_or(|at_ms| now_ms < at_ms) || memory.stopping {
        return false;
    }
    looks.at_ms = None;
    if looks.is_under_way {
        looks.again = true;
        return false;
    }
    looks.is_under_way = true;
    looks.found = false;
    true
}

fn begin(world: &mut World, index: u16) -> Stage {
    let now_ms = world.now_ms;
    let looks = &mut memory(world, index).looks;
    let is_news = std::mem::replace(&mut looks.beat_handled, looks.beats) != looks.beats;
    let others_stale = is_news && looks.beat.is_some_and(|beat| beat.others_stale);
    let may_hold = looks.beat.is_none_or(|beat| beat.any_held);
    let unsure = std::mem::take(&mut looks.unsure);
    let sweeps = now_ms >= looks.sweep_at_ms;
    if unsure || others_stale || sweeps {
        looks.sweep_at_ms = now_ms + SWEEP_EVERY_MS;
    }
    if unsure || others_stale || (sweeps && may_hold) {
        return Stage::Lost;
    }
    work(world, index)
}

fn work(world: &mut World, index: u16) -> Stage {
    let (now_ms, backlog) = (world.now_ms, world.store.waiting());
    let claim_max = world.setting.claim_max;
    let in_flight_max = world.setting.in_flight_max;
    let memory = memory(world, index);
    if memory.gate.reopened(now_ms) {
        memory.gate.start_drain(backlog, now_ms);
    }
    let free = in_flight_max.saturating_sub(memory.in_flight.len()).min(claim_max) as u32;
    if free == 0 {
        memory.looks.found = true;
        return Stage::End;
    }
    let room = memory.gate.room(now_ms);
    memory.looks.fresh_places = if room == 0 { free } else { free.min(room) };
    let beat = memory.looks.beat.map(|beat| beat.next_due_ms);
    let due_at_ms = |due_ms: i64| memory.looks.beat_at_ms.saturating_add_signed(due_ms);
    let may_be_due = beat.is_none_or(|due_ms| due_ms.is_some_and(|due| due_at_ms(due) <= now_ms));
    match room {
        0 => Stage::Queue,
        _ if memory.gate.state.probes_without(now_ms).is_some() => Stage::Untried,
        _ if may_be_due || !memory.gate.state.is_free(now_ms) => Stage::Due,
        _ => Stage::Fresh,
    }
}

fn suspects(world: &mut World, index: u16) -> Result<Stage, Unanswered> {
    let source = From::FromDeadRelay { stale_ms: STALE_MS, crashes: SUSPECT, floor: Uuid::nil() };
    let claimed = claim(world, index, &source, 1, ClaimMode::Dispatch)?;
    if claimed.locked > 0 {
        let now_ms = world.now_ms;
        memory(world, index).looks.sweep_at_ms = now_ms;
        let group = begin_claimed(world, index, claimed);
        memory(world, index).looks.waits_for = group;
    }
    Ok(Stage::RemoveStale)
}

fn remove_stale(world: &mut World, index: u16) -> Result<Stage, Unanswered> {
    let source = Source::Relay(index);
    world.transact(source, Moment::Rest, &[], |store| store.remove_stale(STALE_MS * 10))?;
    Ok(work(world, index))
}

fn untried(world: &mut World, index: u16) -> Result<Stage, Unanswered> {
    let now_ms = world.now_ms;
    let memory = memory(world, index);
    let places = memory.looks.fresh_places;
    let avoid = memory.gate.state.probes_without(now_ms).unwrap_or_default();
    let found = take(world, index, &From::Untried { avoid }, places as usize)? as u32;
    let looks = &mut self::memory(world, index).looks;
    looks.found |= found > 0;
    looks.fresh_places = places.saturating_sub(found);
    Ok(Stage::NewProbes)
}

fn new_probes(world: &mut World, index: u16) -> Result<Stage, Unanswered> {
    fresh(world, index, ClaimMode::Dispatch)?;
    Ok(if memory(world, index).looks.found { Stage::End } else { Stage::Due })
}

fn due(world: &mut World, index: u16) -> Result<Stage, Unanswered> {
    let now_ms = world.now_ms;
    let places = memory(world, index).looks.fresh_places;
    let backlog = memory(world, index).gate.backlog_places(places, now_ms);
    if backlog > 0 {
        let found = take(world, index, &From::Due, backlog as usize)? as u32;
        let memory = memory(world, index);
        memory.gate.give_back_backlog(backlog.saturating_sub(found));
        memory.looks.found |= found > 0;
        memory.looks.fresh_places = places.saturating_sub(found);
    }
    Ok(Stage::Fresh)
}

fn fresh(world: &mut World, index: u16, mode: ClaimMode) -> Result<Stage, Unanswered> {
    let now_ms = world.now_ms;
    let by_cursor = world.is(KnownBad::OutboxReadByCursor);
    let looks = &mut memory(world, index).looks;
    let places = looks.fresh_places as usize;
    if places == 0 {
        return Ok(Stage::End);
    }
    let full = now_ms >= looks.full_scan_at_ms && !by_cursor;
    let floor = if full { Uuid::nil() } else { looks.floor };
    let claimed = claim(world, index, &From::Fresh { floor }, places, mode)?;
    let looks = &mut memory(world, index).looks;
    if full {
        looks.full_scan_at_ms = now_ms + FULL_SCAN_EVERY_MS;
    }
    looks.found |= claimed.locked > 0;
    if let Some(newest) = claimed.newest {
        let floor = if by_cursor { newest } else { outbox_relay::work_loop::below(newest) };
        looks.floor = looks.floor.max(floor);
    }
    begin_claimed(world, index, claimed);
    Ok(Stage::End)
}

fn end(world: &mut World, index: u16) {
    let now_ms = world.now_ms;
    let looks = &mut memory(world, index).looks;
    looks.is_under_way = false;
    if looks.found || std::mem::take(&mut looks.again) {
        looks.pause_ms = PAUSE_MIN_MS;
        return wake(world, index, 1);
    }
    let pause_ms = looks.pause_ms;
    looks.pause_ms = (pause_ms * 2).min(PAUSE_MAX_MS);
    if pause_ms < PAUSE_MAX_MS {
        return wake(world, index, pause_ms);
    }
    // From here on a hint or the heartbeat looks for it, or the moment that the heartbeat saw coming.
    let due_ms = looks.beat.and_then(|beat| u64::try_from(beat.next_due_ms?).ok());
    let due_at_ms = due_ms.map(|due_ms| looks.beat_at_ms + due_ms).filter(|due| *due > now_ms);
    let may_hold = looks.beat.is_none_or(|beat| beat.any_held);
    let sweep_at_ms = if may_hold { looks.sweep_at_ms } else { now_ms + SWEEP_EVERY_MS };
    let at_ms = due_at_ms.map_or(sweep_at_ms, |due| due.min(sweep_at_ms));
    wake(world, index, at_ms.saturating_sub(now_ms));
}

/// Claims and begins to drive. Returns how many there were.
fn take(world: &mut World, index: u16, source: &From, limit: usize) -> Result<usize, Unanswered> {
    let claimed = claim(world, index, source, limit, ClaimMode::Dispatch)?;
    let found = claimed.locked;
    begin_claimed(world, index, claimed);
    Ok(found)
}

fn begin_claimed(world: &mut World, index: u16, claimed: Claimed) -> Option<u32> {
    let member = memory(world, index).member;
    begin_group(world, index, member, claimed.calls)
}

/// Begins to drive what `member`, as which this relay claimed, now holds.
pub(super) fn begin_group(
    world: &mut World,
    index: u16,
    member: i64,
    calls: Vec<Call>,
) -> Option<u32> {
    if calls.is_empty() {
        return None;
    }
    let memory = memory(world, index);
    let name = memory.name();
    let orders: Vec<Uuid> = calls.iter().map(|call| call.loaded.order_id).collect();
    for order_id in &orders {
        *memory.in_flight.entry(*order_id).or_insert(0) += 1;
    }
    let left = calls.len();
    memory.groups.insert(name, Group { member, orders, left });
    for call in calls {
        let slot = memory.name();
        let held = Slot { group: name, call, stage: SlotStage::Held, permit: None };
        memory.slots.insert(slot, held);
    }
    world.put_step(index, 0, Step::Drive(name));
    Some(name)
}

/// One transaction: lock, decide, store.
fn claim(
    world: &mut World,
    index: u16,
    source: &From,
    limit: usize,
    mode: ClaimMode,
) -> Result<Claimed, Unanswered> {
    let Memory { member, in_flight, .. } = &world.relays[usize::from(index)].memory;
    let member = *member;
    let locked = world.store.lock(member, |id| in_flight.contains_key(id), source, limit);
    if locked.is_empty() {
        let empty = || Claimed { calls: vec![], newest: None, locked: 0 };
        return world.transact(Source::Relay(index), Moment::Claim, &[], |_| empty());
    }
    let orders: Vec<Uuid> = locked.iter().map(|saga| saga.loaded.order_id).collect();
    let epochs: Vec<i64> = locked.iter().map(|saga| saga.loaded.epoch).collect();
    let count = locked.len();
    let mut claims = plan_claims(member, locked.iter().cloned(), ClaimMode::Dispatch);
    let locked: Vec<(ClaimedSaga, Uuid)> = locked
        .into_iter()
        .map(|saga| {
            let fresh_id = world.mint(order_of(saga.loaded.order_id));
            (saga, fresh_id)
        })
        .collect();
    let known_bad = world.known_bad;
    flaw_claims(known_bad, &mut claims, &locked);
    let claimed = world.transact(Source::Relay(index), Moment::Claim, &orders, |store| {
        for order_id in &claims.obsolete {
            store.outbox.remove(order_id);
        }
        let stored: BTreeSet<Uuid> = match known_bad {
            Some(KnownBad::CallBeforeIntent) => claims.updates.iter().map(|m| m.order_id).collect(),
            _ => store.store_moves(&claims.updates).iter().map(|one| one.order_id).collect(),
        };
        claims.calls.retain(|call| stored.contains(&call.loaded.order_id));
        if let ClaimMode::Defer { retry_after_ms } = mode {
            claims.defer(member, retry_after_ms);
            store.store_moves(&claims.deferred);
        }
        Claimed { calls: claims.calls, newest: stored.last().copied(), locked: count }
    });
    for (order_id, epoch) in orders.into_iter().zip(epochs) {
        note_claim(world, index, order_id, epoch);
    }
    claimed
}

fn note_claim(world: &mut World, index: u16, order_id: Uuid, epoch_before: i64) {
    let Some(row) = world.store.sagas.get(&order_id) else { return };
    if row.epoch == epoch_before {
        return;
    }
    let (epoch, state) = (row.epoch, row.saga.state.name().as_str());
    let is_takeover = |step: &StepRow| match step.event {
        Some(Event::Claimed { claim, .. }) => Some(claim == Claim::Takeover),
        _ => None,
    };
    let steps = world.store.steps[&order_id].iter().rev();
    let taken_over = steps.into_iter().find_map(is_takeover).unwrap_or(false);
    let how = if taken_over { "taken over" } else { "free" };
    let order = order_of(order_id);
    world.trace.note(world.now_ms, Happened::Claimed(index, order, epoch, how, state));
}
