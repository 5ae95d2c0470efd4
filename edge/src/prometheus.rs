//! The metrics of this process, as Prometheus reads them.
//!
//! One recorder per process, however many services run in it; series tell them apart by their
//! `service` label. Install it before the first request: handles taken earlier record nothing.

use std::sync::OnceLock;
use std::time::Duration;

use axum::response::IntoResponse;
use axum::routing::{MethodRouter, get};
use http::header;
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

use crate::process;

/// Latencies, in seconds.
const SECONDS: [f64; 14] =
    [0.001, 0.002, 0.004, 0.008, 0.015, 0.03, 0.06, 0.12, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0];
/// Sizes of batches, in rows.
const ROWS: [f64; 11] = [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0];
/// Samples are kept one by one until this upkeep puts them into their buckets.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);
const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The installed recorder.
#[derive(Clone, Debug)]
pub struct MetricsHandle(PrometheusHandle);

/// Installs the recorder, once per process; asked again it gives the same one. Needs a tokio
/// runtime, whose end also ends the upkeep.
pub fn install_prometheus() -> Result<MetricsHandle, BuildError> {
    static INSTALLED: OnceLock<MetricsHandle> = OnceLock::new();
    if let Some(handle) = INSTALLED.get() {
        return Ok(handle.clone());
    }
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)?
        .set_buckets_for_metric(Matcher::Suffix("_rows".to_owned()), &ROWS)?
        .install_recorder()?;
    describe();
    tokio::spawn(keep_up(handle.clone()));
    Ok(INSTALLED.get_or_init(|| MetricsHandle(handle)).clone())
}

/// The route `/metrics`; `refresh` sets gauges that are only worth computing when somebody looks.
pub fn metrics_route(
    handle: MetricsHandle,
    refresh: impl Fn() + Clone + Send + Sync + 'static,
) -> MethodRouter {
    get(async move || {
        refresh();
        process::set_gauges();
        ([(header::CONTENT_TYPE, TEXT_FORMAT)], handle.0.render()).into_response()
    })
}

async fn keep_up(handle: PrometheusHandle) {
    let mut due = tokio::time::interval(UPKEEP_EVERY);
    loop {
        due.tick().await;
        handle.run_upkeep();
    }
}

fn describe() {
    metrics::describe_histogram!(
        "http_request_duration_seconds",
        metrics::Unit::Seconds,
        "time from a complete request head to the answer, by service, method, route and status"
    );
    process::describe();
}

#[cfg(test)]
mod tests;
