//! What the order service counts, under the names of the reference API where it has one.

use std::time::Duration;

use edge::{Light, ResponseWindow};
use metrics::Unit;
use saga::StateName;

/// Says what each series means, and begins counting at zero: a counter that is not there until
/// something happens cannot be told from one that nobody exports.
pub(crate) fn describe() {
    crate::backlog_gauges::describe();
    metrics::counter!("orders_created_total").increment(0);
    metrics::counter!("idempotency_cache_hits_total").increment(0);
    metrics::describe_counter!("orders_created_total", "orders committed, replays not counted");
    metrics::describe_counter!(
        "idempotency_cache_hits_total",
        "requests answered with the order an earlier request with the same key made"
    );
    metrics::describe_histogram!(
        "order_processing_duration_seconds",
        Unit::Seconds,
        "time from a new order's request to its answer, by the status in the answer"
    );
    metrics::describe_gauge!(
        "order_response_average_seconds",
        Unit::Seconds,
        "average time of order requests over the last 30 s; 0 without requests"
    );
    metrics::describe_gauge!(
        "order_response_status",
        "the same as a colour: 0 green, 1 yellow (from 500 ms), 2 red (above 1 s)"
    );
}

pub(crate) fn count_created() {
    metrics::counter!("orders_created_total").increment(1);
}

pub(crate) fn count_replayed() {
    metrics::counter!("idempotency_cache_hits_total").increment(1);
}

/// `status` is the saga's state. One in which hardly any request is answered is counted as `other`.
pub(crate) fn record_processing(status: &str, took: Duration) {
    let status = match StateName::parse(status) {
        Some(
            state @ (StateName::Confirmed
            | StateName::Failed
            | StateName::Queued
            | StateName::Reserving
            | StateName::Pending),
        ) => state.as_str(),
        Some(StateName::Releasing | StateName::Cancelled | StateName::Parked) | None => "other",
    };
    metrics::histogram!("order_processing_duration_seconds", "status" => status).record(took);
}

pub(crate) fn show_window(window: &ResponseWindow) {
    let now = window.snapshot();
    let average_s = now.average_ms.unwrap_or(0.0) / 1000.0;
    metrics::gauge!("order_response_average_seconds").set(average_s);
    metrics::gauge!("order_response_status").set(match now.status {
        Light::Green => 0.0,
        Light::Yellow => 1.0,
        Light::Red => 2.0,
    });
}
