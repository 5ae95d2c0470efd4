//! Throw-away servers for tests, removed afterwards: fast and without durability, or as `initdb` leaves them.

use std::fs;
use std::ops::Deref;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::{Durability, EmbeddedError, EmbeddedPostgres, Options, sys, takeover};

/// A server whose directory goes away with it.
///
/// PinnedConnection in a `static`, it is never dropped: then the server still ends with the process, and the next test
/// process removes the directory.
#[derive(Debug)]
pub struct TestServer {
    server: EmbeddedPostgres,
    directory: PathBuf,
}

impl TestServer {
    /// Starts one on an empty cluster, in some 0.1 s once a template has been made. With `VALERIX_TEST_SERVER=stock` in
    /// the environment it is a stock one.
    pub fn start() -> Result<TestServer, EmbeddedError> {
        match std::env::var("VALERIX_TEST_SERVER").as_deref() {
            Ok("stock") => Self::start_stock(),
            _ => Self::start_with(Durability::OffForTests),
        }
    }

    /// Starts one as `initdb` leaves it, with nothing set but where it is reached: a server as teams have it.
    pub fn start_stock() -> Result<TestServer, EmbeddedError> {
        Self::start_with(Durability::Stock)
    }

    /// A stock server on which `settings` (name, value) were set. Where they name a port, its URLs are the caller's.
    pub fn start_stock_with(settings: &[(&str, &str)]) -> Result<TestServer, EmbeddedError> {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let settings = settings.iter().map(owned).collect();
        Self::start_on(&Options { settings, ..options(Durability::Stock)? })
    }

    /// A standby without a primary, with a database `orders`: it answers, and takes no writes until it is promoted.
    pub fn start_standby() -> Result<TestServer, EmbeddedError> {
        let options =
            Options { databases: vec!["orders".to_owned()], ..options(Durability::Stock)? };
        let signal = EmbeddedPostgres::start(&options)?.directory().join("data/standby.signal");
        fs::write(&signal, "").map_err(EmbeddedError::io("cannot create", &signal))?;
        Self::start_on(&options)
    }

    /// A stock server with these databases, and a standby that follows it. When its process is killed, it is not started again.
    pub fn start_pair(databases: &[&str]) -> Result<(TestServer, TestServer), EmbeddedError> {
        let databases = databases.iter().map(|name| (*name).to_owned()).collect();
        let first = Options { databases, crashes_max: 0, ..options(Durability::Stock)? };
        let second = Options { crashes_max: 0, ..options(Durability::Stock)? };
        // A directory that was closed in order can be copied as it is.
        EmbeddedPostgres::start(&first)?.stop();
        fs::create_dir_all(&second.directory)
            .map_err(EmbeddedError::io("cannot create", &second.directory))?;
        copy(&first.directory.join("data"), &second.directory.join("data"))?;
        let signal = second.directory.join("data/standby.signal");
        fs::write(&signal, "").map_err(EmbeddedError::io("cannot create", &signal))?;
        let primary = Self::start_on(&first)?;
        let host = primary.socket_directory().display();
        let follows = format!("host={host} user=postgres application_name=second");
        let settings = vec![("primary_conninfo".to_owned(), follows)];
        Ok((primary, Self::start_on(&Options { settings, ..second })?))
    }

    fn start_with(durability: Durability) -> Result<TestServer, EmbeddedError> {
        Self::start_on(&options(durability)?)
    }

    fn start_on(options: &Options) -> Result<TestServer, EmbeddedError> {
        let directory = options.directory.clone();
        Ok(TestServer { server: EmbeddedPostgres::start(options)?, directory })
    }
}

/// With owners and modes.
fn copy(from: &Path, to: &Path) -> Result<(), EmbeddedError> {
    let copied = Command::new("cp").arg("-a").arg(from).arg(to).status();
    match copied {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => {
            let what = format!("cannot copy {}", from.display());
            Err(EmbeddedError::failed(what, status.to_string()))
        }
        Err(error) => Err(EmbeddedError::io("cannot copy", from)(error)),
    }
}

/// A directory of its own for each.
fn options(durability: Durability) -> Result<Options, EmbeddedError> {
    static STARTED: AtomicU32 = AtomicU32::new(0);
    let root = root()?;
    sweep(&root);
    let number = STARTED.fetch_add(1, Ordering::Relaxed);
    let directory = root.join(format!("{}-{number}", std::process::id()));
    Ok(Options { durability, ..Options::new(directory) })
}

impl Deref for TestServer {
    type Target = EmbeddedPostgres;

    fn deref(&self) -> &EmbeddedPostgres {
        &self.server
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.server.stop();
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// One directory per user for all test servers. Others may pass through it, to get to what is theirs.
fn root() -> Result<PathBuf, EmbeddedError> {
    let uid = sys::current_user().uid;
    let root = std::env::temp_dir().join(format!("valerix-tests-{uid}"));
    fs::create_dir_all(&root).map_err(EmbeddedError::io("cannot create", &root))?;
    let found = fs::symlink_metadata(&root).map_err(EmbeddedError::io("cannot read", &root))?;
    if !found.is_dir() || found.uid() != uid {
        let why = format!("it is not a directory of user {uid}: remove it");
        return Err(EmbeddedError::failed(format!("cannot use {}", root.display()), why));
    }
    fs::set_permissions(&root, fs::Permissions::from_mode(0o711))
        .map_err(EmbeddedError::io("cannot set the mode of", &root))?;
    Ok(root)
}

/// Removes what test processes left that have ended, unless their server still does.
fn sweep(root: &Path) {
    for entry in fs::read_dir(root).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let pid = name.to_str().and_then(|name| name.split('-').next()?.parse().ok());
        let server = takeover::recorded_pid(&entry.path().join("data"));
        if pid.is_some_and(|pid| !sys::exists(pid)) && server.is_none_or(|pid| !sys::exists(pid)) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
