//! What is drawn is checked in as pictures, to be looked at. To accept a change:
//! `UPDATE_PICTURES=1 cargo test -p timeline drawings`, then look at them.

use std::fs;
use std::path::Path;

use saga::{CancelledBy, Finding, QueueReason};

use super::*;

const BREAKER_OPEN: Event = Event::CallNotExecuted {
    reason: QueueReason::BreakerOpen,
    retry_after_ms: Some(10_000),
    jitter: 0,
};
const ASKED_FOR_PATIENCE: Event = Event::CallNotExecuted {
    reason: QueueReason::Throttled,
    retry_after_ms: Some(2_000),
    jitter: 0,
};
/// More than any page shows, and than a picture may weigh.
const PICTURE_BYTES_MAX: usize = 200_000;

fn healed() -> History {
    Journal::new()
        .then(3, CLAIMED, None)
        .then(3_004, UNKNOWN, Some(3_000))
        .then(3_110, CLAIMED, None)
        .then(5_500, TAKEN_OVER, None)
        .then(5_502, BREAKER_OPEN, None)
        .then(15_600, CLAIMED, None)
        .then(15_604, ASKED_FOR_PATIENCE, Some(3))
        .then(17_700, CLAIMED, None)
        .then(17_709, Event::StepDone, Some(8))
        .read(20_000)
}

fn stopped() -> Journal {
    Journal::new().then(4, CLAIMED, None).then(90, Event::ContractBroken, Some(85))
}

fn resolved() -> History {
    let retried = Event::RetryRequested { reservation_id: Uuid::from_u128(9) };
    stopped()
        .then(40_000_000, retried, None)
        .then(40_000_050, CLAIMED, None)
        .then(40_000_060, Event::ContractBroken, Some(9))
        .then(70_000_000, Event::Resolved { finding: Finding::StockHeld }, None)
        .read(80_000_000)
}

fn cancelled() -> History {
    Journal::new()
        .then(2, CLAIMED, None)
        .then(60, Event::CancelRequested { by: CancelledBy::Customer }, None)
        .then(61, CLAIMED, None)
        .then(70, Event::StepReleased, Some(6))
        .read(100)
}

/// Some weeks of a breaker that does not close, and a relay that vanishes now and then.
fn long() -> History {
    let mut journal = Journal::new();
    for n in 0..5_000 {
        journal = journal.then(n * 10_100 + 5, CLAIMED, None);
        if n % 400 == 399 {
            journal = journal.then(n * 10_100 + 50, TAKEN_OVER, None);
        }
        journal = journal.then(n * 10_100 + 90, BREAKER_OPEN, None);
    }
    journal.read(5_000 * 10_100)
}

fn drawn(history: &History, setting: Setting) -> String {
    draw(history, &Look { title: "What happened to order 7", id: "t", setting })
}

#[test]
fn the_pictures_are_the_checked_in_ones() {
    let confirmed =
        Journal::new().then(3, CLAIMED, None).then(7, Event::StepDone, Some(4)).read(100);
    for (name, history) in [
        ("confirmed", confirmed),
        ("healed", healed()),
        ("stopped", stopped().read(3_700_000)),
        ("resolved", resolved()),
        ("cancelled", cancelled()),
        ("long", long()),
    ] {
        compare(&format!("{name}.svg"), &drawn(&history, Setting::Alone));
        compare(&format!("{name}.txt"), &draw_text(&history));
    }
}

#[track_caller]
fn compare(name: &str, drawn: &str) {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/pictures").join(name);
    if std::env::var_os("UPDATE_PICTURES").is_some() {
        fs::write(&kept, drawn).unwrap();
    }
    let kept = fs::read_to_string(&kept).unwrap_or_default();
    assert!(drawn == kept, "{name} is drawn otherwise: run with UPDATE_PICTURES=1 and look at it");
}

