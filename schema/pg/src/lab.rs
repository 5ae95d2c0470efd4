//! For benchmarks and simulations, behind the feature `lab`: what the server counts about itself, and a
//! session that keeps an old snapshot open.
//!
//! A backend reports its counts at most once a second, and up to ten seconds after it fell idle, so a
//! difference between two readings is only as good as the quiet before the second one. The log
//! position is always exact.

use std::ops::Sub;

use sqlx::{Connection, PgConnection, Row};

/// Sums since the last reset of the statistics, of one database unless said otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Transactions committed. Read-only ones count too.
    pub commits: i64,
    /// Transactions rolled back.
    pub rollbacks: i64,
    /// Bytes of write-ahead log, of the whole server.
    pub wal_bytes: i64,
    /// Rows inserted into our tables.
    pub inserted: i64,
    /// Rows updated: each leaves a dead row behind.
    pub updated: i64,
    /// Of these, without touching an index; their dead rows are cleaned up by whoever comes by.
    pub hot_updated: i64,
    /// Rows deleted: each leaves a dead row behind.
    pub deleted: i64,
    /// Dead rows that nobody has cleaned up yet. Not a sum: it goes down too.
    pub dead_now: i64,
}

impl Counters {
    /// Rows that died in these counts.
    pub fn died(&self) -> i64 {
        self.updated + self.deleted
    }
}

impl Sub for Counters {
    type Output = Counters;

    fn sub(self, earlier: Counters) -> Counters {
        Counters {
            commits: self.commits - earlier.commits,
            rollbacks: self.rollbacks - earlier.rollbacks,
            wal_bytes: self.wal_bytes - earlier.wal_bytes,
            inserted: self.inserted - earlier.inserted,
            updated: self.updated - earlier.updated,
            hot_updated: self.hot_updated - earlier.hot_updated,
            deleted: self.deleted - earlier.deleted,
            dead_now: self.dead_now - earlier.dead_now,
        }
    }
}

/// The counts of the connection's database.
pub async fn read_counters(connection: &mut PgConnection) -> sqlx::Result<Counters> {
    let row = sqlx::query(
        "select xact_commit, xact_rollback,
             pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint as wal_bytes,
             coalesce(sum(n_tup_ins), 0)::bigint as inserted,
             coalesce(sum(n_tup_upd), 0)::bigint as updated,
             coalesce(sum(n_tup_hot_upd), 0)::bigint as hot_updated,
             coalesce(sum(n_tup_del), 0)::bigint as deleted,
             coalesce(sum(n_dead_tup), 0)::bigint as dead_now
         from pg_stat_database
         left join pg_stat_user_tables on true
         where datname = current_database()
         group by xact_commit, xact_rollback",
    )
    .fetch_one(connection)
    .await?;
    Ok(Counters {
        commits: row.try_get("xact_commit")?,
        rollbacks: row.try_get("xact_rollback")?,
        wal_bytes: row.try_get("wal_bytes")?,
        inserted: row.try_get("inserted")?,
        updated: row.try_get("updated")?,
        hot_updated: row.try_get("hot_updated")?,
        deleted: row.try_get("deleted")?,
        dead_now: row.try_get("dead_now")?,
    })
}

/// Tells the planner what is in the tables: after they were filled in bulk.
pub async fn analyze(connection: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::raw_sql("vacuum analyze").execute(connection).await?;
    Ok(())
}

/// Where a server spends its time, by `pg_stat_statements`.
#[derive(Clone, Debug, PartialEq)]
pub struct StatementCost {
    /// In which database.
    pub database: String,
    /// Its text with parameters left out, on one line.
    pub statement: String,
    /// How often it ran.
    pub calls: i64,
    /// Milliseconds of execution in all.
    pub total_ms: f64,
    /// Milliseconds of planning in all, where that is counted.
    pub planning_ms: f64,
    /// Rows it answered or changed.
    pub rows: i64,
    /// Bytes of write-ahead log it made.
    pub wal_bytes: i64,
}

/// Begins to count statements anew. The server must have loaded `pg_stat_statements`.
pub async fn reset_statement_costs(connection: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::raw_sql(
        "create extension if not exists pg_stat_statements; select pg_stat_statements_reset()",
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// The costliest statements of these databases of the server, costliest first.
pub async fn list_statement_costs(
    connection: &mut PgConnection,
    databases: &[&str],
    limit: i64,
) -> sqlx::Result<Vec<StatementCost>> {
    let rows = sqlx::query(
        r"select datname, regexp_replace(query, '\s+', ' ', 'g') as statement, calls,
              total_exec_time, total_plan_time, rows, wal_bytes::bigint as wal_bytes
          from pg_stat_statements
          join pg_database on pg_database.oid = dbid
          where datname = any($1)
          order by total_exec_time + total_plan_time desc
          limit $2",
    )
    .bind(databases)
    .bind(limit)
    .fetch_all(connection)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(StatementCost {
                database: row.try_get("datname")?,
                statement: row.try_get("statement")?,
                calls: row.try_get("calls")?,
                total_ms: row.try_get("total_exec_time")?,
                planning_ms: row.try_get("total_plan_time")?,
                rows: row.try_get("rows")?,
                wal_bytes: row.try_get("wal_bytes")?,
            })
        })
        .collect()
}

/// An open snapshot, as a forgotten terminal or a long report holds one: nothing that dies after it can be
/// cleaned up. It ends with [`HeldSnapshot::release`], or when the connection is dropped.
#[derive(Debug)]
pub struct HeldSnapshot(PgConnection);

impl HeldSnapshot {
    /// Opens a snapshot of one database on a connection of its own.
    pub async fn take(url: &str) -> sqlx::Result<Self> {
        let mut connection = PgConnection::connect(url).await?;
        // The first query takes the snapshot; the transaction is idle from then on.
        sqlx::raw_sql("begin isolation level repeatable read; select 1 from pg_class limit 1")
            .execute(&mut connection)
            .await?;
        Ok(Self(connection))
    }

    pub async fn release(self) -> sqlx::Result<()> {
        self.0.close().await
    }
}
