//! Sending spans: from the queue, in batches, one at a time. What cannot be sent is dropped and
//! counted, and said once until sending succeeds again.

use opentelemetry_otlp::{SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SpanExporter as _;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::config::{Pace, TelemetryError};
use super::counts::{Dropped, count_dropped, count_sent};
use super::span::Span;

pub(super) fn exporter(endpoint: String, service: String) -> Result<SpanExporter, TelemetryError> {
    let mut exporter = SpanExporter::builder().with_http().with_endpoint(endpoint).build()?;
    // Reads OTEL_RESOURCE_ATTRIBUTES, too.
    exporter.set_resource(&Resource::builder().with_service_name(service).build());
    Ok(exporter)
}

/// Sends until the end is asked for, and then what is still queued.
pub(super) async fn export(
    exporter: SpanExporter,
    mut queue: mpsc::Receiver<Span>,
    pace: Pace,
    mut end: oneshot::Receiver<()>,
) {
    let mut batch = Vec::new();
    let mut is_failing = false;
    while gather(&mut queue, &mut batch, pace, &mut end).await {
        send(&exporter, &mut batch, &mut is_failing).await;
    }
    loop {
        send(&exporter, &mut batch, &mut is_failing).await;
        while batch.len() < pace.batch_max
            && let Ok(span) = queue.try_recv()
        {
            batch.push(span);
        }
        if batch.is_empty() || is_failing {
            return count_dropped(Dropped::NotTaken, batch.len() + queue.len());
        }
    }
}

/// Waits until a batch is full or its time has come. `false`: the end is asked for.
async fn gather(
    queue: &mut mpsc::Receiver<Span>,
    batch: &mut Vec<Span>,
    pace: Pace,
    end: &mut oneshot::Receiver<()>,
) -> bool {
    let until = Instant::now() + pace.every;
    while batch.len() < pace.batch_max {
        let room = pace.batch_max - batch.len();
        tokio::select! {
            _ = &mut *end => return false,
            () = tokio::time::sleep_until(until) => return true,
            _ = queue.recv_many(batch, room) => {}
        }
    }
    true
}

async fn send(exporter: &SpanExporter, batch: &mut Vec<Span>, is_failing: &mut bool) {
    if batch.is_empty() {
        return;
    }
    let count = batch.len();
    let spans = batch.drain(..).map(Span::into_data).collect();
    match exporter.export(spans).await {
        Ok(()) => {
            count_sent(count);
            if std::mem::take(is_failing) {
                tracing::info!("the collector takes spans again");
            }
        }
        Err(error) => {
            count_dropped(Dropped::NotTaken, count);
            if !std::mem::replace(is_failing, true) {
                tracing::warn!(%error, "the collector takes no spans; they are dropped until it does");
            }
        }
    }
}
