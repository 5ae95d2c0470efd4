//! What a command prints for people and scripts, on standard output.

use std::io::{self, Write};

/// Prints at once. Whoever started us may have closed our output; that is no reason to stop a service.
pub(crate) fn print(text: &str) {
    let mut output = io::stdout().lock();
    let _ = output.write_all(text.as_bytes()).and_then(|()| output.flush());
}
