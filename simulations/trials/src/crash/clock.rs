//! Wall clocks that jump: libfaketime between programs and the clock, told by a file how far to be wrong.
//!
//! Only what people call the time jumps. What measures how long something takes (the monotonic clock) goes
//! on, as it does on a machine whose clock is set.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde::Serialize;

/// Where distributions put it.
const PLACES: [&str; 5] = [
    "/usr/lib/x86_64-linux-gnu/faketime",
    "/usr/lib/aarch64-linux-gnu/faketime",
    "/usr/lib64/faketime",
    "/usr/lib/faketime",
    "/usr/local/lib/faketime",
];
/// The one for programs with threads.
const LIBRARY: &str = "libfaketimeMT.so.1";
const MINUTES_MIN: u32 = 5;
const MINUTES_MAX: u32 = 6 * 60;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Clock {
    /// The database server's: the one that decides.
    Postgres,
    /// That of all services.
    Services,
}

impl Clock {
    fn name(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Services => "services",
        }
    }
}

/// Clocks that can be set.
pub(super) struct Clocks {
    library: PathBuf,
    directory: PathBuf,
}

/// Where the library is; else what to do.
pub(super) fn library() -> Result<PathBuf, String> {
    let found =
        PLACES.iter().map(|place| Path::new(place).join(LIBRARY)).find(|path| path.exists());
    found.ok_or_else(|| "libfaketime is not installed: apt-get install faketime".to_owned())
}

/// From minutes to hours, forward or back.
pub(super) fn minutes_of(pick: u32) -> i64 {
    let minutes = i64::from(MINUTES_MIN + (pick >> 1) % (MINUTES_MAX - MINUTES_MIN + 1));
    if pick.is_multiple_of(2) { minutes } else { -minutes }
}

impl Clocks {
    /// All right, for now. The server's user must get through to the directory.
    pub(super) fn new(library: PathBuf, directory: &Path) -> io::Result<Self> {
        let clocks = Self { library, directory: directory.join("clocks") };
        fs::create_dir(&clocks.directory)?;
        fs::set_permissions(&clocks.directory, PermissionsExt::from_mode(0o755))?;
        clocks.set(Clock::Postgres, 0)?;
        clocks.set(Clock::Services, 0)?;
        Ok(clocks)
    }

    /// What a process is told so that its clock is this one.
    pub(super) fn environment(&self, clock: Clock) -> Vec<(String, String)> {
        let library = self.library.display().to_string();
        let file = self.file(clock).display().to_string();
        [
            ("LD_PRELOAD", library.as_str()),
            ("FAKETIME_TIMESTAMP_FILE", file.as_str()),
            // All processes jump at the same moment.
            ("FAKETIME_NO_CACHE", "1"),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
            ("DONT_FAKE_MONOTONIC", "1"),
            ("FAKETIME_DISABLE_SHM", "1"),
            ("NO_FAKE_STAT", "1"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
    }

    /// So wrong from now on.
    pub(super) fn set(&self, clock: Clock, minutes: i64) -> io::Result<()> {
        let (file, fresh) = (self.file(clock), self.directory.join("fresh"));
        fs::write(&fresh, format!("{:+}\n", minutes * 60))?;
        fs::set_permissions(&fresh, PermissionsExt::from_mode(0o644))?;
        // Whole or not at all: it is read at every look at the clock.
        fs::rename(fresh, file)
    }

    fn file(&self, clock: Clock) -> PathBuf {
        self.directory.join(clock.name())
    }
}
