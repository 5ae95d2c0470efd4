//! Table `outbox`: the work list. A saga is claimed by locking its message and its saga row.
//!
//! Claiming is a select here and a [`crate::sagas::store_updates`] in the same transaction, with the
//! core's decision between them. Locks are taken with `skip locked` and never waited for, so two
//! relays share the work without meeting.

use chrono::{DateTime, Utc};
use saga::stored::{ClaimedSaga, Line, LoadedSaga};
use saga::{Claim, Saga, StateName};
use sqlx::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

use crate::sagas::columns::known_reasons_and_causes;
use crate::sagas::{SagaColumns, UnknownState};

struct Row {
    order_id: Uuid,
    owner: Option<i64>,
    lines: Json<Vec<Line>>,
    traceparent: Option<String>,
    created_at: DateTime<Utc>,
    state: String,
    step: i16,
    attempt: i32,
    crashes: i16,
    in_doubt: bool,
    reason: Option<String>,
    cause: Option<String>,
    reservation_id: Uuid,
    version: i32,
    epoch: i64,
    deadline_at: DateTime<Utc>,
    time_left_ms: i64,
    last_moved_at: DateTime<Utc>,
    claimed_at: DateTime<Utc>,
}

impl TryFrom<Row> for ClaimedSaga {
    type Error = UnknownState;

    fn try_from(row: Row) -> Result<Self, UnknownState> {
        let saga = Saga::try_from(SagaColumns {
            state: row.state,
            step: row.step,
            attempt: row.attempt,
            crashes: row.crashes,
            in_doubt: row.in_doubt,
            reason: row.reason,
            cause: row.cause,
            reservation_id: row.reservation_id,
        })?;
        let loaded = LoadedSaga {
            order_id: row.order_id,
            saga,
            version: row.version,
            epoch: row.epoch,
            deadline_at: row.deadline_at,
        };
        Ok(Self {
            loaded,
            claim: if row.owner.is_some() { Claim::Takeover } else { Claim::Free },
            time_left_ms: u64::try_from(row.time_left_ms).unwrap_or(0),
            lines: row.lines.0,
            traceparent: row.traceparent,
            created_at: row.created_at,
            last_moved_at: row.last_moved_at,
            claimed_at: row.claimed_at,
        })
    }
}

/// A saga in another state belongs to a newer relay and is left alone.
fn known_states() -> [&'static str; StateName::ALL.len()] {
    StateName::ALL.map(StateName::as_str)
}

/// One with another reason or cause does, too. Such sagas are left out before the limit counts.
fn known_words() -> Vec<String> {
    known_reasons_and_causes().collect()
}

/// Sagas that nobody knows how to read are skipped; their rows stay as they are.
fn known(rows: Vec<Row>) -> Vec<ClaimedSaga> {
    rows.into_iter().filter_map(|row| ClaimedSaga::try_from(row).ok()).collect()
}

/// Locks up to `limit` messages that nobody has claimed yet, oldest first, above `floor`.
///
/// The floor keeps the scan off the dead rows at the head of the list. It is a shortcut, not a
/// cursor: ids are made before they are committed, so the caller scans from the nil id again and again.
pub async fn lock_fresh(
    connection: &mut PgConnection,
    floor: Uuid,
    limit: i64,
) -> sqlx::Result<Vec<ClaimedSaga>> {
    let rows = sqlx::query_as!(
        Row,
        r#"
        select outbox.order_id, owner, lines as "lines: Json<Vec<Line>>", traceparent,
            orders.created_at, state, step, attempt, crashes, in_doubt, reason, cause,
            reservation_id, version, epoch, deadline_at,
            greatest(0, extract(epoch from deadline_at - now()) * 1000)::bigint as "time_left_ms!",
            updated_at as last_moved_at, now() as "claimed_at!"
        from outbox
        join sagas on sagas.order_id = outbox.order_id
        join orders on orders.id = outbox.order_id
        where outbox.order_id > $1 and owner is null and run_at is null
            and state = any($3)
            and (reason is null or reason = any($4))
            and (cause is null or cause = any($4))
        order by outbox.order_id
        limit $2
        for no key update of outbox, sagas skip locked
        "#,
        floor,
        limit,
        &known_states() as _,
        &known_words(),
    )
    .fetch_all(connection)
    .await?;
    Ok(known(rows))
}

