//! How long the client wants to wait for its order: the header `Prefer`.
//!
//! Source: RFC 7240. `respond-async` alone does not wait, `wait=N` waits N seconds at most, and
//! together they mean: answer 202 after N seconds, which is what this service does anyway.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};

const PREFER: HeaderName = HeaderName::from_static("prefer");
pub(crate) const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");
/// Longest wait a client gets, in seconds.
pub(crate) const WAIT_S_MAX: u64 = 30;

/// The wait, and what to tell the client about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Preference {
    pub(crate) wait: Duration,
    pub(crate) applied: Option<HeaderValue>,
}

impl Preference {
    /// A preference that is not understood is ignored, as the RFC demands.
    pub(crate) fn from_headers(headers: &HeaderMap, default_wait: Duration) -> Preference {
        let (mut wait_s, mut respond_async) = (None, false);
        for value in headers.get_all(PREFER) {
            for preference in value.to_str().unwrap_or("").split(',') {
                // parameters after a semicolon are none of ours
                let preference = preference.split(';').next().unwrap_or("").trim();
                let (name, value) = preference.split_once('=').unwrap_or((preference, ""));
                if name.trim().eq_ignore_ascii_case("wait") {
                    wait_s = wait_s.or(value.trim().trim_matches('"').parse::<u64>().ok());
                } else if name.trim().eq_ignore_ascii_case("respond-async") {
                    respond_async = true;
                }
            }
        }
        match (wait_s, respond_async) {
            (Some(seconds), _) => {
                let seconds = seconds.min(WAIT_S_MAX);
                let applied = HeaderValue::try_from(format!("wait={seconds}"));
                Preference { wait: Duration::from_secs(seconds), applied: applied.ok() }
            }
            (None, true) => Preference {
                wait: Duration::ZERO,
                applied: Some(HeaderValue::from_static("respond-async")),
            },
            (None, false) => Preference { wait: default_wait, applied: None },
        }
    }
}

#[cfg(test)]
mod tests;
