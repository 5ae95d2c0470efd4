//! `valerix reconcile`: whether both databases agree about stock, and putting right what needs no guess.

use anyhow::{Context, ensure};
use checker::Subject;
use checker::reconcile::{self, Mode, Repairer};

use crate::cli::Reconcile;
use crate::databases::{INVENTORY, ORDERS};
use crate::errors::Unanswered;
use crate::output;

pub(crate) async fn run(asked: Reconcile) -> anyhow::Result<()> {
    let as_json = asked.json;
    let report = compare(asked).await.context(Unanswered)?;
    let text =
        if as_json { serde_json::to_string_pretty(&report)? + "\n" } else { report.to_string() };
    output::print(&text);
    ensure!(report.is_clean(), "the databases do not agree");
    Ok(())
}

async fn compare(asked: Reconcile) -> anyhow::Result<reconcile::Report> {
    let subject = Subject {
        orders_url: ORDERS.required(asked.databases.orders.url.as_deref())?,
        inventory_url: INVENTORY.required(asked.databases.inventory.url.as_deref())?,
    };
    let mode = if asked.repair {
        Mode::Repair(Repairer { actor: asked.actor, reason: asked.reason })
    } else {
        Mode::Report
    };
    Ok(reconcile::run(&subject, &mode).await?)
}
