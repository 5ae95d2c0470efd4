//! Whether what is removed, in both databases, agrees with how long orders live.

use anyhow::bail;

use crate::cli::Up;

const DAY_MS: i64 = 86_400_000;

/// Inventory answers a first reserve as released where it may have removed the reservation's tombstone. So it must not
/// remove anything that is younger than an order may become.
pub(crate) fn check(up: &Up) -> anyhow::Result<()> {
    let (orders, inventory) = (up.relay.order_retention_days, up.inventory_api.retention_days);
    if inventory > 0 && (orders == 0 || inventory < orders) {
        bail!(
            "INVENTORY_RETENTION_DAYS ({inventory}) is shorter than ORDER_RETENTION_DAYS ({orders}; 0 is for ever): make it \
             longer"
        );
    }
    // A day for what is on its way when the deadline passes, and for clocks.
    let lives_days = up.order_api.deadline_ms.div_euclid(DAY_MS) + 2;
    if inventory > 0 && i64::from(inventory) < lives_days {
        bail!(
            "INVENTORY_RETENTION_DAYS ({inventory}) is shorter than an order may wait (ORDER_API_DEADLINE_MS, and a day): orders \
             that wait would be refused for their age; set it to at least {lives_days}"
        );
    }
    Ok(())
}
