//! A small disk of its own for Postgres, which can be filled to the last byte, and emptied again.

use std::fs::{File, create_dir, remove_file};
use std::io::{ErrorKind, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

const MIB: usize = 1024 * 1024;
/// Room for a new cluster, its log, and some thousand orders.
const SIZE: &str = "size=384m,mode=0755";
/// What the server frees is taken from it as soon as that.
const POLL: Duration = Duration::from_millis(10);
/// Unmounts when the pipe at its input ends: also when this process is killed.
const WATCHMAN: &str = "read nothing; umount -l \"$1\"";

/// The server's settings on such a disk: little of its log is kept.
pub(super) const SETTINGS: [(&str, &str); 3] =
    [("max_wal_size", "96MB"), ("min_wal_size", "80MB"), ("checkpoint_timeout", "30s")];

/// A file system in memory, mounted for as long as this lives.
pub(super) struct Disk {
    place: PathBuf,
    watchman: Child,
}

/// Why there can be none here, if that is so.
pub(super) fn cannot_be_had(room: &Path) -> Option<String> {
    let place = room.join("disk");
    create_dir(&place).map_err(anyhow::Error::from).and_then(|()| Disk::mount(&place)).err().map(
        |why| format!("a disk of its own cannot be mounted ({why:#}); it takes Linux, and root"),
    )
}

impl Disk {
    /// Mounts it on an existing directory.
    pub(super) fn mount(place: &Path) -> anyhow::Result<Self> {
        let output = Command::new("mount")
            .args(["-t", "tmpfs", "-o", SIZE, "valerix-simulate"])
            .arg(place)
            .stdin(Stdio::null())
            .output()
            .context("there is no mount")?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr).trim());
        let watchman = Command::new("sh")
            .args(["-c", WATCHMAN, "sh"])
            .arg(place)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // What stops us from the terminal must not stop it.
            .process_group(0)
            .spawn()
            .context("there is no sh")?;
        Ok(Self { place: place.to_owned(), watchman })
    }

    /// What fills it.
    pub(super) fn filler(&self) -> PathBuf {
        self.place.join("filler")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        drop(self.watchman.stdin.take());
        let _ = self.watchman.wait();
    }
}

/// Takes all room there is, and all that becomes free, for so long; then gives it back. Returns how much
/// it took, in MiB.
pub(super) fn fill(filler: &Path, lasts: Duration) -> anyhow::Result<usize> {
    let until = Instant::now() + lasts;
    let mut file = File::create(filler).context("the disk cannot be filled")?;
    let (large, small) = (vec![0; MIB], vec![0; 4_096]);
    let mut taken = 0;
    while Instant::now() < until {
        for piece in [&large, &small] {
            loop {
                match file.write(piece) {
                    Ok(length) => taken += length,
                    Err(error) if error.kind() == ErrorKind::StorageFull => break,
                    Err(error) => return Err(error).context("the disk cannot be filled"),
                }
            }
        }
        std::thread::sleep(POLL);
    }
    drop(file);
    remove_file(filler).context("the disk cannot be emptied")?;
    Ok(taken / MIB)
}
