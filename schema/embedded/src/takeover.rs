//! What an earlier run left: a server that still shuts down, or files that name the dead.
//!
//! Each server is given a locked file as its standard input, and its sessions inherit it. The kernel releases the lock
//! with the last of them, so that "does an earlier server still run" needs no process id, which may name a stranger by
//! now, and nothing that another program printed. Nothing is started beside a living server, and nothing of it is
//! touched. Where none lives, its files are made fit for the next one, which would give up over them: a process id that
//! has been used again, or half of a file after a power cut.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use crate::identity::Identity;
use crate::launch::Launch;
use crate::sys::{self, Signal};
use crate::{EmbeddedError, directory, socket};

const POLL: Duration = Duration::from_millis(10);
/// How long an orphan may take to flush what it holds, and how long to drop everything.
const FAST_STOP_MAX: Duration = Duration::from_secs(30);
const STOP_AT_ONCE_MAX: Duration = Duration::from_secs(10);

/// Returns when no other server uses the data directory, with the lock for the next one.
pub(crate) fn clear(launch: &Launch) -> Result<File, EmbeddedError> {
    let path = launch.base.join("server.lock");
    let lock = directory::open(&path, OpenOptions::new().read(true).write(true), launch.identity)?;
    let is_free = || match lock.try_lock() {
        Ok(()) => Ok(!is_without_lock(&launch.data)),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(EmbeddedError::io("cannot lock", &path)(error)),
    };
    if !is_free()? {
        tracing::info!(directory = %launch.base.display(), "waiting for the server of an earlier run to stop");
        stop(launch, is_free)?;
    }
    forget_the_dead(launch)?;
    Ok(lock)
}

fn stop(
    launch: &Launch,
    is_free: impl Fn() -> Result<bool, EmbeddedError>,
) -> Result<(), EmbeddedError> {
    for (signal, patience) in
        [(Signal::FastStop, FAST_STOP_MAX), (Signal::StopAtOnce, STOP_AT_ONCE_MAX)]
    {
        if let Some(pid) = recorded_pid(&launch.data).filter(|pid| works_in(*pid, &launch.data)) {
            sys::send(pid, signal);
        }
        let began = Instant::now();
        while began.elapsed() < patience {
            if is_free()? {
                return Ok(());
            }
            thread::sleep(POLL);
        }
    }
    Err(EmbeddedError::failed(
        format!("cannot take over {}", launch.data.display()),
        "a process of an earlier server still runs and does not stop: end it, then start again",
    ))
}

/// Line 1 of `postmaster.pid`, if it is whole.
pub(crate) fn recorded_pid(data: &Path) -> Option<u32> {
    let text = fs::read(data.join("postmaster.pid")).ok()?;
    pid_in(&text)
}

fn pid_in(text: &[u8]) -> Option<u32> {
    let end = text.iter().position(|&byte| byte == b'\n')?;
    str::from_utf8(&text[..end]).ok()?.trim().parse().ok()
}

/// Versions up to 0.1 started servers that hold no lock.
fn is_without_lock(data: &Path) -> bool {
    cfg!(target_os = "linux") && recorded_pid(data).is_some_and(|pid| works_in(pid, data))
}

/// Whether a process works in the data directory, as a server does; a zombie works nowhere.
#[cfg(target_os = "linux")]
fn works_in(pid: u32, data: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let place = |path: &Path| fs::metadata(path).ok().map(|found| (found.dev(), found.ino()));
    let works_in = place(&Path::new("/proc").join(pid.to_string()).join("cwd"));
    works_in.is_some() && works_in == place(data)
}

/// Asked only while the lock is held, when a server or one of its sessions lives.
#[cfg(not(target_os = "linux"))]
fn works_in(pid: u32, _: &Path) -> bool {
    sys::exists(pid)
}

/// Nobody lives who wrote these files.
fn forget_the_dead(launch: &Launch) -> Result<(), EmbeddedError> {
    for name in socket::names() {
        remove(&launch.socket.join(name))?;
    }
    let path = launch.data.join("postmaster.pid");
    let text = match fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(EmbeddedError::io("cannot read", &path)(error)),
    };
    match pid_in(&text) {
        Some(pid) if sys::exists(pid) => disown(&path, &text, launch.identity),
        Some(_) => Ok(()),
        None => remove(&path),
    }
}

/// The server would take the stranger for a rival. It ignores its own parent's id, so ours is put there; what the file
/// says of the shared memory stays, and is checked as ever.
fn disown(path: &Path, text: &[u8], identity: Identity) -> Result<(), EmbeddedError> {
    let rest = text.iter().position(|&byte| byte == b'\n').map_or(&[][..], |end| &text[end..]);
    let text = [std::process::id().to_string().as_bytes(), rest].concat();
    let mut file = directory::open(path, OpenOptions::new().write(true).truncate(true), identity)?;
    file.write_all(&text).map_err(EmbeddedError::io("cannot write", path))
}

fn remove(path: &Path) -> Result<(), EmbeddedError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(EmbeddedError::io("cannot remove", path)(error))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}
