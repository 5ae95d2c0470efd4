//! What each saga says it holds, to be laid beside what inventory says.

use futures_util::stream::BoxStream;
use saga::stored::Line;
use sqlx::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

/// What an order should hold in inventory, or should not.
#[derive(Debug, Clone)]
pub struct StockClaim {
    /// Under which id.
    pub reservation_id: Uuid,
    pub order_id: Uuid,
    /// The saga's state.
    pub state: String,
    /// The newest claim of the saga.
    pub epoch: i64,
    /// The saga's version.
    pub version: i32,
    /// What was ordered.
    pub lines: Json<Vec<Line>>,
}

/// All sagas by reservation id, in one snapshot.
pub fn stream_stock_claims(
    connection: &mut PgConnection,
) -> BoxStream<'_, sqlx::Result<StockClaim>> {
    sqlx::query_as!(
        StockClaim,
        r#"select reservation_id as "reservation_id!", saga.order_id as "order_id!",
               saga.state as "state!", saga.epoch as "epoch!", saga.version as "version!",
               lines as "lines!: Json<Vec<Line>>"
           from sagas as saga
           join orders on orders.id = saga.order_id
           order by reservation_id"#,
    )
    .fetch(connection)
}

pub async fn find_stock_claim(
    connection: &mut PgConnection,
    order_id: Uuid,
) -> sqlx::Result<Option<StockClaim>> {
    sqlx::query_as!(
        StockClaim,
        r#"select reservation_id as "reservation_id!", saga.order_id as "order_id!",
               saga.state as "state!", saga.epoch as "epoch!", saga.version as "version!",
               lines as "lines!: Json<Vec<Line>>"
           from sagas as saga
           join orders on orders.id = saga.order_id
           where saga.order_id = $1"#,
        order_id,
    )
    .fetch_optional(connection)
    .await
}

/// How many reservation ids an order may have used: its first, and one for each retry of a definitive
/// no, which starts the saga again from `pending`.
pub async fn count_earned_reservations(
    connection: &mut PgConnection,
    order_id: Uuid,
) -> sqlx::Result<i64> {
    sqlx::query_scalar!(
        r#"select 1 + count(*) as "earned!"
           from saga_steps
           where order_id = $1 and event = 'retry_requested' and state = 'pending'"#,
        order_id,
    )
    .fetch_one(connection)
    .await
}
