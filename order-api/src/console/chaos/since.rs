//! What became of the orders since the gremlin came: the same numbers that say whether anything was lost.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use edge::Problem;
use schema_orders::inspection::{Counted, OrdersSince, count_orders_since};

use super::super::words::count;
use crate::OrderApi;

/// For people; the last must be 0.
pub(super) struct Since {
    pub(super) accepted: String,
    pub(super) confirmed: String,
    pub(super) waiting: String,
    pub(super) failed: String,
    pub(super) duplicates: i64,
}

pub(super) async fn count_since(
    api: &Arc<OrderApi>,
    began: DateTime<Utc>,
) -> Result<Since, Problem> {
    let counted = api
        .staff_reads
        .run(move |connection| Box::pin(count_orders_since(connection, began)))
        .await?;
    let OrdersSince { accepted, confirmed, waiting, ended_otherwise, doubled, is_capped } = counted;
    let how = if is_capped { Counted::AtLeast } else { Counted::Exact };
    Ok(Since {
        accepted: count(accepted, how),
        confirmed: count(confirmed, how),
        waiting: count(waiting, how),
        failed: count(ended_otherwise, how),
        duplicates: doubled,
    })
}
