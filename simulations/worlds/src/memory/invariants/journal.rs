//! I6: what every saga's journal must say.

use super::Invariant;
use crate::memory::store::{Broken, StepRow, Store};
use saga::{Event, Saga, Transition, plan, transition};
use schema_orders::saga_steps::{Phase, decode_event, encode_detail};
use schema_orders::sagas::SagaColumns;
use uuid::Uuid;

/// Checks the journals of all sagas.
pub(crate) fn check_journals(store: &Store) -> Vec<Broken> {
    let mut broken = Vec::new();
    for (&order_id, row) in &store.sagas {
        let steps = &store.steps[&order_id];
        let mut breaks = |invariant| broken.push((invariant, Some(order_id)));
        let dense = (1..).zip(steps).all(|(seq, step)| step.seq == seq);
        if !dense || steps.len() != row.version as usize {
            breaks(Invariant::JournalDense);
        }
        if !has_one_outcome_per_intent(steps) {
            breaks(Invariant::OneOutcomePerIntent);
        }
        let survives = Saga::try_from(SagaColumns::from(&row.saga)) == Ok(row.saga);
        let first_id = store.first_reservations.get(&order_id).copied().unwrap_or_default();
        if !survives || replay(first_id, steps) != Some(row.saga) {
            breaks(Invariant::ReplayGivesState);
        }
        if steps.windows(2).any(|pair| pair[0].epoch > pair[1].epoch) {
            breaks(Invariant::NoWriteByOldEpoch);
        }
    }
    broken
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
