//! `valerix orders …`

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::http::{Of, Remote};
use super::page::{collect, encoded};
use super::print::{self, Column};
use super::watch::watch;

const COLUMNS: [Column; 5] = [
    ("id", "/id"),
    ("status", "/status"),
    ("lines", "/lines"),
    ("reason", "/reason"),
    ("created", "/created_at"),
];
const FIELDS: [Column; 7] = [
    ("id", "/id"),
    ("status", "/status"),
    ("reason", "/reason"),
    ("lines", "/lines"),
    ("version", "/version"),
    ("created", "/created_at"),
    ("updated", "/updated_at"),
];

/// What can be done with orders.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Orders {
    /// Place an order
    Create(Create),
    /// Show one order
    Get(One),
    /// List orders, newest first
    List(List),
    /// Show each change of one order until it has ended
    Watch(One),
    /// Cancel an order that is not confirmed yet
    Cancel(One),
}

/// What an order is for.
#[derive(Args, Clone, Debug)]
pub(crate) struct Create {
    /// A line: item and quantity, as in ps5=2. May be given several times.
    #[arg(required = true, value_parser = line, value_name = "ITEM=QUANTITY")]
    lines: Vec<(String, u32)>,
    /// The idempotency key: the same key is the same order. Default: a new one.
    #[arg(long)]
    key: Option<String>,
    #[command(flatten)]
    remote: Remote,
}

/// Which order.
#[derive(Args, Clone, Debug)]
pub(crate) struct One {
    /// The order's id.
    id: String,
    #[command(flatten)]
    remote: Remote,
}

/// Which orders.
#[derive(Args, Clone, Debug)]
pub(crate) struct List {
    /// Only orders with this status.
    #[arg(long)]
    status: Option<String>,
    /// Only orders for this item.
    #[arg(long)]
    item: Option<String>,
    /// Maximum orders.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    limit: u16,
    #[command(flatten)]
    remote: Remote,
}

pub(super) async fn run(asked: Orders) -> anyhow::Result<()> {
    match asked {
        Orders::Create(asked) => create(asked).await,
        Orders::Get(One { id, remote }) => {
            let order = remote.get(Of::Orders, &path(&id))?.send().await?;
            print::one(&remote, &order, &FIELDS);
            Ok(())
        }
        Orders::List(List { status, item, limit, remote }) => {
            let filters = [("status", status), ("item_id", item)];
            let limit = usize::from(limit);
            let items = collect(&remote, Of::Orders, "/api/orders", &filters, limit).await?;
            print::items(&remote, &items, &COLUMNS);
            Ok(())
        }
        Orders::Watch(One { id, remote }) => watch(&remote, &path(&id)).await,
        Orders::Cancel(One { id, remote }) => {
            let path = format!("{}/cancel", path(&id));
            let order = remote.post(Of::Orders, &path, &json!({}))?.send().await?;
            print::one(&remote, &order, &FIELDS);
            Ok(())
        }
    }
}

async fn create(asked: Create) -> anyhow::Result<()> {
    let Create { lines, key, remote } = asked;
    let key = key.unwrap_or_else(|| uuid::Uuid::now_v7().to_string());
    let line = |(item, quantity): &(String, u32)| json!({"item_id": item, "quantity": quantity});
    let body = json!({"lines": lines.iter().map(line).collect::<Vec<Value>>()});
    let call = remote.post(Of::Orders, "/api/orders", &body)?.header("Idempotency-Key", &key);
    let order = call.send().await?;
    print::one(&remote, &order, &FIELDS);
    Ok(())
}

fn path(id: &str) -> String {
    format!("/api/orders/{}", encoded(id))
}

fn line(text: &str) -> Result<(String, u32), String> {
    let (item, quantity) = text.rsplit_once('=').ok_or("it is not like ps5=2")?;
    let quantity = quantity.parse().map_err(|_| "the quantity is not a number")?;
    Ok((item.to_owned(), quantity))
}
