//! Table `stock`: how much of each item there is, and how much of it is promised.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::decide::Level;

/// An item as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    pub item_id: String,
    pub item_name: String,
    /// In the warehouse, reserved or not.
    pub on_hand: i64,
    /// Promised.
    pub reserved: i64,
    /// Grows with every change.
    pub version: i64,
    pub updated_at: DateTime<Utc>,
}

/// Locks the items in one order and reads them. Unknown items are missing from the answer.
pub async fn lock_stock(
    connection: &mut PgConnection,
    item_ids: &[String],
) -> Result<BTreeMap<String, Level>, sqlx::Error> {
    let rows = sqlx::query!(
        "select item_id, on_hand, reserved
         from stock
         where item_id = any($1)
         order by item_id
         for no key update",
        item_ids,
    )
    .fetch_all(connection)
    .await?;
    let levels =
        rows.into_iter().map(|r| (r.item_id, Level { on_hand: r.on_hand, reserved: r.reserved }));
    Ok(levels.collect())
}

/// Stock rows that are locked by this transaction.
#[derive(Clone, Debug, Default)]
pub struct Locked {
    /// How much there is, by item. Unknown items are missing.
    pub levels: BTreeMap<String, Level>,
    /// Where the row is, by item.
    pub ctids: BTreeMap<String, String>,
    /// Reservations with an id below may have been removed. Without a known item nothing can be taken, and this
    /// tells of no removal.
    pub removed_below: Uuid,
}

/// Locks the items in one order and reads them, and below which id reservations may have been removed.
pub async fn lock_stock_and_memory(
    connection: &mut PgConnection,
    item_ids: &[String],
) -> Result<Locked, sqlx::Error> {
    let rows = sqlx::query_as!(
        Row,
        r#"select item_id, on_hand, reserved, ctid::text as "ctid!",
                  (select removed_below from retention) as "removed_below!"
           from stock
           where item_id = any($1)
           order by item_id
           for no key update of stock"#,
        item_ids,
    )
    .fetch_all(connection)
    .await?;
    Ok(Locked::from(rows))
}

/// Which of these items somebody else has locked just now. The others are locked by this transaction from here on. It waits
/// for nobody.
pub async fn lock_free(
    connection: &mut PgConnection,
    item_ids: &[String],
) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar!(
        "with free as materialized (
             select item_id
             from stock
             where item_id = any($1)
             order by item_id
             for no key update of stock skip locked
         )
         select item_id
         from stock
         where item_id = any($1) and item_id not in (select item_id from free)",
        item_ids,
    )
    .fetch_all(connection)
    .await
}

/// The same without a look at the index. An item that is not at its `ctid` any more, or that somebody is just
/// changing, is missing from the answer.
pub async fn lock_stock_at(
    connection: &mut PgConnection,
    item_ids: &[String],
    ctids: &[String],
) -> Result<Locked, sqlx::Error> {
    let rows = sqlx::query_as!(
        Row,
        r#"select item_id, on_hand, reserved, ctid::text as "ctid!",
                  (select removed_below from retention) as "removed_below!"
           from stock
           where ctid = any($2::text[]::tid[]) and item_id = any($1)
           order by item_id
           for no key update of stock"#,
        item_ids,
        ctids,
    )
    .fetch_all(connection)
    .await?;
    Ok(Locked::from(rows))
}

struct Row {
    item_id: String,
    on_hand: i64,
    reserved: i64,
    ctid: String,
    removed_below: Uuid,
}

impl From<Vec<Row>> for Locked {
    fn from(rows: Vec<Row>) -> Self {
        let mut locked = Self::default();
        for Row { item_id, on_hand, reserved, ctid, removed_below } in rows {
            locked.levels.insert(item_id.clone(), Level { on_hand, reserved });
            locked.ctids.insert(item_id, ctid);
            locked.removed_below = removed_below;
        }
        locked
    }
}

/// Makes an item with this much stock; false when it exists already.
pub async fn insert_item(
    connection: &mut PgConnection,
    item_id: &str,
    item_name: &str,
    on_hand: i64,
) -> Result<bool, sqlx::Error> {
    let inserted = sqlx::query!(
        "insert into stock (item_id, item_name, on_hand)
         values ($1, $2, $3)
         on conflict (item_id) do nothing",
        item_id,
        item_name,
        on_hand,
    )
    .execute(connection)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

/// Sets what is in the warehouse, and the name where one is given. The row must be locked.
pub async fn set_on_hand(
    connection: &mut PgConnection,
    item_id: &str,
    on_hand: i64,
    item_name: Option<&str>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update stock
         set on_hand = $2,
             item_name = coalesce($3, item_name),
             version = version + 1,
             updated_at = now()
         where item_id = $1",
        item_id,
        on_hand,
        item_name,
    )
    .execute(connection)
    .await?;
    Ok(())
}

pub async fn find_item(
    connection: &mut PgConnection,
    item_id: &str,
) -> Result<Option<Item>, sqlx::Error> {
    sqlx::query_as!(
        Item,
        "select item_id, item_name, on_hand, reserved, version, updated_at
         from stock
         where item_id = $1",
        item_id,
    )
    .fetch_optional(connection)
    .await
}

/// A page of items by id, after `after`; only those with less than `available_below` to promise
/// where that is given (a rare question: it may read the whole table).
pub async fn list_items(
    connection: &mut PgConnection,
    after: Option<&str>,
    available_below: Option<i64>,
    limit: i64,
) -> Result<Vec<Item>, sqlx::Error> {
    sqlx::query_as!(
        Item,
        "select item_id, item_name, on_hand, reserved, version, updated_at
         from stock
         where item_id > coalesce($1, '')
         and ($2::bigint is null or on_hand - reserved < $2)
         order by item_id
         limit $3",
        after,
        available_below,
        limit,
    )
    .fetch_all(connection)
    .await
}
