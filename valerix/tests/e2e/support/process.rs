//! One process of the built binary.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// A process that does not come to its end by then hangs.
const END_MAX: Duration = Duration::from_secs(30);

#[derive(Clone, Copy, Debug)]
pub(crate) enum Signal {
    Interrupt,
    Terminate,
    Stop,
    Continue,
    Kill,
}

/// A running `valerix`. Killed when dropped.
pub(crate) struct Process {
    name: String,
    child: Child,
    lines: Receiver<String>,
    log: Arc<Mutex<String>>,
}

/// A command that came to its end.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) output: String,
    pub(crate) errors: String,
}

/// Runs a command that talks to services, to its end.
pub(crate) fn run(directory: &Path, arguments: &[&str], settings: &[(&str, String)]) -> Ended {
    let ended = Command::new(env!("CARGO_BIN_EXE_valerix"))
        .env_clear()
        .envs(settings.iter().map(|(name, value)| (name, value)))
        .args(arguments)
        .current_dir(directory)
        .stdin(Stdio::null())
        .output()
        .expect("the built binary can be started");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("it prints text");
    Ended { code: ended.status.code(), output: text(ended.stdout), errors: text(ended.stderr) }
}

impl Process {
    /// Starts `valerix` with these arguments and nothing in its environment but these settings.
    pub(crate) fn start(
        directory: &Path,
        arguments: &[&str],
        settings: &[(&str, String)],
    ) -> Process {
        Process::start_with(directory, arguments, settings, Stdio::piped(), Stdio::piped())
    }

    /// The same with other outputs than those that are read here.
    pub(crate) fn start_with(
        directory: &Path,
        arguments: &[&str],
        settings: &[(&str, String)],
        output: Stdio,
        errors: Stdio,
    ) -> Process {
        let mut command = Command::new(env!("CARGO_BIN_EXE_valerix"));
        let kept = ["PATH", "HOME", "VALERIX_PG_BIN", "VALERIX_PG_CACHE", "VALERIX_PG_PROVISION"];
        command
            .env_clear()
            .envs(kept.into_iter().filter_map(|name| Some((name, std::env::var_os(name)?))))
            .envs(settings.iter().map(|(name, value)| (name, value)))
            .args(arguments)
            .current_dir(directory)
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors);
        let mut child = command.spawn().expect("the built binary can be started");
        let (tell, lines) = channel();
        if let Some(output) = child.stdout.take().map(BufReader::new) {
            thread::spawn(move || {
                output.lines().map_while(Result::ok).try_for_each(|l| tell.send(l))
            });
        }
        let log = Arc::new(Mutex::new(String::new()));
        if let Some(errors) = child.stderr.take().map(BufReader::new) {
            let kept = log.clone();
            thread::spawn(move || {
                for line in errors.lines().map_while(Result::ok) {
                    let mut log = kept.lock().expect("nobody panics with it");
                    log.push_str(&line);
                    log.push('\n');
                }
            });
        }
        Process { name: arguments.join(" "), child, lines, log }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it has logged so far.
    pub(crate) fn log(&self) -> String {
        self.log.lock().expect("nobody panics with it").clone()
    }

    /// The first line of its output that `wanted` makes something of.
    pub(crate) fn line<T>(&self, patience: Duration, wanted: impl Fn(&str) -> Option<T>) -> T {
        let until = Instant::now() + patience;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let Ok(line) = self.lines.recv_timeout(left) else {
                panic!("`valerix {}` did not print what was expected\n{}", self.name, self.log());
            };
            if let Some(found) = wanted(&line) {
                return found;
            }
        }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        send(self.pid(), signal);
    }

    /// The process and nothing else is gone, as if the power had failed for it.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it is gone");
    }

    /// As Ctrl-C does; answers how it ended.
    pub(crate) fn interrupt(mut self) -> (ExitStatus, Duration, String) {
        let began = Instant::now();
        self.signal(Signal::Interrupt);
        let status = self.wait();
        (status, began.elapsed(), self.log())
    }

    /// Waits for its own end.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        self.wait_within(END_MAX)
    }

    pub(crate) fn wait_within(&mut self, patience: Duration) -> ExitStatus {
        let until = Instant::now() + patience;
        while Instant::now() < until {
            if let Some(status) = self.child.try_wait().expect("it is our child") {
                return status;
            }
            thread::sleep(Duration::from_millis(5));
        }
        panic!("`valerix {}` does not end\n{}", self.name, self.log());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("--- log of `valerix {}`\n{}", self.name, self.log());
        }
    }
}

/// The shell's own `kill` is on every machine.
pub(crate) fn send(pid: u32, signal: Signal) {
    let name = match signal {
        Signal::Interrupt => "INT",
        Signal::Terminate => "TERM",
        Signal::Stop => "STOP",
        Signal::Continue => "CONT",
        Signal::Kill => "KILL",
    };
    let sent = Command::new("sh").arg("-c").arg(format!("kill -{name} {pid}")).status();
    assert!(sent.is_ok_and(|status| status.success()), "process {pid} cannot be sent {name}");
}

/// A port nobody listens on, below those the kernel hands out: a service that is started again must find it free.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = 12_000 + (std::process::id() % 1_000) as u16 * 15;
    loop {
        let port = first + NEXT.fetch_add(1, Ordering::Relaxed);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
