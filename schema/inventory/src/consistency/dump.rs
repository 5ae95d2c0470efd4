//! Everything that is known of one order's reservations, as it lies in the tables.

use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

/// Reservations of the order, and the one named; their lines and ledger rows, by table name.
pub async fn dump_reservations(
    connection: &mut PgConnection,
    order_id: Uuid,
    reservation_id: Option<Uuid>,
) -> Result<Value, sqlx::Error> {
    sqlx::query_scalar!(
        r#"with mine as (
               select *
               from reservations
               where order_id = $1 or reservation_id = $2
           )
           select jsonb_build_object(
               'reservations', (select jsonb_agg(to_jsonb(mine)) from mine),
               'reservation_lines', (
                   select jsonb_agg(to_jsonb(reservation_lines))
                   from reservation_lines
                   where reservation_id in (select reservation_id from mine)
               ),
               'inventory_transactions', (
                   select jsonb_agg(to_jsonb(inventory_transactions) order by id)
                   from inventory_transactions
                   where reservation_id in (select reservation_id from mine)
               )
           ) as "dump!""#,
        order_id,
        reservation_id,
    )
    .fetch_one(connection)
    .await
}
