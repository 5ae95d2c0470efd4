//! Along which index a list is walked: the narrowest that its filter allows, newest order first.
//!
//! Bounds are written as whole keys, and the order names them, too. With `listed_state = $1` the planner
//! may believe that matches lie everywhere and walk the primary key for them, through a million others.

use chrono::{DateTime, Duration, Utc};
use saga::StateName;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{STUCK_AFTER_S, SagaFilter};
use crate::sagas::FoundBy;

/// Ids carry the time of the process that made them, `created_at` is the database's. Their clocks
/// are taken to be no further apart than this, so that a time narrows the walk.
const CLOCKS_APART_MAX: Duration = Duration::hours(1);
/// A look at the work list for what is overdue costs little per message, so it goes further.
const OVERDUE_FACTOR: usize = 20;
/// A work list up to here, some 200,000 messages, is read as a whole for what is overdue.
const WORK_LIST_BYTES_MAX: i64 = 32 * 1024 * 1024;
/// More than these are not gathered.
const OVERDUE_MAX: i64 = 5_000;

/// Where candidates come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source {
    /// The ids themselves.
    Ids(Vec<Uuid>),
    /// What is in doubt.
    InDoubt,
    /// One reason off the happy path.
    Reason(String),
    /// One state off the happy path.
    Listed(String),
    /// Parked, and overdue on the work list.
    Stuck,
    WorkList,
    All,
}

/// Ids to look at: `from` inclusive, `before` exclusive.
#[derive(Debug, Clone, Copy)]
pub(super) struct Range {
    pub(super) from: Uuid,
    pub(super) before: Uuid,
}

/// What one look saw.
pub(super) struct Seen {
    /// Candidates, newest first.
    pub(super) ids: Vec<Uuid>,
    /// Rows looked at.
    pub(super) count: usize,
    /// The last row looked at, where there may be more below.
    pub(super) more_below: Option<Uuid>,
}

impl Source {
    pub(super) fn of(filter: &SagaFilter) -> Source {
        if let Some(ids) = &filter.ids {
            let mut ids = ids.clone();
            ids.sort_unstable_by(|a, b| b.cmp(a));
            ids.dedup();
            return Source::Ids(ids);
        }
        if filter.in_doubt == Some(true) {
            return Source::InDoubt;
        }
        if let Some(reason) = &filter.reason {
            return Source::Reason(reason.clone());
        }
        let state = filter.state.as_deref();
        match state.and_then(FoundBy::text) {
            Some(FoundBy::ListedState) => Source::Listed(state.unwrap_or_default().to_owned()),
            Some(FoundBy::WorkList) => Source::WorkList,
            Some(FoundBy::PrimaryKey) | None if filter.stuck == Some(true) => Source::Stuck,
            Some(FoundBy::PrimaryKey) | None => Source::All,
        }
    }
}

impl Range {
    pub(super) fn of(filter: &SagaFilter, before: Option<Uuid>) -> Range {
        let lowest_id_at = |at: DateTime<Utc>| {
            let ms = u128::try_from(at.timestamp_millis()).unwrap_or(0);
            Uuid::from_u128(ms << 80)
        };
        // a list of ids may hold ids of any kind, whose first bits are no time
        let narrowed = |at: Option<DateTime<Utc>>| at.filter(|_| filter.ids.is_none());
        let from = narrowed(filter.created_after)
            .map_or(Uuid::nil(), |at| lowest_id_at(at - CLOCKS_APART_MAX));
        let until = narrowed(filter.created_before).map(|at| lowest_id_at(at + CLOCKS_APART_MAX));
        let before = before.unwrap_or(Uuid::max()).min(until.unwrap_or(Uuid::max()));
        Range { from, before }
    }
}

/// Looks at up to `limit` rows of the source.
pub(super) async fn look(
    connection: &mut PgConnection,
    source: &Source,
    range: Range,
    limit: usize,
) -> sqlx::Result<Seen> {
    let rows = limit as i64;
    let ids = match source {
        Source::Ids(ids) => {
            let below = ids.iter().copied().filter(|id| *id < range.before);
            below.take(limit).collect()
        }
        Source::InDoubt => in_doubt(connection, range, rows).await?,
        Source::Reason(reason) => with_reason(connection, reason, range, rows).await?,
        Source::Listed(state) => listed(connection, state, range, rows).await?,
        Source::Stuck => return stuck(connection, range, limit * OVERDUE_FACTOR).await,
        Source::WorkList => on_work_list(connection, range, rows).await?,
        Source::All => all(connection, range, rows).await?,
    };
    let more_below = if ids.len() == limit { ids.last().copied() } else { None };
    Ok(Seen { count: ids.len(), ids, more_below })
}

async fn in_doubt(
    connection: &mut PgConnection,
    range: Range,
    limit: i64,
) -> sqlx::Result<Vec<Uuid>> {
    sqlx::query_scalar!(
        "select order_id
         from sagas
         where in_doubt and (in_doubt, order_id) >= (true, $1) and (in_doubt, order_id) < (true, $2)
         order by in_doubt desc, order_id desc
         limit $3",
        range.from,
        range.before,
        limit,
    )
    .fetch_all(connection)
    .await
}

