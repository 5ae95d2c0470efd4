//! The backlog: how many sagas are unfinished, in which state, since when, and who works on them. For those on call.
//!
//! It is read again and again while nothing is well, so it touches live rows only: the work list, and
//! the parked through their partial index. Finished history is never looked at.

use sqlx::PgConnection;

/// Unfinished sagas with the same state and reason.
#[derive(Debug, Clone, PartialEq)]
pub struct BacklogCount {
    /// `pending`, `reserving`, `queued`, `releasing` or `parked`.
    pub state: String,
    /// Why queued or parked, or what a release is for.
    pub reason: Option<String>,
    pub sagas: i64,
    /// Of these: the outcome of the last call is unknown.
    pub in_doubt: i64,
    /// Seconds since the oldest was ordered; parked: since it was parked.
    pub oldest_age_s: f64,
}

/// Every saga that has not ended, counted by state and reason.
pub async fn count_backlog(connection: &mut PgConnection) -> sqlx::Result<Vec<BacklogCount>> {
    sqlx::query_as!(
        BacklogCount,
        r#"
        select saga.state as "state!", saga.reason, count(*) as "sagas!",
            count(*) filter (where saga.in_doubt) as "in_doubt!",
            extract(epoch from now() - min(outbox.created_at))::float8 as "oldest_age_s!"
        from outbox
        -- one look-up per live saga, whatever the planner thinks of the size of the work list
        cross join lateral (
            select state, coalesce(reason, cause) as reason, in_doubt
            from sagas
            where sagas.order_id = outbox.order_id
            limit 1
        ) as saga
        group by saga.state, saga.reason
        union all
        select 'parked', reason, count(*), count(*) filter (where in_doubt),
            extract(epoch from now() - min(updated_at))::float8
        from sagas
        where listed_state = 'parked'
        group by reason
        "#,
    )
    .fetch_all(connection)
    .await
}

/// The work list, and those who work on it.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct WorkList {
    /// Messages: sagas with an automatic step left.
    pub messages: i64,
    /// Of these: waiting for a time that is still to come.
    pub waiting: i64,
    /// Of these: held by a relay.
    pub held: i64,
    /// Seconds since the oldest message's order was placed; 0 without one.
    pub oldest_age_s: f64,
    /// Seconds for which the longest overdue message has waited for a relay; 0 without one.
    pub overdue_s: f64,
    /// Relays that give signs of life.
    pub relays_alive: i64,
    /// Relays on the list that do not.
    pub relays_silent: i64,
}

/// Measures the work list. A relay that has not been heard of for `silent_ms` counts as silent.
pub async fn read_work_list(
    connection: &mut PgConnection,
    silent_ms: i64,
) -> sqlx::Result<WorkList> {
    sqlx::query_as!(
        WorkList,
        r#"
        select count(*) as "messages!",
            count(*) filter (where run_at > now()) as "waiting!",
            count(owner) as "held!",
            coalesce(extract(epoch from now() - min(created_at)), 0)::float8 as "oldest_age_s!",
            greatest(0, coalesce(
                extract(epoch from now() - min(coalesce(run_at, created_at)) filter (
                    where owner is null
                )),
                0
            ))::float8 as "overdue_s!",
            (
                select count(*)
                from relays
                where heartbeat_at >= now() - $1 * interval '1 millisecond'
            ) as "relays_alive!",
            (
                select count(*)
                from relays
                where heartbeat_at < now() - $1 * interval '1 millisecond'
            ) as "relays_silent!"
        from outbox
        "#,
        silent_ms as f64,
    )
    .fetch_one(connection)
    .await
}

#[cfg(test)]
mod tests;
