//! `valerix health`

use serde_json::Value;

use super::http::{CallError, Of, Remote};
use super::print;
use crate::output;

/// Asks for everything that finishes an order; ends with exit code 5 where something is not well.
pub(super) async fn run(remote: &Remote) -> anyhow::Result<()> {
    let (is_well, report) = remote.get(Of::Orders, "/health/deep")?.send_for_health().await?;
    print::one(remote, &report, &[("status", "/status")]);
    if remote.output == super::http::Output::Table {
        for (name, service) in report["services"].as_object().into_iter().flatten() {
            let part = |name: &str| service[name].as_str().unwrap_or_default();
            output::print(&format!("  {name}: {} {}\n", part("status"), part("detail")));
        }
    }
    if is_well {
        return Ok(());
    }
    let status = report.get("status").and_then(Value::as_str).unwrap_or("unhealthy");
    Err(CallError::Unavailable(format!("the system is {status}")).into())
}
