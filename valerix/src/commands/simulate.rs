//! `valerix simulate`: try to break it, and check that nothing was lost.

use anyhow::ensure;
use checker::{self, Evidence, Phase, Subject};
use clap::ValueEnum;
use trials::crash::{self, Options, Scenario};

use crate::cli::Check;
use crate::databases::{INVENTORY, ORDERS};
use crate::output;

/// `valerix simulate list`.
pub(crate) fn list() {
    for scenario in Scenario::value_variants() {
        let value = scenario.to_possible_value().expect("no scenario is hidden");
        let help = value.get_help().map(ToString::to_string).unwrap_or_default();
        output::print(&format!("{:<24} {help}\n", value.get_name()));
    }
}

/// `valerix simulate run`: one scenario against real processes.
pub(crate) async fn run(options: &Options) -> anyhow::Result<()> {
    let outcome = crash::run(options).await?;
    let text =
        if options.json { format!("{:#}\n", outcome.to_json()) } else { outcome.to_string() };
    output::print(&text);
    let again = outcome.command_line();
    ensure!(outcome.is_clean(), "something is wrong; repeat it with: {again}");
    Ok(())
}

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
