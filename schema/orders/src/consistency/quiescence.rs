//! What is left when nothing moves any more. On a live system these are no faults.

use sqlx::PgConnection;

use super::Fault;

/// Sagas that have neither ended nor been parked.
pub async fn find_unfinished(
    connection: &mut PgConnection,
    limit: i64,
) -> sqlx::Result<Vec<Fault>> {
    sqlx::query_as!(
        Fault,
        r#"select order_id,
               state || coalesce(' (' || reason || ')', '') || ', last moved ' || updated_at
                   as "detail!",
               count(*) over () as "total!"
           from sagas
           where state not in ('confirmed', 'failed', 'cancelled', 'parked')
           limit $1"#,
        limit,
    )
    .fetch_all(connection)
    .await
}

/// Messages that nobody has removed.
pub async fn find_messages_left(
    connection: &mut PgConnection,
    limit: i64,
) -> sqlx::Result<Vec<Fault>> {
    sqlx::query_as!(
        Fault,
        r#"select order_id,
               'owner ' || coalesce(owner::text, 'none') || ', due '
                   || coalesce(run_at::text, 'at once') as "detail!",
               count(*) over () as "total!"
           from outbox
           limit $1"#,
        limit,
    )
    .fetch_all(connection)
    .await
}

/// Messages that this relay owns: what it holds, or held when it died.
pub async fn count_messages_of(connection: &mut PgConnection, relay: i64) -> sqlx::Result<i64> {
    sqlx::query_scalar!(r#"select count(*) as "count!" from outbox where owner = $1"#, relay)
        .fetch_one(connection)
        .await
}
