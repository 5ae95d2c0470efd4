//! Problems, grouped: sagas off the happy path by state and reason.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

/// Sagas of one reason that are counted; of more the newest.
const GROUP_ROWS_MAX: i64 = 10_000;

/// Sagas with the same state and reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    pub state: String,
    /// The reason, or what it is released for.
    pub reason: String,
    /// How many among the newest 10,000 of this reason.
    pub count: i64,
    /// Whether there are more of this reason.
    pub is_capped: bool,
    /// The oldest order among those counted.
    pub oldest_id: Uuid,
    /// When that was acknowledged.
    pub oldest_at: DateTime<Utc>,
    /// The newest order.
    pub newest_id: Uuid,
    /// When that was acknowledged.
    pub newest_at: DateTime<Utc>,
}

/// All groups, largest first. Reasons are found by leaping along their index, not by reading it.
pub async fn list_groups(connection: &mut PgConnection) -> sqlx::Result<Vec<Group>> {
    sqlx::query_as!(
        Group,
        r#"
        with recursive reasons as (
            (
                select coalesce(reason, cause) as reason
                from sagas
                where listed_state is not null and coalesce(reason, cause) is not null
                order by coalesce(reason, cause)
                limit 1
            )
            union all
            select (
                select coalesce(sagas.reason, cause)
                from sagas
                where listed_state is not null and coalesce(sagas.reason, cause) > reasons.reason
                order by coalesce(sagas.reason, cause)
                limit 1
            )
            from reasons
            where reason is not null
        ),
        grouped as (
            select reasons.reason, looked_at.listed_state, count(*) as count,
                sum(count(*)) over (partition by reasons.reason) > $1::bigint as is_capped,
                -- they come newest first
                (array_agg(looked_at.order_id))[count(*)] as oldest_id,
                (array_agg(looked_at.order_id))[1] as newest_id
            from (select reason from reasons where reason is not null limit 100) as reasons
            cross join lateral (
                select listed_state, order_id
                from sagas
                where listed_state is not null
                    and (coalesce(sagas.reason, cause), order_id) >= (reasons.reason, $2)
                    and (coalesce(sagas.reason, cause), order_id) <= (reasons.reason, $3)
                order by coalesce(sagas.reason, cause) desc, order_id desc
                limit $1::bigint + 1
            ) as looked_at
            group by reasons.reason, looked_at.listed_state
        )
        select grouped.listed_state as "state!", grouped.reason as "reason!",
            grouped.count as "count!", grouped.is_capped as "is_capped!",
            grouped.oldest_id as "oldest_id!", oldest.created_at as "oldest_at!",
            grouped.newest_id as "newest_id!", newest.created_at as "newest_at!"
        from grouped
        cross join lateral (
            select created_at from orders where id = grouped.oldest_id offset 0
        ) as oldest
        cross join lateral (
            select created_at from orders where id = grouped.newest_id offset 0
        ) as newest
        order by grouped.count desc, grouped.reason, grouped.listed_state
        "#,
        GROUP_ROWS_MAX,
        Uuid::nil(),
        Uuid::max(),
    )
    .fetch_all(connection)
    .await
}
