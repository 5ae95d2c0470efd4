//! Vital signs of a database, and of a pool towards it, as gauges: for whoever reads the metrics.

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge};
use sqlx::{PgConnection, Row};

use crate::Db;

/// What the server says of one database.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Vitals {
    /// Sessions open in it.
    pub connections: i64,
    /// Sessions the server allows, for all databases.
    pub connections_max: i64,
    /// Seconds for which the oldest open transaction has kept dead rows from being cleaned up.
    pub oldest_transaction_s: f64,
    /// Transactions committed.
    pub commits: i64,
    /// Transactions rolled back.
    pub rollbacks: i64,
    /// Deadlocks found.
    pub deadlocks: i64,
    /// Blocks found in the server's memory.
    pub blocks_hit: i64,
    /// Blocks asked of the system.
    pub blocks_read: i64,
    /// Dead rows nobody has cleaned up yet.
    pub dead_rows: i64,
    /// Size on disk.
    pub bytes: i64,
}

/// Says what each series of this crate means. Asked again it does no harm.
pub fn describe_metrics() {
    describe_histogram!("batch_rows", "requests that shared one transaction, by batcher");
    describe_counter!(
        "database_failovers_total",
        "sessions that found the server on another timeline than before: a standby was promoted"
    );
    describe_gauge!("database_up", "1 while the database answers, as of the look before");
    describe_gauge!("database_pool_connections", "connections of a service's pool: idle, busy");
    describe_gauge!("database_pool_connections_max", "the bound of a service's pool");
    describe_gauge!("postgres_connections", "sessions open in the database");
    describe_gauge!("postgres_connections_max", "sessions the server allows, for all databases");
    describe_gauge!(
        "postgres_oldest_transaction_seconds",
        Unit::Seconds,
        "age of the oldest open transaction, which keeps dead rows from being cleaned up"
    );
    describe_gauge!("postgres_dead_rows", "dead rows nobody has cleaned up yet");
    describe_gauge!("postgres_database_bytes", Unit::Bytes, "size of the database on disk");
    describe_counter!("postgres_transactions_total", "transactions, by end: commit, rollback");
    describe_counter!("postgres_deadlocks_total", "deadlocks found");
    describe_counter!("postgres_blocks_total", "blocks wanted, by source: memory, system");
}

/// Sets the pool's gauges. Touches no connection.
pub fn show_pool(db: &Db, service: &'static str) {
    let pool = db.pool();
    let (open, idle) = (f64::from(pool.size()), pool.num_idle() as f64);
    let connections = |state: &'static str| gauge!("database_pool_connections", "service" => service, "state" => state);
    connections("idle").set(idle);
    connections("busy").set((open - idle).max(0.0));
    let bound = f64::from(pool.options().get_max_connections());
    gauge!("database_pool_connections_max", "service" => service).set(bound);
}

/// Asks the database called `database` how it is and sets its gauges; when it does not answer, that.
pub async fn show_vitals(db: &Db, database: &'static str) {
    let vitals = db.read(|connection| Box::pin(read_vitals(connection))).await;
    let up = gauge!("database_up", "database" => database);
    match vitals {
        Ok(vitals) => {
            up.set(1.0);
            vitals.show(database);
        }
        Err(error) => {
            tracing::debug!(%error, database, "its vital signs cannot be read");
            up.set(0.0);
        }
    }
}

impl Vitals {
    fn show(&self, database: &'static str) {
        for (name, value) in [
            ("postgres_connections", self.connections as f64),
            ("postgres_connections_max", self.connections_max as f64),
            ("postgres_oldest_transaction_seconds", self.oldest_transaction_s),
            ("postgres_dead_rows", self.dead_rows as f64),
            ("postgres_database_bytes", self.bytes as f64),
        ] {
            gauge!(name, "database" => database).set(value);
        }
        for (name, label, kind, count) in [
            ("postgres_transactions_total", "end", "commit", self.commits),
            ("postgres_transactions_total", "end", "rollback", self.rollbacks),
            ("postgres_blocks_total", "source", "memory", self.blocks_hit),
            ("postgres_blocks_total", "source", "system", self.blocks_read),
        ] {
            let count = u64::try_from(count).unwrap_or(0);
            counter!(name, "database" => database, label => kind).absolute(count);
        }
        let deadlocks = u64::try_from(self.deadlocks).unwrap_or(0);
        counter!("postgres_deadlocks_total", "database" => database).absolute(deadlocks);
    }
}

/// One statement over the server's own statistics; no table is touched.
pub async fn read_vitals(connection: &mut PgConnection) -> sqlx::Result<Vitals> {
    let row = sqlx::query(
        "select numbackends::bigint as connections,
             current_setting('max_connections')::bigint as connections_max,
             coalesce((
                 select extract(epoch from now() - min(xact_start))
                 from pg_stat_activity
                 where datname = current_database() and pid <> pg_backend_pid()
             ), 0)::float8 as oldest_transaction_s,
             xact_commit, xact_rollback, deadlocks, blks_hit, blks_read,
             (
                 select coalesce(sum(n_dead_tup), 0)::bigint from pg_stat_user_tables
             ) as dead_rows,
             pg_database_size(current_database()) as bytes
         from pg_stat_database
         where datname = current_database()",
    )
    .fetch_one(connection)
    .await?;
    Ok(Vitals {
        connections: row.try_get("connections")?,
        connections_max: row.try_get("connections_max")?,
        oldest_transaction_s: row.try_get("oldest_transaction_s")?,
        commits: row.try_get("xact_commit")?,
        rollbacks: row.try_get("xact_rollback")?,
        deadlocks: row.try_get("deadlocks")?,
        blocks_hit: row.try_get("blks_hit")?,
        blocks_read: row.try_get("blks_read")?,
        dead_rows: row.try_get("dead_rows")?,
        bytes: row.try_get("bytes")?,
    })
}

#[cfg(test)]
mod tests;
