//! Chromium and its driver: found, or installed from Debian's packages where we may.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Says where the programs are, for machines that keep them elsewhere.
const DIRECTORY: &str = "VALERIX_CHROMIUM_BIN";

/// Where `chromium` or `chromedriver` is.
pub(super) fn program(name: &str) -> PathBuf {
    static FOUND: OnceLock<PathBuf> = OnceLock::new();
    FOUND.get_or_init(|| find().unwrap_or_else(install)).join(name)
}

fn find() -> Option<PathBuf> {
    let told = env::var_os(DIRECTORY).map(PathBuf::from);
    let path = env::var_os("PATH").unwrap_or_default();
    let known: Vec<PathBuf> = told.into_iter().chain(env::split_paths(&path)).collect();
    known.into_iter().find(|directory| has_both(directory))
}

fn has_both(directory: &Path) -> bool {
    ["chromium", "chromedriver"].iter().all(|name| directory.join(name).is_file())
}

/// Its libraries are many, so that unpacking does not do; as somebody else than root this fails, and says so.
fn install() -> PathBuf {
    let steps = "packages='chromium chromium-driver'
        get() { DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $packages; }
        get || { apt-get update && get; }";
    let ran = Command::new("sh").args(["-ec", steps]).output();
    let said = match &ran {
        Ok(output) => String::from_utf8_lossy(&output.stderr).into_owned(),
        Err(error) => error.to_string(),
    };
    find().unwrap_or_else(|| {
        panic!(
            "The console is tested in Chromium, which is not here and could not be installed. Install \
             chromium and chromedriver (as root: apt-get install chromium chromium-driver), or set \
             {DIRECTORY} to the directory of both.\n{said}"
        )
    })
}
