//! Orders that were placed some time ago, newest first: for the relay that asks inventory whether it agrees.
//!
//! A page at a time, between two ids: an id begins with the time it was made at, so the primary key finds
//! the page, however long the history is.

use chrono::{DateTime, Utc};
use saga::stored::Line;
use sqlx::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

/// An order, and where its saga stands.
#[derive(Debug, Clone)]
pub struct PlacedOrder {
    /// UUIDv7: when it was placed.
    pub order_id: Uuid,
    /// Under which id inventory knows it.
    pub reservation_id: Uuid,
    /// The saga's state.
    pub state: String,
    /// The saga's version.
    pub version: i32,
    /// What was ordered.
    pub lines: Json<Vec<Line>>,
}

/// A page of the history. Both ends are exclusive.
#[derive(Debug, Clone, Copy)]
pub struct Page {
    /// Ids above this one.
    pub above: Uuid,
    /// Ids below this one.
    pub below: Uuid,
    /// Orders placed at least so many milliseconds ago.
    pub age_ms: i64,
    /// So many at most.
    pub orders_max: i64,
}

/// The newest orders of a page, newest first.
pub async fn find_placed_orders(
    connection: &mut PgConnection,
    page: Page,
) -> sqlx::Result<Vec<PlacedOrder>> {
    sqlx::query_as!(
        PlacedOrder,
        r#"
        select saga.order_id as "order_id!", saga.reservation_id as "reservation_id!",
            saga.state as "state!", saga.version as "version!",
            orders.lines as "lines!: Json<Vec<Line>>"
        from sagas as saga
        join orders on orders.id = saga.order_id
        where saga.order_id > $1
            and saga.order_id < least(
                $2,
                -- the first id of that millisecond
                (lpad(to_hex((extract(epoch from now()) * 1000)::bigint - $3), 12, '0')
                    || repeat('0', 20))::uuid
            )
        order by saga.order_id desc
        limit $4
        "#,
        page.above,
        page.below,
        page.age_ms,
        page.orders_max,
    )
    .fetch_all(connection)
    .await
}

/// These orders, in no order of their own, but for those of which somebody has accepted a difference.
pub async fn find_orders_again(
    connection: &mut PgConnection,
    order_ids: &[Uuid],
) -> sqlx::Result<Vec<PlacedOrder>> {
    sqlx::query_as!(
        PlacedOrder,
        r#"
        select saga.order_id as "order_id!", saga.reservation_id as "reservation_id!",
            saga.state as "state!", saga.version as "version!",
            orders.lines as "lines!: Json<Vec<Line>>"
        from unnest($1::uuid[]) as wanted (id)
        join sagas as saga on saga.order_id = wanted.id
        join orders on orders.id = wanted.id
        where not exists (
            select
            from staff_actions
            where staff_actions.order_id = wanted.id
                and kind = 'reconcile' and after->>'accepted' is not null
        )
        "#,
        order_ids,
    )
    .fetch_all(connection)
    .await
}

/// The database's time, for the leader: of the relays with a fresh heartbeat, the one that joined first. `None` for every
/// other one.
pub async fn now_if_leader(
    connection: &mut PgConnection,
    relay: i64,
) -> sqlx::Result<Option<DateTime<Utc>>> {
    sqlx::query_scalar!(
        r#"
        select now() as "now!"
        where not exists (
            select
            from relays
            where id < $1 and abs(extract(epoch from heartbeat_at - now())) * 1000 <= stale_ms
        )
        "#,
        relay,
    )
    .fetch_optional(connection)
    .await
}

#[cfg(test)]
mod tests;
