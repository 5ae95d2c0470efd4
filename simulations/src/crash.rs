//! Real processes on a real Postgres, killed, frozen, restarted and cut off while orders are placed.
//!
//! A scenario says which processes there are and what is done to them; the seed says when and to whom.
//! Clients behave as good clients do (the same key again after a lost answer), and a share of them does
//! not. When the orders are placed or the time is over, everything is healed, and must come to rest within
//! a bound; then the invariants are checked against both databases and against what every client was
//! told. Start at [`run`], then `runner`.

mod fault;
mod nemesis;
mod options;
mod page;
mod proxy;
mod recovery;
mod report;
mod runner;
mod scenario;

use std::path::Path;

use anyhow::Context;

pub use fault::{Fault, Kind, Target};
pub use options::Options;
pub use proxy::{Proxy, Rule};
pub use report::{Affected, FaultRecord, Report};
pub use scenario::Scenario;

/// Runs one scenario to its end.
///
/// # Errors
/// Where the run itself failed. An invariant that is broken is in the report.
pub async fn run(options: &Options) -> anyhow::Result<Report> {
    let directory =
        tempfile::Builder::new().prefix("valerix-simulate-").tempdir_in(options.room())?;
    // The server's user must get through to what is its own.
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o711);
    std::fs::set_permissions(directory.path(), open)?;
    let mut report = runner::run(options, directory.path()).await?;
    if options.keep || !report.is_clean() {
        report.kept = Some(directory.keep());
    }
    if let Some(path) = &options.report {
        write(&path.with_extension("json"), &format!("{:#}\n", report.to_json()))?;
        write(&path.with_extension("html"), &page::html(&report))?;
    }
    Ok(report)
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    std::fs::write(path, text).with_context(|| format!("{} cannot be written", path.display()))
}