async fn with_reason(
    connection: &mut PgConnection,
    reason: &str,
    range: Range,
    limit: i64,
) -> sqlx::Result<Vec<Uuid>> {
    sqlx::query_scalar!(
        "select order_id
         from sagas
         where listed_state is not null
            and (coalesce(reason, cause), order_id) >= ($1, $2)
            and (coalesce(reason, cause), order_id) < ($1, $3)
         order by coalesce(reason, cause) desc, order_id desc
         limit $4",
        reason,
        range.from,
        range.before,
        limit,
    )
    .fetch_all(connection)
    .await
}

async fn listed(
    connection: &mut PgConnection,
    state: &str,
    range: Range,
    limit: i64,
) -> sqlx::Result<Vec<Uuid>> {
    sqlx::query_scalar!(
        "select order_id
         from sagas
         where listed_state is not null
            and (listed_state, order_id) >= ($1, $2)
            and (listed_state, order_id) < ($1, $3)
         order by listed_state desc, order_id desc
         limit $4",
        state,
        range.from,
        range.before,
        limit,
    )
    .fetch_all(connection)
    .await
}

async fn on_work_list(
    connection: &mut PgConnection,
    range: Range,
    limit: i64,
) -> sqlx::Result<Vec<Uuid>> {
    sqlx::query_scalar!(
        "select order_id
         from outbox
         where order_id >= $1 and order_id < $2
         order by order_id desc
         limit $3",
        range.from,
        range.before,
        limit,
    )
    .fetch_all(connection)
    .await
}

async fn all(connection: &mut PgConnection, range: Range, limit: i64) -> sqlx::Result<Vec<Uuid>> {
    sqlx::query_scalar!(
        "select order_id
         from sagas
         where order_id >= $1 and order_id < $2
         order by order_id desc
         limit $3",
        range.from,
        range.before,
        limit,
    )
    .fetch_all(connection)
    .await
}

/// Two lists are walked side by side; what lies below the nearer end of the two is left for the next look.
async fn stuck(connection: &mut PgConnection, range: Range, limit: usize) -> sqlx::Result<Seen> {
    let parked = listed(&mut *connection, StateName::Parked.as_str(), range, limit as i64).await?;
    let overdue = match all_overdue(&mut *connection, range).await? {
        Some(overdue) => overdue,
        None => walk_overdue(connection, range, limit).await?,
    };
    let parked_end = if parked.len() == limit { parked.last().copied() } else { None };
    let more_below = parked_end.max(overdue.more_below);
    let count = parked.len() + overdue.count;
    let mut ids = overdue.ids;
    ids.extend(parked);
    ids.retain(|id| more_below.is_none_or(|end| *id >= end));
    ids.sort_unstable_by(|a, b| b.cmp(a));
    ids.dedup();
    Ok(Seen { ids, count, more_below })
}

/// All that is overdue on the work list, found by reading the whole of it; `None`: it is too long for that, or too
/// much of it is overdue. So a few that need somebody are found at once behind a hundred thousand that wait as
/// they should.
async fn all_overdue(connection: &mut PgConnection, range: Range) -> sqlx::Result<Option<Seen>> {
    let bytes = sqlx::query_scalar!(r#"select pg_relation_size('outbox') as "bytes!""#);
    if bytes.fetch_one(&mut *connection).await? > WORK_LIST_BYTES_MAX {
        return Ok(None);
    }
    let ids = sqlx::query_scalar!(
        "select order_id
         from outbox
         where order_id >= $1 and order_id < $2
            and (owner is not null
                or coalesce(run_at, created_at) < now() - $3 * interval '1 second')
         limit $4",
        range.from,
        range.before,
        STUCK_AFTER_S,
        OVERDUE_MAX + 1,
    )
    .fetch_all(connection)
    .await?;
    let is_all = ids.len() as i64 <= OVERDUE_MAX;
    Ok(is_all.then_some(Seen { count: ids.len(), ids, more_below: None }))
}

/// What is overdue among so many on the work list.
async fn walk_overdue(
    connection: &mut PgConnection,
    range: Range,
    limit: usize,
) -> sqlx::Result<Seen> {
    let overdue = sqlx::query!(
        r#"
        with looked_at as (
            select order_id, owner, coalesce(run_at, created_at) as due_at
            from outbox
            where order_id >= $1 and order_id < $2
            order by order_id desc
            limit $3
        )
        select order_id as "order_id!", (select count(*) from looked_at) as "count!"
        from looked_at
        -- whoever holds one may have fallen silent; the last one says where the look ended
        where owner is not null or due_at < now() - $4 * interval '1 second'
            or order_id = (select min(order_id::text)::uuid from looked_at)
        order by order_id desc
        "#,
        range.from,
        range.before,
        limit as i64,
        STUCK_AFTER_S,
    )
    .fetch_all(connection)
    .await?;
    let count = overdue.first().map_or(0, |row| row.count as usize);
    let end = if count == limit { overdue.last().map(|row| row.order_id) } else { None };
    let ids = overdue.into_iter().map(|row| row.order_id).collect();
    Ok(Seen { ids, count, more_below: end })
}
