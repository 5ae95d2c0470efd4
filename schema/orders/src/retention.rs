//! Table `retention`: finished orders go when they have been kept long enough, with all that is theirs.
//!
//! Order, idempotency key, saga and journal go in one transaction: a key is remembered for as long as its
//! order is there. What is not finished, or has moved within that time, stays and is looked at again. What
//! staff did stays.

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
        let (looked, removed) = remove_finished(connection, position.cursor, young, terms).await?;
        let next = position.after(looked, terms);
        store_next(connection, &next).await?;
        Ok(Some(Turn { removed, next }))
    })
}

/// Looks at the next orders from `cursor` on, and removes those that have ended and stood still for long
/// enough. Every table is reached by its primary key.
async fn remove_finished(
    connection: &mut PgConnection,
    cursor: Uuid,
    young: Uuid,
    terms: Terms,
) -> sqlx::Result<(Looked, Vec<(&'static str, i64)>)> {
    let row = sqlx::query!(
        r#"
        with looked as materialized (
            select order_id
            from sagas
            where order_id >= $1 and order_id < $2
            order by order_id
            limit $3
        ),
        -- whom somebody acts on just now is left for the next round
        ended as materialized (
            select sagas.order_id
            from looked
            join sagas on sagas.order_id = looked.order_id
            where state in ('confirmed', 'failed', 'cancelled')
                and updated_at < now() - $4 * interval '1 millisecond'
                and not exists (select from outbox where outbox.order_id = sagas.order_id)
            for update of sagas skip locked
        ),
        gone_orders as (
            delete from orders using ended where id = ended.order_id returning tenant, key, id
        ),
        gone_keys as (
            delete from idempotency_keys
            using gone_orders
            where idempotency_keys.tenant = gone_orders.tenant
                and idempotency_keys.key = gone_orders.key
                and order_id = id
            returning 1
        ),
        gone_steps as (
            delete from saga_steps using ended where saga_steps.order_id = ended.order_id returning 1
        ),
        gone_sagas as (
            delete from sagas using ended where sagas.order_id = ended.order_id returning 1
        )
        select (select count(*) from looked) as "looked!",
            (select order_id from looked order by order_id desc limit 1) as last,
            (
                select order_id
                from looked
                where order_id not in (select order_id from ended)
                order by order_id
                limit 1
            ) as first_kept,
            (select order_id from ended order by order_id desc limit 1) as last_removed,
            (select count(*) from gone_orders) as "orders!",
            (select count(*) from gone_keys) as "keys!",
            (select count(*) from gone_sagas) as "sagas!",
            (select count(*) from gone_steps) as "steps!"
        "#,
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
    let removed = vec![
        ("orders", row.orders),
        ("idempotency_keys", row.keys),
        ("sagas", row.sagas),
        ("saga_steps", row.steps),
    ];
    Ok((looked, removed))
}

/// Orders with an id below may have been removed.
pub async fn find_removed_below(connection: &mut PgConnection) -> sqlx::Result<Uuid> {
    sqlx::query_scalar!("select removed_below from retention").fetch_one(connection).await
}

/// Nothing is removed before so many milliseconds have gone by: for benchmarks and tests.
pub async fn put_off(connection: &mut PgConnection, ms: i64) -> sqlx::Result<()> {
    sqlx::query!(
        "update retention set next_at = now() + $1 * interval '1 millisecond'",
        ms as f64,
    )
    .execute(connection)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests;
