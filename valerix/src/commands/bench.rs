//! `valerix bench`: one workload or all of them, each measured on a stack of its own.

use anyhow::ensure;
use trials::bench::{self, Options, Report, Workload};

use crate::output;

pub(crate) async fn run(options: Options) -> anyhow::Result<()> {
    let as_json = options.prints_json();
    if options.workload == Workload::All {
        return run_all(options, as_json).await;
    }
    let report = bench::run(options).await?;
    output::print(&if as_json { format!("{:#}\n", report.to_json()) } else { report.to_string() });
    ensure!(report.is_correct(), "an invariant is broken, so the figures mean nothing");
    Ok(())
}

/// Each report as it comes, then the table of all: whatever ends this early, what was measured is told.
async fn run_all(options: Options, as_json: bool) -> anyhow::Result<()> {
    let told = |workload: Workload, report: &Result<Report, String>| match report {
        _ if as_json => {}
        Ok(report) => output::print(&format!("{report}\n")),
        Err(error) => output::print(&format!("{}\nnot measured: {error}\n\n", workload.title())),
    };
    let suite = bench::run_all(options, told).await;
    output::print(&if as_json { format!("{:#}\n", suite.to_json()) } else { suite.to_string() });
    ensure!(suite.is_correct(), "something was not measured, or an invariant is broken");
    Ok(())
}