/// Locks up to `limit` messages whose time has come, longest due first.
pub async fn lock_due(connection: &mut PgConnection, limit: i64) -> sqlx::Result<Vec<ClaimedSaga>> {
    let rows = sqlx::query_as!(
        Row,
        r#"
        select outbox.order_id, owner, lines as "lines: Json<Vec<Line>>", traceparent,
            orders.created_at, state, step, attempt, crashes, in_doubt, reason, cause,
            reservation_id, version, epoch, deadline_at,
            greatest(0, extract(epoch from deadline_at - now()) * 1000)::bigint as "time_left_ms!",
            updated_at as last_moved_at, now() as "claimed_at!"
        from outbox
        join sagas on sagas.order_id = outbox.order_id
        join orders on orders.id = outbox.order_id
        where run_at <= now() and owner is null
            and state = any($2)
            and (reason is null or reason = any($3))
            and (cause is null or cause = any($3))
        order by run_at
        limit $1
        for no key update of outbox, sagas skip locked
        "#,
        limit,
        &known_states() as _,
        &known_words(),
    )
    .fetch_all(connection)
    .await?;
    Ok(known(rows))
}

/// Waiting messages that a search for a probe looks at, from either end of the list.
const PROBE_CANDIDATES: i64 = 500;

/// Locks up to `limit` messages of sagas that have not been tried and whose orders have none of the items `avoid`: those
/// whose time has come, and those that wait for nothing but the breaker. It looks at a bounded number: those whose time
/// comes first, and those whose time comes last of the next minute, which are as mixed as the orders of now.
pub async fn lock_untried(
    connection: &mut PgConnection,
    avoid: &[String],
    limit: i64,
) -> sqlx::Result<Vec<ClaimedSaga>> {
    let rows = sqlx::query_as!(
        Row,
        r#"
        select outbox.order_id, owner, lines as "lines: Json<Vec<Line>>", traceparent,
            orders.created_at, state, step, attempt, crashes, in_doubt, reason, cause,
            reservation_id, version, epoch, deadline_at,
            greatest(0, extract(epoch from deadline_at - now()) * 1000)::bigint as "time_left_ms!",
            updated_at as last_moved_at, now() as "claimed_at!"
        from outbox
        join sagas on sagas.order_id = outbox.order_id
        join orders on orders.id = outbox.order_id
        where outbox.order_id = any(array(
                (select order_id
                 from outbox
                 where run_at is not null and owner is null
                 order by run_at
                 limit $4)
                union
                (select order_id
                 from outbox
                 where run_at <= now() + interval '1 minute' and owner is null
                 order by run_at desc
                 limit $4)
            ))
            -- what changed since the candidates were read
            and owner is null
            and (run_at <= now() or (state = 'queued' and reason = 'breaker_open'))
            and state = any($3)
            and (reason is null or reason = any($5))
            and (cause is null or cause = any($5))
            and attempt = 0
            and not exists (
                select
                from jsonb_array_elements(lines) as line
                where line->>'item_id' = any($1)
            )
        -- an expression, so that nobody walks the whole list for the sake of its order
        order by run_at + interval '0'
        limit $2
        for no key update of outbox, sagas skip locked
        "#,
        avoid,
        limit,
        &known_states() as _,
        PROBE_CANDIDATES,
        &known_words(),
    )
    .fetch_all(connection)
    .await?;
    Ok(known(rows))
}

/// Locks up to `limit` messages whose owner has been silent for longer than it may, or whose heartbeat is from the
/// future, or who has gone. Never those of `relay`, who asks, and never those `in_flight`, which it drives.
/// `crashes` tells suspects, which are driven one at a time, from the innocent. Only above `floor`.
///
/// The owner's heartbeat is looked up for each row, so that it is looked up again where the row has changed since the
/// statement began: another relay may have taken it over in between, and is alive.
pub async fn lock_orphaned(
    connection: &mut PgConnection,
    (relay, in_flight): (i64, &[Uuid]),
    crashes: std::ops::RangeInclusive<i16>,
    floor: Uuid,
    limit: i64,
) -> sqlx::Result<Vec<ClaimedSaga>> {
    let rows = sqlx::query_as!(
        Row,
        r#"
        select outbox.order_id, owner, lines as "lines: Json<Vec<Line>>", traceparent,
            orders.created_at, state, step, attempt, crashes, in_doubt, reason, cause,
            reservation_id, version, epoch, deadline_at,
            greatest(0, extract(epoch from deadline_at - now()) * 1000)::bigint as "time_left_ms!",
            updated_at as last_moved_at, now() as "claimed_at!"
        from outbox
        join sagas on sagas.order_id = outbox.order_id
        join orders on orders.id = outbox.order_id
        where outbox.order_id > $6
            and run_at is null
            and owner <> $1
            and outbox.order_id <> all($2)
            and not coalesce((
                select abs(extract(epoch from heartbeat_at - now())) * 1000 <= stale_ms
                from relays
                where relays.id = outbox.owner
            ), false)
            and crashes between $3 and $4
            and state = any($7)
            and (reason is null or reason = any($8))
            and (cause is null or cause = any($8))
        order by outbox.order_id
        limit $5
        for no key update of outbox, sagas skip locked
        "#,
        relay,
        in_flight,
        *crashes.start(),
        *crashes.end(),
        limit,
        floor,
        &known_states() as _,
        &known_words(),
    )
    .fetch_all(connection)
    .await?;
    Ok(known(rows))
}

