//! Keeps one server running: starts it, notices when it ends, starts it again, stops it when asked.
//!
//! All of it happens on one thread of our own. The kernel's promise to stop the child with its parent is
//! about the *thread* that forked it, so that thread must live as long as the server: it waits for it.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ExitStatus};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use crate::launch::Launch;
use crate::sys::{self, Signal};
use crate::{EmbeddedError, directory, takeover};

const POLL: Duration = Duration::from_millis(5);
/// Recovery after a crash can replay gigabytes of log.
const READY_MAX: Duration = Duration::from_mins(5);
/// A server that keeps dying this soon after its start is given up after `crashes_max` times.
const CRASH_LOOP: Duration = Duration::from_mins(1);
/// With less room the server may not even be able to recover: two segments of its log.
const ROOM_MIN: u64 = 32 * 1024 * 1024;
/// A disk that is full is looked at again after this time.
const ROOM_POLL: Duration = Duration::from_millis(500);
const LOG_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// What the keeping thread and the others know of the server.
#[derive(Debug, Default)]
pub(crate) struct Keeper {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// The server's process, as long as signalling it is safe.
    pid: Option<u32>,
    ready: bool,
    stopping: bool,
    ended: Option<Ended>,
}

#[derive(Clone, Debug)]
enum Ended {
    AsAsked,
    GivenUp(String),
}

/// How one run of the server ended.
enum Run {
    Stopped,
    Crashed(ExitStatus, Duration),
}

impl Keeper {
    /// Starts the server and the thread that keeps it; returns when the server is ready.
    pub(crate) fn start(launch: Launch) -> Result<Arc<Keeper>, EmbeddedError> {
        let keeper = Arc::new(Keeper::default());
        let kept = Arc::clone(&keeper);
        thread::Builder::new()
            .name("postgres-keeper".to_owned())
            .spawn(move || kept.keep(&launch))
            .map_err(|error| EmbeddedError::failed("cannot start a thread", error.to_string()))?;
        let state = keeper.wait_while(|state| !state.ready && state.ended.is_none());
        match &state.ended {
            Some(Ended::GivenUp(why)) => {
                Err(EmbeddedError::failed("PostgreSQL did not start", why))
            }
            Some(Ended::AsAsked) | None => {
                drop(state);
                Ok(keeper)
            }
        }
    }

    pub(crate) fn pid(&self) -> Option<u32> {
        self.lock().pid
    }

    /// Blocks until the server is gone for good: `None` when it was asked to stop, else why.
    pub(crate) fn wait(&self) -> Option<String> {
        match &self.wait_while(|state| state.ended.is_none()).ended {
            Some(Ended::GivenUp(why)) => Some(why.clone()),
            Some(Ended::AsAsked) | None => None,
        }
    }

    /// First politely, then firmly; never forgets to wait.
    pub(crate) fn stop(&self) {
        self.lock().stopping = true;
        for (signal, patience) in
            [(Signal::FastStop, 30), (Signal::StopAtOnce, 10), (Signal::Kill, 5)]
        {
            let state = self.lock();
            if let Some(pid) = state.pid {
                sys::send(pid, signal);
            }
            let (state, _) = self
                .changed
                .wait_timeout_while(state, Duration::from_secs(patience), |state| {
                    state.ended.is_none()
                })
                .expect("the keeping thread does not panic while it holds the lock");
            if state.ended.is_some() {
                return;
            }
        }
    }

    /// The thread's whole life.
    fn keep(&self, launch: &Launch) {
        let mut crashes = 0;
        let ended = loop {
            match self.run_once(launch) {
                Ok(Run::Stopped) => break Ended::AsAsked,
                Ok(Run::Crashed(status, _)) if self.waits_for_room(launch) => {
                    tracing::warn!(%status, "the embedded postgres ended; trying to start it again");
                }
                Ok(Run::Crashed(status, lived)) => {
                    crashes = if lived < CRASH_LOOP { crashes + 1 } else { 1 };
                    if crashes > launch.crashes_max {
                        break Ended::GivenUp(format!(
                            "it ended {crashes} times within a minute ({status})"
                        ));
                    }
                    tracing::warn!(%status, "the embedded postgres ended; starting it again");
                }
                Err(error) => break Ended::GivenUp(error.to_string()),
            }
        };
        self.change(|state| state.ended = Some(ended));
    }

    fn run_once(&self, launch: &Launch) -> Result<Run, EmbeddedError> {
        let mut child = loop {
            let started = takeover::clear(launch).and_then(|lock| self.start_once(launch, lock));
            match started {
                Ok(Started::Ready(child)) => break child,
                Ok(Started::Stopped) => return Ok(Run::Stopped),
                Ok(Started::Ended(_)) | Err(_) if self.waits_for_room(launch) => {}
                Err(error) => return Err(error),
                Ok(Started::Ended(said)) => {
                    return Err(EmbeddedError::failed("the server ended at once", said));
                }
            }
        };
        let began = Instant::now();
        sys::child_has_ended(child.id(), true);
        let (status, stopping) = self.reap(&mut child);
        Ok(if stopping { Run::Stopped } else { Run::Crashed(status, began.elapsed()) })
    }

