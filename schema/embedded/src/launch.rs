//! What starting a server takes.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::identity::Identity;

/// Everything needed to start the server, again and again.
#[derive(Debug)]
pub(crate) struct Launch {
    pub(crate) postgres: PathBuf,
    pub(crate) identity: Identity,
    pub(crate) base: PathBuf,
    pub(crate) data: PathBuf,
    pub(crate) socket: PathBuf,
    pub(crate) log: PathBuf,
    pub(crate) arguments: Vec<OsString>,
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) crashes_max: u32,
}
