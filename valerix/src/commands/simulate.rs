//! `valerix simulate`: try to break it, and check that nothing was lost.

use anyhow::ensure;
use simulations::checker::{self, Evidence, Phase, Subject};

use crate::cli::Check;
use crate::databases::{INVENTORY, ORDERS};
use crate::output;

/// `valerix simulate check`: the invariants, as far as two databases alone can tell.
pub(crate) async fn check(asked: &Check) -> anyhow::Result<()> {
    let subject = Subject {
        orders_url: ORDERS.required(asked.databases.orders.url.as_deref())?,
        inventory_url: INVENTORY.required(asked.databases.inventory.url.as_deref())?,
    };
    let phase = if asked.live { Phase::Live } else { Phase::Quiescent };
    let report = checker::check(&subject, phase, &Evidence::default()).await?;
    let text = if asked.json { format!("{:#}\n", report.to_json()) } else { report.to_string() };
    output::print(&text);
    ensure!(report.is_clean(), "an invariant is broken");
    Ok(())
}
