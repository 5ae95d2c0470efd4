//! Options of every command that starts a stack.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use anyhow::Context;
use schema_embedded::Durability;
use tempfile::TempDir;

/// Where a stack lives, and what it is made of.
#[derive(clap::Args, Debug, Clone)]
pub struct StackOptions {
    /// Where the stack gets its directory. Default: the system's directory for temporary files.
    #[arg(long)]
    pub room: Option<PathBuf>,
    /// Keep that directory. A crash run keeps it in any case when an invariant is broken.
    #[arg(long)]
    pub keep: bool,
    /// Which Postgres it stands on. Default: embedded.
    #[arg(long, env = "VALERIX_TEST_SERVER", value_enum, default_value_t)]
    pub database: DatabaseServer,
    /// The binary that is run. Default: this one.
    #[arg(long)]
    pub binary: Option<PathBuf>,
    /// Setting of every service's environment, NAME=VALUE; may be given several times.
    #[arg(long = "with", value_name = "NAME=VALUE", value_parser = name_and_value)]
    pub environment: Vec<(String, String)>,
}

/// The settings of the Postgres server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum DatabaseServer {
    /// As `valerix up` sets it.
    #[default]
    Embedded,
    /// As `initdb` leaves it: nothing is set, as on a server that somebody else runs.
    Stock,
}

impl From<DatabaseServer> for Durability {
    fn from(server: DatabaseServer) -> Durability {
        match server {
            DatabaseServer::Embedded => Durability::On,
            DatabaseServer::Stock => Durability::Stock,
        }
    }
}

impl StackOptions {
    /// A new directory for one stack.
    ///
    /// # Errors
    /// Where there is no room for it.
    pub fn directory(&self, prefix: &str) -> anyhow::Result<TempDir> {
        let room = self.room.clone().unwrap_or_else(std::env::temp_dir);
        let directory = tempfile::Builder::new().prefix(prefix).tempdir_in(room)?;
        // The server's user must get through to what is its own.
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o711))?;
        Ok(directory)
    }

    /// The binary that is run.
    ///
    /// # Errors
    /// Where none is named and this program does not know where it is.
    pub fn binary(&self) -> anyhow::Result<PathBuf> {
        match &self.binary {
            Some(binary) => Ok(binary.clone()),
            None => std::env::current_exe().context("this program does not know where it is"),
        }
    }
}

/// Reads `NAME=VALUE`.
pub(crate) fn name_and_value(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}
