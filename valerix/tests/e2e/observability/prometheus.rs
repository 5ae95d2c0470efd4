//! Prometheus and promtool: found, or unpacked from Debian's package.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Says where the programs are, for machines that keep them elsewhere.
const DIRECTORY: &str = "VALERIX_PROMETHEUS_BIN";

/// Where `prometheus` or `promtool` is.
pub(crate) fn program(name: &str) -> PathBuf {
    static DIRECTORY_FOUND: OnceLock<PathBuf> = OnceLock::new();
    DIRECTORY_FOUND.get_or_init(|| find().unwrap_or_else(unpack)).join(name)
}

fn find() -> Option<PathBuf> {
    let told = env::var_os(DIRECTORY).map(PathBuf::from);
    let path = env::var_os("PATH").unwrap_or_default();
    let known: Vec<PathBuf> = told.into_iter().chain(env::split_paths(&path)).collect();
    known.into_iter().chain([unpacked()]).find(|directory| has_both(directory))
}

fn has_both(directory: &Path) -> bool {
    ["prometheus", "promtool"].iter().all(|name| directory.join(name).is_file())
}

fn cache() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("prometheus")
}

fn unpacked() -> PathBuf {
    cache().join("unpacked/usr/bin")
}

/// Unpacks the package without installing it: no service is started, and no rights are needed but for the list.
fn unpack() -> PathBuf {
    std::fs::create_dir_all(cache()).expect("the target directory can be written");
    let steps = "apt-get download prometheus || { apt-get update && apt-get download prometheus; }
        rm -rf unpacked unpacking
        dpkg -x prometheus_*.deb unpacking && mv unpacking unpacked";
    let ran = Command::new("sh").args(["-ec", steps]).current_dir(cache()).output();
    let said = match &ran {
        Ok(output) => String::from_utf8_lossy(&output.stderr).into_owned(),
        Err(error) => error.to_string(),
    };
    assert!(
        has_both(&unpacked()),
        "Prometheus is needed and not here, and Debian's package could not be fetched. Install it \
         (apt-get install prometheus, or from prometheus.io), or set {DIRECTORY} to the directory of \
         prometheus and promtool.\n{said}"
    );
    unpacked()
}
