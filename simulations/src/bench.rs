//! The work W1 to W11, measured on a stack of its own against what its Postgres can do at all.
//!
//! Absolute figures drift from machine to machine and from run to run, so each measurement stands between
//! two of the reference: the same row writes by pgbench, without any service. The load comes from one
//! thread of this process, whose share is told. It ends with the invariant checker: a fast wrong run is a
//! failed run. Start at [`run`], then `workloads`.

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
mod workload;
mod workloads;

use std::path::PathBuf;

use anyhow::Context;

pub(crate) use options::name_and_value;
pub use options::{LayoutChoice, Options};
pub use reference::Limit;
pub use report::{Goal, Report};
pub use row::{Point, Row};
pub use workload::Workload;

use session::Session;

/// Runs one workload to its end.
///
/// # Errors
/// Where nothing could be measured. A measurement that breaks an invariant is in the report.
pub async fn run(options: Options) -> anyhow::Result<Report> {
    let directory = tempfile::Builder::new().prefix("valerix-bench-").tempdir_in(options.room())?;
    // The server's user must get through to what is its own.
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o711);
    std::fs::set_permissions(directory.path(), open)?;
    let binary = options.binary()?;
    let mut report = Report::new(&options);
    if options.workload == Workload::W10 {
        start_up::measure(&binary, directory.path(), &options, &mut report).await?;
    } else {
        let mut session = Session::start(&options, binary, directory.path()).await?;
        workloads::measure(&mut session, &options, &mut report).await?;
        session.finish(&mut report).await?;
    }
    if options.keep {
        report.kept = Some(directory.keep());
    }
    if let Some(svg) = &options.svg {
        write_svg(svg, &report)?;
    }
    Ok(report)
}

fn write_svg(path: &PathBuf, report: &Report) -> anyhow::Result<()> {
    let says = || format!("{} cannot be written", path.display());
    std::fs::write(path, plot::svg(report)).with_context(says)
}
