//! What stands for a state: an icon, a word and a colour, always all three.

use std::fmt;

use askama::filters::HtmlSafe;
use saga::StateName;

/// A mark with its word. Both are made here, so that it goes into a page as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) word: &'static str,
    /// The class of its colour.
    pub(super) tone: &'static str,
    path: &'static str,
}

const RING: &str = "<circle cx='8' cy='8' r='6'/>";
const CHECK: &str = "<circle cx='8' cy='8' r='6'/><path d='M5.2 8.2l2 2 3.6-4'/>";
const CROSS: &str = "<circle cx='8' cy='8' r='6'/><path d='M6 6l4 4M10 6l-4 4'/>";
const SLASH: &str = "<circle cx='8' cy='8' r='6'/><path d='M4 12l8-8'/>";
const DASHED: &str = "<circle cx='8' cy='8' r='6' stroke-dasharray='2.4 2.3'/>";
const HALF: &str =
    "<circle cx='8' cy='8' r='6'/><path d='M8 2a6 6 0 0 1 0 12z' fill='currentColor'/>";
const GLASS: &str =
    "<path d='M4.5 2h7M4.5 14h7M5 2c0 3.2 3 4.2 3 6s-3 2.8-3 6M11 2c0 3.2-3 4.2-3 6s3 2.8 3 6'/>";
const BACK: &str = "<path d='M5.5 3.5L3 6l2.5 2.5M3 6h6.2a3.6 3.6 0 0 1 0 7.2H6'/>";
const STOP: &str = "<path d='M5.5 2h5L14 5.5v5L10.5 14h-5L2 10.5v-5zM8 5v3.6M8 11v.1'/>";
const ASK: &str = "<circle cx='8' cy='8' r='6'/><path d='M6.4 6.4a1.7 1.7 0 1 1 2.4 1.8c-.5.2-.8.5-.8 1M8 11.3v.1'/>";

const fn mark(word: &'static str, tone: &'static str, path: &'static str) -> Mark {
    Mark { word, tone, path }
}

/// The mark of a saga's state; of one that a newer version writes, too.
pub(super) fn of_state(state: &str) -> Mark {
    let Some(state) = StateName::parse(state) else {
        return mark("of a newer version", "idle", ASK);
    };
    let (tone, path) = match state {
        StateName::Pending => ("work", DASHED),
        StateName::Reserving => ("work", HALF),
        StateName::Queued => ("wait", GLASS),
        StateName::Releasing => ("undo", BACK),
        StateName::Parked => ("bad", STOP),
        StateName::Confirmed => ("good", CHECK),
        StateName::Failed => ("bad", CROSS),
        StateName::Cancelled => ("idle", SLASH),
    };
    mark(state.as_str(), tone, path)
}

/// Whether something works.
pub(super) fn of_health(is_fine: bool) -> Mark {
    if is_fine { mark("healthy", "good", CHECK) } else { mark("failing", "bad", CROSS) }
}

pub(super) const fn good(word: &'static str) -> Mark {
    mark(word, "good", CHECK)
}

pub(super) const fn waiting(word: &'static str) -> Mark {
    mark(word, "wait", GLASS)
}

pub(super) const fn bad(word: &'static str) -> Mark {
    mark(word, "bad", STOP)
}

pub(super) const fn crossed(word: &'static str) -> Mark {
    mark(word, "bad", CROSS)
}

pub(super) const fn quiet(word: &'static str) -> Mark {
    mark(word, "idle", RING)
}

pub(super) const fn unclear(word: &'static str) -> Mark {
    mark(word, "wait", ASK)
}

pub(super) const fn working(word: &'static str) -> Mark {
    mark(word, "work", HALF)
}

/// The mark of the breaker before inventory.
pub(super) fn of_breaker(state: Option<&str>) -> Mark {
    match state {
        Some("closed") => good("closed: calls pass"),
        Some("half_open") => waiting("half open: testing recovery"),
        Some("open") => bad("open: calls are paused"),
        Some("isolated") => bad("isolated by staff: calls are paused"),
        Some(_) | None => quiet("not known: no relay answers"),
    }
}

impl Mark {
    /// The icon alone, where its word stands beside it.
    pub(super) fn icon(self) -> Icon {
        Icon(self)
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Mark { word, tone, path } = self;
        write!(
            out,
            "<span class=\"state {tone}\"><svg viewBox=\"0 0 16 16\" aria-hidden=\"true\">{path}</svg>{word}</span>"
        )
    }
}

impl HtmlSafe for Mark {}

/// The icon of a mark.
#[derive(Clone, Copy, Debug)]
pub(super) struct Icon(Mark);

impl fmt::Display for Icon {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Mark { tone, path, .. } = self.0;
        write!(
            out,
            "<span class=\"state {tone}\"><svg viewBox=\"0 0 16 16\" aria-hidden=\"true\">{path}</svg></span>"
        )
    }
}

impl HtmlSafe for Icon {}

/// A number that says how it was come by.
pub(super) fn count(count: i64, counted: schema_orders::inspection::Counted) -> String {
    use schema_orders::inspection::Counted;
    let number = grouped(count);
    match counted {
        Counted::Exact => number,
        Counted::AtLeast => format!("{number}+"),
        Counted::Estimate => format!("≈\u{202f}{number}"),
    }
}

/// Thousands apart.
pub(super) fn grouped(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = if number < 0 { "−".to_owned() } else { String::new() };
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}