/// Locks the messages that `relay` owns and does not know of: a claim whose commit got no answer, or
/// a task that died. `in_flight` is what it does know of. Only above `floor`.
pub async fn lock_lost(
    connection: &mut PgConnection,
    relay: i64,
    in_flight: &[Uuid],
    floor: Uuid,
    limit: i64,
) -> sqlx::Result<Vec<ClaimedSaga>> {
    let rows = sqlx::query_as!(
        Row,
        r#"
        select outbox.order_id, owner, lines as "lines: Json<Vec<Line>>", traceparent,
            orders.created_at, state, step, attempt, crashes, in_doubt, reason, cause,
            reservation_id, version, epoch, deadline_at,
            greatest(0, extract(epoch from deadline_at - now()) * 1000)::bigint as "time_left_ms!",
            updated_at as last_moved_at, now() as "claimed_at!"
        from outbox
        join sagas on sagas.order_id = outbox.order_id
        join orders on orders.id = outbox.order_id
        where outbox.order_id > $5
            and run_at is null
            and owner = $1
            and outbox.order_id <> all($2)
            and state = any($4)
            and (reason is null or reason = any($6))
            and (cause is null or cause = any($6))
        order by outbox.order_id
        limit $3
        for no key update of outbox, sagas skip locked
        "#,
        relay,
        in_flight,
        limit,
        &known_states() as _,
        floor,
        &known_words(),
    )
    .fetch_all(connection)
    .await?;
    Ok(known(rows))
}

/// The first message that does not wait for a time, and the time. It passes everything that was removed and that
/// somebody's snapshot still sees, so this may take long.
pub async fn find_first(
    connection: &mut PgConnection,
) -> sqlx::Result<(Option<Uuid>, DateTime<Utc>)> {
    let row = sqlx::query!(
        r#"
        select now() as "now!",
            (select order_id from outbox where run_at is null order by order_id limit 1) as first
        "#
    )
    .fetch_one(connection)
    .await?;
    Ok((row.first, row.now))
}

/// Waiting messages that are examined at once after the clock has gone back.
const WAKE_MAX: i64 = 10_000;

/// Makes due what waits although its saga has moved in the future: the server's clock has gone back since,
/// so the time that was meant may be hours away. Trying too early is harmless. It examines those whose time is the
/// furthest away, and returns how many it has woken: 0 when there are no more.
pub async fn wake_from_the_future(connection: &mut PgConnection) -> sqlx::Result<u64> {
    let woken = sqlx::query!(
        "update outbox
         set run_at = now()
         where order_id in (
             select outbox.order_id
             from outbox
             join sagas on sagas.order_id = outbox.order_id
             where outbox.order_id = any(array(
                     select order_id from outbox where run_at > now() order by run_at desc limit $1
                 ))
                 and owner is null and run_at > now() and updated_at > now()
             for no key update of outbox skip locked
         )",
        WAKE_MAX,
    )
    .execute(connection)
    .await?;
    Ok(woken.rows_affected())
}

/// Has messages that the same transaction has locked wait so many milliseconds; their sagas stay as they are.
pub async fn postpone(connection: &mut PgConnection, later_ms: &[(Uuid, u64)]) -> sqlx::Result<()> {
    let (order_ids, later_ms): (Vec<Uuid>, Vec<i64>) = later_ms
        .iter()
        .map(|&(order_id, ms)| (order_id, i64::try_from(ms).unwrap_or(i64::MAX)))
        .unzip();
    sqlx::query!(
        "update outbox
         set run_at = now() + later.ms * interval '1 millisecond'
         from unnest($1::uuid[], $2::bigint[]) as later (order_id, ms)
         where outbox.order_id = later.order_id and owner is null",
        &order_ids,
        &later_ms,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Removes messages that have no work left.
pub async fn remove(connection: &mut PgConnection, order_ids: &[Uuid]) -> sqlx::Result<()> {
    sqlx::query!("delete from outbox where order_id = any($1)", order_ids)
        .execute(connection)
        .await?;
    Ok(())
}

/// How much waits, and since when.
#[derive(Debug, Clone, Default)]
pub struct Depth {
    /// Messages: unfinished sagas that are not parked.
    pub messages: i64,
    /// Of these, waiting for a time.
    pub waiting: i64,
    /// Seconds since the oldest message's order was acknowledged.
    pub oldest_age_s: f64,
}

/// Counts the work list. It holds live sagas only, so this is bounded by the backlog.
pub async fn measure_depth(connection: &mut PgConnection) -> sqlx::Result<Depth> {
    sqlx::query_as!(
        Depth,
        r#"
        select count(*) as "messages!", count(run_at) as "waiting!",
            coalesce(extract(epoch from now() - min(created_at)), 0)::float8 as "oldest_age_s!"
        from outbox
        "#,
    )
    .fetch_one(connection)
    .await
}

#[cfg(test)]
mod tests;
