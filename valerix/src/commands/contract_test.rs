//! `valerix contract-test`: whether an inventory service of your own keeps the contract.

use anyhow::ensure;
use checker::contract::{self, Options};

use crate::output;

/// Runs all checks and fails when one did.
pub(crate) async fn run(options: &Options) -> anyhow::Result<()> {
    let report = contract::run(options).await?;
    let text = if options.json {
        serde_json::to_string_pretty(&report)? + "\n"
    } else {
        report.to_string()
    };
    output::print(&text);
    ensure!(report.is_kept(), "the contract is broken");
    Ok(())
}
