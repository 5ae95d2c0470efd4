//! How a pool is opened, and what a person is told when it cannot be.
//!
//! Time limits are session settings (sent as connection options), never timers around a query.

use std::error::Error as _;
use std::io;
use std::str::FromStr;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgDatabaseError, PgPoolOptions};
use sqlx::{Connection, Executor, PgConnection, PgPool, Row};

use crate::known_bad::{self, Flaw};
use crate::silence::Patience;

/// What a service wants from its pool. Everything has a bound.
#[derive(Clone)]
pub struct PoolConfig {
    /// `postgres://user[:password]@host[:port]/database`
    pub url: String,
    /// Shown in `pg_stat_activity`.
    pub application_name: &'static str,
    /// Connections at most.
    pub connections_max: u32,
    /// A statement that runs longer is cancelled by the server.
    pub statement_timeout_ms: u32,
    /// A lock not granted within this is an error (55P03), not a wait.
    pub lock_timeout_ms: u32,
    /// The server closes a session that leaves its transaction idle for longer.
    pub idle_in_transaction_timeout_ms: u32,
    /// How long to wait for a free connection.
    pub acquire_timeout_ms: u32,
    /// How prepared statements are planned.
    pub plans: Plans,
}

/// How the server plans prepared statements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plans {
    /// As it sees fit: mostly anew for each execution, where parameters make a difference.
    Adaptive,
    /// Once per connection, and only as look-ups by an index: for statements that touch a bounded number
    /// of rows. A plan that was made while a table was empty must not read all of it when it is not.
    Lookups,
}

impl PoolConfig {
    /// The house defaults: 2 s per statement, 1 s per lock, 5 s idle in transaction, 3 s to acquire.
    pub fn new(url: impl Into<String>, application_name: &'static str) -> Self {
        Self {
            url: url.into(),
            application_name,
            connections_max: 10,
            statement_timeout_ms: 2_000,
            lock_timeout_ms: 1_000,
            idle_in_transaction_timeout_ms: 5_000,
            acquire_timeout_ms: 3_000,
            plans: Plans::Adaptive,
        }
    }

    /// The URL as it may be shown: without its password.
    pub fn redacted_url(&self) -> String {
        redact(&self.url)
    }

    pub(crate) fn options(&self) -> Result<PgConnectOptions, ConnectError> {
        let wrong = |why: String| ConnectError::WrongUrl { url: redact(&self.url), why };
        if !self.url.starts_with("postgres://") && !self.url.starts_with("postgresql://") {
            return Err(wrong("it does not start with postgres://".to_owned()));
        }
        let options = PgConnectOptions::from_str(&self.url).map_err(|e| {
            let why = e.source().map_or_else(|| e.to_string(), ToString::to_string);
            wrong(why)
        })?;
        if options.get_database().is_none_or(str::is_empty) {
            return Err(wrong("it names no database".to_owned()));
        }
        let options = options.application_name(self.application_name).options([
            ("statement_timeout", self.statement_timeout_ms),
            ("lock_timeout", self.lock_timeout_ms),
            ("idle_in_transaction_session_timeout", self.idle_in_transaction_timeout_ms),
        ]);
        // What may not scan and has no index costs 1e10 on paper (until Postgres 17), above every bound for compiling:
        // a heartbeat took 1.2 s of it, each time. No statement here is long enough to gain anything by it.
        let options = options.options([("jit", "off")]);
        let options = if known_bad::is_on(Flaw::CommitNotFlushed) {
            options.options([("synchronous_commit", "off")])
        } else {
            options
        };
        Ok(match self.plans {
            Plans::Adaptive => options,
            Plans::Lookups => options.options([
                ("plan_cache_mode", "force_generic_plan"),
                ("enable_seqscan", "off"),
                ("enable_hashjoin", "off"),
                ("enable_mergejoin", "off"),
            ]),
        })
    }
}

