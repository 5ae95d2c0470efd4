//! Which order each key led to, to be laid beside what clients were told.

use futures_util::stream::BoxStream;
use sqlx::PgConnection;
use uuid::Uuid;

/// A key, and the order behind it.
#[derive(Debug, Clone)]
pub struct KeyedOrder {
    /// The client's.
    pub key: String,
    /// Made with it.
    pub order_id: Uuid,
    /// Its saga's state; `None`: there is no saga.
    pub state: Option<String>,
}

/// All keys that begin with `prefix`, in any order, in one snapshot.
pub fn stream_keyed_orders<'c>(
    connection: &'c mut PgConnection,
    prefix: &'c str,
) -> BoxStream<'c, sqlx::Result<KeyedOrder>> {
    sqlx::query_as!(
        KeyedOrder,
        r#"select key as "key!", order_id as "order_id!", state as "state?"
           from idempotency_keys
           left join sagas using (order_id)
           where starts_with(key, $1)"#,
        prefix,
    )
    .fetch(connection)
}

/// Those of these orders that are there, whether or not their keys still are.
pub async fn find_stored(
    connection: &mut PgConnection,
    order_ids: &[Uuid],
) -> sqlx::Result<Vec<Uuid>> {
    sqlx::query_scalar!("select id from orders where id = any($1)", order_ids)
        .fetch_all(connection)
        .await
}

/// Those of these orders that staff has retried: what was seen failed may stand otherwise now.
pub async fn find_retried(
    connection: &mut PgConnection,
    order_ids: &[Uuid],
) -> sqlx::Result<Vec<Uuid>> {
    sqlx::query_scalar!(
        "select distinct order_id
         from saga_steps
         where order_id = any($1) and event = 'retry_requested'",
        order_ids,
    )
    .fetch_all(connection)
    .await
}
