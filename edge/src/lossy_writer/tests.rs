use std::io::{self, ErrorKind, Write};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::{BYTES_MAX, LINES_MAX, LossyWriter, Lost};

const SOON: Duration = Duration::from_secs(10);

/// Writes as it was told to for each call, and everything once nothing more was told.
#[derive(Clone, Default)]
struct Target {
    answers: Arc<Mutex<Vec<Answer>>>,
    text: Arc<Mutex<String>>,
}

enum Answer {
    Takes(usize),
    Fails(ErrorKind),
    Waits(Receiver<()>),
}

impl Target {
    fn answering(answers: impl IntoIterator<Item = Answer>) -> Target {
        let mut answers: Vec<Answer> = answers.into_iter().collect();
        answers.reverse();
        Target { answers: Arc::new(Mutex::new(answers)), text: Arc::default() }
    }

    fn text(&self) -> String {
        self.text.lock().unwrap().clone()
    }
}

impl Write for Target {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let answer = self.answers.lock().unwrap().pop();
        let count = match answer {
            Some(Answer::Takes(count)) => count,
            Some(Answer::Fails(kind)) => return Err(kind.into()),
            Some(Answer::Waits(until)) => {
                let _ = until.recv();
                bytes.len()
            }
            None => bytes.len(),
        };
        self.text.lock().unwrap().push_str(std::str::from_utf8(&bytes[..count]).unwrap());
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn notice(lines: u64) -> Vec<u8> {
    format!("lost {lines}\n").into_bytes()
}

fn writer(target: &Target) -> LossyWriter {
    LossyWriter::begin("test", target.clone(), notice)
}

/// A target that takes nothing until the sender is used or dropped.
fn stuck() -> (Target, Sender<()>) {
    let (release, until) = channel();
    (Target::answering([Answer::Waits(until)]), release)
}

#[test]
fn writes_lines_in_order() {
    let target = Target::default();
    let writer = writer(&target);
    for line in ["one\n", "two\n", "three\n"] {
        writer.push(line.into());
    }
    writer.flush(SOON);
    assert_eq!(target.text(), "one\ntwo\nthree\n");
    assert_eq!(writer.lost(), Lost::default());
}

#[test]
fn goes_on_after_a_line_that_broke_off_and_tells_what_was_lost() {
    let target = Target::answering([
        Answer::Takes(2),
        Answer::Fails(ErrorKind::StorageFull),
        Answer::Fails(ErrorKind::BrokenPipe),
    ]);
    let writer = writer(&target);
    for line in ["first\n", "second\n", "third\n"] {
        writer.push(line.into());
        writer.flush(SOON);
    }
    assert_eq!(target.text(), "fi\nthird\nlost 2\n");
    assert_eq!(writer.lost(), Lost { queue_full: 0, not_written: 2 });
}

#[test]
fn waits_for_a_target_that_would_block() {
    let target = Target::answering([
        Answer::Takes(1),
        Answer::Fails(ErrorKind::WouldBlock),
        Answer::Fails(ErrorKind::Interrupted),
    ]);
    let writer = writer(&target);
    writer.push("whole\n".into());
    writer.flush(SOON);
    assert_eq!(target.text(), "whole\n");
    assert_eq!(writer.lost(), Lost::default());
}

#[test]
fn nobody_waits_for_a_target_that_takes_nothing() {
    let (target, release) = stuck();
    let writer = writer(&target);
    writer.push("0\n".into());
    let more = LINES_MAX as u64 + 100;
    for line in 1..=more {
        writer.push(format!("{line}\n").into_bytes());
    }
    // The first may have left the queue by then, or not.
    let lost = writer.lost();
    assert!(lost.not_written == 0 && (100..=101).contains(&lost.queue_full), "{lost:?}");
    writer.flush(Duration::from_millis(1));

    drop(release);
    writer.flush(SOON);
    let text = target.text();
    let told = format!("lost {}", lost.queue_full);
    assert!(text.starts_with("0\n1\n2\n") && text.ends_with(&format!("{told}\n")), "{told}");
    assert_eq!(text.lines().count() as u64, 1 + more - lost.queue_full + 1);
}

#[test]
fn the_queue_is_bounded_in_bytes() {
    let (target, release) = stuck();
    let writer = writer(&target);
    let large = || vec![b'x'; BYTES_MAX / 4];
    for _ in 0..10 {
        writer.push(large());
    }
    // One may be with the thread already.
    assert!((5..=6).contains(&writer.lost().queue_full), "{:?}", writer.lost());
    writer.push(vec![b'x'; BYTES_MAX + 1]);
    assert!((6..=7).contains(&writer.lost().queue_full), "{:?}", writer.lost());
    drop(release);
}
