//! What a command prints for people and scripts, on standard output.

use std::io::{self, Write};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};

/// A service goes on after this long, whether or not anybody has read what it announces.
const ANNOUNCED_WITHIN: Duration = Duration::from_secs(1);
/// How often it is looked whether the reader has left.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Prints at once, and waits for whoever reads it. Where nobody does, that is no reason to fail.
pub(crate) fn print(text: &str) {
    let mut output = io::stdout().lock();
    let _ = output.write_all(text.as_bytes()).and_then(|()| output.flush());
}

/// Prints what a service has to say at its start. An output that nobody reads does not keep it from serving.
pub(crate) fn announce(text: &str) {
    let text = text.to_owned();
    let (tell, told) = channel();
    let writing = thread::Builder::new().name("stdout".to_owned()).spawn(move || {
        print(&text);
        let _ = tell.send(());
    });
    if writing.is_ok() {
        // Not in time: the thread goes on trying.
        let _ = told.recv_timeout(ANNOUNCED_WITHIN);
    }
}

/// Ends when nobody can read standard output any more, for commands that would run on without end. It never
/// does where that cannot be seen, as of a file.
pub(crate) async fn reader_has_left() {
    while !is_closed() {
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// A pipe without a reader reports an error, and a closed terminal a hang-up, without being asked for it.
fn is_closed() -> bool {
    let output = io::stdout();
    let mut looked_at = [PollFd::new(&output, PollFlags::empty())];
    let gone = PollFlags::ERR | PollFlags::HUP;
    poll(&mut looked_at, Some(&rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 })).is_ok()
        && looked_at[0].revents().intersects(gone)
}
