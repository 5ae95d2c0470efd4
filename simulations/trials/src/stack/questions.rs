//! For the tests of what stands in between: a server that answers `yes` to every `?`, and its client.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, sleep};

/// Answers on one connection, and counts the questions.
pub(crate) async fn answer(mut stream: impl AsyncRead + AsyncWrite + Unpin, asked: &AtomicU64) {
    let mut byte = [0];
    while stream.read_exact(&mut byte).await.is_ok() {
        asked.fetch_add(1, Relaxed);
        if stream.write_all(b"yes").await.is_err() {
            return;
        }
    }
}

pub(crate) async fn ask(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> io::Result<()> {
    stream.write_all(b"?").await?;
    let mut answer = [0; 3];
    stream.read_exact(&mut answer).await?;
    assert_eq!(&answer, b"yes");
    Ok(())
}

pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(10), "{what}");
        sleep(Duration::from_millis(2)).await;
    }
}
