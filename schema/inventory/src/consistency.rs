//! Does the inventory add up? What keys and checks cannot say, asked of the rows themselves.

mod bookings;
mod dump;
mod held;

use sqlx::PgConnection;

pub use bookings::{Misbooking, find_misbookings};
pub use dump::dump_reservations;
pub use held::{
    HeldLine, OrderReservations, find_held_lines, stream_held_lines, stream_orders_with_several,
};

/// An item whose books do not balance. An empty list is a clean slate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imbalance {
    pub item_id: String,
    /// As stored.
    pub on_hand: i64,
    /// As stored.
    pub reserved: i64,
    /// What the ledger says is in the warehouse.
    pub ledger_on_hand: i64,
    /// What the ledger says is promised.
    pub ledger_reserved: i64,
    /// What held reservations have been promised, by their lines.
    pub held: i64,
    /// What committed reservations have taken away, by their lines; by the ledger, where they have been
    /// removed.
    pub committed: i64,
    /// What staff put in, in all.
    pub adjusted: i64,
}

/// Items of which stock, ledger and reservation lines disagree (invariant I3). Reads everything:
/// for tests, `valerix simulate check` and `reconcile`, not for the hot path.
pub async fn find_imbalances(
    connection: &mut PgConnection,
    limit: i64,
) -> Result<Vec<Imbalance>, sqlx::Error> {
    sqlx::query_as!(
        Imbalance,
        r#"with ledger as (
               select item_id,
                      sum(on_hand_delta)::bigint as on_hand,
                      sum(reserved_delta)::bigint as reserved,
                      coalesce(sum(on_hand_delta) filter (where kind in ('opening', 'adjustment')), 0)::bigint
                          as adjusted
               from inventory_transactions
               group by item_id
           ),
           lines as (
               select l.item_id,
                      coalesce(sum(l.quantity) filter (where r.state = 'held'), 0)::bigint as held,
                      coalesce(sum(l.quantity) filter (where r.state = 'committed'), 0)::bigint as committed
               from reservation_lines l
               left join reservations r using (reservation_id)
               group by l.item_id
           ),
           -- shipped so long ago that only the ledger knows of it
           forgotten as (
               select item_id, -sum(on_hand_delta)::bigint as committed
               from inventory_transactions t
               where kind = 'commit'
               and reservation_id < (select removed_below from retention)
               and not exists (select from reservations r where r.reservation_id = t.reservation_id)
               group by item_id
           ),
           books as (
               -- a full join: an item of the ledger that has no stock row is an imbalance too
               select item_id,
                      coalesce(s.on_hand, 0) as on_hand,
                      coalesce(s.reserved, 0) as reserved,
                      coalesce(g.on_hand, 0) as ledger_on_hand,
                      coalesce(g.reserved, 0) as ledger_reserved,
                      coalesce(l.held, 0) as held,
                      coalesce(l.committed, 0) + coalesce(f.committed, 0) as committed,
                      coalesce(g.adjusted, 0) as adjusted
               from stock s
               full join ledger g using (item_id)
               full join lines l using (item_id)
               left join forgotten f using (item_id)
           )
           select item_id as "item_id!", on_hand as "on_hand!", reserved as "reserved!",
                  ledger_on_hand as "ledger_on_hand!", ledger_reserved as "ledger_reserved!",
                  held as "held!", committed as "committed!", adjusted as "adjusted!"
           from books
           where on_hand <> ledger_on_hand
           or reserved <> ledger_reserved
           or reserved <> held
           or adjusted <> on_hand + committed
           or on_hand < 0
           or reserved not between 0 and on_hand
           order by item_id
           limit $1"#,
        limit,
    )
    .fetch_all(connection)
    .await
}
