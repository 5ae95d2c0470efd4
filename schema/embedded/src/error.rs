//! Everything that keeps an embedded server from running, in words that say what to do.

use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};

/// Why the embedded server cannot run.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedError {
    /// No server programs here, and none could be provided.
    #[error("{}", missing(looked_in, tried))]
    Missing {
        /// The places that were searched.
        looked_in: Vec<String>,
        /// What each way of providing them said.
        tried: Vec<String>,
    },
    /// `VALERIX_PG_BIN` names a directory without a server.
    #[error(
        "VALERIX_PG_BIN={} has no usable initdb and postgres: name a directory that has both, or unset it",
        directory.display()
    )]
    NoServerIn {
        /// The directory named.
        directory: PathBuf,
    },
    /// The server found is older than what is supported.
    #[error(
        "{} in {} is too old: PostgreSQL 14 to 18 is needed; set VALERIX_PG_BIN to a newer one",
        version, directory.display()
    )]
    TooOld {
        /// Where it was found.
        directory: PathBuf,
        /// What it says of itself.
        version: String,
    },
    /// Another process runs a server in the directory.
    #[error(
        "{} is in use by another process: stop that one, or choose another VALERIX_DATA_DIR",
        directory.display()
    )]
    InUse {
        /// The directory.
        directory: PathBuf,
    },
    /// There is no unprivileged identity that can run the server.
    #[error("PostgreSQL does not run as root, and no other identity can run it here:\n  - {}", tried.join("\n  - "))]
    NoIdentity {
        /// Each identity and directory, and why not.
        tried: Vec<String>,
    },
    /// The data were made by another major version.
    #[error(
        "{} was made by PostgreSQL {data_major}, but {} is {binaries_major}: set VALERIX_PG_BIN to a PostgreSQL {data_major}, or move the directory away",
        data.display(), binaries.display()
    )]
    OtherVersion {
        /// The data directory.
        data: PathBuf,
        /// The version that made it.
        data_major: u32,
        /// The programs found.
        binaries: PathBuf,
        /// Their version.
        binaries_major: u32,
    },
    /// A server program failed.
    #[error("{what}: {detail}")]
    Failed {
        /// What was being done.
        what: String,
        /// What the program said.
        detail: String,
    },
    /// The operating system refused.
    #[error("{what} {}: {source}", path.display())]
    Io {
        /// What was being done.
        what: &'static str,
        /// To which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl EmbeddedError {
    pub(crate) fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> EmbeddedError {
        let path = path.to_owned();
        move |source| EmbeddedError::Io { what, path, source }
    }

    pub(crate) fn failed(what: impl Into<String>, detail: impl Into<String>) -> EmbeddedError {
        EmbeddedError::Failed { what: what.into(), detail: detail.into() }
    }
}

fn missing(looked_in: &[String], tried: &[String]) -> String {
    let mut text = String::from(
        "no PostgreSQL server (initdb and postgres) found on this machine\nlooked in:",
    );
    for place in looked_in {
        let _ = write!(text, "\n  - {place}");
    }
    if !tried.is_empty() {
        text.push_str("\ntried to provide one:");
        for step in tried {
            let _ = write!(text, "\n  - {step}");
        }
    }
    text.push_str(
        "\nany one of these helps:\n  - set ORDER_DATABASE_URL and INVENTORY_DATABASE_URL to a running server\n  \
         - install PostgreSQL 14 or newer (Debian and Ubuntu: apt-get install postgresql)\n  \
         - set VALERIX_PG_BIN to a directory that has initdb and postgres",
    );
    text
}
