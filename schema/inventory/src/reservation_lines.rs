//! Table `reservation_lines`: what each reservation took. Written by [`crate::movements`].

use sqlx::PgConnection;
use uuid::Uuid;

use crate::command::Line;

/// The lines of these reservations, by item.
pub async fn find_lines(
    connection: &mut PgConnection,
    reservation_ids: &[Uuid],
) -> Result<Vec<(Uuid, Line)>, sqlx::Error> {
    let rows = sqlx::query!(
        "select reservation_id, item_id, quantity
         from reservation_lines
         where reservation_id = any($1)
         order by reservation_id, item_id",
        reservation_ids,
    )
    .fetch_all(connection)
    .await?;
    let lines = rows
        .into_iter()
        .map(|r| (r.reservation_id, Line { item_id: r.item_id, quantity: r.quantity }));
    Ok(lines.collect())
}
