//! PgBouncer before a test server: the pooler that most teams have.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use schema_embedded::EmbeddedPostgres;

/// Between two looks whether it listens.
const LOOK_EVERY: Duration = Duration::from_millis(20);
const STARTS_WITHIN: Duration = Duration::from_secs(10);

/// For how long a client keeps the server's session that it was given.
#[derive(Clone, Copy, Debug)]
pub enum PoolMode {
    /// Until it goes.
    Session,
    /// Until its transaction ends.
    Transaction,
}

/// A running PgBouncer, with nothing set but where the server is and how it pools. It ends when dropped.
#[derive(Debug)]
pub struct PgBouncer {
    process: Child,
    port: u16,
    settings: PathBuf,
}

impl PgBouncer {
    /// Starts one before `server`, as the server's user.
    pub fn start(server: &EmbeddedPostgres, mode: PoolMode) -> PgBouncer {
        let socket = server.socket_directory();
        let port = free_port();
        let mode = match mode {
            PoolMode::Session => "session",
            PoolMode::Transaction => "transaction",
        };
        // The server's user alone enters the directory of its socket.
        let owner = fs::metadata(socket).expect("the server has a socket");
        let settings = socket.join(format!("pgbouncer-{port}.ini"));
        let text = format!(
            "[databases]\n* = host={} port=5432 user=postgres\n\
             [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n\
             auth_type = any\npool_mode = {mode}\n",
            socket.display()
        );
        fs::write(&settings, text).expect("its settings can be written");
        let mut command = Command::new(program());
        command.arg(&settings).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        if fs::metadata("/proc/self").expect("this is Linux").uid() == 0 {
            command.uid(owner.uid()).gid(owner.gid());
        }
        let process = command.spawn().expect("PgBouncer can be started");
        let mut bouncer = PgBouncer { process, port, settings };
        let began = Instant::now();
        while !bouncer.listens() {
            let ended = bouncer.process.try_wait();
            assert!(matches!(ended, Ok(None)), "PgBouncer has ended: {ended:?}");
            assert!(began.elapsed() < STARTS_WITHIN, "PgBouncer does not listen: {bouncer:?}");
            thread::sleep(LOOK_EVERY);
        }
        bouncer
    }

    /// A client may be given the very port that it calls, while nobody has it, and then meets itself.
    fn listens(&self) -> bool {
        let met = TcpStream::connect(("127.0.0.1", self.port));
        met.is_ok_and(|met| met.local_addr().ok() != met.peer_addr().ok())
    }

    /// The URL of a database through it.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}?sslmode=disable", self.port)
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_file(&self.settings);
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("bound").port()
}

/// Debian keeps it where only root looks. Installed where we may.
fn program() -> &'static Path {
    let known = Path::new("/usr/sbin/pgbouncer");
    if !known.is_file() {
        let step =
            "DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends pgbouncer";
        let ran = Command::new("sh").args(["-c", step]).output();
        let said =
            ran.map_or_else(|e| e.to_string(), |out| String::from_utf8_lossy(&out.stderr).into());
        assert!(
            known.is_file(),
            "Poolers are tested with PgBouncer, which is not here and could not be installed (as root: apt-get install \
             pgbouncer).\n{said}"
        );
    }
    known
}
