//! The directory that was asked for: what lies in it, and whether it can be used. Nothing is ever put in its place.
//!
//! A directory that cannot be used is refused with the system's own error, and a new database is begun only where
//! none can ever have been: an empty database in the place of the real one would take the same order twice.

use std::fs::{self, File, OpenOptions};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::EmbeddedError;
use crate::identity::Identity;
use crate::sys::{self, User};

/// A database that lies in the directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// The major version that made it.
    pub(crate) major: u32,
    pub(crate) owner: User,
}

/// The database below `base`; `None` only where one can be begun. Whatever may hide one is an error.
pub(crate) fn find(base: &Path) -> Result<Option<Found>, EmbeddedError> {
    let data = base.join("data");
    match fs::symlink_metadata(&data) {
        Ok(_) => found(base, &data).map(Some),
        Err(error) if error.kind() == ErrorKind::NotFound => nothing_was_here(base).map(|()| None),
        Err(error) => Err(EmbeddedError::io("cannot read", &data)(error)),
    }
}

fn found(base: &Path, data: &Path) -> Result<Found, EmbeddedError> {
    let metadata = fs::metadata(data).map_err(EmbeddedError::io("cannot read", data))?;
    let owner = User { uid: metadata.uid(), gid: metadata.gid() };
    refuse_others_files(base)?;
    let version = data.join("PG_VERSION");
    let text = fs::read_to_string(&version).map_err(EmbeddedError::io("cannot read", &version))?;
    let major = text.trim().parse().map_err(|_| {
        EmbeddedError::failed(
            format!("{} is damaged", version.display()),
            "restore the directory from a backup, or move it away to begin anew",
        )
    })?;
    Ok(Found { major, owner })
}

/// A server's log is begun after its data: where it lies alone, the data have gone.
fn nothing_was_here(base: &Path) -> Result<(), EmbeddedError> {
    if fs::symlink_metadata(base.join("server.log")).is_ok() {
        return Err(EmbeddedError::failed(
            format!("{} has gone", base.join("data").display()),
            format!(
                "a server has run here (server.log): put the data back, or move {} away to begin anew",
                base.display()
            ),
        ));
    }
    let earlier = earlier_fallback(base);
    if fs::symlink_metadata(earlier.join("data")).is_ok() {
        return Err(EmbeddedError::failed(
            format!("{} has no data", base.display()),
            format!(
                "an earlier version could not use it and kept them in {} instead: move that directory here, or away",
                earlier.display()
            ),
        ));
    }
    Ok(())
}

/// Where versions up to 0.1 went when they could not use the wanted directory.
fn earlier_fallback(wanted: &Path) -> PathBuf {
    let mut hasher = DefaultHasher::new();
    std::path::absolute(wanted).unwrap_or_else(|_| wanted.to_owned()).hash(&mut hasher);
    PathBuf::from(format!("/var/tmp/valerix-{}-{:016x}", sys::current_user().uid, hasher.finish()))
}

/// Creates the directory where it is missing, so that it is still there after a power cut. Its real path.
pub(crate) fn prepare(wanted: &Path) -> Result<PathBuf, EmbeddedError> {
    let absolute = std::path::absolute(wanted).map_err(EmbeddedError::io("cannot find", wanted))?;
    if absolute.as_os_str().as_bytes().iter().any(|byte| matches!(byte, b'\n' | b'\r')) {
        let what = format!("cannot use {}", wanted.display().to_string().escape_debug());
        return Err(EmbeddedError::failed(what, "PostgreSQL takes no path with a line end in it"));
    }
    let missing: Vec<&Path> = absolute.ancestors().take_while(|path| !path.exists()).collect();
    fs::create_dir_all(&absolute).map_err(EmbeddedError::io("cannot create", wanted))?;
    for parent in missing.into_iter().filter_map(Path::parent) {
        flush(parent)?;
    }
    let base = fs::canonicalize(&absolute).map_err(EmbeddedError::io("cannot find", wanted))?;
    refuse_others_files(&base)?;
    Ok(base)
}

/// Makes sure that the names in a directory survive a power cut.
pub(crate) fn flush(directory: &Path) -> Result<(), EmbeddedError> {
    File::open(directory)
        .and_then(|directory| directory.sync_all())
        .map_err(EmbeddedError::io("cannot flush", directory))
}

/// Opens a file of ours and creates it where it is missing, for the server's user: it may be the one that goes on here.
/// Never through a link: root may have been asked to work in a directory of somebody else.
pub(crate) fn open(
    path: &Path,
    options: &mut OpenOptions,
    identity: Identity,
) -> Result<File, EmbeddedError> {
    let file = options.create(true).custom_flags(libc::O_NOFOLLOW).open(path);
    let file = file.map_err(EmbeddedError::io("cannot open", path))?;
    identity.give_open(&file, path)?;
    Ok(file)
}

/// An ordinary user can only go on with what is its own. Root can with everything: it runs the server as the owner.
fn refuse_others_files(base: &Path) -> Result<(), EmbeddedError> {
    let me = sys::current_user();
    if me.uid == 0 {
        return Ok(());
    }
    for name in ["", "data", "lock", "run", "server.lock", "server.log"] {
        let path = if name.is_empty() { base.to_owned() } else { base.join(name) };
        if let Ok(found) = fs::symlink_metadata(&path)
            && found.uid() != me.uid
        {
            let (base, owner) = (base.to_owned(), found.uid());
            return Err(EmbeddedError::OtherOwner { base, path, owner, me: (me.uid, me.gid) });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
