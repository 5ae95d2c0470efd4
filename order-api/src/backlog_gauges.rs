//! Gauges of the backlog: unfinished sagas by state, and the relays that work on them. Each scrape of
//! `/metrics` starts a read of the database, whose result the next scrape shows. Without scrapes nothing is
//! read, and a database that does not answer never delays a scrape.
//!
//! This service shows them, not a relay: when all relays are gone, they must still be shown.

use std::sync::Arc;

use metrics::{Unit, describe_gauge, gauge};
use saga::StateName;
use schema_orders::backlog::{BacklogCount, WorkList, count_backlog, read_work_list};
use schema_pg::{Db, DbError, describe_metrics, show_pool, show_vitals};
use tokio::sync::Notify;

use crate::config::RELAY_SILENT_MAX_S;

const SERVICE: &str = "order-api";
const DATABASE: &str = "orders";
/// A state of a newer version is counted as this.
const OTHER: &str = "other";
const QUEUE_REASONS: [&str; 4] = ["breaker_open", "backoff", "throttled", "other"];
const PARK_REASONS: [&str; 4] =
    ["contract_error", "poison_message", "release_keeps_failing", "other"];

/// Starts a read of the backlog.
#[derive(Clone, Default)]
pub(crate) struct BacklogGauges(Arc<Notify>);

pub(crate) fn describe() {
    describe_metrics();
    describe_gauge!("sagas", "sagas that have not ended, by state");
    describe_gauge!(
        "sagas_in_doubt",
        "of these, those whose last call's outcome is unknown, by state"
    );
    describe_gauge!("sagas_queued", "queued sagas, by reason");
    describe_gauge!("sagas_parked", "parked sagas, by reason: each needs a person");
    describe_gauge!(
        "saga_oldest_age_seconds",
        Unit::Seconds,
        "since the oldest saga in this state was ordered (parked: was parked); 0 without one"
    );
    describe_gauge!("outbox_depth", "unfinished sagas that are not parked");
    describe_gauge!("outbox_waiting", "of these, waiting for a time that is still to come");
    describe_gauge!("outbox_held", "of these, held by a relay");
    describe_gauge!(
        "outbox_oldest_age_seconds",
        Unit::Seconds,
        "since the oldest of these was ordered; 0 without one"
    );
    describe_gauge!(
        "outbox_overdue_seconds",
        Unit::Seconds,
        "for which the longest overdue of these has waited for a relay to claim it; 0 without one"
    );
    describe_gauge!("relays", "relays on the list, by whether they give signs of life");
}

impl BacklogGauges {
    /// Somebody is reading the metrics.
    pub(crate) fn look_again(&self) {
        self.0.notify_one();
    }

    /// One read at a time, however many look.
    pub(crate) async fn show_when_asked(self, db: Db) {
        loop {
            self.0.notified().await;
            show_pool(&db, SERVICE);
            show_vitals(&db, DATABASE).await;
            match read(&db).await {
                Ok((counts, list)) => {
                    show_counts(&counts);
                    show_work_list(&list);
                }
                Err(error) => tracing::debug!(%error, "the backlog could not be read"),
            }
        }
    }
}

async fn read(db: &Db) -> Result<(Vec<BacklogCount>, WorkList), DbError> {
    let silent_ms = (RELAY_SILENT_MAX_S * 1_000.0) as i64;
    let counts = db.read(|connection| Box::pin(count_backlog(connection))).await?;
    let list = db.read(move |connection| Box::pin(read_work_list(connection, silent_ms))).await?;
    Ok((counts, list))
}

/// Every state is set each time: one that nobody is in any more must not keep its last number.
fn show_counts(counts: &[BacklogCount]) {
    let unfinished = StateName::ALL.into_iter().filter(|name| !name.is_final());
    let states: Vec<&str> = unfinished.map(StateName::as_str).chain([OTHER]).collect();
    for &state in &states {
        let here = || counts.iter().filter(|s| known(&states, Some(&s.state)) == state);
        gauge!("sagas", "state" => state).set(total(here(), |s| s.sagas));
        gauge!("sagas_in_doubt", "state" => state).set(total(here(), |s| s.in_doubt));
        let oldest_s = here().map(|s| s.oldest_age_s).fold(0.0, f64::max);
        gauge!("saga_oldest_age_seconds", "state" => state).set(oldest_s);
    }
    show_reasons("sagas_queued", StateName::Queued.as_str(), &QUEUE_REASONS, counts);
    show_reasons("sagas_parked", StateName::Parked.as_str(), &PARK_REASONS, counts);
}

fn show_reasons(
    name: &'static str,
    state: &'static str,
    reasons: &[&'static str],
    counts: &[BacklogCount],
) {
    for reason in reasons.iter().copied() {
        let here = counts
            .iter()
            .filter(|s| s.state == state && known(reasons, s.reason.as_deref()) == reason);
        gauge!(name, "reason" => reason).set(total(here, |s| s.sagas));
    }
}

fn show_work_list(list: &WorkList) {
    gauge!("outbox_depth").set(list.messages as f64);
    gauge!("outbox_waiting").set(list.waiting as f64);
    gauge!("outbox_held").set(list.held as f64);
    gauge!("outbox_oldest_age_seconds").set(list.oldest_age_s);
    gauge!("outbox_overdue_seconds").set(list.overdue_s);
    gauge!("relays", "state" => "alive").set(list.relays_alive as f64);
    gauge!("relays", "state" => "silent").set(list.relays_silent as f64);
}

/// Labels are bounded: what is not in the list is its last word, `other`.
fn known<'k>(words: &[&'k str], word: Option<&str>) -> &'k str {
    let found = words.iter().find(|known| Some(**known) == word);
    found.or(words.last()).copied().unwrap_or("other")
}

fn total<'s>(counts: impl Iterator<Item = &'s BacklogCount>, of: fn(&BacklogCount) -> i64) -> f64 {
    counts.map(of).sum::<i64>() as f64
}
