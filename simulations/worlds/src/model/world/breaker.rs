//! The breaker in little: one failure opens it, one probe at a time is let through, one good probe
//! closes it. Its rates and windows are tested where they live, in `saga`; here it is about how it
//! joins the scheduler.

use crate::model::config::{Config, Feature};
use crate::model::invariants::Invariant;
use crate::model::known_bad::KnownBad;
use crate::model::world::{Outcome, Ticket, World};

/// Half-open calls that may be in flight.
pub(in crate::model) const PERMITS: u8 = 1;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(in crate::model) struct Breaker {
    pub(in crate::model) phase: Phase,
    pub(in crate::model) generation: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(in crate::model) enum Phase {
    Closed,
    Open,
    HalfOpen { in_flight: u8 },
}

impl Default for Breaker {
    fn default() -> Breaker {
        Breaker { phase: Phase::Closed, generation: 0 }
    }
}

impl Breaker {
    pub(in crate::model) fn admits(self, config: &Config) -> bool {
        match self.phase {
            Phase::Closed => true,
            Phase::Open => false,
            Phase::HalfOpen { in_flight } => {
                in_flight < PERMITS || config.is(KnownBad::HalfOpenUnlimited)
            }
        }
    }

    pub(in crate::model) fn acquire(&mut self, config: &Config) -> Option<Ticket> {
        if !self.admits(config) {
            return None;
        }
        let probe = match &mut self.phase {
            Phase::HalfOpen { in_flight } => {
                *in_flight += 1;
                true
            }
            Phase::Closed | Phase::Open => false,
        };
        Some(Ticket { generation: self.generation, probe })
    }

    /// The open time is over.
    pub(in crate::model) fn half_open(&mut self) {
        self.enter(Phase::HalfOpen { in_flight: 0 });
    }

    /// A permit comes back without a result: its relay crashed.
    pub(in crate::model) fn abandon(&mut self, config: &Config, ticket: Ticket) {
        if ticket.generation == self.generation
            && !config.is(KnownBad::PermitLostOnCrash)
            && let Phase::HalfOpen { in_flight } = &mut self.phase
        {
            *in_flight -= 1;
        }
    }

    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.generation += 1;
    }
}

/// A call has ended: its permit comes back with the result.
pub(in crate::model) fn finish(
    config: &Config,
    world: &mut World,
    ticket: Ticket,
    outcome: Outcome,
) {
    if !config.has(Feature::Breaker) {
        return;
    }
    let business_no_counts = config.is(KnownBad::BusinessNoOpensBreaker);
    let failed = match outcome {
        Outcome::Unknown | Outcome::NotExecuted => true,
        Outcome::Rejected => business_no_counts,
        Outcome::Done
        | Outcome::Tombstoned
        | Outcome::Stale
        | Outcome::ContractBroken
        | Outcome::NotFound => false,
    };
    let late = ticket.generation != world.breaker.generation;
    if late && !config.is(KnownBad::LateResultCounts) {
        return;
    }
    let before = world.breaker.phase;
    match (before, failed) {
        (Phase::Closed, false) | (Phase::Open, true) => {}
        (Phase::Closed | Phase::HalfOpen { .. }, true) => world.breaker.enter(Phase::Open),
        (Phase::Open | Phase::HalfOpen { .. }, false) => world.breaker.enter(Phase::Closed),
    }
    if late && world.breaker.phase != before {
        world.breaks(Invariant::LateResultsChangeNothing);
    }
    if failed && outcome == Outcome::Rejected {
        world.breaks(Invariant::OnlyFailuresOpen);
    }
}
