//! Running one seed: the storm, the calm after it, the person who looks after what is parked, and then
//! everything is checked.

use super::coverage::Coverage;
use super::faults::{Fault, FaultId};
use super::invariants::{Invariant, check_journals, check_late_reserves, check_tables};
use super::known_bad::KnownBad;
use super::trace::Trace;
use super::world::{World, order_of};
use super::{event_loop, staff};
use saga::StateName;
use std::collections::BTreeSet;

/// How often somebody looks after what is parked.
const ROUNDS_MAX: usize = 3;

/// One seed's outcome.
#[derive(Debug, Clone)]
pub struct Run {
    pub seed: u64,
    /// The invariants that were broken, each with the order where it concerns one. Empty: all hold.
    pub broken: Vec<(Invariant, Option<u16>)>,
    /// What went wrong on the way, in order.
    pub faults: Vec<FaultId>,
    /// Everything that happened.
    pub trace: Trace,
    /// Which fault hit which state when.
    pub coverage: Coverage,
    /// Events that happened.
    pub steps: u64,
    /// Orders that exist at the end.
    pub orders: u64,
    /// Of these, by how they ended: confirmed, failed, cancelled, parked.
    pub ended: [u64; 4],
    /// From the last fault until everything was settled, in simulated milliseconds.
    pub settled_after_ms: u64,
}

/// Runs a seed. `only`: leaves every fault out that is not among these.
pub fn run_seed(seed: u64, only: Option<BTreeSet<FaultId>>, known_bad: Option<KnownBad>) -> Run {
    let mut world = World::new(seed, only, known_bad);
    event_loop::begin(&mut world);
    event_loop::run(&mut world);
    let settled_after_ms = world.now_ms.saturating_sub(world.setting.faults.until_ms);
    for _ in 0..ROUNDS_MAX {
        world.now_ms = world.now_ms.max(world.setting.faults.until_ms);
        if !world.broken.is_empty() || !staff::look_after_parked(&mut world) {
            break;
        }
        event_loop::run(&mut world);
    }
    if world.broken.is_empty() {
        check_tables(&mut world);
        world.broken.append(&mut check_journals(&world.store));
        check_late_reserves(&mut world);
    }
    report(seed, world, settled_after_ms)
}

impl Run {
    /// Whether every invariant held.
    pub fn is_clean(&self) -> bool {
        self.broken.is_empty()
    }

    /// Whether this one was broken.
    pub fn broke(&self, invariant: Invariant) -> bool {
        self.broken.iter().any(|(broken, _)| *broken == invariant)
    }
}

fn report(seed: u64, world: World, settled_after_ms: u64) -> Run {
    let ended = [StateName::Confirmed, StateName::Failed, StateName::Cancelled, StateName::Parked]
        .map(|name| {
            let sagas = world.store.sagas.values();
            sagas.filter(|row| row.saga.state.name() == name).count() as u64
        });
    let mut broken: Vec<(Invariant, Option<u16>)> =
        world.broken.into_iter().map(|(rule, order_id)| (rule, order_id.map(order_of))).collect();
    broken.dedup();
    Run {
        seed,
        broken,
        faults: world.setting.faults.happened,
        trace: world.trace,
        coverage: world.coverage,
        steps: world.steps,
        orders: world.store.orders.len() as u64,
        ended,
        settled_after_ms,
    }
}

/// Leaves out fault after fault for as long as the same invariant breaks. What remains is needed.
pub fn shrink(run: &Run, known_bad: Option<KnownBad>) -> Run {
    let Some(&(invariant, _)) = run.broken.first() else { return run.clone() };
    let mut least = run.clone();
    let mut chunk = least.faults.len().div_ceil(2).max(1);
    loop {
        let mut from = 0;
        let mut shrank = false;
        while from < least.faults.len() {
            let until = (from + chunk).min(least.faults.len());
            let rest = least.faults.iter().enumerate();
            let only: BTreeSet<FaultId> =
                rest.filter(|(at, _)| !(from..until).contains(at)).map(|(_, id)| *id).collect();
            let tried = run_seed(run.seed, Some(only), known_bad);
            if tried.broke(invariant) && tried.faults.len() < least.faults.len() {
                least = tried;
                shrank = true;
            } else {
                from = until;
            }
        }
        if chunk == 1 && !shrank {
            return least;
        }
        chunk = (chunk / 2).max(1);
    }
}

/// How often each kind of fault happened.
pub(super) fn count_faults(faults: &[FaultId]) -> [u64; Fault::ALL.len()] {
    let mut counts = [0; Fault::ALL.len()];
    for id in faults {
        counts[id.fault as usize] += 1;
    }
    counts
}
