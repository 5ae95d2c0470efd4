//! The model as stateright wants it.

pub(super) mod landmarks;

use super::config::Config;
use super::invariants::Invariant;
use super::step::{self, Action};
use super::symmetry;
use super::world::World;
use landmarks::landmarks;
use stateright::{Model, Property};

/// A search of one configuration.
#[derive(Debug, Clone)]
pub(super) struct Search {
    pub(super) config: Config,
    /// Whether alike worlds count as one. A trace that is to be read keeps its names instead.
    pub(super) folded: bool,
}

impl Model for Search {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![World::new(&self.config)]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        if world.broken.is_none() {
            step::actions(&self.config, world, actions);
        }
    }

    fn next_state(&self, world: &World, action: Action) -> Option<World> {
        let next = step::step(&self.config, world, action);
        Some(if self.folded { symmetry::fold(&self.config, next) } else { next })
    }

    /// One beyond what may be, so that going round in circles is seen and then left.
    fn within_boundary(&self, world: &World) -> bool {
        world.orders.iter().all(|order| order.epoch <= self.config.epochs_max() + 1)
    }

    fn properties(&self) -> Vec<Property<Search>> {
        let invariants = Invariant::ALL.into_iter().zip(CONDITIONS);
        let mut properties: Vec<Property<Search>> = invariants
            .map(|(invariant, condition)| Property::always(invariant.name(), condition))
            .collect();
        // A planted flaw is looked for, not measured.
        if self.config.known_bad.is_none() {
            let landmarks = landmarks(&self.config).into_iter();
            properties.extend(landmarks.map(|one| Property::sometimes(one.name, one.reached)));
        }
        properties
    }
}

type Condition = fn(&Search, &World) -> bool;

/// A property is a plain function, which cannot remember which invariant it is for.
const CONDITIONS: [Condition; Invariant::ALL.len()] = [
    holds::<0>,
    holds::<1>,
    holds::<2>,
    holds::<3>,
    holds::<4>,
    holds::<5>,
    holds::<6>,
    holds::<7>,
    holds::<8>,
    holds::<9>,
    holds::<10>,
    holds::<11>,
    holds::<12>,
    holds::<13>,
    holds::<14>,
    holds::<15>,
    holds::<16>,
];

fn holds<const INVARIANT: usize>(search: &Search, world: &World) -> bool {
    let stuck = || {
        let mut possible = Vec::new();
        step::actions(&search.config, world, &mut possible);
        possible.is_empty()
    };
    Invariant::ALL[INVARIANT].holds(&search.config, world, stuck)
}
