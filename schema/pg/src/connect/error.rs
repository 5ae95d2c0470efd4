//! What a person is told when no connection can be opened.

use std::io;

use sqlx::postgres::{PgConnectOptions, PgDatabaseError};

use super::session::Unusable;

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
    /// Somebody answers, and does not believe who we are (28P01).
    #[error(
        "Postgres at {address} refuses user {user:?}: wrong or missing password or no such user; correct the database URL"
    )]
    Refused {
        /// Host and port, or socket directory.
        address: String,
        /// The user of the URL.
        user: String,
    },
    /// Somebody answers, and does not let this user in from here (28000), or into this database (42501).
    #[error("Postgres at {address} does not let user {user:?} in: {why}{}", advice(.why))]
    NotLetIn {
        /// Host and port, or socket directory.
        address: String,
        /// The user of the URL.
        user: String,
        /// The server's own words.
        why: String,
    },
    /// TLS is wanted and does not come about.
    #[error(
        "no TLS connection to Postgres at {address}: {why}; see sslmode, sslrootcert, sslcert and sslkey of the database URL"
    )]
    Tls {
        /// Host and port, or socket directory.
        address: String,
        /// The certificate's or the server's fault.
        why: String,
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
    /// A session was opened that is of no use.
    #[error("Postgres at {address} cannot be used: {why}")]
    Unusable {
        /// Host and port, or socket directory.
        address: String,
        why: Unusable,
    },
    /// The URL has several addresses, and none of them can be used.
    #[error("none of the addresses can be used: {}", list(.0))]
    NoneOfSeveral(Vec<ConnectError>),
    /// Anything else, in the server's words.
    #[error("connecting to Postgres at {address} failed: {source}")]
    Other {
        /// Host and port, or socket directory.
        address: String,
        /// What sqlx says.
        source: sqlx::Error,
    },
}

impl ConnectError {
    /// Somebody accepted the connection and says nothing.
    pub(crate) fn silent(options: &PgConnectOptions) -> Self {
        let source =
            io::Error::new(io::ErrorKind::TimedOut, "it accepts connections and says nothing");
        Self::Unreachable { address: address_of(options), source }
    }

    /// What a session that could be opened turned out to be.
    pub fn unusable(&self) -> Option<Unusable> {
        match self {
            Self::Unusable { why, .. } => Some(*why),
            Self::NoneOfSeveral(each) => each.iter().find_map(Self::unusable),
            Self::WrongUrl { .. }
            | Self::Unreachable { .. }
            | Self::Refused { .. }
            | Self::NotLetIn { .. }
            | Self::Tls { .. }
            | Self::DatabaseMissing { .. }
            | Self::NotReady { .. }
            | Self::Other { .. } => None,
        }
    }

    /// Whether waiting may help. What it takes a person to change is told at once.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::NotReady { .. } => true,
            Self::Unusable { why, .. } => *why != Unusable::PooledByTransaction,
            Self::NoneOfSeveral(each) => each.iter().any(Self::is_passing),
            Self::WrongUrl { .. }
            | Self::Refused { .. }
            | Self::NotLetIn { .. }
            | Self::Tls { .. }
            | Self::DatabaseMissing { .. }
            | Self::Other { .. } => false,
        }
    }
}

/// What a failed attempt with these options means.
pub(super) fn explain(options: &PgConnectOptions, error: sqlx::Error) -> ConnectError {
    let address = address_of(options);
    if let sqlx::Error::Io(source) = error {
        // What rustls does not believe comes as data that cannot be used.
        if source.kind() == io::ErrorKind::InvalidData {
            return ConnectError::Tls { address, why: source.to_string() };
        }
        return ConnectError::Unreachable { address, source };
    }
    if let sqlx::Error::Tls(why) | sqlx::Error::Configuration(why) = error {
        return ConnectError::Tls { address, why: why.to_string() };
    }
    let code = error
        .as_database_error()
        .and_then(|e| e.try_downcast_ref::<PgDatabaseError>())
        .map(|e| (e.code().to_owned(), e.message().to_owned()));
    let user = options.get_username().to_owned();
    let Some((code, why)) = code else { return ConnectError::Other { address, source: error } };
    match code.as_str() {
        "28P01" => ConnectError::Refused { address, user },
        "28000" | "42501" => ConnectError::NotLetIn { address, user, why },
        "3D000" => ConnectError::DatabaseMissing {
            address,
            database: options.get_database().unwrap_or_default().to_owned(),
        },
        "53300" | "55000" => ConnectError::NotReady { address, why },
        code if code.starts_with("57P") => ConnectError::NotReady { address, why },
        _ => ConnectError::Other { address, source: error },
    }
}

/// Host and port, or the socket's directory.
pub(super) fn address_of(options: &PgConnectOptions) -> String {
    match options.get_socket() {
        Some(socket) => socket.display().to_string(),
        None => format!("{}:{}", options.get_host(), options.get_port()),
    }
}

fn advice(why: &str) -> &'static str {
    if why.contains("no encryption") {
        "; it wants TLS: add sslmode=verify-full (and sslrootcert=FILE for a CA of your own) to the database URL"
    } else {
        "; see the server's pg_hba.conf and grants, or correct the database URL"
    }
}

fn list(each: &[ConnectError]) -> String {
    each.iter().map(ToString::to_string).collect::<Vec<_>>().join(". And: ")
}
