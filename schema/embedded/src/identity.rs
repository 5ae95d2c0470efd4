//! Chooses who the server runs as. PostgreSQL refuses root, so root steps down.
//!
//! As root: the user `postgres`, else `nobody`; where that one cannot enter the directory (below root's
//! home, say) a user namespace in which root appears as an ordinary user; as the last resort a directory of our
//! own in /var/tmp. As an ordinary user: that user, or a namespace if the user database does not know it.
//! Whatever is chosen has been tried with `postgres --version` in that very directory.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::EmbeddedError;
use crate::binaries::Binaries;
use crate::sys::{self, User};

/// Who the server's programs run as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Identity {
    /// As this process.
    Own(User),
    /// As another user: we are root.
    StepDown(User),
    /// As this process, seen from inside as an ordinary user.
    Namespace(User),
}

impl Identity {
    /// A program with this identity, a clean environment and no input.
    pub(crate) fn command(self, program: &Path, directory: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .envs([("LC_ALL", "C.UTF-8"), ("TZ", "UTC"), ("PATH", "/usr/bin:/bin")])
            .current_dir(directory)
            .stdin(Stdio::null());
        match self {
            Identity::Own(_) => {}
            Identity::StepDown(user) => {
                command.uid(user.uid).gid(user.gid);
            }
            #[cfg(target_os = "linux")]
            Identity::Namespace(user) => sys::enter_user_namespace(&mut command, user),
            #[cfg(not(target_os = "linux"))]
            Identity::Namespace(_) => {}
        }
        command
    }

    /// Who owns, on the disk, what the server owns.
    pub(crate) fn owner(self) -> User {
        match self {
            Identity::Own(user) | Identity::StepDown(user) | Identity::Namespace(user) => user,
        }
    }

    /// Gives a file or directory to the server.
    pub(crate) fn give(self, path: &Path) -> Result<(), EmbeddedError> {
        match self {
            Identity::StepDown(user) => chown(path, Some(user.uid), Some(user.gid))
                .map_err(EmbeddedError::io("cannot change the owner of", path)),
            Identity::Own(_) | Identity::Namespace(_) => Ok(()),
        }
    }

    /// Creates a directory that only the server enters.
    pub(crate) fn create_private_directory(self, path: &Path) -> Result<(), EmbeddedError> {
        fs::create_dir(path).map_err(EmbeddedError::io("cannot create", path))?;
        set_mode(path, 0o700)?;
        self.give(path)
    }

    /// The server's user must pass through the directory that holds its data; nobody may list it.
    fn mode_of_base(self) -> u32 {
        match self {
            Identity::StepDown(_) => 0o711,
            Identity::Own(_) | Identity::Namespace(_) => 0o700,
        }
    }
}

/// The identity, and the directory (the wanted one if at all possible), with which the server can run.
pub(crate) fn choose(
    binaries: &Binaries,
    wanted: &Path,
) -> Result<(Identity, PathBuf), EmbeddedError> {
    let mut tried = Vec::new();
    for directory in [wanted.to_owned(), last_resort(wanted)] {
        let base = match prepare(&directory) {
            Ok(base) => base,
            Err(error) => {
                tried.push(error.to_string());
                continue;
            }
        };
        for identity in possible(&base) {
            match works(identity, binaries, &base) {
                Ok(()) => {
                    if directory != wanted {
                        tracing::warn!(wanted = %wanted.display(), used = %base.display(),
                            "no unprivileged user can work in the wanted directory");
                    }
                    return Ok((identity, base));
                }
                Err(why) => tried.push(format!("{identity:?} in {}: {why}", base.display())),
            }
        }
    }
    Err(EmbeddedError::NoIdentity { tried })
}

fn prepare(directory: &Path) -> Result<PathBuf, EmbeddedError> {
    fs::create_dir_all(directory).map_err(EmbeddedError::io("cannot create", directory))?;
    fs::canonicalize(directory).map_err(EmbeddedError::io("cannot find", directory))
}

/// In the order of preference; one that owns existing data comes first.
fn possible(base: &Path) -> Vec<Identity> {
    let me = sys::current_user();
    if me.uid != 0 {
        let identity =
            if sys::user_exists(me.uid) { Identity::Own(me) } else { Identity::Namespace(me) };
        return vec![identity];
    }
    let user = ["postgres", "nobody"].into_iter().find_map(sys::user_named);
    let mut possible: Vec<Identity> = user.map(Identity::StepDown).into_iter().collect();
    if cfg!(target_os = "linux") {
        possible.push(Identity::Namespace(me));
    }
    if let Ok(data) = fs::metadata(base.join("data")) {
        possible.sort_by_key(|identity| identity.owner().uid != data.uid());
    }
    possible
}

fn works(identity: Identity, binaries: &Binaries, base: &Path) -> Result<(), String> {
    set_mode(base, identity.mode_of_base()).map_err(|error| error.to_string())?;
    let postgres = binaries.directory.join("postgres");
    let output = identity
        .command(&postgres, base)
        .arg("--version")
        .output()
        .map_err(|error| format!("cannot run {}: {error}", postgres.display()))?;
    if output.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
}

/// Always the same one for the same wish, so that a second start finds the data of the first.
fn last_resort(wanted: &Path) -> PathBuf {
    let mut hasher = DefaultHasher::new();
    std::path::absolute(wanted).unwrap_or_else(|_| wanted.to_owned()).hash(&mut hasher);
    let uid = sys::current_user().uid;
    PathBuf::from(format!("/var/tmp/valerix-{uid}-{:016x}", hasher.finish()))
}

fn set_mode(path: &Path, mode: u32) -> Result<(), EmbeddedError> {
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
        .map_err(EmbeddedError::io("cannot set the mode of", path))
}
