//! The few system calls that std has no safe form of. Every `unsafe` of the workspace is in this file.
//!
//! Each function here is safe to call with any argument; each block says why.

#![expect(
    unsafe_code,
    reason = "fork-time hooks, signals and the user database have no safe form in std"
)]

use std::ffi::{CString, c_char};
use std::io;
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::Command;
use std::ptr;

/// A user id and its main group id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

/// Signals as the server understands them.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Signal {
    /// End all sessions, flush, stop.
    FastStop = libc::SIGINT as isize,
    /// Stop at once; the next start recovers from the log.
    StopAtOnce = libc::SIGQUIT as isize,
    /// The kernel ends it.
    Kill = libc::SIGKILL as isize,
}

/// Whose rights this process has.
pub(crate) fn current_user() -> User {
    // SAFETY: both calls take nothing, touch no memory and cannot fail.
    unsafe { User { uid: libc::geteuid(), gid: libc::getegid() } }
}

/// Looks a user up by name.
pub(crate) fn user_named(name: &str) -> Option<User> {
    let name = CString::new(name).ok()?;
    find_user(|entry, buffer, length, found| {
        // SAFETY: `find_user` passes pointers to live memory of the stated length; `name` ends in NUL.
        unsafe { libc::getpwnam_r(name.as_ptr(), entry, buffer, length, found) }
    })
}

/// Whether the user database knows this id (the server refuses to run for one that it does not).
pub(crate) fn user_exists(uid: u32) -> bool {
    find_user(|entry, buffer, length, found| {
        // SAFETY: as in `user_named`.
        unsafe { libc::getpwuid_r(uid, entry, buffer, length, found) }
    })
    .is_some()
}

fn find_user(
    look_up: impl Fn(*mut libc::passwd, *mut c_char, usize, *mut *mut libc::passwd) -> i32,
) -> Option<User> {
    let mut entry = MaybeUninit::<libc::passwd>::uninit();
    let mut buffer: Vec<c_char> = vec![0; 16 * 1024];
    let mut found = ptr::null_mut();
    let code = look_up(entry.as_mut_ptr(), buffer.as_mut_ptr(), buffer.len(), &raw mut found);
    if code != 0 || found.is_null() {
        return None;
    }
    // SAFETY: success with a result means that `found` points to `entry`, which is filled in now.
    let entry = unsafe { entry.assume_init() };
    Some(User { uid: entry.pw_uid, gid: entry.pw_gid })
}

/// Sends a signal. Errors are of no use to the caller: a process that is gone needs no signal.
pub(crate) fn send(pid: u32, signal: Signal) {
    if let Ok(pid @ 1..) = libc::pid_t::try_from(pid) {
        // SAFETY: kill takes two integers; a positive pid names one process, never a group.
        unsafe { libc::kill(pid, signal as libc::c_int) };
    }
}

/// Whether a process with this id exists, whoever owns it.
pub(crate) fn exists(pid: u32) -> bool {
    let Ok(pid @ 1..) = libc::pid_t::try_from(pid) else { return false };
    // SAFETY: signal 0 sends nothing, it only asks.
    let answer = unsafe { libc::kill(pid, 0) };
    answer == 0 || io::Error::last_os_error().raw_os_error() == Some(libc::EPERM)
}

/// Whether our child has ended, waiting for it if asked. It stays a zombie, so that its id cannot be
/// given to another process before the caller has recorded that it is gone.
pub(crate) fn child_has_ended(pid: u32, wait: bool) -> bool {
    let flags = libc::WEXITED | libc::WNOWAIT | if wait { 0 } else { libc::WNOHANG };
    loop {
        let mut info = MaybeUninit::<libc::siginfo_t>::zeroed();
        // SAFETY: `info` is writable and large enough; waitid fills it or leaves the zeroes.
        let code = unsafe { libc::waitid(libc::P_PID, pid, info.as_mut_ptr(), flags) };
        if code == 0 {
            // SAFETY: zeroed before and possibly filled since; all-zero is a valid siginfo_t.
            return unsafe { info.assume_init().si_pid() } != 0;
        }
        if io::Error::last_os_error().kind() != io::ErrorKind::Interrupted {
            return true; // not our child any more
        }
    }
}

