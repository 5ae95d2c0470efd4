//! What each reservation holds, to be laid beside what its saga says.

use futures_util::stream::BoxStream;
use sqlx::PgConnection;
use uuid::Uuid;

/// A reservation and one of its lines; without a line where it has none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldLine {
    pub reservation_id: Uuid,
    /// Whose; `None`: a tombstone written before any reserve came.
    pub order_id: Option<Uuid>,
    /// `held`, `rejected`, `released` or `committed`.
    pub state: String,
    /// The newest epoch that spoke.
    pub max_epoch: i64,
    pub item_id: Option<String>,
    /// So many.
    pub quantity: Option<i64>,
}

/// All reservations by id, each with its lines by item, in one snapshot.
pub fn stream_held_lines(
    connection: &mut PgConnection,
) -> BoxStream<'_, Result<HeldLine, sqlx::Error>> {
    sqlx::query_as!(
        HeldLine,
        r#"select reservation_id as "reservation_id!", order_id as "order_id?", state as "state!",
                  max_epoch as "max_epoch!", item_id as "item_id?", quantity as "quantity?"
           from reservations
           left join reservation_lines using (reservation_id)
           order by reservation_id, item_id"#,
    )
    .fetch(connection)
}

/// One reservation's lines.
pub async fn find_held_lines(
    connection: &mut PgConnection,
    reservation_id: Uuid,
) -> Result<Vec<HeldLine>, sqlx::Error> {
    sqlx::query_as!(
        HeldLine,
        r#"select reservation_id as "reservation_id!", order_id as "order_id?", state as "state!",
                  max_epoch as "max_epoch!", item_id as "item_id?", quantity as "quantity?"
           from reservations
           left join reservation_lines using (reservation_id)
           where reservation_id = $1
           order by item_id"#,
        reservation_id,
    )
    .fetch_all(connection)
    .await
}

/// An order for which several reservation ids were used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderReservations {
    pub order_id: Uuid,
    pub reservations: i64,
}

/// Orders for which more than one reservation id was used, in one snapshot.
pub fn stream_orders_with_several(
    connection: &mut PgConnection,
) -> BoxStream<'_, Result<OrderReservations, sqlx::Error>> {
    sqlx::query_as!(
        OrderReservations,
        r#"select order_id as "order_id!", count(*) as "reservations!"
           from reservations
           where order_id is not null
           group by order_id
           having count(*) > 1"#,
    )
    .fetch(connection)
}
