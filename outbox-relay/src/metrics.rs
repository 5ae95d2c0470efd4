//! Every series the relay exports, in one place. Labels are bounded: never an id.

use chrono::{DateTime, Utc};
use metrics::{
    Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};
use relay_core::breaker::{BreakerState, Change};
use relay_core::decide::Call;
use relay_core::gate::GateSnapshot;
use saga::stored::{SagaUpdate, StoredUpdate};
use saga::{State, StateName};

/// Whom the breaker guards.
const GUARDED: &str = "inventory";

/// Says what each series means, and begins counting at zero: a counter that is not there until
/// something goes wrong cannot be told from one that nobody exports.
pub fn describe() {
    describe_breaker();
    describe_sagas();
    describe_gauge!(
        "relay_drain_estimate_seconds",
        Unit::Seconds,
        "until the backlog that waited for the breaker is gone, at the rate it goes; 0: none"
    );
    describe_histogram!("relay_claim_rows", "sagas claimed in one statement");
    schema_pg::describe_metrics();
    describe_reconcile();
    describe_gauge!("relay_sagas_in_flight", "sagas this relay holds");
    describe_counter!("relay_first_tries_total", "calls that were the first of their saga's step");
    describe_counter!(
        "relay_retries_total",
        "calls that repeat an earlier one, granted by the budget"
    );
    describe_counter!("relay_retries_refused_total", "retries that the budget put off");
    describe_gauge!("relay_retry_budget", "retries that could be made at this moment");
    begin_at_zero();
}

fn describe_breaker() {
    describe_gauge!("circuit_breaker_state", "0 closed, 1 open or isolated, 2 half-open");
    describe_gauge!(
        "circuit_breaker_failure_ratio",
        "failed calls of the last ten seconds, as a share from 0 to 1; 0 without calls"
    );
    describe_gauge!("circuit_breaker_calls_in_flight", "calls the breaker has let through");
    describe_counter!("circuit_breaker_changes_total", "what happened to the breaker");
    describe_counter!(
        "circuit_breaker_calls_total",
        "calls, by what became of them; slow ones twice"
    );
}

fn describe_sagas() {
    describe_counter!("sagas_moved_total", "moves stored by relays, by the state they led to");
    describe_histogram!(
        "saga_step_duration_seconds",
        Unit::Seconds,
        "calls to inventory, by action and outcome"
    );
    describe_histogram!(
        "saga_settle_seconds",
        Unit::Seconds,
        "from an order's acknowledgement to the end of its saga, by the state it ended in"
    );
    describe_counter!("saga_fenced_writes_total", "moves refused because the saga had moved on");
    describe_counter!("saga_ambiguity_resolved_total", "doubts resolved, by what was found");
    describe_counter!("saga_takeovers_total", "sagas taken over from a silent relay");
    describe_histogram!(
        "saga_takeover_seconds",
        Unit::Seconds,
        "from the last move of a saga whose relay fell silent to its take-over"
    );
    describe_histogram!(
        "saga_recovery_seconds",
        Unit::Seconds,
        "from the last move of a saga whose relay fell silent to the outcome its successor stored"
    );
}

fn describe_reconcile() {
    describe_gauge!(
        "reconcile_drift",
        "finished orders whose stock in inventory is not as they say, by kind; a thousand at most"
    );
    describe_counter!(
        "reconcile_orders_total",
        "finished orders compared with inventory, by what came of it"
    );
    describe_gauge!(
        "reconcile_last_look_timestamp_seconds",
        Unit::Seconds,
        "when this relay last compared orders with inventory, by the database's clock, since 1970; 0: never"
    );
}

fn begin_at_zero() {
    for outcome in ["agrees", "differs", "unanswered"] {
        counter!("reconcile_orders_total", "outcome" => outcome).increment(0);
    }
    gauge!("reconcile_last_look_timestamp_seconds").set(0.0);
    // A saga never moves to pending: that is where it begins.
    for state in StateName::ALL.into_iter().filter(|state| *state != StateName::Pending) {
        counter!("sagas_moved_total", "state" => state.as_str()).increment(0);
    }
    for finding in ["done", "rejected", "tombstoned"] {
        counter!("saga_ambiguity_resolved_total", "finding" => finding).increment(0);
    }
    for by in ["version", "inventory"] {
        counter!("saga_fenced_writes_total", "by" => by).increment(0);
    }
    for change in ["opened", "half_opened", "closed", "isolated"] {
        counter!("circuit_breaker_changes_total", "service" => GUARDED, "change" => change)
            .increment(0);
    }
    counter!("saga_takeovers_total").increment(0);
    // a rate sees nothing of a series whose first number is not zero
    drop((histogram!("saga_takeover_seconds"), histogram!("saga_recovery_seconds")));
    gauge!("relay_drain_estimate_seconds").set(0.0);
}

