//! CPU and memory of this process, read from /proc when somebody looks. Elsewhere than on Linux
//! the gauges are absent.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

/// Linux counts CPU time for user space in hundredths of a second on every architecture.
const TICKS_PER_SECOND: f64 = 100.0;

const CPU: &str = "process_cpu_seconds_total";

pub(crate) fn describe() {
    metrics::describe_gauge!(
        CPU,
        metrics::Unit::Seconds,
        "user and system CPU time of this process"
    );
    metrics::describe_gauge!(
        "process_resident_memory_bytes",
        metrics::Unit::Bytes,
        "resident memory of this process"
    );
    metrics::describe_gauge!("process_open_fds", "file descriptors this process has open");
    metrics::describe_gauge!("process_threads", "threads of this process");
    metrics::describe_gauge!(
        "process_start_time_seconds",
        metrics::Unit::Seconds,
        "when this process began, since 1970"
    );
    metrics::gauge!("process_start_time_seconds").set(now_s());
}

pub(crate) fn set_gauges() {
    if let Some(seconds) = fs::read_to_string("/proc/self/stat").ok().and_then(|s| cpu_seconds(&s))
    {
        metrics::gauge!(CPU).set(seconds);
    }
    if let Ok(status) = fs::read_to_string("/proc/self/status") {
        if let Some(kib) = field(&status, "VmRSS:") {
            metrics::gauge!("process_resident_memory_bytes").set(kib * 1024.0);
        }
        if let Some(threads) = field(&status, "Threads:") {
            metrics::gauge!("process_threads").set(threads);
        }
    }
    if let Ok(open) = fs::read_dir("/proc/self/fd") {
        metrics::gauge!("process_open_fds").set(open.count() as f64);
    }
}

/// The recorder's counters are whole numbers, so the CPU time is kept as a gauge; to those who read
/// it, it is a counter.
pub(crate) fn as_counter(text: String) -> String {
    let (kept, told) = (format!("# TYPE {CPU} gauge"), format!("# TYPE {CPU} counter"));
    if text.contains(&kept) { text.replacen(&kept, &told, 1) } else { text }
}

/// This process as it is now; what cannot be read is absent.
#[derive(Clone, Copy, Debug, Default)]
pub struct Vitals {
    /// User and system CPU time since it began, in seconds.
    pub cpu_s: Option<f64>,
    /// Resident memory in bytes.
    pub resident_bytes: Option<f64>,
    /// Number of threads.
    pub threads: Option<f64>,
}

impl Vitals {
    /// Reads them from `/proc`, as they are now.
    pub fn read() -> Vitals {
        let stat = fs::read_to_string("/proc/self/stat").ok();
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        Vitals {
            cpu_s: stat.and_then(|stat| cpu_seconds(&stat)),
            resident_bytes: field(&status, "VmRSS:").map(|kib| kib * 1024.0),
            threads: field(&status, "Threads:"),
        }
    }
}

fn now_s() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

/// Fields 14 and 15 of proc(5); the command before them may hold spaces and brackets.
fn cpu_seconds(stat: &str) -> Option<f64> {
    let (_, after_command) = stat.rsplit_once(')')?;
    let mut fields = after_command.split_ascii_whitespace().skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some((user + system) / TICKS_PER_SECOND)
}

fn field(status: &str, name: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}
