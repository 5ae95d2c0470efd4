//! Where the server's socket lies, and the URL that leads there.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode, utf8_percent_encode};

use crate::EmbeddedError;
use crate::identity::Identity;

/// The socket's path must fit into the kernel's `sockaddr_un` (108 bytes on Linux, 104 on macOS, one of
/// them the closing NUL).
const PATH_BYTES_MAX: usize = if cfg!(target_os = "linux") { 107 } else { 103 };

/// What the server names its socket, by the port it would have.
const NAME: &str = ".s.PGSQL.5432";

const IN_URL: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');

/// The files that a server makes in the directory of its socket.
pub(crate) fn names() -> [String; 2] {
    [NAME.to_owned(), format!("{NAME}.lock")]
}

/// A directory for the socket that only the server's user enters: beside the data, or in /tmp when the data lie too
/// deep, or where no URL leads (libpq splits hosts at commas, sqlx wants UTF-8).
pub(crate) fn directory(base: &Path, identity: Identity) -> Result<PathBuf, EmbeddedError> {
    let mut directory = base.join("run");
    let is_short = directory.as_os_str().len() + "/".len() + NAME.len() <= PATH_BYTES_MAX;
    if !is_short || directory.to_str().is_none_or(|path| path.contains(',')) {
        let mut hasher = DefaultHasher::new();
        base.hash(&mut hasher);
        directory = PathBuf::from(format!("/tmp/valerix-{:016x}", hasher.finish()));
    }
    if !directory.exists() {
        identity.create_private_directory(&directory)?;
    }
    let found =
        fs::symlink_metadata(&directory).map_err(EmbeddedError::io("cannot read", &directory))?;
    let owner = identity.owner().uid;
    if !found.is_dir() || found.uid() != owner {
        return Err(EmbeddedError::failed(
            format!("cannot use {} for the socket", directory.display()),
            format!("it is not a directory of user {owner}: remove it"),
        ));
    }
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o700))
        .map_err(EmbeddedError::io("cannot set the mode of", &directory))?;
    Ok(directory)
}

/// The URL of a database of the server whose socket is in this directory.
///
/// Everything is named, the usual too, so that no PGPORT, PGUSER or PGSSLMODE of the caller's environment is used; and
/// nothing in it means anything to a shell.
pub fn url(socket: &Path, database: &str) -> String {
    format!(
        "postgres://postgres@{}:5432/{}?sslmode=disable",
        percent_encode(socket.as_os_str().as_bytes(), IN_URL),
        utf8_percent_encode(database, IN_URL),
    )
}

#[cfg(test)]
mod tests;
