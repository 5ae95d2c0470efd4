//! `valerix stock …`

use clap::{Args, Subcommand};
use serde_json::json;

use super::http::{Of, Remote};
use super::page::{collect, encoded};
use super::print::{self, Column};

const COLUMNS: [Column; 5] = [
    ("item", "/item_id"),
    ("name", "/item_name"),
    ("on hand", "/quantity"),
    ("reserved", "/reserved_quantity"),
    ("available", "/available"),
];

/// What can be done with stock.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Stock {
    /// List all items
    List {
        /// Only items that run low
        #[arg(long)]
        low: bool,
        #[command(flatten)]
        remote: Remote,
    },
    /// Show one item
    Show {
        /// The item's id
        item: String,
        #[command(flatten)]
        remote: Remote,
    },
    /// Set the stock on hand; creates a new item
    Set(Change),
    /// Add pieces, or remove some with a negative number
    Add(Change),
}

/// A change of stock.
#[derive(Args, Clone, Debug)]
pub(crate) struct Change {
    /// The item's id
    item: String,
    /// Pieces
    #[arg(allow_negative_numbers = true)]
    quantity: i64,
    /// Why, for the ledger
    #[arg(long)]
    reason: Option<String>,
    #[command(flatten)]
    remote: Remote,
}

pub(super) async fn run(asked: Stock) -> anyhow::Result<()> {
    match asked {
        Stock::List { low, remote } => {
            let filters = [("low", low.then(|| "true".to_owned()))];
            let items = collect(&remote, Of::Inventory, "/api/inventory", &filters, 10_000).await?;
            print::items(&remote, &items, &COLUMNS);
            Ok(())
        }
        Stock::Show { item, remote } => {
            let path = format!("/api/inventory/{}", encoded(&item));
            let shown = remote.get(Of::Inventory, &path)?.send().await?;
            print::one(&remote, &shown, &COLUMNS);
            Ok(())
        }
        Stock::Set(change) => update(change, "set").await,
        Stock::Add(change) => update(change, "delta").await,
    }
}

async fn update(change: Change, verb: &str) -> anyhow::Result<()> {
    let Change { item, quantity, reason, remote } = change;
    let mut body = json!({"item_id": item, verb: quantity});
    if let Some(reason) = reason {
        body["reason"] = reason.into();
    }
    // Sent once: whether a lost answer meant a change must not be guessed by sending it again.
    let key = uuid::Uuid::now_v7().to_string();
    let call = remote.post(Of::Inventory, "/api/inventory/update", &body)?;
    let changed = call.header("Idempotency-Key", &key).send().await?;
    print::one(&remote, &changed, &COLUMNS);
    Ok(())
}