#[test]
fn a_long_history_folds_and_keeps_what_changed_its_story() {
    let history = long();
    assert!(history.attempts.len() > 5_000);
    let picture = drawn(&history, Setting::InPage);
    assert!(picture.len() < PICTURE_BYTES_MAX, "{} bytes", picture.len());
    assert!(picture.contains("are folded here"));
    // folded or not, every attempt and every wait is counted once
    let shown = rows::rows(&history);
    let is_crash = |row: &&rows::Row| row.what == rows::What::Mark(MarkKind::Crash);
    assert_eq!(shown.iter().filter(is_crash).count(), 12);
    let folded: usize = shown
        .iter()
        .filter(|row| row.what == rows::What::Fold)
        .map(|row| row.text.split(' ').next().unwrap().parse::<usize>().unwrap())
        .sum();
    let works = shown.iter().filter(|row| matches!(row.what, rows::What::Work { .. })).count();
    assert_eq!(works + folded, history.attempts.len());
}

#[test]
fn no_two_times_overlap() {
    for history in [healed(), resolved(), cancelled(), long()] {
        let mut times: Vec<_> = history.waits.iter().map(|w| (w.from, w.until)).collect();
        times.extend(history.attempts.iter().map(|a| (a.started_at, a.finished_at)));
        times.sort();
        for pair in times.windows(2) {
            assert!(pair[0].1.is_some_and(|until| until <= pair[1].0), "{pair:?}");
        }
    }
}

#[test]
fn rows_follow_each_other_and_no_words_share_a_line() {
    for history in [healed(), resolved(), cancelled(), stopped().read(100), long()] {
        let told: Vec<_> = rows::rows(&history);
        assert!(told.windows(2).all(|pair| pair[0].at <= pair[1].at), "{told:#?}");
        let picture = drawn(&history, Setting::Alone);
        let mut words: Vec<u32> = picture
            .lines()
            .filter_map(|line| line.strip_prefix("<text x=\"126\" y=\""))
            .map(|rest| rest.split('"').next().unwrap().parse().unwrap())
            .collect();
        words.sort_unstable();
        assert!(words.windows(2).all(|pair| pair[1] - pair[0] >= 13), "{words:?}");
    }
}

#[test]
fn what_comes_from_outside_is_only_text() {
    let history = History { state: "<script>&\"'\u{1}".to_owned(), ..healed() };
    let look = Look { title: "<b>&\u{ffff}", id: "t", setting: Setting::InPage };
    let picture = draw(&history, &look);
    assert!(!picture.contains("<script") && !picture.contains("<b>") && !picture.contains('\u{1}'));
    assert!(picture.contains("&lt;script&gt;&amp;&quot;&#39;\u{fffd}"));
    assert!(!picture.contains("<style"), "a page brings its own");
    assert!(!draw_text(&history).contains('\u{1}'));
}

#[test]
fn waits_and_marks_are_told_apart_without_colour() {
    let picture = drawn(&healed(), Setting::Alone);
    for (kind, lines) in [("relay", 1), ("backoff", 1), ("breaker", 1), ("throttled", 1)] {
        let id = format!("<pattern id=\"t-{kind}\"");
        assert_eq!(picture.matches(&id).count(), lines, "{kind}");
        assert!(picture.contains(&format!("fill=\"url(#t-{kind})\"")), "{kind}");
    }
    assert!(!picture.contains("t-person"), "only what is there is defined");
    for part in ["role=\"img\"", "<title id=\"t-title\">", "<desc id=\"t-desc\">"] {
        assert!(picture.contains(part), "{part}");
    }
}

#[test]
fn as_data_a_long_history_keeps_its_two_ends() {
    let told = serde_json::to_value(Timeline::from(long())).unwrap();
    assert_eq!(told["spans"].as_array().unwrap().len(), SPANS_MAX);
    assert!(told["folded"]["spans"].as_u64().unwrap() > 9_000, "{}", told["folded"]);
    assert_eq!(told["spans"][0]["kind"], "wait");
    assert_eq!(told["spans"][1]["kind"], "work");
    let told = serde_json::to_value(Timeline::from(healed())).unwrap();
    assert_eq!(told["folded"], serde_json::json!({"spans": 0, "marks": 0}));
}
