//! What clients were told beside what is stored (I1, I9).

use std::collections::HashSet;

use futures_util::TryStreamExt;
use saga::StateName;
use schema_orders::consistency::{KeyedOrder, find_retried, find_stored, stream_keyed_orders};
use sqlx::PgConnection;
use uuid::Uuid;

use super::report::{Counts, Findings};
use crate::ledger::{Entry, Ledger, Outcome};

/// Orders asked for in one statement at most.
const CHUNK: usize = 10_000;

pub(super) async fn check(
    orders: &mut PgConnection,
    ledger: &Ledger,
    counts: &mut Counts,
    findings: &mut Findings,
) -> sqlx::Result<()> {
    counts.answers += ledger.entries().len() as u64;
    for conflict in ledger.conflicts() {
        let order_id = ledger.index_of(&conflict.key).map(|index| ledger.entries()[index].order_id);
        let detail = format!("key {}: {}", conflict.key, conflict.what);
        findings.add("answers-disagree", order_id.filter(|id| !id.is_nil()), detail);
    }
    let mut seen = vec![false; ledger.entries().len()];
    let mut seen_failed = Vec::new();
    let prefix = ledger.prefix();
    let mut keys = stream_keyed_orders(orders, &prefix);
    while let Some(stored) = keys.try_next().await? {
        let Some(index) = ledger.index_of(&stored.key) else { continue };
        seen[index] = true;
        compare(&ledger.entries()[index], stored, &mut seen_failed, findings);
    }
    drop(keys);
    check_seen_failed(orders, seen_failed, findings).await?;
    check_unseen(orders, ledger, &seen, findings).await
}

/// An order that was seen failed, and is not now.
struct Revived {
    order_id: Uuid,
    detail: String,
}

fn compare(
    told: &Entry,
    stored: KeyedOrder,
    seen_failed: &mut Vec<Revived>,
    findings: &mut Findings,
) {
    let KeyedOrder { key, order_id, state } = stored;
    let state = state.as_deref().unwrap_or("absent");
    if told.outcome == Outcome::Refused {
        let detail = format!("key {key} was answered {}", told.status);
        findings.add("refused-order-exists", Some(order_id), detail);
    }
    if told.outcome.is_acknowledged() && told.order_id != order_id {
        let detail = format!("key {key} was answered with order {}", told.order_id);
        findings.add("answer-names-another-order", Some(order_id), detail);
    }
    let expected = match told.outcome {
        Outcome::Confirmed => StateName::Confirmed.as_str(),
        Outcome::Failed => StateName::Failed.as_str(),
        Outcome::Cancelled => StateName::Cancelled.as_str(),
        Outcome::Unknown | Outcome::Accepted | Outcome::Refused => return,
    };
    if state != expected {
        let detail = format!("key {key} was told {expected}, the saga is {state}");
        if told.outcome == Outcome::Failed {
            seen_failed.push(Revived { order_id, detail });
        } else {
            findings.add("answer-contradicts-order", Some(order_id), detail);
        }
    }
}

/// What failed may stand otherwise only where staff has retried it.
async fn check_seen_failed(
    orders: &mut PgConnection,
    seen_failed: Vec<Revived>,
    findings: &mut Findings,
) -> sqlx::Result<()> {
    for chunk in seen_failed.chunks(CHUNK) {
        let ids: Vec<Uuid> = chunk.iter().map(|revived| revived.order_id).collect();
        let retried: HashSet<Uuid> = find_retried(orders, &ids).await?.into_iter().collect();
        for Revived { order_id, detail } in chunk {
            if !retried.contains(order_id) {
                findings.add("answer-contradicts-order", Some(*order_id), detail.clone());
            }
        }
    }
    Ok(())
}

/// An acknowledged order must be there, unless retention has removed it.
async fn check_unseen(
    orders: &mut PgConnection,
    ledger: &Ledger,
    seen: &[bool],
    findings: &mut Findings,
) -> sqlx::Result<()> {
    let unseen: Vec<usize> = (0..seen.len())
        .filter(|index| !seen[*index] && ledger.entries()[*index].outcome.is_acknowledged())
        .collect();
    if unseen.is_empty() {
        return Ok(());
    }
    let removed_below = schema_orders::retention::find_removed_below(orders).await?;
    for chunk in unseen.chunks(CHUNK) {
        let ids: Vec<Uuid> = chunk.iter().map(|index| ledger.entries()[*index].order_id).collect();
        let stored: HashSet<Uuid> = find_stored(orders, &ids).await?.into_iter().collect();
        for index in chunk {
            let told = &ledger.entries()[*index];
            if !stored.contains(&told.order_id) && told.order_id >= removed_below {
                let key = ledger.key(*index);
                let detail = format!("key {key} was answered {}, {:?}", told.status, told.outcome);
                findings.add("acknowledged-order-missing", Some(told.order_id), detail);
            }
        }
    }
    Ok(())
}
