//! `valerix bench`: one workload, measured on a stack of its own.

use anyhow::ensure;
use simulations::bench::{self, Options};

use crate::output;

pub(crate) async fn run(options: Options) -> anyhow::Result<()> {
    let as_json = options.json;
    let report = bench::run(options).await?;
    output::print(&if as_json { format!("{:#}\n", report.to_json()) } else { report.to_string() });
    ensure!(report.is_correct(), "an invariant is broken, so the figures mean nothing");
    Ok(())
}
