//! Putting `stock.reserved` right: counted again from what is held, while nobody else can move it.

use sqlx::PgConnection;

use crate::stock::lock_stock;

/// What a count came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recount {
    /// It was right, or there is no such item.
    Unchanged,
    /// It was wrong and is right now.
    Corrected {
        before: i64,
        /// What is held.
        after: i64,
    },
    /// More is held than is in the warehouse: no number would be right.
    Impossible {
        /// As it stands.
        reserved: i64,
        /// What is held.
        held: i64,
    },
}

/// Counts what is held of an item and stores it. To be run inside a transaction: whoever reserves or
/// releases locks the item before it writes, so nothing moves between the count and the update. It
/// reads all lines, and the item waits meanwhile.
pub async fn recount_reserved(
    connection: &mut PgConnection,
    item_id: &str,
) -> Result<Recount, sqlx::Error> {
    let levels = lock_stock(connection, &[item_id.to_owned()]).await?;
    let Some(level) = levels.get(item_id) else { return Ok(Recount::Unchanged) };
    // A statement of its own: its snapshot is younger than the lock.
    let held = sqlx::query_scalar!(
        r#"select coalesce(sum(quantity), 0)::bigint as "held!"
           from reservation_lines
           join reservations using (reservation_id)
           where item_id = $1 and state = 'held'"#,
        item_id,
    )
    .fetch_one(&mut *connection)
    .await?;
    if held == level.reserved {
        return Ok(Recount::Unchanged);
    }
    if held > level.on_hand {
        return Ok(Recount::Impossible { reserved: level.reserved, held });
    }
    sqlx::query!(
        "update stock
         set reserved = $2,
             version = version + 1,
             updated_at = now()
         where item_id = $1",
        item_id,
        held,
    )
    .execute(connection)
    .await?;
    Ok(Recount::Corrected { before: level.reserved, after: held })
}
