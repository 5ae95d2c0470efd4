//! Looking for work: the product's schedule decides, and this does what it says, one transaction at a time.

use super::flaws::{flaw_claims, flaw_look};
use super::wakes::plan;
use crate::memory::dice::{Source, Use};
use crate::memory::faults::{Fault, Moment};
use crate::memory::invariants::Invariant;
use crate::memory::known_bad::KnownBad;
use crate::memory::queue::Step;
use crate::memory::relay_state::{Group, Looks, Memory, Slot, SlotStage};
use crate::memory::store::{StepRow, Store};
use crate::memory::trace::Happened;
use crate::memory::world::{Unanswered, World, order_of};
use relay_core::claims::{ClaimMode, Source as From, plan_claims};
use relay_core::decide::Call;
use relay_core::schedule::{First, Found, Look, Moment as Asked};
use saga::stored::ClaimedSaga;
use saga::{Claim, Event};
use std::collections::BTreeSet;
use uuid::Uuid;

/// A query that takes longer is cut off.
const QUERY_MAX_MS: u64 = 2_000;

/// What a claim brought.
struct Claimed {
    calls: Vec<Call>,
    found: Found,
}

/// One look, unless an earlier question was for another moment.
pub(crate) fn look(world: &mut World, index: u16) {
    let now_ms = world.now_ms;
    let Memory { looks, stopping, .. } = memory(world, index);
    if *stopping || looks.at_ms.is_none_or(|at_ms| at_ms > now_ms) {
        return;
    }
    looks.at_ms = None;
    looks.is_wakeable = false;
    if let Some((first, took_ms)) = looks.first.take() {
        looks.schedule.first_found(first, took_ms, now_ms);
    }
    let look = next(world, index);
    if let Look::Rest { until_ms, is_wakeable } = look {
        memory(world, index).looks.is_wakeable = is_wakeable;
        if let Some(until_ms) = until_ms {
            plan(world, index, until_ms.saturating_sub(now_ms));
        }
        return;
    }
    if make(world, index, look).is_err() {
        memory(world, index).looks.schedule.unanswered(now_ms);
    }
    if let Looks { waits_for: None, at_ms: None, .. } = memory(world, index).looks {
        let delay_ms = world.dice.below(Source::Relay(index), Use::Delay, 3);
        plan(world, index, delay_ms);
    }
}

fn memory(world: &mut World, index: u16) -> &mut Memory {
    &mut world.relays[usize::from(index)].memory
}

fn next(world: &mut World, index: u16) -> Look {
    let (claim_max, in_flight_max) = (world.setting.claim_max, world.setting.in_flight_max);
    let now_ms = world.now_ms;
    let Memory { looks, gate, in_flight, .. } = memory(world, index);
    let free = in_flight_max.saturating_sub(in_flight.len()).min(claim_max) as u32;
    let asked = Asked { now_ms, free, report: looks.report };
    looks.schedule.next(&asked, &mut gate.state)
}

fn make(world: &mut World, index: u16, look: Look) -> Result<(), Unanswered> {
    let now_ms = world.now_ms;
    let source = Source::Relay(index);
    watch_probes(world, index, &look);
    match flaw_look(world, index, look) {
        Look::Claim { source, limit, mode, is_awaited } => {
            let is_backlog = source == From::Due && limit > 0;
            if is_backlog {
                memory(world, index).gate.backlog_asked(limit);
            }
            let claimed = claim(world, index, &source, limit as usize, mode)?;
            let memory = memory(world, index);
            let found = claimed.found;
            if is_backlog {
                memory.gate.backlog_claimed(limit - found.locked);
            }
            let Memory { looks, gate, member, .. } = memory;
            looks.cursor = looks.cursor.max(found.ids.unwrap_or_default().1);
            looks.schedule.claimed(&found, now_ms, &mut gate.state);
            let member = *member;
            let group = begin_group(world, index, member, claimed.calls);
            if is_awaited {
                self::memory(world, index).looks.waits_for = group;
            }
        }
        Look::FindFirst => find_first(world, index),
        Look::MeasureBacklog => {
            let backlog = world.transact(source, Moment::Rest, &[], |store| store.waiting())?;
            let Memory { looks, gate, .. } = memory(world, index);
            looks.schedule.backlog_measured(backlog, now_ms, &mut gate.state);
            gate.drain_started(backlog);
        }
        Look::RemoveSilent => {
            world.transact(source, Moment::Rest, &[], Store::remove_silent)?;
            memory(world, index).looks.schedule.silent_removed();
        }
        Look::Rest { .. } => {}
    }
    Ok(())
}