/// Bytes of memory in this machine.
pub(crate) fn physical_memory() -> Option<u64> {
    // SAFETY: sysconf takes an integer and returns one.
    let (pages, size) =
        unsafe { (libc::sysconf(libc::_SC_PHYS_PAGES), libc::sysconf(libc::_SC_PAGESIZE)) };
    u64::try_from(pages).ok()?.checked_mul(u64::try_from(size).ok()?)
}

/// Bytes that an ordinary user can still write to the file system of this path.
pub(crate) fn room_left(path: &Path) -> Option<u64> {
    let path = CString::new(path.as_os_str().as_bytes()).ok()?;
    let mut found = MaybeUninit::<libc::statvfs>::zeroed();
    // SAFETY: `path` ends in NUL; `found` is writable and large enough.
    let code = unsafe { libc::statvfs(path.as_ptr(), found.as_mut_ptr()) };
    if code != 0 {
        return None;
    }
    // SAFETY: success means that it is filled in.
    let found = unsafe { found.assume_init() };
    found.f_bavail.checked_mul(found.f_frsize)
}

/// Lets the kernel send `signal` to the child when the *thread* that starts it ends, by kill -9 too.
///
/// Call it after everything that changes the child's identity: such a change forgets the wish.
#[cfg(target_os = "linux")]
pub(crate) fn die_with_parent(command: &mut Command, signal: Signal) {
    use std::os::unix::process::CommandExt;
    let parent = std::process::id();
    let hook = move || {
        // SAFETY: prctl and getppid are plain system calls, allowed between fork and exec.
        let (asked, alive) = unsafe {
            (
                libc::prctl(libc::PR_SET_PDEATHSIG, signal as libc::c_ulong) == 0,
                libc::getppid().unsigned_abs() == parent,
            )
        };
        match (asked, alive) {
            (false, _) => Err(io::Error::last_os_error()),
            // The parent ended between fork and prctl: no signal will come, so do not begin.
            (true, false) => Err(io::Error::from_raw_os_error(libc::ESRCH)),
            (true, true) => Ok(()),
        }
    };
    // SAFETY: the hook neither allocates nor locks nor touches anything but its own copies.
    unsafe { command.pre_exec(hook) };
}

/// Elsewhere a killed parent leaves its server running; the next start takes it over (`takeover`).
#[cfg(not(target_os = "linux"))]
pub(crate) fn die_with_parent(_: &mut Command, _: Signal) {}

/// Runs the child in a user namespace in which `outside` appears as an ordinary user (65534).
#[cfg(target_os = "linux")]
pub(crate) fn enter_user_namespace(command: &mut Command, outside: User) {
    use std::os::unix::process::CommandExt;
    let uid_map = format!("65534 {} 1", outside.uid);
    let gid_map = format!("65534 {} 1", outside.gid);
    let hook = move || {
        // SAFETY: unshare is a plain system call, allowed between fork and exec.
        if unsafe { libc::unshare(libc::CLONE_NEWUSER) } != 0 {
            return Err(io::Error::last_os_error());
        }
        write_file(c"/proc/self/setgroups", b"deny")?;
        write_file(c"/proc/self/gid_map", gid_map.as_bytes())?;
        write_file(c"/proc/self/uid_map", uid_map.as_bytes())
    };
    // SAFETY: the hook makes system calls on memory made before the fork; it neither allocates nor locks.
    unsafe { command.pre_exec(hook) };
}

/// Writes without allocating, as a child between fork and exec must.
#[cfg(target_os = "linux")]
fn write_file(path: &std::ffi::CStr, bytes: &[u8]) -> io::Result<()> {
    // SAFETY: `path` ends in NUL, `bytes` is readable for its length, the descriptor is ours alone.
    unsafe {
        let file = libc::open(path.as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC);
        if file < 0 {
            return Err(io::Error::last_os_error());
        }
        let written = libc::write(file, bytes.as_ptr().cast(), bytes.len());
        let outcome = if written < 0 { Err(io::Error::last_os_error()) } else { Ok(()) };
        libc::close(file);
        outcome
    }
}
