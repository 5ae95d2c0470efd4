//! What an earlier run left: a server still shutting down, or a `postmaster.pid` that names the dead.
//!
//! We hold the directory's lock, so the parent of any other server is gone: whoever still runs is an
//! orphan. Nothing is started beside it, and its `postmaster.pid` is never deleted: the server
//! itself checks by it that no old session still writes into the shared memory.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};
use std::{fs, io};

use crate::EmbeddedError;
use crate::sys::{self, Signal};

const POLL: Duration = Duration::from_millis(10);
/// How long an orphan may take to flush what it holds, and how long to drop everything.
const FAST_STOP_MAX: Duration = Duration::from_secs(30);
const STOP_AT_ONCE_MAX: Duration = Duration::from_secs(10);

/// Returns when no other server uses the data directory.
pub(crate) fn clear(data: &Path) -> Result<(), EmbeddedError> {
    let Some(pid) = recorded_pid(data) else { return Ok(()) };
    if !serves(pid, data) {
        return if sys::exists(pid) { disown(pid, data) } else { Ok(()) };
    }
    tracing::info!(pid, "waiting for the server of an earlier run to stop");
    for (signal, patience) in
        [(Signal::FastStop, FAST_STOP_MAX), (Signal::StopAtOnce, STOP_AT_ONCE_MAX)]
    {
        sys::send(pid, signal);
        if gone_within(patience, pid, data) {
            return Ok(());
        }
    }
    Err(EmbeddedError::failed(
        format!("cannot take over {}", data.display()),
        format!("process {pid} still uses it and does not stop: end it, then start again"),
    ))
}

/// Line 1 of `postmaster.pid`.
pub(crate) fn recorded_pid(data: &Path) -> Option<u32> {
    fs::read_to_string(data.join("postmaster.pid")).ok()?.lines().next()?.trim().parse().ok()
}

fn gone_within(patience: Duration, pid: u32, data: &Path) -> bool {
    let began = Instant::now();
    while serves(pid, data) {
        if began.elapsed() > patience {
            return false;
        }
        thread::sleep(POLL);
    }
    true
}

/// Whether the process is a server on these data, by its command line (`-D data`); a zombie has none.
fn serves(pid: u32, data: &Path) -> bool {
    let data = data.as_os_str().as_encoded_bytes();
    command_line(pid).split(|&byte| byte == 0 || byte == b' ').any(|word| word == data)
}

#[cfg(target_os = "linux")]
fn command_line(pid: u32) -> Vec<u8> {
    fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default()
}

#[cfg(not(target_os = "linux"))]
fn command_line(pid: u32) -> Vec<u8> {
    let ps = std::process::Command::new("ps")
        .args(["-ww", "-o", "args=", "-p", &pid.to_string()])
        .output();
    ps.map(|output| output.stdout.trim_ascii_end().to_owned()).unwrap_or_default()
}

/// The recorded id belongs to some other program by now, and the server would take that one for a
/// rival. It ignores its own parent's id, so ours is put there; the shared memory is checked as ever.
fn disown(pid: u32, data: &Path) -> Result<(), EmbeddedError> {
    let path = data.join("postmaster.pid");
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        // It was a server after all, at its very end: removing this is the last thing it does.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(EmbeddedError::io("cannot read", &path)(error)),
    };
    let rest = text.split_once('\n').map_or("", |(_, rest)| rest);
    tracing::debug!(pid, "postmaster.pid names a process that is not a server here");
    fs::write(&path, format!("{}\n{rest}", std::process::id()))
        .map_err(EmbeddedError::io("cannot write", &path))
}
