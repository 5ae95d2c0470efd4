//! The name of an item: what may be one, and how it is read from a path.

use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use edge::Problem;

/// Characters, as the table bounds it.
const CHARS_MAX: usize = 100;
/// The words our own paths use in an item's place.
const TAKEN: [&str; 5] = ["deduct", "reservations", "reservations:batch", "reserve", "update"];

/// What keeps `text` from being an item's id: a code and a sentence.
pub(crate) fn flaw(text: &str) -> Option<(&'static str, &'static str)> {
    let length = text.chars().count();
    if length == 0 || length > CHARS_MAX {
        return Some(("out-of-range", "1 to 100 characters"));
    }
    if text.chars().any(char::is_control) || text.trim() != text {
        return Some(("invalid-value", "no line ends, and no blanks at either end"));
    }
    None
}

/// For new items: the same, and it must not be a word that stands in its place in our own paths.
pub(crate) fn flaw_of_new(text: &str) -> Option<(&'static str, &'static str)> {
    let taken = TAKEN.contains(&text);
    flaw(text).or(taken.then_some(("reserved-word", "this word cannot name an item")))
}

/// What is no item's id is the id of no item.
pub(crate) fn from_path(path: Result<Path<String>, PathRejection>) -> Result<String, Problem> {
    let id = path.ok().map(|Path(id)| id).filter(|id| flaw(id).is_none());
    id.ok_or_else(absent)
}

/// 404 for an item.
pub(crate) fn absent() -> Problem {
    Problem::not_found("there is no item with this id")
}
