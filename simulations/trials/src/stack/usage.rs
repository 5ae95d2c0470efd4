//! Processor time and memory of processes and of the machine, from /proc (Linux only; elsewhere nothing is known).

use std::fs;
use std::time::Duration;

/// Ticks per second of the times in /proc: fixed in Linux's interface.
const TICKS_PER_S: u64 = 100;

/// What a process has used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// User and system time.
    pub cpu: Duration,
    /// Bytes in memory now.
    pub resident_bytes: u64,
}

/// What the process has used so far.
pub fn of_process(pid: u32) -> Option<Usage> {
    let stat = Stat::read(pid)?;
    Some(Usage { cpu: ticks(stat.own_ticks), resident_bytes: resident_bytes(pid)? })
}

/// The same of a process, its children, and those of them that have ended. Memory is that of the first
/// alone: what children share would count again and again.
pub fn of_tree(pid: u32) -> Option<Usage> {
    let root = Stat::read(pid)?;
    let children: u64 = fs::read_dir("/proc")
        .ok()?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(Stat::read)
        .filter(|stat| stat.parent == pid)
        .map(|stat| stat.own_ticks)
        .sum();
    let cpu = ticks(root.own_ticks + root.ended_children_ticks + children);
    Some(Usage { cpu, resident_bytes: resident_bytes(pid)? })
}

/// The processes that this one has started and that still run.
pub fn children_of(pid: u32) -> Vec<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten();
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|child| Stat::read(*child).is_some_and(|stat| stat.parent == pid)).collect()
}

/// Processor time of this process's children that have ended.
pub fn of_ended_children() -> Duration {
    Stat::read(std::process::id()).map_or(Duration::ZERO, |stat| ticks(stat.ended_children_ticks))
}

/// Processor time that the whole machine has been busy, all cores together.
pub fn of_machine() -> Option<Duration> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    let line = stat.lines().next()?.strip_prefix("cpu ")?;
    let fields: Vec<u64> = line.split_whitespace().filter_map(|field| field.parse().ok()).collect();
    // user, nice, system; then idle and waiting; then interrupts and what a hypervisor took.
    let busy = fields.iter().take(3).sum::<u64>() + fields.get(5..7)?.iter().sum::<u64>();
    Some(ticks(busy))
}

struct Stat {
    parent: u32,
    own_ticks: u64,
    ended_children_ticks: u64,
}

impl Stat {
    fn read(pid: u32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name in parentheses may hold anything, so fields are counted from behind it.
        let (_, rest) = stat.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
        Some(Self {
            parent: u32::try_from(number(1)?).ok()?,
            own_ticks: number(11)? + number(12)?,
            ended_children_ticks: number(13)? + number(14)?,
        })
    }
}

fn ticks(ticks: u64) -> Duration {
    Duration::from_millis(ticks * 1_000 / TICKS_PER_S)
}

fn resident_bytes(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1_024)
}
