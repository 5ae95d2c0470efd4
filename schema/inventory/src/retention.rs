//! Table `retention`: reservations that came to nothing, or were shipped, go when they are old.
//!
//! What is held stays, however old: it is stock that somebody waits for. The ledger stays: it is the books.
//! When a tombstone is gone, `removed_below` stands for it: a reserve under an id below it that inventory does
//! not know is answered as released (see `decide`), so a duplicate may come as late as it likes. Only ids
//! that tell their time (UUIDv7, as sagas use) are removed; all others are kept.

use schema_pg::BoxFuture;
use schema_pg::retention::{Looked, Terms, Turn, lock_position, store_next};
use sqlx::PgConnection;
use uuid::Uuid;

/// One turn, where it is this process's. To be run inside a transaction.
pub fn take_turn(
    connection: &mut PgConnection,
    terms: Terms,
) -> BoxFuture<'_, sqlx::Result<Option<Turn>>> {
    Box::pin(async move {
        let Some((position, young)) = lock_position(connection, terms).await? else {
            return Ok(None);
        };
        let (looked, removed) = remove_ended(connection, position.cursor, young, terms).await?;
        let next = position.after(looked, terms);
        store_next(connection, &next).await?;
        Ok(Some(Turn { removed, next }))
    })
}

/// Looks at the next reservations from `cursor` on, and removes those that have ended and not been spoken of
/// for long enough, with their lines.
async fn remove_ended(
    connection: &mut PgConnection,
    cursor: Uuid,
    young: Uuid,
    terms: Terms,
) -> sqlx::Result<(Looked, Vec<(&'static str, i64)>)> {
    let row = sqlx::query!(
        r#"with looked as materialized (
               select reservation_id, substr(reservation_id::text, 15, 1) = '7' as tells_its_time
               from reservations
               where reservation_id >= $1 and reservation_id < $2
               order by reservation_id
               limit $3
           ),
           -- whom somebody speaks of just now is left for the next round
           ended as materialized (
               select r.reservation_id
               from looked
               join reservations r on r.reservation_id = looked.reservation_id
               where tells_its_time
               and state <> 'held'
               and updated_at < now() - $4 * interval '1 millisecond'
               for update of r skip locked
           ),
           gone_lines as (
               delete from reservation_lines l
               using ended
               where l.reservation_id = ended.reservation_id
               returning 1
           ),
           gone_reservations as (
               delete from reservations r
               using ended
               where r.reservation_id = ended.reservation_id
               returning 1
           )
           select (select count(*) from looked) as "looked!",
                  (select reservation_id from looked order by reservation_id desc limit 1) as last,
                  (
                      select reservation_id
                      from looked
                      where tells_its_time
                      and reservation_id not in (select reservation_id from ended)
                      order by reservation_id
                      limit 1
                  ) as first_kept,
                  (select reservation_id from ended order by reservation_id desc limit 1) as last_removed,
                  (select count(*) from gone_reservations) as "reservations!",
                  (select count(*) from gone_lines) as "lines!""#,
        cursor,
        young,
        terms.rows_max,
        terms.keep_ms as f64,
    )
    .fetch_one(connection)
    .await?;
    let looked = Looked {
        rows: row.looked,
        last: row.last,
        first_kept: row.first_kept,
        last_removed: row.last_removed,
    };
    let removed = vec![("reservations", row.reservations), ("reservation_lines", row.lines)];
    Ok((looked, removed))
}

/// Reservations with an id below may have been removed.
pub async fn find_removed_below(connection: &mut PgConnection) -> Result<Uuid, sqlx::Error> {
    sqlx::query_scalar!("select removed_below from retention").fetch_one(connection).await
}
