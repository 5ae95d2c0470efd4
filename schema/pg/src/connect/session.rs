//! What is relied upon in a session is said in that session, after connecting: whatever stands in the server's, the
//! database's or the login's settings, and through a pooler, which drops start-up options.

use std::fmt;

use sqlx::{AssertSqlSafe, Executor, PgConnection, Row};

use super::{Plans, PoolConfig};
use failpoints::known_bad::{self, Flaw};

/// Why a session cannot be used for work here. `Display` names no address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unusable {
    /// It replays another server's log.
    Standby,
    /// It takes no writes for another reason: a full disk, somebody's order.
    ReadOnly,
    /// A pooler gives each transaction another session.
    PooledByTransaction,
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Unusable::Standby => "it is a standby, which takes no writes: the primary is wanted",
            Unusable::ReadOnly => "it is read-only (default_transaction_read_only): it takes no orders until that is off",
            Unusable::PooledByTransaction => {
                "a pooler in transaction mode stands before it, and settings, prepared statements and LISTEN need a session \
                 of their own: set pool_mode = session for this database, or name the server itself"
            }
        })
    }
}

impl std::error::Error for Unusable {}

/// The one statement that makes a new session ours, and says what server it leads to.
pub(super) fn greeting(config: &PoolConfig) -> String {
    let limits = [
        ("statement_timeout", config.statement_timeout_ms.to_string()),
        ("lock_timeout", config.lock_timeout_ms.to_string()),
        ("idle_in_transaction_session_timeout", config.idle_in_transaction_timeout_ms.to_string()),
    ];
    let mut settings: Vec<(&str, &str)> =
        limits.iter().map(|(name, value)| (*name, value.as_str())).collect();
    settings.extend([
        // The statements and the protocol are written for it (docs/decisions/0016).
        ("default_transaction_isolation", "read committed"),
        ("default_transaction_deferrable", "off"),
        // What may not scan and has no index costs 1e10 on paper (until Postgres 17), above every bound for compiling:
        // a heartbeat took 1.2 s of it, each time. No statement here is long enough to gain anything by it.
        ("jit", "off"),
    ]);
    if config.plans != Plans::Adaptive {
        settings.extend([
            ("plan_cache_mode", "force_generic_plan"),
            ("enable_seqscan", "off"),
            ("enable_hashjoin", "off"),
            ("enable_mergejoin", "off"),
        ]);
    }
    if config.plans == Plans::OrderedLookups {
        settings.extend([
            // A plan that collects and sorts looks cheaper while nothing waits, and stays when much does.
            ("enable_bitmapscan", "off"),
            ("enable_sort", "off"),
        ]);
    }
    if known_bad::is_on(Flaw::CommitNotFlushed) {
        settings.push(("synchronous_commit", "off"));
    }
    let settings =
        settings.iter().map(|(name, value)| format!("set_config('{name}', '{value}', false)"));
    let settings: Vec<_> = settings.collect();
    format!(
        "select pg_is_in_recovery(), current_setting('transaction_read_only')::boolean, {}",
        settings.join(", ")
    )
}

/// Sends the greeting, in one round trip.
pub(super) async fn greet(
    connection: &mut PgConnection,
    greeting: &str,
) -> Result<Option<Unusable>, sqlx::Error> {
    let row = connection.fetch_one(sqlx::raw_sql(AssertSqlSafe(greeting.to_owned()))).await?;
    Ok(match (row.try_get(0)?, row.try_get(1)?) {
        (true, _) => Some(Unusable::Standby),
        (false, true) => Some(Unusable::ReadOnly),
        (false, false) => None,
    })
}

/// The server's timeline, which grows by one with each promotion of a standby; `None`: it does not say.
pub(super) async fn timeline(connection: &mut PgConnection) -> Option<i64> {
    let row = connection.fetch_one(TIMELINE).await.ok()?;
    row.try_get(0).ok()
}

/// The name of a file of the log begins with it. What the control file says is older than a promotion, until the next
/// checkpoint.
const TIMELINE: &str =
    "select ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::bigint";

/// Whether a pooler gives each transaction another session: then a second connection is given the first one's as soon
/// as that is between two transactions. Asked in plain statements, as such a pooler may take no others.
pub(super) async fn is_pooled_by_transaction(
    first: &mut PgConnection,
    second: &mut PgConnection,
) -> Result<bool, sqlx::Error> {
    for _ in 0..POOLER_LOOKS {
        let before = backend_of(first).await?;
        if let Err(error) = second.execute("begin").await {
            // In statement mode there are no transactions at all.
            return if error.as_database_error().is_some() { Ok(true) } else { Err(error) };
        }
        let other = backend_of(second).await?;
        let after = if before == other { None } else { Some(backend_of(first).await?) };
        second.execute("rollback").await?;
        if after != Some(before) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Others may take a free session in between, and so hide once that it is shared.
const POOLER_LOOKS: u32 = 3;

async fn backend_of(connection: &mut PgConnection) -> Result<i32, sqlx::Error> {
    connection.fetch_one("select pg_backend_pid()").await?.try_get(0)
}

#[cfg(test)]
mod tests;
