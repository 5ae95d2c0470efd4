//! The data directory: created whole or not at all, and never opened by another major version.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::binaries::Binaries;
use crate::identity::Identity;
use crate::sys::{self, Signal};
use crate::{Durability, EmbeddedError, Options, directory, template};

/// A data directory, and what is needed to work on it while no server runs.
pub(crate) struct Cluster<'a> {
    pub(crate) binaries: &'a Binaries,
    pub(crate) identity: Identity,
    pub(crate) base: &'a Path,
    pub(crate) data: &'a Path,
}

impl Cluster<'_> {
    /// Creates the cluster, or makes sure that this server may open the existing one.
    pub(crate) fn create_or_check(&self, options: &Options) -> Result<(), EmbeddedError> {
        let Some(found) = directory::find(self.base)? else { return self.create(options) };
        if found.major != self.binaries.major {
            return Err(EmbeddedError::OtherVersion {
                data: self.data.to_owned(),
                data_major: found.major,
                binaries: self.binaries.directory.clone(),
                binaries_major: self.binaries.major,
            });
        }
        if found.owner.uid != self.identity.owner().uid {
            let what = format!("cannot use {}", self.data.display());
            return Err(EmbeddedError::failed(what, "its owner has just changed: start again"));
        }
        Ok(())
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
            Durability::OffForTests => {
                let of = (self.binaries, self.identity);
                template::fill(of, &options.search.cache, &fresh, |options| {
                    self.initdb(&fresh, options)
                })?;
            }
        }
        for database in &options.databases {
            self.create_database(&fresh, database)?;
        }
        fs::rename(&fresh, self.data).map_err(EmbeddedError::io("cannot create", self.data))?;
        directory::flush(self.base)
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

    /// What earlier attempts left that never got their name.
    fn remove_abandoned(&self) {
        for entry in fs::read_dir(self.base).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with("data.new-") {
                let _ = fs::remove_dir_all(entry.path());
            }
        }
    }
}

fn finish(what: &str, output: &std::process::Output) -> Result<(), EmbeddedError> {
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; ");
    Err(EmbeddedError::failed(format!("{what} failed ({})", output.status), said))
}
