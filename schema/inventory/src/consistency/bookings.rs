//! The ledger of each reservation beside what its state says.

use sqlx::PgConnection;
use uuid::Uuid;

/// A reservation's item that was booked twice, or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misbooking {
    pub reservation_id: Uuid,
    /// Whose; `None`: a tombstone, or no such reservation.
    pub order_id: Option<Uuid>,
    pub item_id: String,
    /// The state, what it took, and what was booked.
    pub detail: String,
    /// How many there are in all; the same in every row of one answer.
    pub total: i64,
}

/// A held reservation must have promised exactly its lines, a committed one must have taken them out
/// of the warehouse, any other one must have come to nothing. One that retention has removed may only have
/// taken something out.
pub async fn find_misbookings(
    connection: &mut PgConnection,
    limit: i64,
) -> Result<Vec<Misbooking>, sqlx::Error> {
    sqlx::query_as!(
        Misbooking,
        r#"with booked as (
               select reservation_id, item_id, sum(on_hand_delta) as on_hand,
                      sum(reserved_delta) as reserved
               from inventory_transactions
               where reservation_id is not null
               group by reservation_id, item_id
           ),
           due as (
               select reservation_id, item_id,
                      case when state = 'committed' then -quantity else 0 end as on_hand,
                      case when state = 'held' then quantity else 0 end as reserved
               from reservation_lines
               left join reservations using (reservation_id)
           )
           select reservation_id as "reservation_id!", order_id as "order_id?", item_id as "item_id!",
                  coalesce(state, 'no such reservation')
                      || ', on hand booked ' || coalesce(booked.on_hand, 0)
                      || ' and due ' || coalesce(due.on_hand, 0)
                      || ', reserved booked ' || coalesce(booked.reserved, 0)
                      || ' and due ' || coalesce(due.reserved, 0) as "detail!",
                  count(*) over () as "total!"
           from booked
           full join due using (reservation_id, item_id)
           left join reservations using (reservation_id)
           where (
               coalesce(booked.on_hand, 0) <> coalesce(due.on_hand, 0)
               or coalesce(booked.reserved, 0) <> coalesce(due.reserved, 0)
           )
           -- shipped, and removed since
           and not (
               reservations.reservation_id is null
               and due.reservation_id is null
               and booked.reserved = 0
               and booked.on_hand < 0
               and booked.reservation_id < (select removed_below from retention)
           )
           limit $1"#,
        limit,
    )
    .fetch_all(connection)
    .await
}
