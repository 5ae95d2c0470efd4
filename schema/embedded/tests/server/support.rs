//! A parent process to kill, and the client programs that lie beside the server.

#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::thread;
use std::time::{Duration, Instant};

use schema_embedded::EmbeddedPostgres;
use tempfile::TempDir;

/// A process that keeps a server in a directory.
pub(crate) struct Parent {
    child: Child,
    directory: PathBuf,
    url: String,
}

impl Parent {
    pub(crate) fn start(directory: &Path) -> Parent {
        Parent::run(&mut Command::new(env!("CARGO_BIN_EXE_embedded-postgres")), directory)
    }

    /// As another user, if this is root.
    pub(crate) fn start_as(directory: &Path, uid: u32) -> Parent {
        Parent::run(&mut program_as(uid), directory)
    }

    fn run(command: &mut Command, directory: &Path) -> Parent {
        let directory = directory.join("postgres");
        let mut child = in_pipes(command, &directory).spawn().unwrap();
        let mut url = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut url).unwrap();
        if url.is_empty() {
            let mut said = String::new();
            child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
            panic!("no server: {said}");
        }
        Parent { child, directory, url: url.trim().to_owned() }
    }

    pub(crate) fn psql(&self, sql: &str) -> Result<String, String> {
        let options = fs::read(self.directory.join("data/postmaster.opts")).unwrap();
        let options = String::from_utf8_lossy(&options);
        let postgres = options.split(" \"").next().unwrap();
        run_psql(Path::new(postgres).parent().unwrap(), &self.url, sql)
    }

    /// For paths without anything else that a URL escapes.
    pub(crate) fn socket_directory(&self) -> PathBuf {
        let host = self.url.split(['@', ':']).nth(2).unwrap();
        PathBuf::from(host.replace("%2F", "/"))
    }

    pub(crate) fn server_pid(&self) -> u32 {
        let file = fs::read(self.directory.join("data/postmaster.pid")).unwrap();
        String::from_utf8_lossy(&file).lines().next().unwrap().parse().unwrap()
    }

    pub(crate) fn kill_9(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) fn stop(mut self) {
        drop(self.child.stdin.take());
        assert!(self.child.wait().unwrap().success());
    }
}

/// What a start that fails says; if it does not fail, its URL.
pub(crate) fn run_as(directory: &Path, uid: u32) -> Result<String, String> {
    let mut program = program_as(uid);
    let output = in_pipes(&mut program, &directory.join("postgres")).stdin(Stdio::null()).output();
    let output = output.unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

/// The program, where another user can reach it: the build directory may be root's alone.
fn program_as(uid: u32) -> Command {
    static REACHABLE: LazyLock<TempDir> = LazyLock::new(|| {
        let directory = reachable_directory();
        let program = directory.path().join("embedded-postgres");
        fs::copy(env!("CARGO_BIN_EXE_embedded-postgres"), program).unwrap();
        directory
    });
    let mut command = Command::new(REACHABLE.path().join("embedded-postgres"));
    if i_am_root() {
        command.uid(uid).gid(uid);
    }
    command
}

fn in_pipes<'a>(command: &'a mut Command, directory: &Path) -> &'a mut Command {
    command.arg(directory).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped())
}

pub(crate) fn i_am_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

pub(crate) fn psql(server: &EmbeddedPostgres, database: &str, sql: &str) -> Result<String, String> {
    run_psql(server.bin_dir(), &server.url(database), sql)
}

/// A process that keeps a server, started from a shell with these variables.
pub(crate) fn with_shell_settings(directory: &Path, settings: &[(&str, &str)]) -> Parent {
    let mut command = Command::new(env!("CARGO_BIN_EXE_embedded-postgres"));
    Parent::run(command.envs(settings.iter().copied()), directory)
}

fn run_psql(programs: &Path, url: &str, sql: &str) -> Result<String, String> {
    let output = Command::new(programs.join("psql"))
        .args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align"])
        .args(["--set", "ON_ERROR_STOP=1", "--command", sql, url])
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

pub(crate) fn kill_9(pid: u32) {
    assert!(Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap().success());
}

/// Whether the process still executes anything: a zombie that nobody has waited for does not.
pub(crate) fn runs(pid: u32) -> bool {
    let state = Command::new("ps").args(["-o", "stat=", "-p", &pid.to_string()]).output().unwrap();
    let state = String::from_utf8_lossy(&state.stdout).trim().to_owned();
    !state.is_empty() && !state.starts_with('Z')
}

/// A temporary directory that other users may pass through.
pub(crate) fn reachable_directory() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
    directory
}

pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(30), "not in time: {what}");
        thread::sleep(Duration::from_millis(20));
    }
}