pub(crate) fn breaker_state(state: BreakerState) {
    gauge!("circuit_breaker_state", "service" => GUARDED).set(f64::from(state.gauge()));
}

pub(crate) fn breaker_changed(change: &Change) {
    counter!("circuit_breaker_changes_total", "service" => GUARDED, "change" => change.name())
        .increment(1);
}

/// What the gate knows of itself, set when somebody looks.
pub(crate) fn show_gate(gate: &GateSnapshot) {
    let GateSnapshot { breaker, retries, retries_ready, .. } = gate;
    let ratio = breaker.counts.failed as f64 / breaker.counts.calls.max(1) as f64;
    gauge!("circuit_breaker_failure_ratio", "service" => GUARDED).set(ratio);
    gauge!("circuit_breaker_calls_in_flight", "service" => GUARDED)
        .set(f64::from(breaker.permits_in_flight));
    for (result, calls) in [
        ("answered", breaker.totals.answered),
        ("failed", breaker.totals.failed),
        ("slow", breaker.totals.slow),
        ("refused", breaker.totals.refused),
    ] {
        counter!("circuit_breaker_calls_total", "service" => GUARDED, "result" => result)
            .absolute(calls);
    }
    counter!("relay_first_tries_total").absolute(retries.first_tries);
    counter!("relay_retries_total").absolute(retries.granted);
    counter!("relay_retries_refused_total").absolute(retries.refused);
    gauge!("relay_retry_budget").set(f64::from(*retries_ready));
}

/// Counts updates that were stored: one look at the registry per state, not per saga.
pub(crate) fn moved<'u>(updates: impl Iterator<Item = &'u SagaUpdate>) {
    let mut counts = [0; StateName::ALL.len()];
    for update in updates {
        counts[update.saga.state.name() as usize] += 1;
    }
    for (state, count) in StateName::ALL.into_iter().zip(counts).filter(|(_, count)| *count > 0) {
        counter!("sagas_moved_total", "state" => state.as_str()).increment(count);
    }
}

pub(crate) fn call_ended(action: &'static str, outcome: &'static str, seconds: f64) {
    histogram!("saga_step_duration_seconds", "action" => action, "outcome" => outcome)
        .record(seconds);
}

/// An outcome of this call has been stored, and led to this state.
pub(crate) fn outcome_stored(call: &Call, state: State, stored: &StoredUpdate) {
    if call.taken_over {
        let seconds = seconds_between(call.last_moved_at, stored.updated_at);
        histogram!("saga_recovery_seconds").record(seconds);
    }
    if state.is_final() {
        let seconds = seconds_between(call.ordered_at, stored.updated_at);
        histogram!("saga_settle_seconds", "state" => state.name().as_str()).record(seconds);
    }
}

pub(crate) fn fenced(by: &'static str) {
    counter!("saga_fenced_writes_total", "by" => by).increment(1);
}

pub(crate) fn ambiguity_resolved(finding: &'static str) {
    counter!("saga_ambiguity_resolved_total", "finding" => finding).increment(1);
}

pub(crate) fn claimed(rows: u32) {
    histogram!("relay_claim_rows").record(f64::from(rows));
}

/// A saga came from a relay that fell silent.
pub(crate) fn taken_over(call: &Call, claimed: &StoredUpdate) {
    counter!("saga_takeovers_total").increment(1);
    let seconds = seconds_between(call.last_moved_at, claimed.updated_at);
    histogram!("saga_takeover_seconds").record(seconds);
}

pub(crate) fn in_flight(sagas: usize) {
    gauge!("relay_sagas_in_flight").set(sagas as f64);
}

pub(crate) fn drain_estimate(seconds: f64) {
    gauge!("relay_drain_estimate_seconds").set(seconds);
}

/// Drift that is known now.
pub(crate) fn drift(counts: &[(&'static str, usize)]) {
    for (kind, orders) in counts {
        gauge!("reconcile_drift", "kind" => *kind).set(*orders as f64);
    }
}

/// A finished order was compared.
pub(crate) fn compared(outcome: &'static str) {
    counter!("reconcile_orders_total", "outcome" => outcome).increment(1);
}

/// A round has ended that began then.
pub(crate) fn reconciled_at(time: DateTime<Utc>) {
    gauge!("reconcile_last_look_timestamp_seconds").set(time.timestamp() as f64);
}

/// Both times are the database's; its clock may have been set back between them.
fn seconds_between(from: DateTime<Utc>, to: DateTime<Utc>) -> f64 {
    (to - from).to_std().unwrap_or_default().as_secs_f64()
}
