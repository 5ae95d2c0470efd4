//! What became of the orders since a moment: whether any was lost, or done twice.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

/// Orders that are looked at; of more the oldest.
const ORDERS_MAX: i64 = 5_000;

/// Orders by what became of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrdersSince {
    pub accepted: i64,
    /// Of these: confirmed.
    pub confirmed: i64,
    /// Of these: not at their end.
    pub waiting: i64,
    /// Of these: failed or cancelled.
    pub ended_otherwise: i64,
    /// Of these: their stock was taken more than once, as their journals tell it.
    pub doubled: i64,
    /// Whether there are more.
    pub is_capped: bool,
}

/// Counts them from the first that was made in this millisecond.
pub async fn count_orders_since(
    connection: &mut PgConnection,
    since: DateTime<Utc>,
) -> sqlx::Result<OrdersSince> {
    let ms = u128::try_from(since.timestamp_millis()).unwrap_or(0);
    let row = sqlx::query!(
        r#"
        with taken as (
            select order_id, state
            from sagas
            where order_id >= $1
            order by order_id
            limit $2
        )
        select count(*) as "accepted!",
            count(*) filter (where state = 'confirmed') as "confirmed!",
            count(*) filter (where state in ('failed', 'cancelled')) as "ended_otherwise!",
            count(*) filter (where (
                select count(*) > 1
                from saga_steps
                where saga_steps.order_id = taken.order_id and event = 'step_done'
            )) as "doubled!"
        from taken
        "#,
        Uuid::from_u128(ms << 80),
        ORDERS_MAX + 1,
    )
    .fetch_one(connection)
    .await?;
    Ok(OrdersSince {
        accepted: row.accepted.min(ORDERS_MAX),
        confirmed: row.confirmed,
        waiting: row.accepted - row.confirmed - row.ended_otherwise,
        ended_otherwise: row.ended_otherwise,
        doubled: row.doubled,
        is_capped: row.accepted > ORDERS_MAX,
    })
}
