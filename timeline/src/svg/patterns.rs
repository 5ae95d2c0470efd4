//! How kinds of waits are told apart without colour.

use std::fmt::Write;

use super::super::{History, Why};

const KINDS: [Why; 5] = [Why::Relay, Why::Backoff, Why::BreakerOpen, Why::Throttled, Why::Person];

/// The patterns of the waits that a history has.
pub(super) fn definitions(history: &History, id: &str) -> String {
    let used: Vec<Why> =
        KINDS.into_iter().filter(|why| history.waits.iter().any(|wait| wait.why == *why)).collect();
    if used.is_empty() {
        return String::new();
    }
    let mut text = String::from("<defs>\n");
    for why in used {
        let (size, lines) = lines(why);
        let _ = writeln!(
            text,
            "<pattern id=\"{id}-{}\" width=\"{size}\" height=\"{size}\" patternUnits=\"userSpaceOnUse\">\
             <path d=\"{lines}\" stroke=\"{WAIT}\" stroke-width=\"1.3\" fill=\"none\"/></pattern>",
            name(why)
        );
    }
    text.push_str("</defs>\n");
    text
}

/// The colour of a wait.
pub(super) const WAIT: &str = "var(--timeline-wait,currentColor)";

/// What fills a wait.
pub(super) fn fill(why: Why, id: &str) -> String {
    format!("url(#{id}-{})", name(why))
}

fn name(why: Why) -> &'static str {
    match why {
        Why::Relay => "relay",
        Why::Backoff => "backoff",
        Why::BreakerOpen => "breaker",
        Why::Throttled => "throttled",
        Why::Person => "person",
    }
}

/// The side of a tile, and the lines on it.
fn lines(why: Why) -> (u32, &'static str) {
    match why {
        Why::Relay => (5, "M2 2.5h1.4"),
        Why::Backoff => (6, "M-1 7L7 -1M-1 1L1 -1M5 7L7 5"),
        Why::BreakerOpen => (6, "M0 0L6 6M6 0L0 6"),
        Why::Throttled => (5, "M0 2.5H5"),
        Why::Person => (5, "M2.5 0V5"),
    }
}
