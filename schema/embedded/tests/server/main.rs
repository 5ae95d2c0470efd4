//! The embedded server as its users meet it: started, stopped, killed, and started again.

mod life;
mod storage;
mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::mpsc;

use schema_embedded::testing::TestServer;
use schema_embedded::{EmbeddedError, EmbeddedPostgres, Options};
use support::{Parent, eventually, i_am_root, kill_9, psql, reachable_directory, runs};

#[test]
fn keeps_its_data_between_runs_and_flushes_them() {
    let home = tempfile::tempdir().unwrap();
    let mut options = Options::new(home.path().join("postgres"));
    options.databases = vec!["orders".into(), "inventory".into()];

    let server = EmbeddedPostgres::start(&options).unwrap();
    psql(&server, "inventory", "create table kept as select 42 as answer").unwrap();
    for setting in ["fsync", "full_page_writes", "synchronous_commit"] {
        assert_eq!(psql(&server, "orders", &format!("show {setting}")).unwrap(), "on", "{setting}");
    }
    let url = server.url("inventory");
    server.stop();
    drop(server);

    let server = EmbeddedPostgres::start(&options).unwrap();
    assert_eq!(server.url("inventory"), url);
    assert_eq!(psql(&server, "inventory", "select answer from kept").unwrap(), "42");
}

#[test]
fn two_servers_run_side_by_side() {
    let (one, two) = (TestServer::start().unwrap(), TestServer::start().unwrap());
    psql(&one, "postgres", "create table only_here ()").unwrap();
    assert!(psql(&two, "postgres", "select * from only_here").is_err());
    assert_ne!(one.url("postgres"), two.url("postgres"));
}

#[test]
fn refuses_a_directory_that_is_in_use() {
    let server = TestServer::start().unwrap();
    let error = EmbeddedPostgres::start(&Options::new(server.directory())).unwrap_err();
    assert!(matches!(error, EmbeddedError::InUse { .. }), "{error}");
    assert!(error.to_string().contains("in use by another process"));
}

#[test]
fn comes_back_under_the_same_url_when_the_server_is_killed() {
    let home = tempfile::tempdir().unwrap();
    let server = EmbeddedPostgres::start(&Options::new(home.path())).unwrap();
    psql(&server, "postgres", "create table kept as select 42 as answer").unwrap();
    let before = server.pid().unwrap();
    kill_9(before);
    eventually("the server answers again", || {
        server.pid().is_some_and(|pid| pid != before)
            && psql(&server, "postgres", "select answer from kept")
                .is_ok_and(|answer| answer == "42")
    });
}

#[test]
fn says_so_when_it_is_given_up_and_keeps_silent_when_it_is_stopped() {
    let home = tempfile::tempdir().unwrap();
    let server = EmbeddedPostgres::start(&Options::new(home.path())).unwrap();
    let (lost, why) = mpsc::channel();
    server.when_lost(move |why| lost.send(why).unwrap());
    fs::write(home.path().join("data/postgresql.auto.conf"), "nonsense = 1\n").unwrap();
    kill_9(server.pid().unwrap());
    assert!(why.recv().unwrap().contains("postgresql.auto.conf"));

    let server = TestServer::start().unwrap();
    let (lost, why) = mpsc::channel();
    server.when_lost(move |why| lost.send(why).unwrap());
    server.stop();
    assert!(why.recv().is_err());
}

#[test]
fn a_killed_parent_takes_its_server_along_and_a_restart_at_once_finds_the_data() {
    let home = tempfile::tempdir().unwrap();
    let mut parent = Parent::start(home.path());
    parent.psql("create table kept (round int)").unwrap();
    for round in 1..=5 {
        parent.psql(&format!("insert into kept values ({round})")).unwrap();
        let orphan = parent.server_pid();
        parent.kill_9();
        parent = Parent::start(home.path());
        eventually("no orphan runs", || !runs(orphan));
        assert_eq!(parent.psql("select count(*) from kept").unwrap(), round.to_string());
    }
    parent.stop();
}

#[test]
fn says_what_the_server_complained_about() {
    let home = tempfile::tempdir().unwrap();
    let mut options = Options::new(home.path());
    options.settings.push(("shared_buffers".into(), "a lot".into()));
    let text = EmbeddedPostgres::start(&options).unwrap_err().to_string();
    assert!(text.contains("shared_buffers") && text.contains("server.log"), "{text}");
}

#[test]
fn refuses_data_of_another_major_version() {
    let home = tempfile::tempdir().unwrap();
    let options = Options::new(home.path());
    drop(EmbeddedPostgres::start(&options).unwrap());
    fs::write(home.path().join("data/PG_VERSION"), "13\n").unwrap();
    let error = EmbeddedPostgres::start(&options).unwrap_err();
    assert!(matches!(error, EmbeddedError::OtherVersion { data_major: 13, .. }), "{error}");
}

#[test]
fn works_in_a_directory_too_deep_for_a_socket() {
    let home = tempfile::tempdir().unwrap();
    let deep = home.path().join("d".repeat(60)).join("e".repeat(60));
    let server = EmbeddedPostgres::start(&Options::new(deep)).unwrap();
    assert_eq!(psql(&server, "postgres", "select 1").unwrap(), "1");
    let socket = server.socket_directory().to_owned();
    drop(server);
    fs::remove_dir_all(socket).unwrap();
}

#[test]
fn pgbench_reaches_it_by_the_url_too() {
    let server = TestServer::start().unwrap();
    let pgbench = std::process::Command::new(server.bin_dir().join("pgbench"))
        .args(["--initialize", "--quiet"])
        .arg(server.url("postgres"))
        .output()
        .unwrap();
    assert!(pgbench.status.success(), "{}", String::from_utf8_lossy(&pgbench.stderr));
}

#[test]
fn nobody_but_the_owner_enters_the_directories() {
    let server = TestServer::start().unwrap();
    for name in ["data", "run"] {
        let mode = fs::metadata(server.directory().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{name}: {mode:o}");
    }
}

/// Where only root enters, the server runs in a user namespace; where others may pass, as another user.
#[test]
fn never_runs_as_root() {
    let closed = tempfile::tempdir().unwrap();
    let open = reachable_directory();
    for home in [closed.path(), open.path()] {
        let server = EmbeddedPostgres::start(&Options::new(home.join("postgres"))).unwrap();
        // which reads what it is given: else the server may find the pipe closed
        let program = "copy (select 1) to program 'cat > /dev/null; id -u > id.txt'";
        let id = psql(&server, "postgres", program);
        assert!(id.is_ok(), "{id:?}");
        let id = fs::read_to_string(server.directory().join("data/id.txt")).unwrap();
        assert_ne!(id.trim(), "0", "in {}", home.display());
    }
}

/// Only root can become somebody else, so elsewhere this is what every other test shows anyway.
#[test]
fn runs_for_an_ordinary_user_and_for_one_without_a_name() {
    for uid in [65_534, 54_321].into_iter().filter(|_| i_am_root()) {
        let home = reachable_directory();
        std::os::unix::fs::chown(home.path(), Some(uid), Some(uid)).unwrap();
        let parent = Parent::start_as(home.path(), uid);
        assert_eq!(parent.psql("select 1").unwrap(), "1");
        parent.stop();
    }
}
