//! Pages of orders, newest first.
//!
//! A page looks at a bounded number of rows along one index, whatever the filter: a rare one gets
//! pages that are not full, and never a scan of the table. The laterals keep it so: the planner
//! must not start at the other table because it holds a filter for rare.

use chrono::{DateTime, Duration, Utc};
use saga::stored::Line;
use sqlx::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

use super::OrderRow;
use crate::sagas::FoundBy;

/// Orders that one page looks at, at most.
pub const SCAN_MAX: i64 = 2_000;
/// Ids carry the time of the process that made them, `created_at` is the database's. Their clocks
/// are taken to be no further apart than this, so that a time narrows the scan.
const CLOCKS_APART_MAX: Duration = Duration::hours(1);

/// What a list of orders is narrowed to. Empty fields narrow nothing.
#[derive(Debug, Clone, Default)]
pub struct OrderFilter {
    /// Only this tenant's.
    pub tenant: Option<String>,
    /// Only in this state.
    pub state: Option<String>,
    /// Only with a line of this item.
    pub item_id: Option<String>,
    /// Only made at or after this time.
    pub created_after: Option<DateTime<Utc>>,
    /// Only made before this time.
    pub created_before: Option<DateTime<Utc>>,
}

/// A page of orders, newest first, and where the next one starts.
#[derive(Debug, Clone)]
pub struct OrderPage {
    /// At most the asked-for number.
    pub orders: Vec<OrderRow>,
    /// The last order looked at; `None` at the end. It may be set on a page that is not full.
    pub next_before: Option<Uuid>,
}

/// Ids to look at: `from` inclusive, `before` exclusive.
struct Range {
    from: Uuid,
    before: Uuid,
}

/// Newest first by id, starting below `before`.
pub async fn list_orders(
    connection: &mut PgConnection,
    filter: &OrderFilter,
    before: Option<Uuid>,
    limit: i64,
) -> sqlx::Result<OrderPage> {
    let range = Range::of(filter, before);
    let listed =
        filter.state.as_deref().filter(|state| FoundBy::text(state) == Some(FoundBy::ListedState));
    let orders = match listed {
        Some(state) => find_listed(&mut *connection, filter, state, &range, limit).await?,
        None => find_matching(&mut *connection, filter, &range, limit).await?,
    };
    let next_before = if orders.len() as i64 == limit {
        orders.last().map(|order| order.id)
    } else {
        match listed {
            Some(state) => last_listed_looked_at(connection, state, &range).await?,
            None => last_looked_at(connection, &range).await?,
        }
    };
    Ok(OrderPage { orders, next_before })
}

impl Range {
    fn of(filter: &OrderFilter, before: Option<Uuid>) -> Range {
        let lowest_id_at = |at: DateTime<Utc>| {
            let ms = u128::try_from(at.timestamp_millis()).unwrap_or(0);
            Uuid::from_u128(ms << 80)
        };
        let from =
            filter.created_after.map_or(Uuid::nil(), |at| lowest_id_at(at - CLOCKS_APART_MAX));
        let until = filter.created_before.map(|at| lowest_id_at(at + CLOCKS_APART_MAX));
        let before = before.unwrap_or(Uuid::max()).min(until.unwrap_or(Uuid::max()));
        Range { from, before }
    }
}

/// Along the orders.
async fn find_matching(
    connection: &mut PgConnection,
    filter: &OrderFilter,
    range: &Range,
    limit: i64,
) -> sqlx::Result<Vec<OrderRow>> {
    sqlx::query_as!(
        OrderRow,
        r#"
        select id, tenant, lines as "lines: Json<Vec<Line>>", metadata, state, reason, in_doubt,
            version, created_at, updated_at
        from (
            select *
            from orders
            where id >= $1 and id < $2
            order by id desc
            limit $8
        ) as looked_at
        cross join lateral (select * from sagas where order_id = looked_at.id offset 0) as saga
        where ($3::text is null or tenant = $3)
            and ($4::text is null or state = $4)
            and ($5::text is null
                or lines @> jsonb_build_array(jsonb_build_object('item_id', $5::text)))
            and ($6::timestamptz is null or created_at >= $6)
            and ($7::timestamptz is null or created_at < $7)
        order by id desc
        limit $9
        "#,
        range.from,
        range.before,
        filter.tenant.as_deref(),
        filter.state.as_deref(),
        filter.item_id.as_deref(),
        filter.created_after,
        filter.created_before,
        SCAN_MAX,
        limit,
    )
    .fetch_all(connection)
    .await
}

/// Along the sagas off the happy path.
async fn find_listed(
    connection: &mut PgConnection,
    filter: &OrderFilter,
    state: &str,
    range: &Range,
    limit: i64,
) -> sqlx::Result<Vec<OrderRow>> {
    sqlx::query_as!(
        OrderRow,
        r#"
        select id, tenant, lines as "lines: Json<Vec<Line>>", metadata, state, reason, in_doubt,
            version, created_at, updated_at
        from (
            select *
            from sagas
            where listed_state = $3 and order_id >= $1 and order_id < $2
            order by order_id desc
            limit $8
        ) as looked_at
        cross join lateral (select * from orders where id = looked_at.order_id offset 0) as placed
        where ($4::text is null or tenant = $4)
            and ($5::text is null
                or lines @> jsonb_build_array(jsonb_build_object('item_id', $5::text)))
            and ($6::timestamptz is null or created_at >= $6)
            and ($7::timestamptz is null or created_at < $7)
        order by order_id desc
        limit $9
        "#,
        range.from,
        range.before,
        state,
        filter.tenant.as_deref(),
        filter.item_id.as_deref(),
        filter.created_after,
        filter.created_before,
        SCAN_MAX,
        limit,
    )
    .fetch_all(connection)
    .await
}

/// Where a scan of the range ends, or `None` where it reaches the oldest.
async fn last_looked_at(
    connection: &mut PgConnection,
    range: &Range,
) -> sqlx::Result<Option<Uuid>> {
    sqlx::query_scalar!(
        "select id
         from orders
         where id >= $1 and id < $2
         order by id desc
         offset $3
         limit 1",
        range.from,
        range.before,
        SCAN_MAX - 1,
    )
    .fetch_optional(connection)
    .await
}

/// The same along the sagas off the happy path.
async fn last_listed_looked_at(
    connection: &mut PgConnection,
    state: &str,
    range: &Range,
) -> sqlx::Result<Option<Uuid>> {
    sqlx::query_scalar!(
        "select order_id
         from sagas
         where listed_state = $3 and order_id >= $1 and order_id < $2
         order by order_id desc
         offset $4
         limit 1",
        range.from,
        range.before,
        state,
        SCAN_MAX - 1,
    )
    .fetch_optional(connection)
    .await
}