    /// A server that has run before and ends because the disk is full is not given up: it is tried again
    /// and again until there is room. True: it was that, and a while has passed.
    fn waits_for_room(&self, launch: &Launch) -> bool {
        let room = sys::room_left(&launch.base).unwrap_or(u64::MAX);
        if !self.lock().ready || room >= ROOM_MIN {
            return false;
        }
        tracing::error!(
            bytes_left = room, directory = %launch.base.display(),
            "the disk of the embedded postgres is full: make room, it starts again by itself"
        );
        thread::sleep(ROOM_POLL);
        true
    }

    /// The server holds `lock` from here on, with all of its sessions (`takeover`).
    fn start_once(&self, launch: &Launch, lock: File) -> Result<Started, EmbeddedError> {
        let (log, log_began) = open_log(launch)?;
        let mut command = launch.identity.command(&launch.postgres, &launch.base);
        let error_log = log.try_clone().map_err(EmbeddedError::io("cannot open", &launch.log))?;
        command.envs(launch.environment.iter().map(|(name, value)| (name, value)));
        command.args(&launch.arguments).stdin(lock).stdout(log).stderr(error_log).process_group(0);
        sys::die_with_parent(&mut command, Signal::FastStop);
        let began = Instant::now();
        let mut child = {
            let mut state = self.lock();
            if state.stopping {
                return Ok(Started::Stopped);
            }
            let child =
                command.spawn().map_err(EmbeddedError::io("cannot start", &launch.postgres))?;
            state.pid = Some(child.id());
            child
        };
        while !is_ready(launch, child.id()) {
            if sys::child_has_ended(child.id(), false) {
                let (status, stopping) = self.reap(&mut child);
                let said = complaint(launch, log_began, status);
                return Ok(if stopping { Started::Stopped } else { Started::Ended(said) });
            }
            if began.elapsed() > READY_MAX {
                sys::send(child.id(), Signal::StopAtOnce);
                let (status, _) = self.reap(&mut child);
                return Err(EmbeddedError::failed(
                    "not ready in time",
                    complaint(launch, log_began, status),
                ));
            }
            thread::sleep(POLL);
        }
        self.change(|state| state.ready = true);
        Ok(Started::Ready(child))
    }

    /// From here on the id may name another process, so nobody may signal it any more.
    fn reap(&self, child: &mut Child) -> (ExitStatus, bool) {
        sys::child_has_ended(child.id(), true);
        let mut state = self.lock();
        state.pid = None;
        let status = child.wait().unwrap_or_else(|_| ExitStatus::from_raw(0));
        (status, state.stopping)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panics while holding the lock")
    }

    fn wait_while(&self, condition: impl FnMut(&mut State) -> bool) -> MutexGuard<'_, State> {
        self.changed
            .wait_while(self.lock(), condition)
            .expect("nobody panics while holding the lock")
    }
}

enum Started {
    Ready(Child),
    /// It ended before it was ready, and said this.
    Ended(String),
    Stopped,
}

/// Line 8 of `postmaster.pid` is the server's own word.
fn is_ready(launch: &Launch, pid: u32) -> bool {
    // its second line is a path, which may be anything
    let text = fs::read(launch.data.join("postmaster.pid")).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    takeover::recorded_pid(&launch.data) == Some(pid)
        && text.lines().nth(7).is_some_and(|status| status.trim() == "ready")
}

/// The log of all runs, with one predecessor once it has grown large.
fn open_log(launch: &Launch) -> Result<(File, u64), EmbeddedError> {
    let cannot_open = || EmbeddedError::io("cannot open", &launch.log);
    if fs::metadata(&launch.log).is_ok_and(|found| found.len() > LOG_BYTES_MAX) {
        fs::rename(&launch.log, launch.log.with_extension("log.1")).map_err(cannot_open())?;
    }
    let log = directory::open(&launch.log, OpenOptions::new().append(true), launch.identity)?;
    let length = log.metadata().map_err(cannot_open())?.len();
    Ok((log, length))
}

/// What the server wrote into its log in this run that explains why it ended.
fn complaint(launch: &Launch, log_began: u64, status: ExitStatus) -> String {
    let mut said = Vec::new();
    if let Ok(mut log) = File::open(&launch.log) {
        let _ = log.seek(SeekFrom::Start(log_began)).and_then(|_| log.read_to_end(&mut said));
    }
    let said = String::from_utf8_lossy(&said);
    let grave: Vec<&str> = said
        .lines()
        .filter(|line| ["FATAL: ", "PANIC: ", "HINT: "].iter().any(|level| line.contains(level)))
        .collect();
    let said = if grave.is_empty() { said.trim().replace('\n', "; ") } else { grave.join("; ") };
    format!("{said} ({status}, log: {})", launch.log.display())
}
