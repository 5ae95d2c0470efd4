//! Claiming: who may take a saga, and what it is then told to do. One transaction.

use super::config::{Config, Feature};
use super::known_bad::KnownBad;
use super::machine::{self, Then};
use super::orders::{mint_reservation, settle};
use super::world::{Call, Cause, Deadline, Kind, Order, Owner, State, World};
use saga::{Claim, Event};

/// Whether `relay` may claim `order` now, and if so whether from a holder that vanished.
pub(super) fn claimable(config: &Config, world: &World, relay: u8, order: u8) -> Option<Claim> {
    let row = &world.orders[usize::from(order)];
    let unknown_to_it = row.state == State::Settling && config.is_old(relay);
    let lets_alone = !config.is(KnownBad::OldRelayFailsUnknownState)
        && !config.is(KnownBad::OldRelayDropsUnknownState);
    let breaker_admits = !config.has(Feature::Breaker)
        || row.state == State::Settling
        || world.breaker.admits(config);
    if !row.outbox || (unknown_to_it && lets_alone) || !breaker_admits {
        return None;
    }
    match row.owner {
        Owner::Nobody => Some(Claim::Free),
        Owner::Stale(_) if config.is(KnownBad::NobodyTakesOver) => None,
        Owner::Stale(_) => Some(Claim::Takeover),
        // Its own, and it knows nothing of it: the claim's commit got no answer.
        Owner::Relay(owner) if owner == relay => {
            let knows = world.relays[usize::from(relay)].call().is_some_and(|at| at.order == order);
            let forgotten = config.is(KnownBad::UnknownClaimForgotten);
            (!knows && !forgotten).then_some(Claim::Takeover)
        }
        Owner::Relay(_) => None,
    }
}

/// Takes the saga under a new epoch and records the intent, in one statement. Returns the call to
/// make; `None` where the claim itself decided.
pub(super) fn claim(
    config: &Config,
    world: &mut World,
    relay: u8,
    order: u8,
    claim: Claim,
) -> Option<Call> {
    let row = &mut world.orders[usize::from(order)];
    if !config.is(KnownBad::ClaimKeepsEpoch) || row.epoch == 0 {
        row.epoch += 1;
    }
    row.outbox &= !config.is(KnownBad::OutboxRemovedAtClaim);
    let settling = row.state == State::Settling;
    let kind = if settling {
        claim_settling(config, &mut world.orders[usize::from(order)], relay)?
    } else {
        claim_known(config, world, relay, order, claim)?
    };
    let row = &world.orders[usize::from(order)];
    if kind == Kind::Reserve && row.attempt > 0 && config.is(KnownBad::NewReservationIdPerAttempt) {
        mint_reservation(world, order);
    }
    let row = &world.orders[usize::from(order)];
    let look = kind == Kind::Release && config.is(KnownBad::LookInsteadOfRelease);
    let kind = if look { Kind::Look } else { kind };
    Some(Call { order, reservation: row.reservation, kind, relay, epoch: row.epoch })
}

fn claim_known(
    config: &Config,
    world: &mut World,
    relay: u8,
    order: u8,
    claim: Claim,
) -> Option<Kind> {
    let passed = world.orders[usize::from(order)].deadline == Deadline::Passed;
    let event = Event::Claimed { time_left_ms: u64::from(!passed), claim };
    let decided = machine::decide(world, order, &event);
    let row = &mut world.orders[usize::from(order)];
    let Some(decided) = decided else {
        // A message without work.
        row.outbox = false;
        return None;
    };
    let deadline = matches!(decided.state, State::Releasing { cause: Cause::Deadline, .. });
    let turns = deadline && !matches!(row.state, State::Releasing { .. });
    row.attempt = decided.attempt;
    row.crashes = if config.is(KnownBad::PoisonNotCounted) { 0 } else { decided.crashes };
    let Then::Call(kind) = decided.then else {
        settle(row, decided.state);
        return None;
    };
    if turns && config.is(KnownBad::DeadlineWithoutRelease) {
        settle(row, State::Failed);
        return None;
    }
    row.owner = Owner::Relay(relay);
    row.intent_open = !config.is(KnownBad::CallBeforeIntent);
    if row.intent_open || kind == Kind::Release {
        row.state = decided.state;
    }
    Some(kind)
}

/// The newer version's last step. An older relay comes here only where a flaw is planted.
fn claim_settling(config: &Config, row: &mut Order, relay: u8) -> Option<Kind> {
    if config.is_old(relay) {
        let failed = config.is(KnownBad::OldRelayFailsUnknownState);
        settle(row, if failed { State::Failed } else { row.state });
        return None;
    }
    row.owner = Owner::Relay(relay);
    row.intent_open = true;
    Some(Kind::Settle)
}
