//! Starts every child from one thread that lives as long as this process.
//!
//! The kernel's promise to end a child with its parent (here by way of `setpriv`, where there is one) is
//! about the *thread* that forked it, so the thread must not be one of a runtime's that come and go.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::mpsc;
use std::thread;

use tokio::sync::oneshot;

/// Cheap to clone.
#[derive(Clone)]
pub(super) struct Spawner {
    requests: mpsc::Sender<Request>,
    setpriv: Option<PathBuf>,
}

struct Request {
    command: Command,
    started: oneshot::Sender<io::Result<Child>>,
}

impl Spawner {
    pub(super) fn start() -> io::Result<Self> {
        let (requests, asked) = mpsc::channel::<Request>();
        thread::Builder::new().name("spawner".to_owned()).spawn(move || {
            for Request { mut command, started } in asked {
                // Who asked may have gone; then the child has nobody, and must not stay.
                if let Err(Ok(mut orphan)) = started.send(command.spawn()) {
                    let _ = orphan.kill();
                    let _ = orphan.wait();
                }
            }
        })?;
        Ok(Self { requests, setpriv: setpriv() })
    }

    /// A command for `program` whose process is killed when this one dies, where that can be had.
    pub(super) fn command(&self, program: &Path) -> Command {
        match &self.setpriv {
            None => Command::new(program),
            Some(setpriv) => {
                let mut command = Command::new(setpriv);
                command.args(["--pdeathsig", "KILL", "--"]).arg(program);
                command
            }
        }
    }

    pub(super) async fn spawn(&self, command: Command) -> io::Result<Child> {
        let (started, child) = oneshot::channel();
        let gone = || io::Error::other("the spawning thread has ended");
        self.requests.send(Request { command, started }).map_err(|_| gone())?;
        child.await.map_err(|_| gone())?
    }
}

fn setpriv() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join("setpriv")).find(|file| file.is_file())
}
