//! The metrics of this process, as Prometheus reads them.
//!
//! One recorder per process, however many services run in it; series tell them apart by their
//! `service` label. Install it before the first request: handles taken earlier record nothing.
//! Every `/metrics` of a process shows the same: whichever of them is read, all services in it are
//! asked to bring their gauges up to date.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use axum::response::IntoResponse;
use axum::routing::{MethodRouter, get};
use http::header;
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

use crate::{logs, process};

/// Latencies, in seconds.
const SECONDS: [f64; 14] =
    [0.001, 0.002, 0.004, 0.008, 0.015, 0.03, 0.06, 0.12, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0];
/// What lasts as long as an outage does, in seconds.
const LONG_SECONDS: [f64; 14] =
    [0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 7200.0, 86400.0];
/// The metrics measured in them.
const LONG: [&str; 3] = ["saga_settle_seconds", "saga_takeover_seconds", "saga_recovery_seconds"];
/// Sizes of batches, in rows.
const ROWS: [f64; 11] = [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0];
/// Samples are kept one by one until this upkeep puts them into their buckets.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);
const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The installed recorder. Cheap to clone.
#[derive(Clone)]
pub struct MetricsHandle {
    recorder: PrometheusHandle,
    /// They go when their router goes.
    refreshers: Arc<Mutex<Vec<Weak<Refresh>>>>,
}

type Refresh = dyn Fn() + Send + Sync;

/// Installs the recorder, once per process; asked again it gives the same one. Needs a tokio
/// runtime, whose end also ends the upkeep.
pub fn install_prometheus() -> Result<MetricsHandle, BuildError> {
    static INSTALLED: OnceLock<MetricsHandle> = OnceLock::new();
    if let Some(handle) = INSTALLED.get() {
        return Ok(handle.clone());
    }
    let mut builder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)?
        .set_buckets_for_metric(Matcher::Suffix("_rows".to_owned()), &ROWS)?;
    for name in LONG {
        builder = builder.set_buckets_for_metric(Matcher::Full(name.to_owned()), &LONG_SECONDS)?;
    }
    let recorder = builder.install_recorder()?;
    describe();
    tokio::spawn(keep_up(recorder.clone()));
    let handle = MetricsHandle { recorder, refreshers: Arc::default() };
    Ok(INSTALLED.get_or_init(|| handle).clone())
}

/// The route `/metrics`; `refresh` sets gauges that are only worth computing when somebody looks,
/// at this route or at another one of the process. It must not wait.
pub fn metrics_route(
    handle: MetricsHandle,
    refresh: impl Fn() + Send + Sync + 'static,
) -> MethodRouter {
    let refresh: Arc<Refresh> = Arc::new(refresh);
    handle.lock().push(Arc::downgrade(&refresh));
    get(move || {
        // as long as the route lives, so does what it registered
        let _held = &refresh;
        handle.refresh();
        let text = process::as_counter(handle.recorder.render());
        async move { ([(header::CONTENT_TYPE, TEXT_FORMAT)], text).into_response() }
    })
}

impl MetricsHandle {
    fn refresh(&self) {
        let mut refreshers = self.lock();
        refreshers.retain(|refresh| refresh.strong_count() > 0);
        let living: Vec<Arc<Refresh>> = refreshers.iter().filter_map(Weak::upgrade).collect();
        drop(refreshers);
        for refresh in living {
            refresh();
        }
        process::set_gauges();
        logs::count_lost();
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Weak<Refresh>>> {
        self.refreshers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for MetricsHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MetricsHandle").finish_non_exhaustive()
    }
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
    logs::describe();
    crate::telemetry::describe_telemetry();
}

#[cfg(test)]
mod tests;
