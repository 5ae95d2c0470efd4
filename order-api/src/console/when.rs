//! Times in words, with the exact one on hover.

use std::fmt;

use askama::filters::HtmlSafe;
use chrono::{DateTime, SecondsFormat, Utc};

/// A time as seen from `now`, the database's clock when the page was made.
#[derive(Clone, Copy, Debug)]
pub(super) struct When {
    at: DateTime<Utc>,
    now: DateTime<Utc>,
}

impl When {
    pub(super) fn new(at: DateTime<Utc>, now: DateTime<Utc>) -> When {
        When { at, now }
    }
}

impl fmt::Display for When {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exact = self.at.to_rfc3339_opts(SecondsFormat::Millis, true);
        let ms = (self.now - self.at).num_milliseconds();
        let words = match ms.abs() {
            ..1_000 => "now".to_owned(),
            _ if ms < 0 => format!("in {}", length(-ms)),
            _ => format!("{} ago", length(ms)),
        };
        write!(out, "<time datetime=\"{exact}\" title=\"{exact}\">{words}</time>")
    }
}

/// Everything in it is made here.
impl HtmlSafe for When {}

/// A length of time in whole units, as a person says it.
pub(super) fn length(ms: i64) -> String {
    match ms / 1_000 {
        s @ ..120 => format!("{s} s"),
        s @ ..7_200 => format!("{} min", s / 60),
        s @ ..172_800 => format!("{} h", s / 3_600),
        s => format!("{} days", s / 86_400),
    }
}

/// A length that a call took.
pub(super) fn short_length(ms: i64) -> String {
    if ms < 10_000 { format!("{ms} ms") } else { length(ms) }
}
