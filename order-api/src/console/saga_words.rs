//! An order, and what was done to it, in few words.

use saga::stored::Line;
use uuid::Uuid;

use crate::staff::actions::audit::ActionAnswer;

/// The end of an id: its beginning is the time, and alike for neighbours.
pub(super) fn short(id: Uuid) -> String {
    let text = id.simple().to_string();
    format!("…{}", &text[text.len() - 8..])
}

/// What is ordered, in few words.
pub(super) fn items_of(lines: &[Line]) -> String {
    let Some(first) = lines.first() else { return "nothing".to_owned() };
    let text = format!("{} × {}", first.quantity, first.item_id);
    match lines.len() - 1 {
        0 => text,
        1 => format!("{text} + 1 more line"),
        n => format!("{text} + {n} more lines"),
    }
}

/// What somebody did, in the past tense.
pub(super) fn done_word(kind: &str) -> &str {
    match kind {
        "retry" => "retried it",
        "cancel" => "cancelled it",
        "resolve" => "resolved it",
        "note" => "noted",
        other => other,
    }
}

/// What became of an action at once, and what it came to.
pub(super) fn outcome_words(action: &ActionAnswer) -> String {
    if action.r#type == "note" {
        return String::new();
    }
    if action.result != "applied" {
        let detail = action.detail.as_deref().unwrap_or("it did not apply");
        return format!("Refused: {detail}.");
    }
    match &action.outcome {
        Some(outcome) => match &outcome.reason {
            Some(reason) => format!("Result: {} ({}).", outcome.state, reason.replace('_', " ")),
            None => format!("Result: {}.", outcome.state),
        },
        None if action.order_id.is_some() => "Under way.".to_owned(),
        None => String::new(),
    }
}
