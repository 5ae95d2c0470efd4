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
    InUse { directory: PathBuf },
    /// There is no identity that can run the server in the directory.
    #[error("{}", no_identity(base, tried, *is_root, *has_data))]
    NoIdentity {
        base: PathBuf,
        /// Each identity, and why not.
        tried: Vec<String>,
        /// Whether this process is root's.
        is_root: bool,
        /// Whether there are data, which only their owner can use.
        has_data: bool,
    },
    /// Something in the directory belongs to another user.
    #[error(
        "{} belongs to user {owner}, and this runs as user {}: run it as user {owner}, or give it over as root: \
         chown -R {}:{} {}",
        path.display(), me.0, me.0, me.1, in_a_shell(base)
    )]
    OtherOwner {
        base: PathBuf,
        /// What belongs to another user.
        path: PathBuf,
        owner: u32,
        /// The user and group of this process.
        me: (u32, u32),
    },
    /// The data were made by another major version.
    #[error(
        "{} was made by PostgreSQL {data_major}, but {} is {binaries_major}: set VALERIX_PG_BIN to a PostgreSQL {data_major}, or move {} away to begin anew",
        data.display(), binaries.display(), data.parent().unwrap_or(data).display()
    )]
    OtherVersion {
        /// The data directory.
        data: PathBuf,
        /// The version that made it.
        data_major: u32,
        /// The programs found.
        binaries: PathBuf,
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

fn no_identity(base: &Path, tried: &[String], is_root: bool, has_data: bool) -> String {
    let (base, tried) = (base.display(), tried.join("; "));
    match (is_root, has_data) {
        (false, _) => format!("cannot run PostgreSQL in {base}: {tried}"),
        (true, true) => format!(
            "PostgreSQL does not run as root, and the owner of {base}/data cannot run it ({tried}): let that user \
             enter every directory above, or give {base} to another user with chown -R"
        ),
        (true, false) => format!(
            "PostgreSQL does not run as root, and nobody else can run it in {base} ({tried}): set VALERIX_DATA_DIR to \
             a directory that everybody may enter, such as /var/lib/valerix, or start this as an ordinary user"
        ),
    }
}

/// A path as a shell reads it.
fn in_a_shell(path: &Path) -> String {
    let text = path.to_string_lossy();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+,:@".contains(c);
    if text.chars().all(is_plain) {
        return text.into_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
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
