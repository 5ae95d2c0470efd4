//! Faults that one statement in one database finds.
//!
//! One statement sees one snapshot, so all of these hold on a live system too, except the two that
//! are asked for only of a quiescent one.

use schema_inventory::consistency as inventory_consistency;
use schema_orders::consistency;
use sqlx::PgConnection;

use super::Phase;
use super::catalogue::named;
use super::report::{Finding, Findings, SAMPLE_MAX};

/// Enough for every item that a run has.
const IMBALANCES_MAX: i64 = 10_000;

const LIMIT: i64 = SAMPLE_MAX as i64;

pub(super) async fn check_orders(
    orders: &mut PgConnection,
    phase: Phase,
    findings: &mut Findings,
) -> sqlx::Result<()> {
    findings
        .add_all("key-without-order", consistency::find_keys_without_order(orders, LIMIT).await?);
    findings
        .add_all("order-without-key", consistency::find_orders_without_key(orders, LIMIT).await?);
    let faults = consistency::find_keys_with_many_orders(orders, LIMIT).await?;
    findings.add_all("two-orders-for-one-key", faults);
    let faults = consistency::find_orders_with_many_keys(orders, LIMIT).await?;
    findings.add_all("two-keys-for-one-order", faults);
    let faults = consistency::find_unfinished_without_message(orders, LIMIT).await?;
    findings.add_all("unfinished-without-message", faults);
    let faults = consistency::find_finished_with_message(orders, LIMIT).await?;
    findings.add_all("message-of-a-finished-saga", faults);
    let faults = consistency::find_messages_without_order(orders, LIMIT).await?;
    findings.add_all("message-without-order", faults);
    findings
        .add_all("order-without-saga", consistency::find_orders_without_saga(orders, LIMIT).await?);
    findings
        .add_all("saga-without-order", consistency::find_sagas_without_order(orders, LIMIT).await?);
    findings
        .add_all("reservation-shared", consistency::find_shared_reservations(orders, LIMIT).await?);
    if phase == Phase::Quiescent {
        findings.add_all("unfinished", consistency::find_unfinished(orders, LIMIT).await?);
        findings.add_all("outbox-not-empty", consistency::find_messages_left(orders, LIMIT).await?);
    }
    Ok(())
}

pub(super) async fn check_inventory(
    inventory: &mut PgConnection,
    findings: &mut Findings,
) -> sqlx::Result<()> {
    for item in inventory_consistency::find_imbalances(inventory, IMBALANCES_MAX).await? {
        for (fault, detail) in imbalances(&item) {
            let (order_id, item_id) = (None, Some(item.item_id.clone()));
            findings.push(Finding { check: named(fault), order_id, item_id, detail });
        }
    }
    let misbooked = inventory_consistency::find_misbookings(inventory, LIMIT).await?;
    let total = misbooked.first().map_or(0, |first| first.total);
    findings.add_beyond_sample("booked-wrongly", total - misbooked.len() as i64);
    for fault in misbooked {
        let detail = format!("reservation {} {}", fault.reservation_id, fault.detail);
        let (order_id, item_id) = (fault.order_id, Some(fault.item_id));
        findings.push(Finding { check: named("booked-wrongly"), order_id, item_id, detail });
    }
    Ok(())
}

/// What is wrong with an item whose books do not balance.
fn imbalances(item: &inventory_consistency::Imbalance) -> Vec<(&'static str, String)> {
    let inventory_consistency::Imbalance { on_hand, reserved, held, committed, adjusted, .. } =
        *item;
    let (ledger_on_hand, ledger_reserved) = (item.ledger_on_hand, item.ledger_reserved);
    let mut faults = Vec::new();
    if on_hand < 0 || reserved < 0 || reserved > on_hand {
        faults.push(("stock-out-of-bounds", format!("on hand {on_hand}, reserved {reserved}")));
    }
    if on_hand != ledger_on_hand || reserved != ledger_reserved {
        let detail = format!(
            "on hand {on_hand} and reserved {reserved}, by the ledger {ledger_on_hand} and {ledger_reserved}"
        );
        faults.push(("stock-differs-from-ledger", detail));
    }
    if reserved != held {
        faults.push(("reserved-differs-from-held", format!("reserved {reserved}, held {held}")));
    }
    if adjusted != on_hand + committed {
        let detail = format!("put in {adjusted}, on hand {on_hand}, committed {committed}");
        faults.push(("on-hand-differs-from-committed", detail));
    }
    faults
}
