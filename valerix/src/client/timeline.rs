//! `valerix sagas timeline`: what happened to an order, drawn. The service draws, this prints or keeps it.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;

use super::http::{Of, Output, Remote};
use super::page::encoded;
use super::print;
use crate::output;

/// Which saga, and where to.
#[derive(Args, Clone, Debug)]
pub(crate) struct Timeline {
    /// The order's id.
    id: String,
    /// Write an SVG picture into this file instead.
    #[arg(long)]
    svg: Option<PathBuf>,
    #[command(flatten)]
    remote: Remote,
}

pub(super) async fn run(asked: Timeline) -> anyhow::Result<()> {
    let Timeline { id, svg, remote } = asked;
    let call = remote.get(Of::Orders, &format!("/api/sagas/{}/timeline", encoded(&id)))?;
    if let Some(path) = svg {
        let picture = call.header("Accept", "image/svg+xml").send_for_text().await?;
        return std::fs::write(&path, picture)
            .with_context(|| format!("{} cannot be written", path.display()));
    }
    match remote.output {
        Output::Table => {
            output::print(&call.header("Accept", "text/plain").send_for_text().await?);
        }
        Output::Json | Output::Ndjson => print::one(&remote, &call.send().await?, &[]),
    }
    Ok(())
}
