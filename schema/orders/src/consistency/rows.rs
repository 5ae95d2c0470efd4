//! Rows that must have a counterpart, and rows that must not. True at every moment.

use sqlx::PgConnection;

use super::Fault;

/// Keys that lead to no order.
pub async fn find_keys_without_order(
    connection: &mut PgConnection,
    limit: i64,
) -> sqlx::Result<Vec<Fault>> {
    sqlx::query_as!(
        Fault,
        r#"select order_id, 'key ' || key as "detail!", count(*) over () as "total!"
           from idempotency_keys
           where not exists (select from orders where id = order_id)
           limit $1"#,
        limit,
    )
    .fetch_all(connection)
    .await
}

/// Orders without a key: retention removes both together.
pub async fn find_orders_without_key(
    connection: &mut PgConnection,
    limit: i64,
) -> sqlx::Result<Vec<Fault>> {
    sqlx::query_as!(
        Fault,
        r#"select id as order_id, 'of tenant ' || tenant as "detail!", count(*) over () as "total!"
           from orders
           where not exists (select from idempotency_keys where order_id = id)
           limit $1"#,
        limit,
    )
    .fetch_all(connection)
    .await
}

/// Keys of one tenant that stand more than once: their unique index does not do its work.
pub async fn find_keys_with_many_orders(
    connection: &mut PgConnection,
    limit: i64,
) -> sqlx::Result<Vec<Fault>> {
    sqlx::query_as!(
        Fault,
        r#"select (array_agg(order_id))[1] as "order_id!",
               count(*) || ' orders for key ' || key as "detail!",
               count(*) over () as "total!"
           from idempotency_keys
           group by tenant, key
           having count(*) > 1
           limit $1"#,
        limit,
    )
    .fetch_all(connection)
    .await
}

/// Orders with several keys.
pub async fn find_orders_with_many_keys(
    connection: &mut PgConnection,
    limit: i64,
) -> sqlx::Result<Vec<Fault>> {
    sqlx::query_as!(
        Fault,
        r#"select order_id, count(*) || ' keys' as "detail!", count(*) over () as "total!"
           from idempotency_keys
           group by order_id
           having count(*) > 1
           limit $1"#,
        limit,
    )
    .fetch_all(connection)
    .await
}

/// Sagas with work left and no message: nobody will ever do it.
pub async fn find_unfinished_without_message(
    connection: &mut PgConnection,
    limit: i64,
) -> sqlx::Result<Vec<Fault>> {
    sqlx::query_as!(
        Fault,
        r#"select order_id, 'in state ' || state as "detail!", count(*) over () as "total!"
           from sagas
           where state not in ('confirmed', 'failed', 'cancelled', 'parked')
               and not exists (select from outbox where outbox.order_id = sagas.order_id)
           limit $1"#,
        limit,
    )
    .fetch_all(connection)
    .await
}

/// Messages of sagas that have no work left.
pub async fn find_finished_with_message(
    connection: &mut PgConnection,
    limit: i64,
) -> sqlx::Result<Vec<Fault>> {
    sqlx::query_as!(
        Fault,
        r#"select order_id, 'in state ' || state as "detail!", count(*) over () as "total!"
           from outbox
           join sagas using (order_id)
           where state in ('confirmed', 'failed', 'cancelled', 'parked')
           limit $1"#,
        limit,
    )
    .fetch_all(connection)
    .await
}

/// Messages of no order.
pub async fn find_messages_without_order(
    connection: &mut PgConnection,
    limit: i64,
) -> sqlx::Result<Vec<Fault>> {
    sqlx::query_as!(
        Fault,
        r#"select order_id, 'made ' || created_at as "detail!", count(*) over () as "total!"
           from outbox
           where not exists (select from orders where id = order_id)
           limit $1"#,
        limit,
    )
    .fetch_all(connection)
    .await
}

/// Orders that lack their saga, and sagas that lack the step saying that they were created.
pub async fn find_orders_without_saga(
    connection: &mut PgConnection,
    limit: i64,
) -> sqlx::Result<Vec<Fault>> {
    sqlx::query_as!(
        Fault,
        r#"with faults as (
               select id as order_id, 'has no saga' as detail
               from orders
               where not exists (select from sagas where order_id = id)
               union all
               select order_id, 'has no step saying that it was created'
               from sagas
               where not exists (
                   select
                   from saga_steps
                   where saga_steps.order_id = sagas.order_id and seq = 1 and phase = 'created'
               )
           )
           select order_id as "order_id!", detail as "detail!", count(*) over () as "total!"
           from faults
           limit $1"#,
        limit,
    )
    .fetch_all(connection)
    .await
}

/// Sagas of no order, and steps of no saga.
pub async fn find_sagas_without_order(
    connection: &mut PgConnection,
    limit: i64,
) -> sqlx::Result<Vec<Fault>> {
    sqlx::query_as!(
        Fault,
        r#"with faults as (
               select order_id, 'a saga' as detail
               from sagas
               where not exists (select from orders where id = order_id)
               union all
               select order_id, count(*) || ' steps'
               from saga_steps
               where not exists (select from sagas where sagas.order_id = saga_steps.order_id)
               group by order_id
           )
           select order_id as "order_id!", detail as "detail!", count(*) over () as "total!"
           from faults
           limit $1"#,
        limit,
    )
    .fetch_all(connection)
    .await
}

/// Reservation ids that several sagas use.
pub async fn find_shared_reservations(
    connection: &mut PgConnection,
    limit: i64,
) -> sqlx::Result<Vec<Fault>> {
    sqlx::query_as!(
        Fault,
        r#"select (array_agg(order_id))[1] as "order_id!",
               count(*) || ' sagas use reservation ' || reservation_id as "detail!",
               count(*) over () as "total!"
           from sagas
           group by reservation_id
           having count(*) > 1
           limit $1"#,
        limit,
    )
    .fetch_all(connection)
    .await
}
