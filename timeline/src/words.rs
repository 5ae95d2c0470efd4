//! Times and lengths as people read them.

use chrono::{DateTime, Utc};

/// So many milliseconds, in the two units that say it best.
pub(super) fn length(ms: i64) -> String {
    let seconds = ms / 1_000;
    match ms {
        ..1_000 => format!("{} ms", ms.max(0)),
        1_000..60_000 => format!("{}.{:02} s", seconds, ms % 1_000 / 10),
        60_000..3_600_000 => format!("{} min {} s", seconds / 60, seconds % 60),
        3_600_000..86_400_000 => format!("{} h {} min", seconds / 3_600, seconds / 60 % 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds / 3_600 % 24),
    }
}

/// The length of a time that may go on.
pub(super) fn between(
    from: DateTime<Utc>,
    until: Option<DateTime<Utc>>,
    end: DateTime<Utc>,
) -> String {
    let ms = (until.unwrap_or(end) - from).num_milliseconds();
    if until.is_some() { length(ms) } else { format!("{} so far", length(ms)) }
}

/// The time of day, to the millisecond.
pub(super) fn clock(at: DateTime<Utc>) -> String {
    at.format("%H:%M:%S%.3f").to_string()
}

/// The day.
pub(super) fn day(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d").to_string()
}

/// `text` in lines of at most `width` characters, broken between words where there are some.
pub(super) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let mut word: Vec<char> = word.chars().collect();
        let line = lines.last_mut().expect("there is a first line");
        let used = line.chars().count();
        if used > 0 && used + 1 + word.len() > width {
            lines.push(String::new());
        } else if used > 0 {
            line.push(' ');
        }
        while word.len() > width {
            let rest = word.split_off(width);
            lines.last_mut().expect("there is a line").extend(word);
            lines.push(String::new());
            word = rest;
        }
        lines.last_mut().expect("there is a line").extend(word);
    }
    lines
}
