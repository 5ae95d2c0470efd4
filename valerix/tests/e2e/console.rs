//! The console as people use it: a real Chromium, the real stack, the keyboard, no JavaScript, a lost stream.

mod access;
mod browser;
mod chromium;
mod conflict;
mod healing;
mod keyboard;
mod pictures;
mod selection;
mod stream;

use std::time::Duration;

/// The bound of everything that is waited for, but where a test names its own.
const PATIENCE: Duration = Duration::from_secs(20);
