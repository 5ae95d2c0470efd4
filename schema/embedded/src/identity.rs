//! Chooses who the server runs as. PostgreSQL refuses root, so root steps down.
//!
//! Where there are data, it is their owner and nobody else: whose they are is never changed. Where there are none yet:
//! an ordinary user itself; root steps down to the owner of the directory, to `postgres` or to `nobody`, or, where those
//! cannot enter the directory (below root's home, say), to a user namespace in which it appears as an ordinary user.
//! Whatever is chosen has been tried with `postgres --version` in that very directory.

use std::fmt;
use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, fchown};
use std::os::unix::process::CommandExt;
use std::path::Path;
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

    /// The same for a file that is open, whatever its name leads to by now.
    pub(crate) fn give_open(self, file: &File, path: &Path) -> Result<(), EmbeddedError> {
        match self {
            Identity::StepDown(user) => fchown(file, Some(user.uid), Some(user.gid))
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
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Identity::Own(user) | Identity::StepDown(user) => write!(f, "as user {}", user.uid),
            Identity::Namespace(user) => write!(f, "as user {} in a user namespace", user.uid),
        }
    }
}

/// The identity with which the server can run in `base`, on data of `owner` if there are any.
pub(crate) fn choose(
    binaries: &Binaries,
    base: &Path,
    owner: Option<User>,
) -> Result<Identity, EmbeddedError> {
    let mut tried = Vec::new();
    for identity in possible(base, owner)? {
        close_to_others(base, identity)?;
        match works(identity, binaries, base) {
            Ok(()) => return Ok(identity),
            Err(why) => tried.push(format!("{identity}: {why}")),
        }
    }
    let (base, is_root) = (base.to_owned(), sys::current_user().uid == 0);
    Err(EmbeddedError::NoIdentity { base, tried, is_root, has_data: owner.is_some() })
}

/// In the order of preference.
fn possible(base: &Path, owner: Option<User>) -> Result<Vec<Identity>, EmbeddedError> {
    let me = sys::current_user();
    if me.uid != 0 {
        let known = sys::user_exists(me.uid);
        return Ok(vec![if known { Identity::Own(me) } else { Identity::Namespace(me) }]);
    }
    let namespace = cfg!(target_os = "linux").then_some(Identity::Namespace(me));
    if let Some(owner) = owner {
        let steps_down = (owner.uid != 0).then_some(Identity::StepDown(owner));
        return Ok(steps_down.or(namespace).into_iter().collect());
    }
    let found = fs::metadata(base).map_err(EmbeddedError::io("cannot read", base))?;
    let owner = User { uid: found.uid(), gid: found.gid() };
    // initdb, unlike the server, wants its user to have a name
    let owner = Some(owner).filter(|user| user.uid != 0 && sys::user_exists(user.uid));
    let user = owner.or_else(|| ["postgres", "nobody"].into_iter().find_map(sys::user_named));
    Ok(user.map(Identity::StepDown).into_iter().chain(namespace).collect())
}

/// Nobody else may list the directory; where it is not the server's own, the server must pass through it.
/// What its owner may do in it is left as it is: a directory that was made read-only stays so.
fn close_to_others(base: &Path, identity: Identity) -> Result<(), EmbeddedError> {
    let found = fs::metadata(base).map_err(EmbeddedError::io("cannot read", base))?;
    let others = if found.uid() == identity.owner().uid { 0 } else { 0o011 };
    let wanted = found.mode() & 0o700 | others;
    if found.mode() & 0o777 == wanted { Ok(()) } else { set_mode(base, wanted) }
}

fn works(identity: Identity, binaries: &Binaries, base: &Path) -> Result<(), String> {
    let postgres = binaries.directory.join("postgres");
    let output = identity.command(&postgres, base).arg("--version").output();
    let output = output.map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; "))
}

fn set_mode(path: &Path, mode: u32) -> Result<(), EmbeddedError> {
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
        .map_err(EmbeddedError::io("cannot set the mode of", path))
}
