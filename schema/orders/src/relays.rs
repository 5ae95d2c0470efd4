//! Table `relays`: the members. A heartbeat that is stale gives a relay's sagas to whoever asks next.
//!
//! Safety never rests on these times: the epoch fences a relay that was only slow. A heartbeat from the future
//! says as little as an old one: the server's clock has gone back since.

use chrono::{DateTime, Utc};
use relay_core::beat_report::{Beat, Renewal};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::breaker_overrides::{INVENTORY, OverrideVersion};

/// Registers a member, which counts as dead after `stale_ms` of silence, and returns its id.
pub async fn join(
    connection: &mut PgConnection,
    name: &str,
    url: Option<&str>,
    stale_ms: i32,
) -> sqlx::Result<i64> {
    sqlx::query_scalar!(
        "insert into relays (name, url, stale_ms) values ($1, $2, $3) returning id",
        name,
        url,
        stale_ms,
    )
    .fetch_one(connection)
    .await
}

/// Renews the heartbeat, and nothing else: whatever the work list is like, it takes no longer.
pub async fn renew(connection: &mut PgConnection, relay: i64) -> sqlx::Result<Renewal> {
    let went_back = sqlx::query_scalar!(
        r#"
        update relays
        set heartbeat_at = now()
        from (select id, heartbeat_at from relays where id = $1) as before
        where relays.id = before.id
        returning before.heartbeat_at > now() as "went_back!"
        "#,
        relay,
    )
    .fetch_optional(connection)
    .await?;
    Ok(match went_back {
        Some(clock_went_back) => Renewal { member: true, clock_went_back },
        None => Renewal { member: false, clock_went_back: false },
    })
}

/// Messages that a heartbeat looks through for one that is held.
const HELD_AMONG: i64 = 1_000;

/// Looks at the other members, at the work list and at staff's newest override of the breaker. Of the work list it sees
/// what is above `floor`, and what waits.
pub async fn look_around(
    connection: &mut PgConnection,
    relay: i64,
    floor: Uuid,
) -> sqlx::Result<(Beat, Option<OverrideVersion>)> {
    let row = sqlx::query!(
        r#"
        select exists (
                select
                from relays
                where id <> $1 and abs(extract(epoch from heartbeat_at - now())) * 1000 > stale_ms
            ) as "others_stale!",
            exists (
                select from outbox where order_id > $3 and owner is null and run_at is null
            ) as "fresh_work!",
            (
                -- a list longer than what is looked through may hold anything
                select coalesce(bool_or(owner is not null), false) or count(*) = $4
                from (
                    select owner
                    from outbox
                    where order_id > $3 and run_at is null
                    order by order_id
                    limit $4
                ) as live
            ) as "any_held!",
            (
                select extract(epoch from min(run_at) - now()) * 1000
                from outbox
                where run_at is not null
            )::bigint as next_due_ms,
            breaker.number as "number?", breaker.isolated as "isolated?"
        from (values (true)) as always
        left join breaker_orders as breaker on breaker.name = $2
        "#,
        relay,
        INVENTORY,
        floor,
        HELD_AMONG,
    )
    .fetch_one(connection)
    .await?;
    let newest = row.number.zip(row.isolated);
    let newest = newest.map(|(number, isolated)| OverrideVersion { number, isolated });
    let beat = Beat {
        others_stale: row.others_stale,
        fresh_work: row.fresh_work,
        any_held: row.any_held,
        next_due_ms: row.next_due_ms,
    };
    Ok((beat, newest))
}

/// Takes a member that stops gracefully off the list.
pub async fn leave(connection: &mut PgConnection, relay: i64) -> sqlx::Result<()> {
    sqlx::query!("delete from relays where id = $1", relay).execute(connection).await?;
    Ok(())
}

/// A member is taken off the list after so many times the silence that it may keep.
pub const REMOVED_AFTER: i32 = 10;

/// Takes members off the list that have been silent for `times` what they may be, and hold no saga. Returns how many.
pub async fn remove_silent(connection: &mut PgConnection, times: i32) -> sqlx::Result<u64> {
    let removed = sqlx::query!(
        "delete from relays
         where abs(extract(epoch from heartbeat_at - now())) * 1000 > stale_ms * $1
            and not exists (select from outbox where run_at is null and owner = relays.id)",
        times,
    )
    .execute(connection)
    .await?;
    Ok(removed.rows_affected())
}

/// A member, as people look at it.
#[derive(Debug, Clone)]
pub struct Member {
    /// The id that claims carry.
    pub id: i64,
    /// Host and process.
    pub name: String,
    /// Where its health and metrics are.
    pub url: Option<String>,
    /// When it joined.
    pub started_at: DateTime<Utc>,
    /// Its last sign of life.
    pub heartbeat_at: DateTime<Utc>,
    /// Seconds since then, by the database's clock.
    pub silent_s: f64,
}

/// All members, oldest first.
pub async fn list_members(connection: &mut PgConnection) -> sqlx::Result<Vec<Member>> {
    sqlx::query_as!(
        Member,
        r#"
        select id, name, url, started_at, heartbeat_at,
            extract(epoch from now() - heartbeat_at)::float8 as "silent_s!"
        from relays
        order by id
        limit 100
        "#,
    )
    .fetch_all(connection)
    .await
}

/// The names of those of these members that are still on the list.
pub async fn find_names(
    connection: &mut PgConnection,
    ids: &[i64],
) -> sqlx::Result<Vec<(i64, String)>> {
    let rows = sqlx::query!("select id, name from relays where id = any($1)", ids)
        .fetch_all(connection)
        .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.name)).collect())
}

/// How many sagas each member holds.
pub async fn count_held(connection: &mut PgConnection) -> sqlx::Result<Vec<(i64, i64)>> {
    let rows = sqlx::query!(
        r#"
        select owner as "owner!", count(*) as "count!"
        from outbox
        where run_at is null and owner is not null
        group by owner
        "#,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.owner, row.count)).collect())
}
