//! The one statement that moves stock for a batch of reservations.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::PgConnection;
use uuid::Uuid;

use crate::decide::{Kind, Movement};

/// Moves the stock, writes the lines of what was reserved, and the ledger. `ctids` tells where the stock rows are,
/// which must be locked; answers where they are now.
///
/// One statement for three tables, because the stock rows are locked while it runs: every round
/// trip saved here is time in which a hot item is free for the next batch.
pub async fn write_movements(
    connection: &mut PgConnection,
    movements: &[Movement],
    ctids: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, sqlx::Error> {
    let reservation_ids: Vec<Uuid> = movements.iter().map(|m| m.reservation_id).collect();
    let items: Vec<&str> = movements.iter().map(|m| m.item_id.as_str()).collect();
    let kinds: Vec<&str> = movements.iter().map(|m| m.kind.as_str()).collect();
    let on_hand: Vec<i64> = movements.iter().map(|m| m.on_hand_delta).collect();
    let reserved: Vec<i64> = movements.iter().map(|m| m.reserved_delta).collect();
    let found: Option<Vec<&str>> =
        items.iter().map(|item| ctids.get(*item).map(String::as_str)).collect();
    let found = found.ok_or_else(|| not_locked("an item that was not locked"))?;
    let distinct = items.iter().collect::<BTreeSet<_>>().len();
    let moved = sqlx::query!(
        r#"with moved as materialized (
             select *
             from unnest($1::uuid[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $7::text[])
                 as m (reservation_id, item_id, kind, on_hand_delta, reserved_delta, place)
         ),
         lined as (
             insert into reservation_lines (reservation_id, item_id, quantity)
             select reservation_id, item_id, reserved_delta
             from moved
             where kind = $6
         ),
         booked as (
             insert into inventory_transactions
                 (item_id, reservation_id, kind, on_hand_delta, reserved_delta)
             select item_id, reservation_id, kind, on_hand_delta, reserved_delta
             from moved
         )
         update stock s
         set on_hand = s.on_hand + m.on_hand_delta,
             reserved = s.reserved + m.reserved_delta,
             version = s.version + 1,
             updated_at = now()
         from (
             select item_id,
                    place::tid as place,
                    sum(on_hand_delta)::bigint as on_hand_delta,
                    sum(reserved_delta)::bigint as reserved_delta
             from moved
             group by item_id, place
         ) m
         where s.ctid = m.place and s.item_id = m.item_id
         returning s.item_id, s.ctid::text as "ctid!""#,
        &reservation_ids,
        &items as _,
        &kinds as _,
        &on_hand,
        &reserved,
        Kind::Reserve.as_str(),
        &found as _,
    )
    .fetch_all(connection)
    .await?;
    if moved.len() != distinct {
        return Err(not_locked("a locked item that is not at its ctid"));
    }
    Ok(moved.into_iter().map(|row| (row.item_id, row.ctid)).collect())
}

fn not_locked(what: &str) -> sqlx::Error {
    sqlx::Error::Protocol(format!("stock was to be moved of {what}"))
}