/// Whether the backlog gets a probe while an untried saga still waits that could have had it.
fn watch_probes(world: &mut World, index: u16, look: &Look) {
    let Look::Claim { source, .. } = look else { return };
    let untried = |world: &World, member: i64, avoid: &[String]| -> Vec<Uuid> {
        let source = From::Untried { avoid: avoid.to_vec() };
        let waits = world.store.lock(member, |_| false, &source, usize::MAX);
        waits.iter().map(|saga| saga.loaded.order_id).collect()
    };
    let member = memory(world, index).member;
    match source {
        From::Untried { avoid } => {
            let there = untried(world, member, avoid);
            memory(world, index).looks.probed = Some((avoid.clone(), there));
        }
        From::Due => {
            let Some((avoid, there)) = memory(world, index).looks.probed.take() else { return };
            let left = untried(world, member, &avoid);
            if let Some(passed) = there.into_iter().find(|order_id| left.contains(order_id)) {
                world.breaks(Invariant::UntriedProbesFirst, Some(passed));
            }
        }
        From::Fresh { .. } | From::FromDeadRelay { .. } | From::UnacknowledgedClaims { .. } => {}
    }
}

/// Reads where the list begins. It may take its time, as over many removed rows that a snapshot holds.
fn find_first(world: &mut World, index: u16) {
    let source = Source::Relay(index);
    let is_slow = world.roll(source, Fault::SlowFirstLook);
    let took_ms = if is_slow { world.dice.between(source, Use::Delay, 5, 3_000) } else { 0 };
    let is_flawed = world.is(KnownBad::FloorPassesAnOlderId);
    let looks = &memory(world, index).looks;
    let above = if is_flawed { looks.schedule.scan_floor().below_first() } else { Uuid::nil() };
    let first =
        world.transact(source, Moment::Rest, &[], |store| (store.first(above), store.now_ms));
    let first = match first {
        Ok((Some(id), _)) => First::Message(id),
        // What the flaw has found once, it never takes back.
        Ok((None, _)) if !above.is_nil() => First::Message(above),
        Ok((None, at_ms)) => First::Empty { at_ms: at_ms as u64 },
        Err(Unanswered) => First::Unknown,
    };
    let first = if took_ms > QUERY_MAX_MS { First::Unknown } else { first };
    let took_ms = took_ms.min(QUERY_MAX_MS);
    memory(world, index).looks.first = Some((first, took_ms));
    plan(world, index, took_ms);
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
        memory.hold(*order_id);
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
        let empty = || Claimed { calls: vec![], found: Found::default() };
        return world.transact(Source::Relay(index), Moment::Claim, &[], |_| empty());
    }
    let orders: Vec<Uuid> = locked.iter().map(|saga| saga.loaded.order_id).collect();
    let epochs: Vec<i64> = locked.iter().map(|saga| saga.loaded.epoch).collect();
    let count = locked.len();
    let mut claims = plan_claims(member, locked.iter().cloned(), ClaimMode::Dispatch);
    let (now_ms, gate) = (world.now_ms, &mut world.relays[usize::from(index)].memory.gate);
    claims.within_budget(|retries| gate.withdraw_retries(retries, now_ms));
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
        store.postpone(&claims.postponed);
        let stored: BTreeSet<Uuid> = match known_bad {
            Some(KnownBad::CallBeforeIntent) => claims.updates.iter().map(|m| m.order_id).collect(),
            _ => store.store_updates(&claims.updates).iter().map(|one| one.order_id).collect(),
        };
        claims.calls.retain(|call| stored.contains(&call.loaded.order_id));
        if let ClaimMode::Defer { retry_after_ms } = mode {
            claims.defer(member, retry_after_ms);
            store.store_updates(&claims.deferred);
        }
        let ids = stored.first().copied().zip(stored.last().copied());
        let found = Found { locked: count as u32, ids, at_ms: store.now_ms as u64 };
        Claimed { calls: claims.calls, found }
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
