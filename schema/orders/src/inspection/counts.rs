//! How many sagas stand in which state, and since when the oldest has.
//!
//! A count says how it was made. What is unfinished or parked is counted one by one along its index,
//! up to a bound; finished history is counted up to a smaller one and estimated above it, from what
//! Postgres itself keeps about the table. Nothing here reads a million rows.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use saga::StateName;
use sqlx::PgConnection;
use uuid::Uuid;

use super::STUCK_AFTER_S;
use crate::sagas::FoundBy;

/// Up to so many sagas in all, everything is counted.
const EVERYTHING_MAX: i64 = 10_000;
/// Live states are counted up to this.
const LIVE_MAX: i64 = 100_000;
/// Finished ones up to this.
const FINISHED_MAX: i64 = 10_000;
/// States off the happy path, with the bound to count to.
fn listed() -> Vec<(&'static str, i64)> {
    let listed =
        StateName::ALL.into_iter().filter(|name| FoundBy::of(*name) == FoundBy::ListedState);
    let bound = |name: StateName| if name.is_final() { FINISHED_MAX } else { LIVE_MAX };
    listed.map(|name| (name.as_str(), bound(name))).collect()
}

/// How a number was come by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Counted {
    /// One by one.
    Exact,
    /// The count stopped here.
    AtLeast,
    /// From the statistics of the table.
    Estimate,
}

/// A number of sagas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    pub count: i64,
    /// How it was come by.
    pub counted: Counted,
}

/// The sagas in one state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateCount {
    pub state: String,
    pub sample: Sample,
    /// The oldest order among them, and when it was acknowledged; not looked for where it means nothing.
    pub oldest: Option<(Uuid, DateTime<Utc>)>,
}

/// How everything stands.
#[derive(Debug, Clone)]
pub struct StateCounts {
    /// By state.
    pub states: Vec<StateCount>,
    /// The last call's outcome is unknown.
    pub in_doubt: Sample,
    /// Parked, or overdue.
    pub stuck: Sample,
    /// The database's clock.
    pub now: DateTime<Utc>,
}

struct Row {
    state: String,
    count: i64,
    oldest_id: Option<Uuid>,
    oldest_at: Option<DateTime<Utc>>,
}

pub async fn count_states(connection: &mut PgConnection) -> sqlx::Result<StateCounts> {
    let everything = count_up_to(&mut *connection, EVERYTHING_MAX + 1).await?;
    let states = if everything <= EVERYTHING_MAX {
        let rows = count_everything(&mut *connection).await?;
        rows.into_iter().map(|row| row.counted_to(i64::MAX)).collect()
    } else {
        count_by_index(&mut *connection).await?
    };
    let marks = count_marks(connection).await?;
    let parked = states.iter().find(|state| state.state == StateName::Parked.as_str());
    let parked = parked.map_or(0, |parked| parked.sample.count);
    let stuck = Sample { count: marks.overdue + parked, counted: Counted::Exact };
    let now = marks.now;
    Ok(StateCounts { states, in_doubt: sample(marks.in_doubt, LIVE_MAX), stuck, now })
}

impl Row {
    fn counted_to(self, max: i64) -> StateCount {
        StateCount {
            state: self.state,
            sample: sample(self.count, max),
            oldest: self.oldest_id.zip(self.oldest_at),
        }
    }
}

/// A count that was told to stop one above `max`.
fn sample(count: i64, max: i64) -> Sample {
    if count > max {
        Sample { count: max, counted: Counted::AtLeast }
    } else {
        Sample { count, counted: Counted::Exact }
    }
}

async fn count_up_to(connection: &mut PgConnection, limit: i64) -> sqlx::Result<i64> {
    sqlx::query_scalar!(
        r#"
        select count(*) as "count!"
        from (select order_id from sagas order by order_id limit $1) as looked_at
        "#,
        limit,
    )
    .fetch_one(connection)
    .await
}

async fn count_everything(connection: &mut PgConnection) -> sqlx::Result<Vec<Row>> {
    sqlx::query_as!(
        Row,
        r#"
        select state as "state!", count as "count!", oldest_id, orders.created_at as "oldest_at?"
        from (
            select state, count(*) as count, min(order_id::text)::uuid as oldest_id
            from sagas
            group by state
        ) as counted
        left join orders on orders.id = oldest_id
        order by state
        "#,
    )
    .fetch_all(connection)
    .await
}

async fn count_by_index(connection: &mut PgConnection) -> sqlx::Result<Vec<StateCount>> {
    let mut states = Vec::new();
    for row in count_on_work_list(&mut *connection).await? {
        states.push(row.counted_to(LIVE_MAX));
    }
    let estimates = estimate(&mut *connection).await?;
    let listed = listed();
    for (row, &(_, max)) in count_listed(connection, &listed).await?.into_iter().zip(&listed) {
        let mut counted = row.counted_to(max);
        let is_more = counted.sample.counted == Counted::AtLeast;
        let estimate = estimates.by_state.get(&counted.state).copied().unwrap_or(0);
        if is_more && estimate > counted.sample.count {
            counted.sample = Sample { count: estimate, counted: Counted::Estimate };
        }
        states.push(counted);
    }
    let others: i64 = states
        .iter()
        .filter(|s| !listed.iter().any(|l| l.0 == s.state))
        .map(|s| s.sample.count)
        .sum();
    let count = (estimates.on_happy_path - others).max(0);
    let sample = Sample { count, counted: Counted::Estimate };
    states.push(StateCount { state: StateName::Confirmed.to_string(), sample, oldest: None });
    Ok(states)
}

