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
    let reason = asked.reason.unwrap_or_else(|| "valerix reconcile --repair".to_owned());
    let repairer = Repairer { actor: asked.actor, reason };
    let mode = match (asked.repair, asked.accept.is_empty()) {
        (true, _) => Mode::Repair {
            repairer,
            most: asked.most,
            releases_for_nobody: asked.release_for_nobody,
        },
        (false, false) => {
            Mode::Accept { repairer, reservation_ids: asked.accept.into_iter().collect() }
        }
        (false, true) => Mode::Report,
    };
    Ok(reconcile::run(&subject, &mode).await?)
}
