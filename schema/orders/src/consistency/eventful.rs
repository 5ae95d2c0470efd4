//! Sagas that went through much: the ones that a person wants to see.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

/// A saga, by how much happened to it.
#[derive(Debug, Clone)]
pub struct Eventful {
    pub order_id: Uuid,
    /// Rows of its journal.
    pub steps: i32,
    /// When its order was taken.
    pub from: DateTime<Utc>,
    /// When it last moved.
    pub until: DateTime<Utc>,
    /// The reservation id it has now.
    pub reservation_id: Uuid,
    /// When it gives up.
    pub deadline_at: DateTime<Utc>,
}

/// The sagas with the longest journals and the most claims; those of `first` before all others.
pub async fn find_eventful(
    connection: &mut PgConnection,
    first: &[Uuid],
    limit: i64,
) -> sqlx::Result<Vec<Eventful>> {
    sqlx::query_as!(
        Eventful,
        r#"select order_id, version as steps, created_at as "from", updated_at as until,
               reservation_id, deadline_at
           from sagas
           join orders on orders.id = order_id
           order by order_id = any($1) desc, version + epoch desc, order_id
           limit $2"#,
        first,
        limit,
    )
    .fetch_all(connection)
    .await
}
