//! Table `gremlin`: what faults all replicas inject, and the counter they share.
//!
//! The settings are the service's: here they are JSON. Whether it is on is for the database's clock
//! to say.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::PgConnection;

/// The gremlin as it was last switched on.
#[derive(Clone, Debug, PartialEq)]
pub struct Gremlin {
    pub settings: Value,
    /// Calls it has looked at.
    pub calls: i64,
    /// What it has done to them.
    pub done: Done,
    /// Grows each time it is switched on.
    pub version: i64,
    /// When it was switched on.
    pub began_at: DateTime<Utc>,
    /// When it switches itself off, or was switched off.
    pub ends_at: DateTime<Utc>,
    /// How long it has left, in milliseconds; 0: it is off.
    pub left_ms: i64,
}

/// What was done to calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// Answered late.
    pub delayed: i64,
    /// Refused before anything was done.
    pub crashed: i64,
    /// Done, and the answer withheld.
    pub lost: i64,
}

/// Numbers for calls, and what to do with them.
#[derive(Clone, Debug, PartialEq)]
pub struct Draw {
    /// The first of them; they are consecutive.
    pub first: i64,
    /// What the gremlin does now.
    pub settings: Value,
    /// Under which version.
    pub version: i64,
}

/// Switches it on, counting from 0, for so long.
pub async fn switch_on(
    connection: &mut PgConnection,
    settings: &Value,
    ttl_s: i32,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into gremlin as g (settings, ends_at)
         values ($1, now() + make_interval(secs => $2::int))
         on conflict (one) do update
         set settings = excluded.settings,
             ends_at = excluded.ends_at,
             began_at = now(),
             calls = 0,
             delayed = 0,
             crashed = 0,
             lost = 0,
             version = g.version + 1",
        settings,
        ttl_s,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Switches it off; that it is off already is no error.
pub async fn switch_off(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query!("update gremlin set ends_at = now() where ends_at > now()")
        .execute(connection)
        .await?;
    Ok(())
}

/// What it was last told, on or off.
pub async fn find(connection: &mut PgConnection) -> Result<Option<Gremlin>, sqlx::Error> {
    let row = sqlx::query!(
        r#"select settings, calls, delayed, crashed, lost, version, began_at, ends_at,
                  greatest(0, ceil(extract(epoch from ends_at - now()) * 1000))::bigint
                      as "left_ms!"
           from gremlin"#,
    )
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|r| Gremlin {
        settings: r.settings,
        calls: r.calls,
        done: Done { delayed: r.delayed, crashed: r.crashed, lost: r.lost },
        version: r.version,
        began_at: r.began_at,
        ends_at: r.ends_at,
        left_ms: r.left_ms,
    }))
}

/// Takes the next `count` numbers; `None` when it is off.
pub async fn draw(connection: &mut PgConnection, count: i64) -> Result<Option<Draw>, sqlx::Error> {
    sqlx::query_as!(
        Draw,
        r#"update gremlin
           set calls = calls + $1
           where ends_at > now()
           returning calls - $1 as "first!", settings, version"#,
        count,
    )
    .fetch_optional(connection)
    .await
}

/// Adds to the account of this version; that of an older one is closed.
pub async fn add_done(
    connection: &mut PgConnection,
    version: i64,
    done: Done,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update gremlin
         set delayed = delayed + $2,
             crashed = crashed + $3,
             lost = lost + $4
         where version = $1",
        version,
        done.delayed,
        done.crashed,
        done.lost,
    )
    .execute(connection)
    .await?;
    Ok(())
}
