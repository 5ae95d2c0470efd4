//! Streams every journal once, and hands each saga's rows to its replay.

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::TryStreamExt;
use saga::StateName;
use schema_orders::consistency::{StoredSaga, now, stream_journal};
use sqlx::PgConnection;
use uuid::Uuid;

use super::Settling;
use super::journal_replay::{Replay, Replayed};
use super::report::{Counts, Findings};

pub(super) async fn check(
    orders: &mut PgConnection,
    settling: Option<Settling>,
    counts: &mut Counts,
    findings: &mut Findings,
) -> sqlx::Result<()> {
    let now = now(orders).await?;
    let mut rows = stream_journal(orders);
    let mut current: Option<(Uuid, StoredSaga, Replay)> = None;
    while let Some(row) = rows.try_next().await? {
        counts.steps += 1;
        if current.as_ref().is_none_or(|(order_id, ..)| *order_id != row.order_id) {
            if let Some(done) = current.take() {
                end(done, settling, now, counts, findings);
            }
            current = Some((row.order_id, row.stored.clone(), Replay::new(row.order_id)));
        }
        let (.., replay) = current.as_mut().expect("it was just set");
        replay.apply(&row, findings);
    }
    if let Some(done) = current {
        end(done, settling, now, counts, findings);
    }
    Ok(())
}

fn end(
    (order_id, stored, replay): (Uuid, StoredSaga, Replay),
    settling: Option<Settling>,
    now: DateTime<Utc>,
    counts: &mut Counts,
    findings: &mut Findings,
) {
    count_state(&stored.columns.state, counts);
    let replayed = replay.finish(&stored, findings);
    counts.calls += replayed.calls;
    counts.first_tries += replayed.first_tries;
    counts.answered_retries += replayed.answered_retries;
    if let Some(settling) = settling {
        check_settled(order_id, &stored, &replayed, settling, now, findings);
    }
}

fn count_state(state: &str, counts: &mut Counts) {
    counts.sagas += 1;
    *match StateName::parse(state) {
        Some(StateName::Confirmed) => &mut counts.confirmed,
        Some(StateName::Failed) => &mut counts.failed,
        Some(StateName::Cancelled) => &mut counts.cancelled,
        Some(StateName::Parked) => &mut counts.parked,
        Some(
            StateName::Pending | StateName::Reserving | StateName::Queued | StateName::Releasing,
        )
        | None => &mut counts.unfinished,
    } += 1;
}

/// I11: from the last fault, or from its own creation, an order has so long and no longer.
fn check_settled(
    order_id: Uuid,
    stored: &StoredSaga,
    replayed: &Replayed,
    settling: Settling,
    now: DateTime<Utc>,
    findings: &mut Findings,
) {
    let has_ended = StateName::parse(&stored.columns.state).is_some_and(StateName::needs_no_relay);
    let ended_at = if has_ended { replayed.last_at } else { now };
    let began_at = replayed.created_at.max(settling.faults_ended_at);
    let within = TimeDelta::from_std(settling.within).unwrap_or(TimeDelta::MAX);
    let took = ended_at - began_at;
    if took > within {
        let detail = format!(
            "{} after {:.1} s, where {:.1} s is the bound",
            stored.columns.state,
            took.as_seconds_f64(),
            settling.within.as_secs_f64(),
        );
        findings.add("settled-too-late", Some(order_id), detail);
    }
}
