//! `valerix audit`: who did what to which order, why, and what came of it.

use clap::Args;

use super::http::{Of, Remote};
use super::page::collect;
use super::print::{self, Column};

const COLUMNS: [Column; 7] = [
    ("at", "/at"),
    ("who", "/actor"),
    ("what", "/type"),
    ("order", "/order_id"),
    ("reason", "/reason"),
    ("result", "/result"),
    ("outcome", "/outcome/state"),
];

/// Which entries.
#[derive(Args, Clone, Debug)]
pub(crate) struct Audit {
    /// Only entries about this order.
    #[arg(long)]
    order: Option<String>,
    /// Only entries of this person.
    #[arg(long)]
    by: Option<String>,
    /// Only entries of this kind: retry, cancel, resolve, note, bulk, breaker, reconcile.
    #[arg(long)]
    kind: Option<String>,
    /// Maximum entries.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    limit: u16,
    #[command(flatten)]
    remote: Remote,
}

pub(super) async fn run(asked: Audit) -> anyhow::Result<()> {
    let Audit { order, by, kind, limit, remote } = asked;
    let filters = [("order_id", order), ("actor", by), ("type", kind)];
    let items = collect(&remote, Of::Orders, "/api/audit", &filters, usize::from(limit)).await?;
    print::items(&remote, &items, &COLUMNS);
    Ok(())
}
