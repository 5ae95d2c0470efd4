//! Everything that is known of one order, as it lies in the tables.

use serde_json::Value;
use sqlx::PgConnection;
use uuid::Uuid;

/// The order's rows in all tables, by table name.
pub async fn dump_order(connection: &mut PgConnection, order_id: Uuid) -> sqlx::Result<Value> {
    sqlx::query_scalar!(
        r#"select jsonb_build_object(
               'orders', (select to_jsonb(orders) from orders where id = $1),
               'idempotency_keys', (
                   select jsonb_agg(to_jsonb(idempotency_keys))
                   from idempotency_keys
                   where order_id = $1
               ),
               'sagas', (select to_jsonb(sagas) from sagas where order_id = $1),
               'outbox', (select to_jsonb(outbox) from outbox where order_id = $1),
               'saga_steps', (
                   select jsonb_agg(to_jsonb(saga_steps) order by seq)
                   from saga_steps
                   where order_id = $1
               ),
               'staff_actions', (
                   select jsonb_agg(to_jsonb(staff_actions) order by at)
                   from staff_actions
                   where order_id = $1
               )
           ) as "dump!""#,
        order_id,
    )
    .fetch_one(connection)
    .await
}
