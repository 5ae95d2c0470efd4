//! Spans, sent to an OpenTelemetry collector where one is named; off otherwise, at no cost.
//!
//! Whoever ends a [`Span`] only puts it into a bounded queue: a collector that is slow, blocked or
//! gone loses spans, which are counted, and never slows an order. Settings are the standard
//! `OTEL_*` variables. Start at [`begin_telemetry`]; why the spans are made by hand stands in
//! docs/decisions/0012.

mod config;
mod counts;
mod export;
mod span;

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

pub use config::{TelemetryConfig, TelemetryError};
pub use span::{Span, SpanKind};

use crate::trace::{Sampler, set_sampler};

/// At the end of a process, what is still queued has this long to be sent.
const FLUSH_MAX: Duration = Duration::from_secs(2);

/// Sends spans until it is told to end.
#[derive(Debug)]
pub struct Telemetry {
    end: oneshot::Sender<()>,
    exporting: tokio::task::JoinHandle<()>,
}

/// Begins to send spans, if a collector is named: `Ok(None)` where none is. Once per process, within
/// a tokio runtime. An error is nothing to stop for: orders do not need spans.
pub fn begin_telemetry(
    config: &TelemetryConfig,
    service: &str,
) -> Result<Option<Telemetry>, TelemetryError> {
    let Some(endpoint) = config.endpoint()? else { return Ok(None) };
    let exporter = export::exporter(endpoint, config.service_name(service))?;
    let name = config.sampler.as_deref();
    let sampler = Sampler::of(name, config.sampler_argument.as_deref())
        .ok_or_else(|| TelemetryError::Sampler(name.unwrap_or_default().to_owned()))?;
    let (queue, spans) = mpsc::channel(config.queue_max());
    if !span::send_to(queue) || !set_sampler(sampler) {
        return Err(TelemetryError::Twice);
    }
    let (end, ended) = oneshot::channel();
    let exporting = tokio::spawn(export::export(exporter, spans, config.pace(), ended));
    Ok(Some(Telemetry { end, exporting }))
}

/// Says what the metrics of this module mean, and shows them from the beginning.
pub(crate) fn describe_telemetry() {
    counts::describe();
}

impl Telemetry {
    /// Sends what is still queued, within a bounded time.
    pub async fn end(self) {
        // It may have ended by itself, by a panic that has been reported.
        let _ = self.end.send(());
        let _ = tokio::time::timeout(FLUSH_MAX, self.exporting).await;
    }
}
