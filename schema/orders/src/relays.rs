//! Table `relays`: the members. A heartbeat that is stale gives a relay's sagas to whoever asks next.
//!
//! Safety never rests on these times: the epoch fences a relay that was only slow. A heartbeat from the future
//! says as little as an old one: the server's clock has gone back since.

use chrono::{DateTime, Utc};
use relay_core::beat_report::Beat;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::breaker_orders::{INVENTORY, OverrideVersion};

/// Registers a member and returns its id.
pub async fn join(
    connection: &mut PgConnection,
    name: &str,
    url: Option<&str>,
) -> sqlx::Result<i64> {
    sqlx::query_scalar!("insert into relays (name, url) values ($1, $2) returning id", name, url)
        .fetch_one(connection)
        .await
}

/// Renews the heartbeat and looks at the others', at the work list and at staff's newest order for the
/// breaker: the one statement of an idle relay. Of the work list it sees what is above `floor`, and what waits.
pub async fn beat(
    connection: &mut PgConnection,
    relay: i64,
    stale_ms: i64,
    floor: Uuid,
) -> sqlx::Result<(Beat, Option<OverrideVersion>)> {
    let row = sqlx::query!(
        r#"
        with beat as (
            update relays
            set heartbeat_at = now()
            from (select id, heartbeat_at from relays where id = $1) as before
            where relays.id = before.id
            returning before.heartbeat_at > now() as went_back
        )
        select exists (select from beat) as "member!",
            coalesce((select went_back from beat), false) as "clock_went_back!",
            exists (
                select
                from relays
                where id <> $1
                    and heartbeat_at not between now() - $2 * interval '1 millisecond'
                        and now() + $2 * interval '1 millisecond'
            ) as "others_stale!",
            exists (
                select from outbox where order_id > $4 and owner is null and run_at is null
            ) as "fresh_work!",
            exists (
                select from outbox where order_id > $4 and owner is not null
            ) as "any_held!",
            (
                select extract(epoch from min(run_at) - now()) * 1000
                from outbox
                where run_at is not null
            )::bigint as next_due_ms,
            breaker.number as "number?", breaker.isolated as "isolated?"
        from (values (true)) as always
        left join breaker_orders as breaker on breaker.name = $3
        "#,
        relay,
        stale_ms as f64,
        INVENTORY,
        floor,
    )
    .fetch_one(connection)
    .await?;
    let newest = row.number.zip(row.isolated);
    let newest = newest.map(|(number, isolated)| OverrideVersion { number, isolated });
    let beat = Beat {
        member: row.member,
        clock_went_back: row.clock_went_back,
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

/// Takes stale members that hold no saga off the list. Returns how many.
pub async fn remove_stale(connection: &mut PgConnection, stale_ms: i64) -> sqlx::Result<u64> {
    let removed = sqlx::query!(
        "delete from relays
         where heartbeat_at not between now() - $1 * interval '1 millisecond'
                and now() + $1 * interval '1 millisecond'
            and not exists (select from outbox where owner = relays.id)",
        stale_ms as f64,
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
        where owner is not null
        group by owner
        "#,
    )
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(|row| (row.owner, row.count)).collect())
}
