//! A writer that never makes its caller wait: a bounded queue, and a thread that empties it.
//!
//! What does not fit, and what cannot be written, is lost and counted. The count is written as a line of its own
//! as soon as something can be written again. Nothing here may panic or log: the log itself ends here.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tracing_subscriber::fmt::MakeWriter;

/// Most lines that wait to be written.
const LINES_MAX: usize = 10_000;
/// Most bytes that wait to be written.
const BYTES_MAX: usize = 4 * 1024 * 1024;
/// While lines go on being lost, the count is written this often.
const NOTICE_EVERY: Duration = Duration::from_secs(1);
/// The pause before a target that would block is tried again.
const BUSY_PAUSE: Duration = Duration::from_millis(10);

/// Takes lines at once and writes them when it can. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct LossyWriter(Arc<Shared>);

/// Lines that were never written, since the beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lost {
    /// They came faster than they were written.
    pub(crate) queue_full: u64,
    /// The target did not take them.
    pub(crate) not_written: u64,
}

/// Makes the line that tells how many lines were lost.
pub(crate) type Notice = fn(lines: u64) -> Vec<u8>;

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    /// There is a line to write.
    filled: Condvar,
    /// All lines have been written or lost.
    emptied: Condvar,
    queue_full: AtomicU64,
    not_written: AtomicU64,
}

#[derive(Debug, Default)]
struct Queue {
    lines: VecDeque<Vec<u8>>,
    bytes: usize,
    is_writing: bool,
}

impl LossyWriter {
    /// Begins to write to `target` on a thread of that name. Without a thread, which the system may refuse, all
    /// lines are lost once the queue is full.
    pub(crate) fn begin(
        name: &str,
        target: impl Write + Send + 'static,
        notice: Notice,
    ) -> LossyWriter {
        let shared = Arc::new(Shared::default());
        let writing = Arc::clone(&shared);
        let run = move || Writing { shared: writing, target, notice, is_cut: false }.run();
        // Whoever asks finds it in the count.
        let _ = thread::Builder::new().name(name.to_owned()).spawn(run);
        LossyWriter(shared)
    }

    /// Queues one line, its end included, or loses it.
    pub(crate) fn push(&self, line: Vec<u8>) {
        let mut queue = self.0.lock();
        if queue.lines.len() >= LINES_MAX || queue.bytes + line.len() > BYTES_MAX {
            self.0.queue_full.fetch_add(1, Ordering::Relaxed);
            return;
        }
        queue.bytes += line.len();
        queue.lines.push_back(line);
        self.0.filled.notify_one();
    }

    /// Waits until nothing is queued, but no longer than this.
    pub(crate) fn flush(&self, longest: Duration) {
        let queue = self.0.lock();
        let is_busy = |queue: &mut Queue| queue.is_writing || !queue.lines.is_empty();
        drop(
            self.0
                .emptied
                .wait_timeout_while(queue, longest, is_busy)
                .unwrap_or_else(PoisonError::into_inner),
        );
    }

    pub(crate) fn lost(&self) -> Lost {
        self.0.lost()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lost(&self) -> Lost {
        Lost {
            queue_full: self.queue_full.load(Ordering::Relaxed),
            not_written: self.not_written.load(Ordering::Relaxed),
        }
    }

    /// The next line, as soon as there is one.
    fn next(&self) -> Vec<u8> {
        let mut queue = self.lock();
        loop {
            if let Some(line) = queue.lines.pop_front() {
                queue.bytes -= line.len();
                queue.is_writing = true;
                return line;
            }
            queue = self.filled.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn is_empty(&self) -> bool {
        self.lock().lines.is_empty()
    }

    fn written(&self) {
        let mut queue = self.lock();
        queue.is_writing = false;
        if queue.lines.is_empty() {
            self.emptied.notify_all();
        }
    }
}

/// The other end of the queue.
struct Writing<W> {
    shared: Arc<Shared>,
    target: W,
    notice: Notice,
    /// The last line broke off: the next one has to begin a line of its own.
    is_cut: bool,
}

impl<W: Write> Writing<W> {
    fn run(mut self) {
        let mut told: u64 = 0;
        let mut told_at = Instant::now();
        loop {
            let line = self.shared.next();
            if self.write_line(&line).is_ok() {
                let Lost { queue_full, not_written } = self.shared.lost();
                let lost = queue_full + not_written;
                let is_time = self.shared.is_empty() || told_at.elapsed() >= NOTICE_EVERY;
                if lost > told && is_time && self.write_line(&(self.notice)(lost - told)).is_ok() {
                    told = lost;
                    told_at = Instant::now();
                }
            } else {
                self.shared.not_written.fetch_add(1, Ordering::Relaxed);
            }
            self.shared.written();
        }
    }

    fn write_line(&mut self, line: &[u8]) -> io::Result<()> {
        if self.is_cut {
            self.write_all(b"\n")?;
            self.is_cut = false;
        }
        self.write_all(line)?;
        self.target.flush()
    }

    /// Unlike that of the standard library this waits for a target that would block, which a terminal shared
    /// with another program can be.
    fn write_all(&mut self, mut rest: &[u8]) -> io::Result<()> {
        while !rest.is_empty() {
            match self.target.write(rest) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => {
                    rest = &rest[count..];
                    self.is_cut = !rest.is_empty();
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(BUSY_PAUSE),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Each write is one line.
impl Write for LossyWriter {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.push(line.to_vec());
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for LossyWriter {
    type Writer = LossyWriter;

    fn make_writer(&self) -> LossyWriter {
        self.clone()
    }
}

#[cfg(test)]
mod tests;
