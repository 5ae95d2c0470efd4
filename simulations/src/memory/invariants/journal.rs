//! I6: what every saga's journal must say.

use super::Invariant;
use crate::memory::store::StepRow;
use crate::memory::world::World;
use saga::{Event, Saga, Transition, plan, transition};
use schema_orders::saga_steps::{Phase, decode_event, encode_detail};
use schema_orders::sagas::SagaColumns;
use uuid::Uuid;

/// Checks the journals of all sagas.
pub(in crate::memory) fn check_journals(world: &mut World) {
    let order_ids: Vec<Uuid> = world.store.sagas.keys().copied().collect();
    for order_id in order_ids {
        let steps = world.store.steps[&order_id].clone();
        let row = world.store.sagas[&order_id];
        let dense = (1..).zip(&steps).all(|(seq, step)| step.seq == seq);
        if !dense || steps.len() != row.version as usize {
            world.breaks(Invariant::JournalDense, Some(order_id));
        }
        if !has_one_outcome_per_intent(&steps) {
            world.breaks(Invariant::OneOutcomePerIntent, Some(order_id));
        }
        let survives = Saga::try_from(SagaColumns::from(&row.saga)) == Ok(row.saga);
        let first_id = world.store.first_reservations.get(&order_id).copied().unwrap_or_default();
        if !survives || replay(first_id, &steps) != Some(row.saga) {
            world.breaks(Invariant::ReplayGivesState, Some(order_id));
        }
        if steps.windows(2).any(|pair| pair[0].epoch > pair[1].epoch) {
            world.breaks(Invariant::NoWriteByOldEpoch, Some(order_id));
        }
    }
}

fn has_one_outcome_per_intent(steps: &[StepRow]) -> bool {
    let mut is_open = false;
    for event in steps.iter().filter_map(|step| step.event) {
        match Phase::of(&event) {
            Phase::Intent => is_open = true,
            Phase::Outcome if !is_open => return false,
            Phase::Outcome | Phase::Mark => is_open = false,
        }
    }
    true
}

/// As it would be read back from the database, row by row.
fn replay(first_id: Uuid, steps: &[StepRow]) -> Option<Saga> {
    let mut saga = Saga::new(first_id);
    for event in steps.iter().filter_map(|step| step.event) {
        let event: Event = decode_event(event.name(), encode_detail(&event).as_ref()).ok()??;
        match transition(&plan::ORDER, &saga, &event) {
            Ok(Transition::Moved(next, _)) => saga = next,
            Ok(Transition::Ignored(_)) | Err(_) => return None,
        }
    }
    Some(saga)
}
