//! Finds `initdb` and `postgres`, and asks for them to be provided where there are none.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::provision;
use crate::{EmbeddedError, sys};

const OLDEST_MAJOR: u32 = 14;

/// Where packages put one directory per version, named `15` or `postgresql@15`.
const VERSIONED_ROOTS: [&str; 4] =
    ["/usr/lib/postgresql", "/usr/local/lib/postgresql", "/opt/homebrew/opt", "/usr/local/opt"];

/// Where to look for the server's programs, and what may be done if they are missing.
#[derive(Clone, Debug)]
pub struct Search {
    /// `VALERIX_PG_BIN`: look here and nowhere else.
    pub directory: Option<PathBuf>,
    /// Whether they may be downloaded or installed (`VALERIX_PG_PROVISION=off` says no).
    pub provision: bool,
    /// `VALERIX_PG_CACHE`: where downloaded programs are kept.
    pub cache: PathBuf,
    /// Whether the usual places of this machine are searched.
    pub usual_places: bool,
}

impl Search {
    /// As `VALERIX_PG_BIN`, `VALERIX_PG_PROVISION` and `VALERIX_PG_CACHE` say.
    pub fn from_env() -> Search {
        Search {
            directory: set("VALERIX_PG_BIN"),
            provision: env::var_os("VALERIX_PG_PROVISION").is_none_or(|value| value != "off"),
            cache: set("VALERIX_PG_CACHE").unwrap_or_else(usual_cache),
            usual_places: true,
        }
    }
}

/// An installed server.
#[derive(Clone, Debug)]
pub(crate) struct Binaries {
    pub(crate) directory: PathBuf,
    pub(crate) major: u32,
    /// As the program prints it: `postgres (PostgreSQL) 15.18 (Debian …)`.
    pub(crate) version: String,
}

/// The best server for a data directory of version `wanted`, provided first if there is none.
pub(crate) fn find_or_provide(
    search: &Search,
    wanted: Option<u32>,
) -> Result<Binaries, EmbeddedError> {
    if let Some(directory) = &search.directory {
        let binaries = inspect(directory)
            .ok_or_else(|| EmbeddedError::NoServerIn { directory: directory.clone() })?;
        return not_too_old(binaries);
    }
    if let Some(binaries) = find(search, wanted) {
        return not_too_old(binaries);
    }
    let tried = if search.provision {
        provision::provide(&search.cache)
    } else {
        vec!["not allowed: VALERIX_PG_PROVISION=off".to_owned()]
    };
    match find(search, wanted) {
        Some(binaries) => not_too_old(binaries),
        None => Err(EmbeddedError::Missing { looked_in: places(search), tried }),
    }
}

/// The server that would be used, if there is one; provides nothing.
pub(crate) fn look(
    search: &Search,
    wanted: Option<u32>,
) -> Result<Option<Binaries>, EmbeddedError> {
    let nothing_provided = Search { provision: false, ..search.clone() };
    match find_or_provide(&nothing_provided, wanted) {
        Ok(binaries) => Ok(Some(binaries)),
        Err(EmbeddedError::Missing { .. }) if search.provision => Ok(None),
        Err(error) => Err(error),
    }
}

fn not_too_old(binaries: Binaries) -> Result<Binaries, EmbeddedError> {
    if binaries.major >= OLDEST_MAJOR {
        return Ok(binaries);
    }
    Err(EmbeddedError::TooOld { directory: binaries.directory, version: binaries.version })
}

fn find(search: &Search, wanted: Option<u32>) -> Option<Binaries> {
    best(candidates(search).iter().filter_map(|directory| inspect(directory)), wanted)
}

/// The first of the wanted version, else the first that is new enough, else the first.
fn best(found: impl Iterator<Item = Binaries>, wanted: Option<u32>) -> Option<Binaries> {
    let mut second_best: Option<Binaries> = None;
    for binaries in found {
        if wanted.map_or(binaries.major >= OLDEST_MAJOR, |major| binaries.major == major) {
            return Some(binaries);
        }
        if second_best.as_ref().is_none_or(|best| best.major < OLDEST_MAJOR) {
            second_best = Some(binaries);
        }
    }
    second_best
}

fn candidates(search: &Search) -> Vec<PathBuf> {
    let mut found = Vec::new();
    if search.usual_places {
        found.extend(on_path());
        found.extend(VERSIONED_ROOTS.iter().flat_map(|root| newest_first(Path::new(root))));
        found.extend(newest_first_named(Path::new("/usr"), "pgsql-"));
    }
    found.push(provision::binaries_in(&search.cache));
    let mut seen = BTreeSet::new();
    found.retain(|directory| seen.insert(directory.clone()));
    found
}

/// The same places in words.
fn places(search: &Search) -> Vec<String> {
    let mut places = Vec::new();
    if search.usual_places {
        places.push("PATH".to_owned());
        places.extend(VERSIONED_ROOTS.iter().map(|root| format!("{root}/*/bin")));
        places.push("/usr/pgsql-*/bin".to_owned());
    }
    places.push(search.cache.display().to_string());
    places
}

/// Distributions link single programs into PATH: the directory wanted is the one they point into.
fn on_path() -> Vec<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .flat_map(|directory| [directory.join("postgres"), directory.join("initdb")])
        .filter_map(|program| fs::canonicalize(program).ok())
        .filter_map(|program| program.parent().map(Path::to_owned))
        .collect()
}

fn newest_first(root: &Path) -> Vec<PathBuf> {
    let mut found = newest_first_named(root, "postgresql@");
    found.extend(newest_first_named(root, ""));
    found
}

fn newest_first_named(root: &Path, prefix: &str) -> Vec<PathBuf> {
    let mut found: Vec<(u32, PathBuf)> = fs::read_dir(root)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let major = entry.file_name().to_str()?.strip_prefix(prefix)?.parse().ok()?;
            Some((major, entry.path().join("bin")))
        })
        .collect();
    found.sort_by(|left, right| right.cmp(left));
    found.into_iter().map(|(_, directory)| directory).collect()
}

/// What is in a directory, if it is a server that runs.
fn inspect(directory: &Path) -> Option<Binaries> {
    let postgres = directory.join("postgres");
    if !directory.join("initdb").is_file() || !postgres.is_file() {
        return None;
    }
    let mut version = Command::new(&postgres);
    version.arg("--version").env_clear().env("LC_ALL", "C").stdin(Stdio::null());
    let output = version.output().ok()?;
    let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let major = parse_major(&version)?;
    Some(Binaries { directory: directory.to_owned(), major, version })
}

/// `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)` is 15; `18beta1` is 18.
fn parse_major(version: &str) -> Option<u32> {
    let number = version.split_once("(PostgreSQL) ")?.1;
    let digits = number.find(|c: char| !c.is_ascii_digit()).unwrap_or(number.len());
    number[..digits].parse().ok()
}

fn set(name: &str) -> Option<PathBuf> {
    env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

/// Root's cache must be readable for the unprivileged server, so it is not below root's home.
fn usual_cache() -> PathBuf {
    let uid = sys::current_user().uid;
    if uid == 0 {
        return PathBuf::from("/var/cache/valerix");
    }
    set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache"))).map_or_else(
        || PathBuf::from(format!("/var/tmp/valerix-cache-{uid}")),
        |dir| dir.join("valerix"),
    )
}

#[cfg(test)]
mod tests;
