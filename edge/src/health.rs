//! Health as in the reference API: `{status, services{…}, timestamp}`, 503 when a check fails.
//!
//! Each check runs in a task of its own under a bound: a check that hangs is a check that failed,
//! and giving up on it must not cancel database work halfway.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::time::{Duration, Instant};

use axum::Json;
use axum::response::{IntoResponse, Response};
use chrono::{SecondsFormat, Utc};
use http::StatusCode;
use serde::Serialize;

use crate::Cached;

/// Longest wait for one check.
const CHECK_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a report may be handed out again, so that a flood of probes is not a flood of checks.
const REPORT_FRESH: Duration = Duration::from_millis(250);

/// What a failing check means for the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// The service cannot do its work: `unhealthy`.
    Essential,
    /// It can, with less: `degraded`.
    Supporting,
}

/// The outcome of one check.
#[derive(Clone, Debug, Serialize)]
pub struct Checked {
    #[serde(skip)]
    name: &'static str,
    #[serde(skip)]
    need: Need,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    latency_ms: f64,
}

/// The outcome of all checks.
#[derive(Clone, Debug, Serialize)]
pub struct HealthReport {
    status: &'static str,
    services: BTreeMap<&'static str, Checked>,
    timestamp: String,
}

/// The last report, made once for all who ask at about the same time.
pub struct HealthCache(Cached<HealthReport>);

impl Default for HealthCache {
    fn default() -> HealthCache {
        HealthCache(Cached::new(REPORT_FRESH))
    }
}

/// Runs one check; `Err` is what people read, so it names no address, user or password.
pub async fn check(
    name: &'static str,
    need: Need,
    work: impl Future<Output = Result<(), String>> + Send + 'static,
) -> Checked {
    let begun = Instant::now();
    let outcome = match tokio::time::timeout(CHECK_TIMEOUT, tokio::spawn(work)).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(_)) => Err("the check itself failed".to_owned()),
        Err(_) => Err(format!("no answer within {} s", CHECK_TIMEOUT.as_secs())),
    };
    let status = if outcome.is_ok() { "healthy" } else { "unhealthy" };
    let latency_ms = begun.elapsed().as_secs_f64() * 1000.0;
    Checked { name, need, status, detail: outcome.err(), latency_ms }
}

impl Checked {
    /// Why it failed; `None`: it did not.
    pub fn failure(&self) -> Option<&str> {
        self.detail.as_deref()
    }

    /// How long the check took.
    pub fn latency_ms(&self) -> f64 {
        self.latency_ms
    }

    fn failed(&self) -> bool {
        self.detail.is_some()
    }
}

impl HealthReport {
    /// Sums the checks up.
    pub fn of(checks: impl IntoIterator<Item = Checked>) -> HealthReport {
        let services: BTreeMap<_, _> = checks.into_iter().map(|c| (c.name, c)).collect();
        let failing = |need| services.values().any(|c| c.failed() && c.need == need);
        let status = if failing(Need::Essential) {
            "unhealthy"
        } else if failing(Need::Supporting) {
            "degraded"
        } else {
            "healthy"
        };
        HealthReport { status, services, timestamp: now() }
    }

    /// Each check by its name.
    pub fn checks(&self) -> impl Iterator<Item = (&'static str, &Checked)> {
        self.services.iter().map(|(name, checked)| (*name, checked))
    }

    /// `true` when no check failed.
    pub fn is_healthy(&self) -> bool {
        self.status == "healthy"
    }
}

impl IntoResponse for HealthReport {
    fn into_response(self) -> Response {
        let status =
            if self.is_healthy() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        (status, Json(self)).into_response()
    }
}

impl HealthCache {
    /// The last report while it is fresh; else the one `make` makes.
    pub async fn get_or_make(&self, make: impl AsyncFnOnce() -> HealthReport) -> HealthReport {
        let made = async || Ok::<_, Infallible>(make().await);
        self.0.get_or_try_make(made).await.unwrap_or_else(|never| match never {})
    }
}

/// The answer of `/health/live`: the process runs, nothing was touched.
pub fn live() -> HealthReport {
    HealthReport::of([])
}

fn now() -> String {
    Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true)
}

#[cfg(test)]
mod tests;