/// Why no connection could be opened. `Display` is one line that says what to do.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The URL cannot be used as it is written.
    #[error(
        "the database URL {url} cannot be used: {why}; write postgres://user:password@host:5432/database"
    )]
    WrongUrl {
        /// Redacted.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// Nobody answers there.
    #[error("no Postgres answers at {address}: {source}; start it, or correct the database URL")]
    Unreachable {
        /// Host and port, or socket directory.
        address: String,
        /// The operating system's word.
        source: io::Error,
    },
    /// Somebody answers, and refuses us.
    #[error(
        "Postgres at {address} refuses user {user:?}: wrong or missing password or no such user; correct the database URL"
    )]
    Refused {
        /// Host and port, or socket directory.
        address: String,
        /// The user of the URL.
        user: String,
    },
    /// The server has no such database.
    #[error(
        "Postgres at {address} has no database {database:?}; create it (createdb {database}), or correct the database URL"
    )]
    DatabaseMissing {
        /// Host and port, or socket directory.
        address: String,
        /// The database of the URL.
        database: String,
    },
    /// The server is there but cannot take us now.
    #[error("Postgres at {address} is not ready ({why}); try again in a moment")]
    NotReady {
        /// Host and port, or socket directory.
        address: String,
        /// Starting up, shutting down, too many connections.
        why: String,
    },
    /// Anything else, in the server's words.
    #[error("connecting to Postgres at {address} failed: {source}")]
    Other {
        /// Host and port, or socket directory.
        address: String,
        /// What sqlx says.
        source: sqlx::Error,
    },
}

/// Opens one plain connection, so that the first failure is told as it is (a pool retries in silence).
pub(crate) async fn probe(options: &PgConnectOptions) -> Result<(), ConnectError> {
    match PgConnection::connect_with(options).await {
        Ok(connection) => {
            // The probe has done its work; how the goodbye goes is of no interest.
            let _ = connection.close().await;
            Ok(())
        }
        Err(error) => Err(explain(options, error)),
    }
}

pub(crate) fn open(config: &PoolConfig, options: PgConnectOptions, patience: &Patience) -> PgPool {
    let patience = patience.clone();
    PgPoolOptions::new()
        .max_connections(config.connections_max)
        .acquire_timeout(Duration::from_millis(config.acquire_timeout_ms.into()))
        // `Db` finds a dead connection by its `begin`, which a ping per acquire would only double.
        .test_before_acquire(false)
        // One that was open when the server fell silent is a suspect: closed, not used.
        .before_acquire(move |_, about| {
            let is_trusted = patience.trusts(about.age);
            Box::pin(async move { Ok(is_trusted) })
        })
        // A connection that is inside a transaction when it comes back is closed, never reused:
        // whoever got it next would be answered "ok" for writes that are rolled back later. It costs
        // one round trip per unit of work (about 40 us on loopback), after the answer has left.
        .after_release(|connection, _| {
            Box::pin(async move {
                let clean = connection.fetch_one("select now() = statement_timestamp()").await;
                Ok(matches!(clean, Ok(row) if row.get::<bool, _>(0)))
            })
        })
        .connect_lazy_with(options)
}

fn explain(options: &PgConnectOptions, error: sqlx::Error) -> ConnectError {
    let address = match options.get_socket() {
        Some(socket) => socket.display().to_string(),
        None => format!("{}:{}", options.get_host(), options.get_port()),
    };
    if let sqlx::Error::Io(source) = error {
        return ConnectError::Unreachable { address, source };
    }
    let code = error
        .as_database_error()
        .and_then(|e| e.try_downcast_ref::<PgDatabaseError>())
        .map(|e| (e.code().to_owned(), e.message().to_owned()));
    match code {
        Some((code, _)) if code.starts_with("28") => {
            ConnectError::Refused { address, user: options.get_username().to_owned() }
        }
        Some((code, _)) if code == "3D000" => ConnectError::DatabaseMissing {
            address,
            database: options.get_database().unwrap_or_default().to_owned(),
        },
        Some((code, why)) if code.starts_with("57P") || code == "53300" => {
            ConnectError::NotReady { address, why }
        }
        _ => ConnectError::Other { address, source: error },
    }
}

/// The URL without its password, for messages and the printed configuration.
fn redact(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return "(not a URL)".to_owned() };
    // the login first: a password may hold anything, also a question mark
    let rest = match rest.rsplit_once('@') {
        Some((login, place)) => {
            let user = login.split(':').next().unwrap_or_default();
            format!("{user}@{place}")
        }
        None => rest.to_owned(),
    };
    let (place, parameters) = rest.split_once('?').unwrap_or((&rest, ""));
    let shown: Vec<&str> =
        parameters.split('&').filter(|p| !p.is_empty() && !p.contains("password")).collect();
    let mark = if shown.is_empty() { "" } else { "?" };
    format!("{scheme}://{place}{mark}{}", shown.join("&"))
}

#[cfg(test)]
mod tests;
