//! Every series the relay exports, in one place. Labels are bounded: never an id.

use metrics::{counter, gauge, histogram};
use saga::breaker::{BreakerState, Change};

/// Says what each series means. Called once, after the recorder is installed.
pub fn describe() {
    metrics::describe_gauge!("circuit_breaker_state", "0 closed, 1 open, 2 half-open");
    metrics::describe_counter!("circuit_breaker_changes_total", "state changes of the breaker");
    metrics::describe_counter!("sagas_moved_total", "moves stored, by the state they led to");
    metrics::describe_histogram!("saga_step_duration_seconds", "calls, by action and outcome");
    metrics::describe_counter!(
        "saga_fenced_writes_total",
        "moves refused because the saga had moved on"
    );
    metrics::describe_counter!(
        "saga_ambiguity_resolved_total",
        "doubts resolved, by what was found"
    );
    metrics::describe_counter!("saga_takeovers_total", "sagas taken over from a silent relay");
    metrics::describe_histogram!("relay_claim_rows", "sagas claimed in one statement");
    metrics::describe_gauge!("relay_sagas_in_flight", "sagas this relay holds");
    metrics::describe_gauge!("outbox_depth", "unfinished sagas that are not parked");
    metrics::describe_gauge!("outbox_waiting", "of these, waiting for a time");
    metrics::describe_gauge!("outbox_oldest_age_seconds", "since the oldest of these was ordered");
    metrics::describe_gauge!("relay_drain_estimate_seconds", "until the backlog is gone; 0: none");
    metrics::describe_counter!("relay_retries_refused_total", "retries put off by the budget");
}

pub(crate) fn breaker_state(state: BreakerState) {
    gauge!("circuit_breaker_state", "service" => "inventory").set(f64::from(state.gauge()));
}

pub(crate) fn breaker_changed(change: &Change) {
    counter!("circuit_breaker_changes_total", "service" => "inventory", "change" => change.name())
        .increment(1);
}

pub(crate) fn moved(state: &'static str) {
    counter!("sagas_moved_total", "state" => state).increment(1);
}

pub(crate) fn call_ended(action: &'static str, outcome: &'static str, seconds: f64) {
    histogram!("saga_step_duration_seconds", "action" => action, "outcome" => outcome)
        .record(seconds);
}

pub(crate) fn fenced(by: &'static str) {
    counter!("saga_fenced_writes_total", "by" => by).increment(1);
}

pub(crate) fn ambiguity_resolved(finding: &'static str) {
    counter!("saga_ambiguity_resolved_total", "finding" => finding).increment(1);
}

pub(crate) fn claimed(rows: usize, takeovers: usize) {
    histogram!("relay_claim_rows").record(rows as f64);
    if takeovers > 0 {
        counter!("saga_takeovers_total").increment(takeovers as u64);
    }
}

pub(crate) fn in_flight(sagas: usize) {
    gauge!("relay_sagas_in_flight").set(sagas as f64);
}

pub(crate) fn depth(depth: &schema_orders::outbox::Depth, drain_s: f64) {
    gauge!("outbox_depth").set(depth.messages as f64);
    gauge!("outbox_waiting").set(depth.waiting as f64);
    gauge!("outbox_oldest_age_seconds").set(depth.oldest_age_s);
    gauge!("relay_drain_estimate_seconds").set(drain_s);
}

pub(crate) fn retry_refused() {
    counter!("relay_retries_refused_total").increment(1);
}
