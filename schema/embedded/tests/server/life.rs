//! What a server's life depends on, and what it must not depend on: names, the shell, and what the dead left behind.

#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::process::{Child, Command};

use schema_embedded::{EmbeddedPostgres, Options};

use crate::support::{Parent, eventually, psql, runs, with_shell_settings};

/// Some other program, with a process id that a file of ours names by chance.
struct Stranger(Child);

impl Stranger {
    fn start() -> Stranger {
        Stranger(Command::new("sleep").arg("60").spawn().unwrap())
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[test]
fn a_killed_parent_is_followed_at_once_whatever_the_directory_is_called() {
    let names: [&OsStr; 4] = [
        OsStr::new("my data"),
        OsStr::new("it's \"mine\", 100 % däta; $HOME"),
        OsStr::new(" -D "),
        OsStr::from_bytes(b"caf\xe9"),
    ];
    for name in names {
        let home = tempfile::tempdir().unwrap();
        let directory = home.path().join(name);
        let mut parent = Parent::start(&directory);
        parent.psql("create table kept as select 42 as answer").unwrap();
        for _ in 0..2 {
            let orphan = parent.server_pid();
            parent.kill_9();
            parent = Parent::start(&directory);
            assert!(!runs(orphan), "{name:?}");
            assert_eq!(parent.psql("select answer from kept").unwrap(), "42", "{name:?}");
        }
        let socket = parent.socket_directory();
        parent.stop();
        if !socket.starts_with(home.path()) {
            fs::remove_dir(socket).unwrap();
        }
    }
}

/// A session of it is frozen, so that it cannot end: nothing of it may be touched, and nothing started beside it.
#[test]
#[cfg(target_os = "linux")]
fn a_server_that_still_stops_is_waited_for_and_left_alone() {
    let home = tempfile::tempdir().unwrap();
    let parent = Parent::start(home.path());
    parent.psql("create table kept as select 42 as answer").unwrap();
    let checkpointer = "select pid from pg_stat_activity where backend_type = 'checkpointer'";
    let checkpointer = parent.psql(checkpointer).unwrap();
    let orphan = parent.server_pid();
    let signal = |name: &str| {
        let sent = Command::new("kill").args([name, &checkpointer]).status().unwrap();
        assert!(sent.success());
    };
    let base = home.path().join("postgres");
    let lock = base.join("server.lock");
    let has_come_to_the_lock = || {
        let open = fs::read_dir("/proc/self/fd").unwrap().flatten();
        open.filter_map(|entry| fs::read_link(entry.path()).ok()).any(|path| path == lock)
    };
    let record = || fs::read_to_string(base.join("data/postmaster.pid")).unwrap();

    signal("-STOP");
    parent.kill_9();
    std::thread::scope(|scope| {
        let next = scope.spawn(|| EmbeddedPostgres::start(&Options::new(&base)).unwrap());
        eventually("the next one waits", || {
            has_come_to_the_lock() && record().trim_end().ends_with("stopping")
        });
        assert!(runs(orphan) && !next.is_finished());
        assert_eq!(record().lines().next(), Some(orphan.to_string().as_str()), "left alone");
        signal("-CONT");
        let next = next.join().unwrap();
        assert_eq!(psql(&next, "postgres", "select answer from kept").unwrap(), "42");
        assert!(!runs(orphan));
    });
}

#[test]
fn starts_over_whatever_a_power_cut_left() {
    let home = tempfile::tempdir().unwrap();
    let options = Options::new(home.path());
    let server = EmbeddedPostgres::start(&options).unwrap();
    psql(&server, "postgres", "create table kept as select 42 as answer").unwrap();
    drop(server);
    let stranger = Stranger::start();
    let id = stranger.0.id().to_string();
    let whole = format!("{id}\n{}\n1\n5432\n\n\n", home.path().join("data").display());
    for left in ["", "\n", &id, "12", "-17\n", "half of it", &whole, "999999999\n"] {
        for file in ["data/postmaster.pid", "run/.s.PGSQL.5432.lock", "run/.s.PGSQL.5432"] {
            fs::write(home.path().join(file), left).unwrap();
        }
        fs::create_dir_all(home.path().join("data.new-17/base")).unwrap();
        fs::write(home.path().join("data.new-17/PG_VERSION"), "").unwrap();

        let server = EmbeddedPostgres::start(&options);
        let server = server.unwrap_or_else(|error| panic!("after {left:?}: {error}"));
        let kept = psql(&server, "postgres", "select answer from kept");
        assert_eq!(kept.unwrap(), "42", "after {left:?}");
    }
}

#[test]
fn what_the_shell_has_set_for_other_databases_and_languages_does_not_matter() {
    let home = tempfile::tempdir().unwrap();
    let parent = with_shell_settings(
        home.path(),
        &[
            ("PGSSLMODE", "require"),
            ("PGOPTIONS", "-c search_path=nowhere"),
            ("PGDATA", "/nonexistent"),
            ("PGHOST", "nowhere.invalid"),
            ("PGPORT", "1"),
            ("PGUSER", "nobody"),
            ("PGDATABASE", "nothing"),
            ("PGSERVICE", "none"),
            ("PGTZ", "Asia/Kathmandu"),
            ("PGCLIENTENCODING", "LATIN1"),
            ("LC_ALL", "tr_TR.UTF-8"),
            ("LANG", "C"),
            ("TZ", "Asia/Kathmandu"),
            ("TMPDIR", "/nonexistent"),
        ],
    );
    let shown = "select current_setting('search_path') || current_setting('timezone') \
                 || current_setting('lc_messages') || upper('i')";
    assert_eq!(parent.psql(shown).unwrap(), "\"$user\", publicUTCCI");
    parent.stop();
}
