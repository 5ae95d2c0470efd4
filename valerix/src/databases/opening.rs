//! Opening a database as a service needs it: reachable, durable, migrated. What is not there yet is waited for.

use std::time::Duration;

use anyhow::{Context, anyhow};
use schema_pg::{
    Class, ConnectError, Db, DurabilityError, MigrateError, PoolConfig, UnsuitableError,
};
use sqlx::error::DatabaseError;
use sqlx::migrate::MigrateError as Refused;
use tokio::time::{Instant, sleep};

use super::Database;
use crate::errors::describe;

/// Between two tries to open a database that is not there yet.
const RETRY_EVERY: Duration = Duration::from_millis(250);
/// Between two lines that say so.
const SAY_EVERY: Duration = Duration::from_secs(10);
/// 42501: this login may not create tables.
const INSUFFICIENT_PRIVILEGE: &str = "42501";

/// Why a database could not be opened.
#[derive(Debug)]
enum NotOpen {
    /// It may be there in a moment.
    Yet(anyhow::Error),
    /// Somebody has to change something.
    Ever(anyhow::Error),
}

/// How long somebody waits for a database that is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Patience {
    /// A person waits for the command.
    For(Duration),
    /// A service that may well be started before its database.
    Endless,
}

impl Patience {
    pub(crate) const SHORT: Patience = Patience::For(Duration::from_secs(10));
}

impl Database {
    /// Opens it as it must be to serve on it. What its tables lack is added, where the login may do that.
    pub(crate) async fn open_patiently(
        self,
        config: &PoolConfig,
        patience: Patience,
    ) -> anyhow::Result<Db> {
        retry(self, patience, || self.open(config)).await
    }

    /// Whether it is migrated, once it is known to be reachable and durable. Changes nothing.
    pub(crate) async fn inspect(self, config: &PoolConfig) -> anyhow::Result<bool> {
        let looked = self.look(config).await;
        looked.map(|(_, migrated)| migrated).map_err(|(NotOpen::Yet(why) | NotOpen::Ever(why))| why)
    }

    /// Brings it to the shape that this binary knows.
    pub(crate) async fn migrate_patiently(self, url: &str) -> anyhow::Result<()> {
        let mut config = PoolConfig::new(url, "valerix-migrate");
        config.connections_max = 1;
        let attempt = || async {
            let (db, migrated) = self.look(&config).await?;
            let outcome = if migrated { Ok(()) } else { self.migrate(&db).await };
            db.pool().close().await;
            outcome
        };
        retry(self, Patience::SHORT, attempt).await
    }

    async fn open(self, config: &PoolConfig) -> Result<Db, NotOpen> {
        let (db, migrated) = Box::pin(self.look(config)).await?;
        if !migrated {
            self.migrate(&db).await?;
        }
        Ok(db)
    }

    async fn look(self, config: &PoolConfig) -> Result<(Db, bool), NotOpen> {
        let db = Db::connect(config).await.map_err(|error| self.not_connected(error))?;
        schema_pg::check_durability(&db).await.map_err(|error| match error {
            DurabilityError::Unreadable(why) => unanswered(why),
            error @ DurabilityError::Unsafe { .. } => {
                NotOpen::Ever(anyhow::Error::new(error).context(self.variable))
            }
        })?;
        schema_pg::check_suitability(&db).await.map_err(|error| match error {
            UnsuitableError::Unreadable(why) => unanswered(why),
            error @ (UnsuitableError::Encoding(_) | UnsuitableError::NoSchema(_)) => {
                NotOpen::Ever(anyhow::Error::new(error).context(self.variable))
            }
        })?;
        let migrated = schema_pg::is_migrated(&db, self.migrator).await;
        Ok((db, migrated.map_err(unread)?))
    }

    async fn migrate(self, db: &Db) -> Result<(), NotOpen> {
        let Err(error) = schema_pg::migrate(db, self.migrator).await else {
            tracing::info!(database = self.name, "migrated");
            return Ok(());
        };
        let cause = match &error {
            MigrateError::Database(why)
            | MigrateError::Failed(Refused::Execute(why) | Refused::ExecuteMigration(why, _)) => {
                Some(why)
            }
            MigrateError::Failed(_) => None,
        };
        let code = cause.and_then(|why| why.as_database_error()?.code());
        if code.as_deref() == Some(INSUFFICIENT_PRIVILEGE) {
            return Err(NotOpen::Yet(anyhow!(
                "it is not migrated, and this login may not do it: run `valerix migrate` with one that may"
            )));
        }
        let passing = cause.is_some_and(is_passing);
        let error = anyhow::Error::new(error).context(format!("the {} database", self.name));
        Err(if passing { NotOpen::Yet(error) } else { NotOpen::Ever(error) })
    }

    fn not_connected(self, error: ConnectError) -> NotOpen {
        let passing = error.is_passing();
        let error = anyhow::Error::new(error).context(self.variable);
        if passing { NotOpen::Yet(error) } else { NotOpen::Ever(error) }
    }
}

/// Tries until it works, cannot work, or patience ends; says in one line what it waits for.
async fn retry<T, F>(
    database: Database,
    patience: Patience,
    attempt: impl Fn() -> F,
) -> anyhow::Result<T>
where
    F: Future<Output = Result<T, NotOpen>>,
{
    let began = Instant::now();
    let mut said: Option<Instant> = None;
    loop {
        let why = match attempt().await {
            Ok(opened) => return Ok(opened),
            Err(NotOpen::Ever(why)) => return Err(why),
            Err(NotOpen::Yet(why)) => why,
        };
        if matches!(patience, Patience::For(long) if began.elapsed() >= long) {
            return Err(why).context(format!("the {} database is not there", database.name));
        }
        if said.is_none_or(|at| at.elapsed() >= SAY_EVERY) {
            let why = describe(&why);
            tracing::warn!("waiting for the {} database: {why}", database.name);
            said = Some(Instant::now());
        }
        sleep(RETRY_EVERY).await;
    }
}

/// What is migrated, and cannot be read.
fn unread(error: sqlx::Error) -> NotOpen {
    let code = error.as_database_error().and_then(DatabaseError::code);
    if code.as_deref() == Some(INSUFFICIENT_PRIVILEGE) {
        return NotOpen::Yet(anyhow!(
            "this login may not read the tables: grant select, insert, update, delete on all tables in the schema, and usage \
             on all sequences, to it"
        ));
    }
    unanswered(error)
}

fn unanswered(error: sqlx::Error) -> NotOpen {
    if is_passing(&error) { NotOpen::Yet(error.into()) } else { NotOpen::Ever(error.into()) }
}

/// Whether trying again later may help.
fn is_passing(error: &sqlx::Error) -> bool {
    matches!(schema_pg::classify(error), Class::Retry | Class::RetryAlarm | Class::DropConnection)
}

#[cfg(test)]
mod tests;
