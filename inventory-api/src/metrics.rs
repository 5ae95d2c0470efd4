//! What the inventory service counts, under the names of the reference API where it has one.

use schema_inventory::Answer;
use schema_inventory::decide::{Kind, Movement};
use schema_pg::describe_metrics;

/// Everything the gremlin can do to a call.
const CHAOS: [&str; 9] = [
    "latency",
    "crash_500",
    "crash_503",
    "crash_cut",
    "crash_exit",
    "lost_500",
    "lost_cut",
    "lost_exit",
    "marked_order",
];

/// Says what each series means, and begins counting at zero: a counter that is not there until
/// something happens cannot be told from one that nobody exports.
pub(crate) fn describe() {
    describe_metrics();
    begin_at_zero();
    metrics::describe_counter!(
        "inventory_transactions_total",
        "movements of stock, by kind: reserve, release, commit"
    );
    metrics::describe_gauge!(
        "inventory_stock_level",
        "stock by item and kind: on_hand, reserved, available; of the first hundred items, as of the \
         look before"
    );
    metrics::describe_gauge!("inventory_chaos_enabled", "1 while the gremlin is on");
    metrics::describe_counter!(
        "inventory_chaos_events_total",
        "what the gremlin did to calls, by kind"
    );
    metrics::describe_counter!(
        "inventory_answers_total",
        "decided reservation calls, by answer; stale_epoch counts fenced writes, tombstoned late reserves"
    );
}

fn begin_at_zero() {
    for kind in CHAOS {
        metrics::counter!("inventory_chaos_events_total", "kind" => kind).increment(0);
    }
    for kind in [Kind::Reserve, Kind::Release, Kind::Commit] {
        metrics::counter!("inventory_transactions_total", "kind" => kind.as_str()).increment(0);
    }
    for answer in ["done", "rejected", "tombstoned", "stale_epoch"] {
        metrics::counter!("inventory_answers_total", "answer" => answer).increment(0);
    }
}

/// `kind` is one of a few fixed words.
pub(crate) fn count_chaos(kind: &'static str) {
    metrics::counter!("inventory_chaos_events_total", "kind" => kind).increment(1);
}

pub(crate) fn show_chaos(is_on: bool) {
    metrics::gauge!("inventory_chaos_enabled").set(f64::from(u8::from(is_on)));
}

pub(crate) fn count_movements(movements: &[Movement]) {
    for kind in [Kind::Reserve, Kind::Release, Kind::Commit] {
        let count = movements.iter().filter(|movement| movement.kind == kind).count();
        if count > 0 {
            metrics::counter!("inventory_transactions_total", "kind" => kind.as_str())
                .increment(count as u64);
        }
    }
}

pub(crate) fn count_answer(answer: &Answer) {
    let answer = match answer {
        Answer::Done(_) => "done",
        Answer::Rejected(_) => "rejected",
        Answer::Tombstoned => "tombstoned",
        Answer::StaleEpoch { .. } => "stale_epoch",
        Answer::Mismatch => "mismatch",
        Answer::AlreadyCommitted => "already_committed",
        Answer::Unknown => "unknown",
    };
    metrics::counter!("inventory_answers_total", "answer" => answer).increment(1);
}
