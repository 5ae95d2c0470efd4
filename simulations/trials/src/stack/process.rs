//! One service as a process: started, asked, stopped, killed, frozen, started again.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rustix::process::{Pid, kill_process};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use super::spawner::Spawner;

const POLL: Duration = Duration::from_millis(2);
const ASK_WITHIN: Duration = Duration::from_secs(2);
/// What is shown of the log of a process that ended.
const LOG_TAIL_BYTES: i64 = 2_000;

/// What a process can be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// SIGTERM: stop in order.
    Stop,
    /// SIGKILL.
    Kill,
    /// SIGSTOP: a process that hangs, and comes back as a zombie.
    Freeze,
    /// SIGCONT.
    Thaw,
}

pub(super) struct Launch {
    pub(super) name: String,
    pub(super) binary: PathBuf,
    pub(super) arguments: Vec<String>,
    pub(super) environment: Vec<(String, String)>,
    pub(super) log: PathBuf,
    pub(super) address: SocketAddr,
}

/// A service.
pub struct Process {
    launch: Launch,
    spawner: Spawner,
    child: Option<Child>,
}

impl Process {
    pub(super) fn new(launch: Launch, spawner: Spawner) -> Self {
        Self { launch, spawner, child: None }
    }

    /// As it is named in the stack.
    pub fn name(&self) -> &str {
        &self.launch.name
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.launch.address
    }

    /// Where it writes.
    pub fn log(&self) -> &Path {
        &self.launch.log
    }

    /// A variable of its environment, from its next start on.
    pub fn set_variable(&mut self, name: &str, value: Option<String>) {
        self.launch.environment.retain(|(known, _)| known != name);
        self.launch.environment.extend(value.map(|value| (name.to_owned(), value)));
    }

    /// Whether it says that it is ready.
    pub async fn is_ready(&self) -> bool {
        is_ready(self.address()).await
    }

    /// Its process id, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Starts it. It need not be ready yet.
    pub async fn start(&mut self) -> anyhow::Result<()> {
        let Launch { name, binary, arguments, environment, log, .. } = &self.launch;
        let log = File::options().create(true).append(true).open(log)?;
        let mut command = self.spawner.command(binary);
        command.args(arguments).env_clear();
        for name in ["PATH", "HOME", "LANG", "TMPDIR"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let child = self.spawner.spawn(command).await;
        self.child = Some(child.with_context(|| format!("{name} could not be started"))?);
        Ok(())
    }

    /// Waits until it says that it is ready.
    pub async fn wait_ready(&mut self, within: Duration) -> anyhow::Result<()> {
        let began = Instant::now();
        while began.elapsed() < within {
            if let Some(status) = self.ended_unasked() {
                bail!("{} ended at its start ({status}):\n{}", self.name(), self.log_tail());
            }
            if is_ready(self.address()).await {
                return Ok(());
            }
            sleep(POLL).await;
        }
        bail!("{} is not ready after {within:?}:\n{}", self.name(), self.log_tail())
    }

    /// Sends a signal. A process that is gone needs none.
    pub fn signal(&self, signal: Signal) {
        let Some(pid) = self.pid().and_then(|pid| Pid::from_raw(pid.cast_signed())) else { return };
        let signal = match signal {
            Signal::Stop => rustix::process::Signal::TERM,
            Signal::Kill => rustix::process::Signal::KILL,
            Signal::Freeze => rustix::process::Signal::STOP,
            Signal::Thaw => rustix::process::Signal::CONT,
        };
        let _ = kill_process(pid, signal);
    }

    /// Kills it, and waits until it is gone.
    pub async fn kill(&mut self) -> io::Result<()> {
        self.signal(Signal::Kill);
        self.wait_ended(Duration::MAX).await.map(drop)
    }

    /// Asks it to stop; kills it where it does not.
    pub async fn stop(&mut self, within: Duration) -> io::Result<()> {
        // A frozen process hears nothing else.
        self.signal(Signal::Thaw);
        self.signal(Signal::Stop);
        if self.wait_ended(within).await? {
            return Ok(());
        }
        self.kill().await
    }

    /// False when it still runs after that time.
    async fn wait_ended(&mut self, within: Duration) -> io::Result<bool> {
        let began = Instant::now();
        while let Some(child) = &mut self.child {
            if child.try_wait()?.is_some() {
                self.child = None;
            } else if began.elapsed() >= within {
                return Ok(false);
            } else {
                sleep(POLL).await;
            }
        }
        Ok(true)
    }

    /// Its status, where it has ended and nobody has asked it to.
    pub fn ended_unasked(&mut self) -> Option<ExitStatus> {
        self.child.as_mut()?.try_wait().ok().flatten()
    }

    /// The end of what it wrote.
    pub fn log_tail(&self) -> String {
        let read = || -> io::Result<String> {
            let mut file = File::open(&self.launch.log)?;
            let length = fs::metadata(&self.launch.log)?.len().cast_signed();
            file.seek(SeekFrom::Start((length - LOG_TAIL_BYTES).max(0).cast_unsigned()))?;
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            Ok(String::from_utf8_lossy(&bytes).into_owned())
        };
        read().unwrap_or_default()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Whether `/health/ready` answers 200.
async fn is_ready(address: SocketAddr) -> bool {
    let ask = async {
        let mut stream = TcpStream::connect(address).await?;
        let question =
            format!("GET /health/ready HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
        stream.write_all(question.as_bytes()).await?;
        let mut head = [0; 12];
        stream.read_exact(&mut head).await?;
        io::Result::Ok(head.ends_with(b" 200"))
    };
    timeout(ASK_WITHIN, ask).await.is_ok_and(|answer| answer.unwrap_or(false))
}
