//! A real Postgres as a child process: found or provided, unprivileged, durable, stopped with its parent.
//!
//! Start at [`EmbeddedPostgres::start`]; it reads like the list of what happens:
//!
//! 1. `binaries`: find `initdb` and `postgres`, or else `provision` them,
//! 2. `directory`: use the directory that was asked for or none, and begin a database only where none can have been,
//! 3. `identity`: choose who the server runs as, never root, and whoever owns the data,
//! 4. `cluster`: create the data directory whole or not at all, never mix versions,
//! 5. `takeover`: wait for a server that an earlier, killed parent left behind, and clear up what the dead left,
//! 6. `keeper`: start the server, start it again when it dies, stop it with its parent.
//!
//! The server listens on a Unix socket alone, in a directory that only its owner enters, so there is
//! no port to collide on, no password to store, and no other local user who gets in.
//! It never runs with `fsync` off outside of tests, and never as root.

mod binaries;
mod cluster;
mod directory;
mod error;
mod identity;
mod keeper;
mod launch;
mod provision;
mod settings;
mod socket;
mod sys;
mod takeover;
mod template;
pub mod testing;

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

pub use binaries::Search;
pub use error::EmbeddedError;
pub use settings::Durability;
pub use socket::url;

use cluster::Cluster;
use identity::Identity;
use keeper::Keeper;
use launch::Launch;

/// What to run, and where.
#[derive(Clone, Debug)]
pub struct Options {
    /// Holds the data, the socket and the log. Created if missing.
    pub directory: PathBuf,
    /// Databases that a new cluster gets. An existing cluster is left as it is.
    pub databases: Vec<String>,
    /// Whether acknowledged writes survive a crash. Only tests may say no.
    pub durability: Durability,
    /// Further server settings (`name`, `value`); they win over the built-in ones.
    pub settings: Vec<(String, String)>,
    /// Further variables of the server's environment: for runs that break things.
    pub environment: Vec<(String, String)>,
    /// Where the server's programs come from.
    pub search: Search,
    /// How often it may die within a minute before it is given up.
    pub crashes_max: u32,
}

impl Options {
    /// A durable server in `directory`, with its programs searched as the environment says.
    pub fn new(directory: impl Into<PathBuf>) -> Options {
        Options {
            directory: directory.into(),
            databases: Vec::new(),
            durability: Durability::On,
            settings: Vec::new(),
            environment: Vec::new(),
            search: Search::from_env(),
            crashes_max: 5,
        }
    }
}

/// A running server. Stops when dropped, and also when this process is killed.
#[derive(Debug)]
pub struct EmbeddedPostgres {
    keeper: Arc<Keeper>,
    base: PathBuf,
    socket: PathBuf,
    binaries: PathBuf,
    /// Held as long as the server may run: one process per directory.
    _lock: File,
}

impl EmbeddedPostgres {
    /// Finds, prepares and starts the server; returns when it accepts connections.
    ///
    /// Blocks, for milliseconds on an existing directory, for a second or so on a new one, and for as
    /// long as the installation takes where Postgres has to be provided first.
    pub fn start(options: &Options) -> Result<EmbeddedPostgres, EmbeddedError> {
        let found = directory::find(&options.directory)?;
        let major = found.map(|data| data.major);
        let binaries = binaries::find_or_provide(&options.search, major)?;
        let base = directory::prepare(&options.directory)?;
        let identity = identity::choose(&binaries, &base, found.map(|data| data.owner))?;
        let lock = lock(&base, identity)?;
        let socket = socket::directory(&base, identity)?;
        let data = base.join("data");
        let cluster = Cluster { binaries: &binaries, identity, base: &base, data: &data };
        cluster.create_or_check(options)?;
        let lz4 = cluster.understands("wal_compression", "lz4");
        let keeper = Keeper::start(Launch {
            postgres: binaries.directory.join("postgres"),
            identity,
            log: base.join("server.log"),
            arguments: settings::arguments(options, &data, &socket, lz4),
            base: base.clone(),
            data,
            socket: socket.clone(),
            environment: options.environment.clone(),
            crashes_max: options.crashes_max,
        })?;
        tracing::info!(version = %binaries.version, directory = %base.display(), "embedded postgres is ready");
        Ok(EmbeddedPostgres { keeper, base, socket, binaries: binaries.directory, _lock: lock })
    }

    /// The URL of one database, for sqlx, psql, pgbench and everything else that speaks libpq's URLs.
    pub fn url(&self, database: &str) -> String {
        socket::url(&self.socket, database)
    }

    /// The directory of its socket.
    pub fn socket_directory(&self) -> &Path {
        &self.socket
    }

    /// Stops the server in order: sessions are ended, everything is flushed. Harmless twice.
    pub fn stop(&self) {
        self.keeper.stop();
    }

    /// Calls `act` with the reason should the server be given up; never after [`Self::stop`].
    pub fn when_lost(&self, act: impl FnOnce(String) + Send + 'static) {
        let keeper = Arc::clone(&self.keeper);
        thread::spawn(move || {
            if let Some(why) = keeper.wait() {
                act(why);
            }
        });
    }

    /// The server's process, for fault injection; it changes when the server was started again.
    pub fn pid(&self) -> Option<u32> {
        self.keeper.pid()
    }

    /// Where `postgres` lies, and beside it `psql` and `pgbench`.
    pub fn bin_dir(&self) -> &Path {
        &self.binaries
    }

    /// Where the server lives: the directory that was asked for, by its real path.
    pub fn directory(&self) -> &Path {
        &self.base
    }
}

impl Drop for EmbeddedPostgres {
    fn drop(&mut self) {
        self.stop();
    }
}

/// What [`EmbeddedPostgres::start`] would find, in words. Starts, creates and installs nothing.
pub fn look(options: &Options) -> Result<String, EmbeddedError> {
    let wanted = directory::find(&options.directory)?.map(|data| data.major);
    let directory = options.directory.display();
    match binaries::look(&options.search, wanted)? {
        None => Ok(format!("to be provided at the first start, in {directory}")),
        Some(found) if wanted.is_none_or(|major| major == found.major) => {
            Ok(format!("{}, in {directory}", found.version))
        }
        Some(found) => Err(EmbeddedError::OtherVersion {
            data: options.directory.join("data"),
            data_major: wanted.unwrap_or_default(),
            binaries: found.directory,
            binaries_major: found.major,
        }),
    }
}

/// One process per directory. The kernel releases this lock with its holder, however that one ends.
fn lock(base: &Path, identity: Identity) -> Result<File, EmbeddedError> {
    let path = base.join("lock");
    let file = directory::open(&path, fs::OpenOptions::new().write(true), identity)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(EmbeddedError::InUse { directory: base.to_owned() }),
        Err(TryLockError::Error(error)) => Err(EmbeddedError::io("cannot lock", &path)(error)),
    }
}
