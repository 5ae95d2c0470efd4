//! The work W1 to W11, measured on a stack of its own against what its Postgres can do at all.
//!
//! Absolute figures drift from machine to machine and from run to run, so each measurement stands between
//! two of the reference: the same row writes by pgbench, without any service. The load comes from one
//! thread of this process, whose share is told. It ends with the invariant checker: a fast wrong run is a
//! failed run. Start at [`run`], then `workloads`; all of them in a row are `suite`.

mod half_rate;
mod idle;
mod options;
mod outage;
mod past;
mod plot;
mod progress;
mod reference;
mod report;
mod row;
mod sampler;
mod session;
mod shape;
mod start_up;
mod suite;
mod workload;
mod workloads;

use std::path::Path;

use anyhow::Context;

pub use options::{LayoutChoice, Options};
pub use reference::Limit;
pub use report::{Goal, Report};
pub use row::{Point, Row};
pub use suite::{Suite, run_all};
pub use workload::Workload;

use session::Session;

/// Runs one workload to its end.
///
/// # Errors
/// Where nothing could be measured. A measurement that breaks an invariant is in the report.
pub async fn run(options: Options) -> anyhow::Result<Report> {
    let directory = options.stack.directory("valerix-bench-")?;
    let binary = options.stack.binary()?;
    let mut report = Report::new(&options);
    if options.workload == Workload::W10 {
        start_up::measure(&binary, directory.path(), &options, &mut report).await?;
    } else {
        let mut session = Session::start(&options, binary, directory.path()).await?;
        workloads::measure(&mut session, &options, &mut report).await?;
        session.finish(&mut report).await?;
    }
    if options.stack.keep {
        report.kept = Some(directory.keep());
    }
    if let Some(svg) = &options.svg {
        write(svg, &plot::svg(&report))?;
    }
    if let Some(directory) = options.directory() {
        let name = options.workload.name();
        write(&directory.join(format!("{name}.json")), &format!("{:#}\n", report.to_json()))?;
        write(&directory.join(format!("{name}.svg")), &plot::svg(&report))?;
    }
    Ok(report)
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let says = || format!("{} cannot be written", path.display());
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory).with_context(says)?;
    }
    std::fs::write(path, text).with_context(says)
}
