//! The name of an item: what may be one, and how it is read from a path.

use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use edge::Problem;

/// Characters, as the table bounds it.
const CHARS_MAX: usize = 100;
use icu_properties::CodePointMapData;
use icu_properties::props::GeneralCategory;

/// The words our own paths use in an item's place, and those that clients take for steps in a path (RFC 3986,
/// section 5.2.4).
const TAKEN: [&str; 7] =
    [".", "..", "deduct", "reservations", "reservations:batch", "reserve", "update"];

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

/// For new items: the same, it must not be a word that stands in its place in paths, and it has no characters that
/// nobody sees (general category Cf): two names that look alike would be two items.
pub(crate) fn flaw_of_new(text: &str) -> Option<(&'static str, &'static str)> {
    let is_taken = TAKEN.contains(&text);
    let is_unseen =
        |c| CodePointMapData::<GeneralCategory>::new().get(c) == GeneralCategory::Format;
    flaw(text)
        .or(is_taken.then_some(("reserved-word", "this word cannot name an item")))
        .or(text.contains(is_unseen).then_some(("invalid-value", "no characters that nobody sees")))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_paths_or_people_would_take_for_others_are_refused_for_new_items() {
        for name in [".", "..", "reserve"] {
            assert_eq!(flaw_of_new(name).map(|(code, _)| code), Some("reserved-word"), "{name}");
            assert_eq!(flaw(name), None, "an item of this name goes on");
        }
        for name in ["ps5\u{200b}", "ps\u{ad}5", "\u{feff}ps5", "a\u{202e}b"] {
            assert_eq!(flaw_of_new(name).map(|(code, _)| code), Some("invalid-value"), "{name:?}");
            assert_eq!(flaw(name), None, "an item of this name goes on");
        }
        for name in ["...", ".ps5", "Größe 42", "プレイ", "a/b", "🎮"] {
            assert_eq!(flaw_of_new(name), None, "{name}");
        }
    }
}
