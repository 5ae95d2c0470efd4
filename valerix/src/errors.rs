//! How a failed command says what went wrong: one line, the cause once, nothing of our insides.

use std::fmt;

use crate::client::CallError;

/// 1 is an answer of such a command ("they do not agree"); where it has none, scripts must see another.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unanswered;

impl fmt::Display for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nothing can be said")
    }
}

/// The error and its causes, leaving out a cause that the text before has already told.
pub(crate) fn describe(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain() {
        let cause = cause.to_string();
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
    }
    text
}

/// What the process ends with: 1, unless there was no answer or a call over HTTP says more.
pub(crate) fn exit_code(error: &anyhow::Error) -> u8 {
    if error.is::<Unanswered>() {
        return 2;
    }
    error.downcast_ref::<CallError>().map_or(1, CallError::exit_code)
}

#[cfg(test)]
mod tests;
