//! The data directory: created whole or not at all, and never opened by another major version.

use std::fs;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::binaries::Binaries;
use crate::identity::Identity;
use crate::sys::{self, Signal};
use crate::testing::template;
use crate::{Durability, EmbeddedError, Options};

/// A data directory, and what is needed to work on it while no server runs.
pub(crate) struct Cluster<'a> {
    pub(crate) binaries: &'a Binaries,
    pub(crate) identity: Identity,
    pub(crate) base: &'a Path,
    pub(crate) data: &'a Path,
}

/// The major version that made the data below `base`, if there are any.
pub(crate) fn major_of(base: &Path) -> Option<u32> {
    fs::read_to_string(base.join("data/PG_VERSION")).ok()?.trim().parse().ok()
}

impl Cluster<'_> {
    /// Creates the cluster, or makes sure that this server may open the existing one.
    pub(crate) fn create_or_check(&self, options: &Options) -> Result<(), EmbeddedError> {
        match major_of(self.base) {
            Some(major) if major == self.binaries.major => self.check_owner(),
            Some(major) => Err(EmbeddedError::OtherVersion {
                data: self.data.to_owned(),
                data_major: major,
                binaries: self.binaries.directory.clone(),
                binaries_major: self.binaries.major,
            }),
            None => self.create(options),
        }
    }

    /// Whether this server knows a value of a setting: builds differ in what they were built with.
    pub(crate) fn understands(&self, setting: &str, value: &str) -> bool {
        self.program("postgres")
            .args(["-C", setting, "-c", &format!("{setting}={value}"), "-D"])
            .arg(self.data)
            .output()
            .is_ok_and(|output| output.status.success())
    }

    /// Everything happens beside the final place; the rename makes it real, at once and for good.
    fn create(&self, options: &Options) -> Result<(), EmbeddedError> {
        self.remove_abandoned();
        let fresh = self.base.join(format!("data.new-{}", std::process::id()));
        self.identity.create_private_directory(&fresh)?;
        match options.durability {
            Durability::On => self.initdb(&fresh, &[])?,
            Durability::Stock => self.initdb(&fresh, &["--no-sync"])?,
            Durability::OffForTests => template::fill(self, &options.search.cache, &fresh)?,
        }
        for database in &options.databases {
            self.create_database(&fresh, database)?;
        }
        fs::rename(&fresh, self.data).map_err(EmbeddedError::io("cannot create", self.data))?;
        fs::File::open(self.base)
            .and_then(|directory| directory.sync_all())
            .map_err(EmbeddedError::io("cannot flush", self.base))
    }

    /// Trust is safe on the socket, which only its owner reaches. Over TCP, should somebody turn it on, a
    /// password is asked for that nobody has.
    pub(crate) fn initdb(&self, into: &Path, extra: &[&str]) -> Result<(), EmbeddedError> {
        let locale = if cfg!(target_os = "linux") { "--locale=C.UTF-8" } else { "--locale=C" };
        let mut initdb = self.program("initdb");
        initdb
            .args(["--username=postgres", "--auth-local=trust", "--auth-host=scram-sha-256"])
            .args(["--encoding=UTF8", locale, "--no-instructions"])
            .args(extra)
            .arg("--pgdata")
            .arg(into);
        finish(
            "initdb",
            &initdb.output().map_err(EmbeddedError::io("cannot start initdb for", into))?,
        )
    }

    /// In single-user mode: no server, no socket, no client is needed for it.
    fn create_database(&self, data: &Path, database: &str) -> Result<(), EmbeddedError> {
        let cannot_start = EmbeddedError::io("cannot start postgres --single for", data);
        let statement = format!("create database \"{}\"\n", database.replace('"', "\"\""));
        let child = self
            .program("postgres")
            .args(["--single", "-c", "exit_on_error=on", "-D"])
            .arg(data)
            .arg("postgres")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let output = child.and_then(|mut child| {
            if let Some(mut input) = child.stdin.take() {
                input.write_all(statement.as_bytes())?;
            }
            child.wait_with_output()
        });
        finish("create database", &output.map_err(cannot_start)?)
    }

    fn program(&self, name: &str) -> Command {
        let mut command = self.identity.command(&self.binaries.directory.join(name), self.base);
        sys::die_with_parent(&mut command, Signal::FastStop);
        command
    }

    /// Root may have run the server under another identity before.
    fn check_owner(&self) -> Result<(), EmbeddedError> {
        let found = fs::metadata(self.data).map_err(EmbeddedError::io("cannot read", self.data))?;
        let wanted = self.identity.owner().uid;
        if found.uid() == wanted {
            return Ok(());
        }
        if sys::current_user().uid == 0 {
            return for_each_below(self.data, &mut |path| {
                std::os::unix::fs::lchown(path, Some(wanted), Some(self.identity.owner().gid))
                    .map_err(EmbeddedError::io("cannot change the owner of", path))
            });
        }
        Err(EmbeddedError::failed(
            format!("cannot use {}", self.data.display()),
            format!(
                "it belongs to user {}: run as that user, or choose another VALERIX_DATA_DIR",
                found.uid()
            ),
        ))
    }

    /// What earlier attempts left that never got their name.
    fn remove_abandoned(&self) {
        for entry in fs::read_dir(self.base).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with("data.new-") {
                let _ = fs::remove_dir_all(entry.path());
            }
        }
    }
}

fn for_each_below(
    path: &Path,
    act: &mut impl FnMut(&Path) -> Result<(), EmbeddedError>,
) -> Result<(), EmbeddedError> {
    act(path)?;
    if fs::symlink_metadata(path).is_ok_and(|found| found.is_dir()) {
        let entries = fs::read_dir(path).map_err(EmbeddedError::io("cannot read", path))?;
        let paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        for below in paths {
            for_each_below(&below, act)?;
        }
    }
    Ok(())
}

fn finish(what: &str, output: &std::process::Output) -> Result<(), EmbeddedError> {
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; ");
    Err(EmbeddedError::failed(format!("{what} failed ({})", output.status), said))
}
