//! Overrides of a breaker by staff. Relays read them with their heartbeat.
//!
//! Their table is called `breaker_orders`. A migration that renamed it would stop the binaries of the version before,
//! which run beside the new ones during an update.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

/// The breaker of the calls to inventory: the only one there is.
pub const INVENTORY: &str = "inventory";

/// The newest override of a breaker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BreakerOverride {
    /// Grows with every override: a relay applies each once.
    pub number: i64,
    /// Isolated, or closed and left to itself.
    pub isolated: bool,
    /// Who in staff set it.
    pub actor: String,
    /// Why they did.
    pub reason: String,
    /// When they did, by the database's clock.
    pub at: DateTime<Utc>,
}

/// The part of an override that a relay applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OverrideVersion {
    pub number: i64,
    /// Isolated, or closed and left to itself.
    pub isolated: bool,
}

/// Stores an override, which takes the place of the one before.
pub async fn store_override(
    connection: &mut PgConnection,
    name: &str,
    isolated: bool,
    actor: &str,
    reason: &str,
) -> sqlx::Result<BreakerOverride> {
    sqlx::query_as!(
        BreakerOverride,
        "insert into breaker_orders (name, number, isolated, actor, reason)
         values ($1, 1, $2, $3, $4)
         on conflict (name) do update
         set number = breaker_orders.number + 1, isolated = excluded.isolated,
            actor = excluded.actor, reason = excluded.reason, at = now()
         returning number, isolated, actor, reason, at",
        name,
        isolated,
        actor,
        reason,
    )
    .fetch_one(connection)
    .await
}

/// The newest override of a breaker; `None`: staff has never touched it.
pub async fn find_override(
    connection: &mut PgConnection,
    name: &str,
) -> sqlx::Result<Option<BreakerOverride>> {
    sqlx::query_as!(
        BreakerOverride,
        "select number, isolated, actor, reason, at from breaker_orders where name = $1",
        name,
    )
    .fetch_optional(connection)
    .await
}

impl From<&BreakerOverride> for OverrideVersion {
    fn from(newest: &BreakerOverride) -> OverrideVersion {
        OverrideVersion { number: newest.number, isolated: newest.isolated }
    }
}
