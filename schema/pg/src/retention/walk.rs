//! The row of table `retention`, which is the same in both databases.

use sqlx::types::Uuid;
use sqlx::{PgConnection, Row};

use super::{Next, Terms, WalkPosition};

/// Locks the row. `None`: it is nobody's turn yet, or another process's. With the smallest id that is too young.
///
/// Nothing was ever removed above the present. A position that says so came from an earlier version, which took ids for
/// times that are none, and is brought back.
pub async fn lock_position(
    connection: &mut PgConnection,
    terms: Terms,
) -> sqlx::Result<Option<(WalkPosition, Uuid)>> {
    let row = sqlx::query(
        "select case when cursor > now_id then '00000000-0000-0000-0000-000000000000' else cursor end as cursor,
            first_kept, least(removed_below, now_id) as removed_below, round_ends_at <= now() as is_round_over, young
         from retention,
            lateral (select (extract(epoch from now()) * 1000)::bigint as now_ms) as clock,
            lateral (
                select (lpad(to_hex(now_ms), 12, '0') || repeat('0', 20))::uuid as now_id,
                    -- further back than 1970 there is nothing
                    (lpad(to_hex(greatest(0, now_ms - $1)), 12, '0') || repeat('0', 20))::uuid as young
            ) as ids
         where next_at <= now()
         for update of retention skip locked",
    )
    .bind(terms.keep_ms)
    .fetch_optional(connection)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let position = WalkPosition {
        cursor: row.try_get("cursor")?,
        first_kept: row.try_get("first_kept")?,
        removed_below: row.try_get("removed_below")?,
        is_round_over: row.try_get("is_round_over")?,
    };
    Ok(Some((position, row.try_get("young")?)))
}

/// Stores where the next turn begins, and when.
pub async fn store_next(connection: &mut PgConnection, next: &Next) -> sqlx::Result<()> {
    sqlx::query(
        "update retention
         set cursor = $1, first_kept = $2, removed_below = $3,
             next_at = now() + $4 * interval '1 millisecond',
             round_ends_at = case when $5 then now() + interval '1 day' else round_ends_at end",
    )
    .bind(next.position.cursor)
    .bind(next.position.first_kept)
    .bind(next.position.removed_below)
    .bind(next.pause_ms as f64)
    .bind(next.is_new_round)
    .execute(connection)
    .await
    .map(drop)
}
