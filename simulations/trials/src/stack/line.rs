//! The line between the services and Postgres: a socket of its own, which passes bytes on and misbehaves when
//! told to.
//!
//! It knows nothing of what it carries. Bytes that were swallowed are missing for ever, so nothing that comes
//! behind them in the same direction is passed on either: such a connection stays open and silent, as it does
//! where packets are dropped, until one of its ends gives up.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use serde::Serialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::time::sleep;

/// What clients of Postgres look for in the directory that they are given.
const SOCKET: &str = ".s.PGSQL.5432";
const BUFFER: usize = 64 * 1024;
/// A slow line carries each piece so much later.
const LATE_BY: Duration = Duration::from_millis(30);
/// So long after its client has given up, unheard, the server notices that nobody is there.
const NOTICED_AFTER: Duration = Duration::from_secs(3);

/// What the line does to what passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Trouble {
    /// Everything comes late.
    Slow,
    /// What services say does not arrive.
    Deaf,
    /// What Postgres answers does not arrive: also the answer to a COMMIT.
    Mute,
    /// Nothing arrives, either way.
    Silent,
    /// Connections break, and new ones are refused.
    Cut,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    ToServer,
    ToClient,
}

/// A running line. Cheap to clone.
#[derive(Clone)]
pub struct Line {
    directory: PathBuf,
    trouble: Arc<watch::Sender<Option<Trouble>>>,
    counts: Arc<Counts>,
}

/// What it has done.
#[derive(Debug, Default)]
pub struct Counts {
    /// Connections that fell silent.
    pub silenced: AtomicU64,
    /// Connections that were cut or refused.
    pub cut: AtomicU64,
}

impl Line {
    /// Listens in `directory`, and leads to the server whose socket is in `server`, until the runtime ends.
    pub fn start(directory: &Path, server: &Path) -> io::Result<Self> {
        let listener = UnixListener::bind(directory.join(SOCKET))?;
        let line = Self {
            directory: directory.to_owned(),
            trouble: Arc::new(watch::channel(None).0),
            counts: Arc::default(),
        };
        let (serving, server) = (line.clone(), server.join(SOCKET));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (line, server) = (serving.clone(), server.clone());
                tokio::spawn(async move { line.carry(client, &server).await });
            }
        });
        Ok(line)
    }

    /// Where its socket is.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// From now on; `None`: it works.
    pub fn set(&self, trouble: Option<Trouble>) {
        self.trouble.send_replace(trouble);
    }

    /// What it has done so far.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    async fn carry(self, client: UnixStream, server: &Path) {
        let mut trouble = self.trouble.subscribe();
        if *trouble.borrow_and_update() == Some(Trouble::Cut) {
            self.counts.cut.fetch_add(1, Relaxed);
            return;
        }
        let Ok(server) = UnixStream::connect(server).await else { return };
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = server.into_split();
        let there = self.pump(from_client, to_server, Way::ToServer);
        let back = self.pump(from_server, to_client, Way::ToClient);
        let is_cut = trouble.wait_for(|trouble| *trouble == Some(Trouble::Cut));
        // Whichever comes first: both ends are closed with it.
        tokio::select! {
            () = there => {}
            () = back => {}
            _ = is_cut => { self.counts.cut.fetch_add(1, Relaxed); }
        }
    }

    /// Until its source closes; a direction that has fallen silent does not even tell of that.
    async fn pump(&self, mut from: OwnedReadHalf, mut to: OwnedWriteHalf, way: Way) {
        let mut piece = vec![0; BUFFER];
        let mut is_silent = false;
        loop {
            let length = from.read(&mut piece).await.unwrap_or(0);
            if !is_silent && self.swallows(way) {
                self.counts.silenced.fetch_add(1, Relaxed);
                is_silent = true;
            }
            match (length, is_silent, way) {
                (0, true, Way::ToServer) => return sleep(NOTICED_AFTER).await,
                (0, true, Way::ToClient) => return std::future::pending().await,
                (0, false, _) => return,
                (_, true, _) => {}
                (length, false, _) => {
                    if *self.trouble.borrow() == Some(Trouble::Slow) {
                        sleep(LATE_BY).await;
                    }
                    if to.write_all(&piece[..length]).await.is_err() {
                        return;
                    }
                }
            }
        }
    }

    fn swallows(&self, way: Way) -> bool {
        match *self.trouble.borrow() {
            Some(Trouble::Silent) => true,
            Some(Trouble::Deaf) => way == Way::ToServer,
            Some(Trouble::Mute) => way == Way::ToClient,
            Some(Trouble::Slow | Trouble::Cut) | None => false,
        }
    }
}

#[cfg(test)]
mod tests;
