//! A journal, row by row, with what the core said to each.

use saga::{Effect, Event, Saga, Transition, plan, transition};
use schema_orders::saga_steps::{StepRow, decode_event};
use uuid::Uuid;

/// A journal row that was understood.
pub(super) struct Step<'r> {
    pub(super) row: &'r StepRow,
    /// `None`: the creation.
    pub(super) event: Option<Event>,
    pub(super) before: Saga,
    pub(super) after: Saga,
    pub(super) effects: Vec<Effect>,
}

/// Replays as far as the rows are understood: to the end, or to what a newer version wrote.
pub(super) fn replay(rows: &[StepRow]) -> Vec<Step<'_>> {
    let mut saga = Saga::new(Uuid::nil());
    let mut steps = Vec::with_capacity(rows.len());
    for row in rows {
        let Ok(event) = decode_event(&row.event, row.detail.as_ref()) else { break };
        let (after, effects) = match &event {
            None => (saga, Vec::new()),
            Some(event) => match transition(&plan::ORDER, &saga, event) {
                Ok(Transition::Moved(after, effects)) => (after, effects),
                Ok(Transition::Ignored(_)) | Err(_) => break,
            },
        };
        if after.state.name().as_str() != row.state {
            break;
        }
        steps.push(Step { row, event, before: saga, after, effects });
        saga = after;
    }
    steps
}

/// The action that a call effect stands for.
pub(super) fn call_of(step: &Step<'_>) -> Option<&'static str> {
    let of = plan::ORDER.steps.get(usize::from(step.after.step))?;
    step.effects.iter().find_map(|effect| match effect {
        Effect::ReserveStock { .. } => Some(of.action),
        Effect::ReleaseStock { .. } => Some(of.compensation),
        Effect::WakeAfter { .. } | Effect::RemoveOutboxMessage | Effect::AddOutboxMessage => None,
    })
}
