//! Table `inventory_transactions`: the ledger. Append-only.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

/// One row of the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    /// Grows; newest last.
    pub id: i64,
    /// For whom; `None` for staff's changes.
    pub reservation_id: Option<Uuid>,
    /// opening | adjustment | reserve | release | commit
    pub kind: String,
    /// Change of what is in the warehouse.
    pub on_hand_delta: i64,
    /// Change of what is promised.
    pub reserved_delta: i64,
    /// What staff wrote.
    pub reason: Option<String>,
    pub at: DateTime<Utc>,
}

/// Writes down a change that staff made.
pub async fn insert_adjustment(
    connection: &mut PgConnection,
    item_id: &str,
    kind: &str,
    on_hand_delta: i64,
    reason: Option<&str>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into inventory_transactions (item_id, kind, on_hand_delta, reserved_delta, reason)
         values ($1, $2, $3, 0, $4)",
        item_id,
        kind,
        on_hand_delta,
        reason,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// A page of one item's ledger, newest first, before `before`.
pub async fn list_transactions(
    connection: &mut PgConnection,
    item_id: &str,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<Transaction>, sqlx::Error> {
    sqlx::query_as!(
        Transaction,
        "select id, reservation_id, kind, on_hand_delta, reserved_delta, reason, at
         from inventory_transactions
         where item_id = $1
         and id < coalesce($2, 9223372036854775807)
         order by id desc
         limit $3",
        item_id,
        before,
        limit,
    )
    .fetch_all(connection)
    .await
}

/// The stock row of an item, and what its ledger adds up to: both as of one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Balance {
    /// What the stock row says is in the warehouse.
    pub on_hand: i64,
    /// What it says is promised.
    pub reserved: i64,
    /// What the ledger adds up to.
    pub ledger_on_hand: i64,
    /// What it adds up to in promises.
    pub ledger_reserved: i64,
    /// Lines that were added up: `lines_max + 1` means that there are more.
    pub lines: i64,
}

/// Adds up one item's ledger, as far as it has no more than `lines_max` lines; `None`: there is no such item.
pub async fn find_balance(
    connection: &mut PgConnection,
    item_id: &str,
    lines_max: i64,
) -> Result<Option<Balance>, sqlx::Error> {
    sqlx::query_as!(
        Balance,
        r#"select stock.on_hand, stock.reserved, ledger.on_hand as "ledger_on_hand!",
                  ledger.reserved as "ledger_reserved!", ledger.lines as "lines!"
           from stock
           cross join lateral (
               select coalesce(sum(on_hand_delta), 0)::bigint as on_hand,
                      coalesce(sum(reserved_delta), 0)::bigint as reserved, count(*) as lines
               from (
                   select on_hand_delta, reserved_delta
                   from inventory_transactions
                   where item_id = stock.item_id
                   limit $2::bigint + 1
               ) as line
           ) as ledger
           where stock.item_id = $1"#,
        item_id,
        lines_max,
    )
    .fetch_optional(connection)
    .await
}
