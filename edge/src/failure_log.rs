//! One line when something begins to fail and one when it is well again, instead of one for each try.

use std::fmt::Display;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// While it goes on failing, that is logged again after this long.
const REMIND_EVERY: Duration = Duration::from_mins(1);
/// It is well again once it succeeds and has not failed for so long: what fails every other time is not well.
const WELL_AFTER: Duration = Duration::from_secs(1);

/// What to log of something that is tried again and again, or at each request.
#[derive(Debug)]
pub struct FailureLog {
    what: &'static str,
    severity: Severity,
    is_failing: AtomicBool,
    run: Mutex<Option<Run>>,
}

#[derive(Clone, Copy, Debug)]
enum Severity {
    Warning,
    Error,
}

/// Failures that belong together.
#[derive(Clone, Copy, Debug)]
struct Run {
    began: Instant,
    last: Instant,
    logged: Instant,
    failures: u64,
}

/// What a failure is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    First,
    Reminder { failures: u64, lasted: Duration },
    None,
}

impl FailureLog {
    /// `what` is the line for the first failure, such as "cannot claim just now".
    pub const fn new(what: &'static str) -> FailureLog {
        FailureLog::with(what, Severity::Warning)
    }

    /// The same for what somebody has to look at: its lines are errors.
    pub const fn alarm(what: &'static str) -> FailureLog {
        FailureLog::with(what, Severity::Error)
    }

    const fn with(what: &'static str, severity: Severity) -> FailureLog {
        FailureLog { what, severity, is_failing: AtomicBool::new(false), run: Mutex::new(None) }
    }

    /// It has failed: logged if it had not, or if it has for another minute. Tries between are debug lines.
    pub fn failed(&self, error: impl Display) {
        let what = self.what;
        match (self.count(Instant::now()), self.severity) {
            (Line::First, Severity::Warning) => tracing::warn!(%error, "{what}"),
            (Line::First, Severity::Error) => tracing::error!(%error, "{what}"),
            (Line::Reminder { failures, lasted }, Severity::Warning) => {
                tracing::warn!(%error, failures, ?lasted, "still: {what}");
            }
            (Line::Reminder { failures, lasted }, Severity::Error) => {
                tracing::error!(%error, failures, ?lasted, "still: {what}");
            }
            (Line::None, _) => tracing::debug!(%error, "{what}"),
        }
    }

    /// It has succeeded: logged if that ends a run of failures. Costs one look at a variable where there is none.
    pub fn succeeded(&self) {
        if self.is_failing.load(Ordering::Relaxed)
            && let Some(Run { began, last, failures, .. }) = self.end(Instant::now())
        {
            let lasted = last.saturating_duration_since(began);
            tracing::info!(failures, ?lasted, "well again, after: {}", self.what);
        }
    }

    fn count(&self, now: Instant) -> Line {
        let mut run = self.lock();
        self.is_failing.store(true, Ordering::Relaxed);
        // What has not failed for so long begins again, whether or not anybody has told of a success.
        let recent =
            run.as_mut().filter(|run| now.saturating_duration_since(run.last) < REMIND_EVERY);
        let Some(run) = recent else {
            *run = Some(Run { began: now, last: now, logged: now, failures: 1 });
            return Line::First;
        };
        run.failures += 1;
        run.last = now;
        if now.saturating_duration_since(run.logged) < REMIND_EVERY {
            return Line::None;
        }
        run.logged = now;
        Line::Reminder { failures: run.failures, lasted: now.saturating_duration_since(run.began) }
    }

    fn end(&self, now: Instant) -> Option<Run> {
        let mut run = self.lock();
        let ended = run.take_if(|run| now.saturating_duration_since(run.last) >= WELL_AFTER)?;
        self.is_failing.store(false, Ordering::Relaxed);
        Some(ended)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Run>> {
        self.run.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