/// In the order of `listed`.
async fn count_listed(
    connection: &mut PgConnection,
    listed: &[(&'static str, i64)],
) -> sqlx::Result<Vec<Row>> {
    let states: Vec<&str> = listed.iter().map(|(state, _)| *state).collect();
    let limits: Vec<i64> = listed.iter().map(|(_, max)| max + 1).collect();
    sqlx::query_as!(
        Row,
        r#"
        select wanted.state as "state!", counted.count as "count!", oldest.order_id as "oldest_id?",
            placed.created_at as "oldest_at?"
        from unnest($1::text[], $2::bigint[]) with ordinality as wanted (state, rows_max, n)
        cross join lateral (
            select count(*) as count
            from (
                select order_id
                from sagas
                where listed_state is not null
                    and (listed_state, order_id) >= (wanted.state, $3)
                    and (listed_state, order_id) <= (wanted.state, $4)
                order by listed_state, order_id
                limit wanted.rows_max
            ) as looked_at
        ) as counted
        left join lateral (
            select order_id
            from sagas
            where listed_state is not null
                and (listed_state, order_id) >= (wanted.state, $3)
                and (listed_state, order_id) <= (wanted.state, $4)
            order by listed_state, order_id
            limit 1
        ) as oldest on true
        left join lateral (
            select created_at from orders where id = oldest.order_id offset 0
        ) as placed on true
        order by wanted.n
        "#,
        &states as _,
        &limits,
        Uuid::nil(),
        Uuid::max(),
    )
    .fetch_all(connection)
    .await
}

/// Pending and reserving: on the work list, and not waiting for a time.
async fn count_on_work_list(connection: &mut PgConnection) -> sqlx::Result<Vec<Row>> {
    sqlx::query_as!(
        Row,
        r#"
        select wanted.state as "state!", coalesce(counted.count, 0) as "count!",
            counted.oldest_id as "oldest_id?", placed.created_at as "oldest_at?"
        from (values ('pending'), ('reserving')) as wanted (state)
        left join (
            select saga.state, count(*) as count, min(saga.order_id::text)::uuid as oldest_id
            from (
                select order_id from outbox where run_at is null order by order_id limit $1
            ) as looked_at
            cross join lateral (
                select state, order_id from sagas where order_id = looked_at.order_id offset 0
            ) as saga
            group by saga.state
        ) as counted on counted.state = wanted.state
        left join lateral (
            select created_at from orders where id = counted.oldest_id offset 0
        ) as placed on true
        "#,
        LIVE_MAX + 1,
    )
    .fetch_all(connection)
    .await
}

struct Estimates {
    by_state: HashMap<String, i64>,
    on_happy_path: i64,
}

/// From what the last analyze, vacuum or index build has found out.
async fn estimate(connection: &mut PgConnection) -> sqlx::Result<Estimates> {
    let row = sqlx::query!(
        r#"
        select greatest(0, reltuples)::float8 as "rows!",
            coalesce(null_frac, 1)::float8 as "null_share!",
            coalesce(most_common_vals::text::text[], '{}') as "states!",
            coalesce(most_common_freqs::float8[], '{}') as "shares!"
        from pg_class
        left join pg_stats on schemaname = current_schema() and tablename = 'sagas'
            and attname = 'listed_state'
        where pg_class.oid = 'sagas'::regclass
        "#,
    )
    .fetch_one(connection)
    .await?;
    let of_all = |share: f64| (row.rows * share).round() as i64;
    let by_state = row.states.into_iter().zip(row.shares.into_iter().map(of_all)).collect();
    Ok(Estimates { by_state, on_happy_path: of_all(row.null_share) })
}

struct Marks {
    in_doubt: i64,
    overdue: i64,
    now: DateTime<Utc>,
}

async fn count_marks(connection: &mut PgConnection) -> sqlx::Result<Marks> {
    sqlx::query_as!(
        Marks,
        r#"
        select (
                select count(*)
                from (
                    select order_id from sagas where in_doubt order by in_doubt, order_id limit $1
                ) as looked_at
            ) as "in_doubt!",
            (
                select count(*)
                from outbox
                -- only what somebody holds is looked up
                left join lateral (
                    select updated_at
                    from sagas
                    where order_id = outbox.order_id and outbox.owner is not null
                    offset 0
                ) as held on true
                where coalesce(held.updated_at, run_at, outbox.created_at)
                    < now() - $2 * interval '1 second'
            ) as "overdue!",
            now() as "now!"
        "#,
        LIVE_MAX + 1,
        STUCK_AFTER_S,
    )
    .fetch_one(connection)
    .await
}
