//! The server's settings: durable always, and sized for a small machine.

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use crate::{Options, sys};

const MIB: u64 = 1024 * 1024;

/// Whether acknowledged writes survive a crash of the server or the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    On,
    /// They do not, and everything is faster: for data that a test throws away.
    OffForTests,
    /// As the server does it by itself: nothing is set, as on a server that somebody else runs. For tests.
    Stock,
}

/// The whole command line. `lz4`: whether the server was built with it.
pub(crate) fn arguments(options: &Options, data: &Path, socket: &Path, lz4: bool) -> Vec<OsString> {
    let mut settings: Vec<(String, String)> = Vec::new();
    let mut set = |name: &str, value: &str| settings.push((name.to_owned(), value.to_owned()));

    set("listen_addresses", "");
    set("port", "5432");
    set("unix_socket_directories", &in_a_list(&socket.to_string_lossy()));
    set("unix_socket_permissions", "0700");
    if options.durability != Durability::Stock {
        set("max_connections", "200");
        set("timezone", "UTC");
        set("log_timezone", "UTC");
        set("lc_messages", "C");
        set("log_line_prefix", "%m [%p] %q%a ");
        set("jit", "off");
    }

    match options.durability {
        Durability::Stock => {}
        Durability::On => {
            for name in ["fsync", "full_page_writes", "synchronous_commit"] {
                set(name, "on");
            }
            set("shared_buffers", &format!("{}MB", shared_buffers_mib(usable_memory())));
            set("wal_compression", if lz4 { "lz4" } else { "on" });
            // Few, long, spread-out checkpoints: each one makes the next write of every page a full page image.
            set("max_wal_size", "4GB");
            set("checkpoint_timeout", "15min");
            set("checkpoint_completion_target", "0.9");
            set("wal_buffers", "16MB");
            // A new file of the log is not filled with zeros first, which every commit would wait for (50 to 90 ms each
            // time, more than once a second under load, until there are enough old files to use again).
            set("wal_init_zero", "off");
            // Queue-like tables: clean up early and without long pauses.
            set("autovacuum_naptime", "10s");
        }
        Durability::OffForTests => {
            for name in ["fsync", "full_page_writes", "synchronous_commit"] {
                set(name, "off");
            }
            set("shared_buffers", "64MB");
            set("max_wal_size", "1GB");
        }
    }
    settings.extend(options.settings.iter().cloned());

    let mut arguments = vec!["-D".into(), data.as_os_str().to_owned()];
    for (name, value) in settings {
        arguments.extend(["-c".into(), format!("{name}={value}").into()]);
    }
    arguments
}

/// As one member of a list, whatever it is made of: the server splits lists at commas and strips blanks.
fn in_a_list(member: &str) -> String {
    format!("\"{}\"", member.replace('"', "\"\""))
}

/// An eighth of the memory, within what pays here.
fn shared_buffers_mib(memory: u64) -> u64 {
    (memory / 8 / MIB).clamp(256, 1024)
}

/// What this process may use: the machine's memory, or its container's share of it.
fn usable_memory() -> u64 {
    let machine = sys::physical_memory().unwrap_or(2048 * MIB);
    let container = fs::read_to_string("/sys/fs/cgroup/memory.max")
        .ok()
        .and_then(|text| text.trim().parse().ok())
        .unwrap_or(u64::MAX);
    machine.min(container)
}

#[cfg(test)]
mod tests;
