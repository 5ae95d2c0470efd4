//! A directory that cannot be used is refused in one true line, and nothing is used in its place.

#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;
use std::process::Command;

use crate::support::{Parent, i_am_root, reachable_directory, run_as};

const NOBODY: u32 = 65_534;
const SOMEBODY: u32 = 54_321;

/// Everything in a directory and its owners, except what changes by itself.
fn owners(directory: &Path) -> Vec<(String, u32)> {
    let mut found: Vec<(String, u32)> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().into_string().unwrap(), entry.metadata().unwrap().uid()))
        .collect();
    found.sort();
    found
}

/// What places in which a server might look for room hold now.
fn elsewhere() -> Vec<(String, u32)> {
    let mut found = owners(Path::new("/var/tmp"));
    found.retain(|(name, _)| name.starts_with("valerix"));
    found
}

/// The complaint of a start in `home` as `uid`, which must be one line and leave everything as it was.
#[track_caller]
fn refused(home: &Path, uid: u32, expected: &[&str]) {
    let before = elsewhere();
    let said = run_as(home, uid).expect_err("it may not start");
    assert_eq!(said.trim().lines().count(), 1, "{said}");
    for part in expected {
        assert!(said.contains(part), "{part:?} is not in {said:?}");
    }
    assert_eq!(elsewhere(), before, "nothing is used in its place");
}

/// An ordinary user's directory with a table in it.
fn kept_by(uid: u32) -> tempfile::TempDir {
    let home = reachable_directory();
    if i_am_root() {
        chown(home.path(), Some(uid), Some(uid)).unwrap();
    }
    let parent = Parent::start_as(home.path(), uid);
    parent.psql("create table kept as select 42 as answer").unwrap();
    parent.stop();
    home
}

#[track_caller]
fn assert_kept(home: &Path, uid: u32) {
    let parent = Parent::start_as(home, uid);
    assert_eq!(parent.psql("select answer from kept").unwrap(), "42");
    parent.stop();
}

#[test]
fn a_directory_without_write_permission_is_refused() {
    let home = reachable_directory();
    if i_am_root() {
        chown(home.path(), Some(NOBODY), Some(NOBODY)).unwrap();
    }
    fs::set_permissions(home.path(), Permissions::from_mode(0o500)).unwrap();
    refused(home.path(), NOBODY, &["cannot create", "postgres: Permission denied"]);

    let base = home.path().join("postgres");
    fs::set_permissions(home.path(), Permissions::from_mode(0o700)).unwrap();
    fs::create_dir(&base).unwrap();
    if i_am_root() {
        chown(&base, Some(NOBODY), Some(NOBODY)).unwrap();
    }
    fs::set_permissions(&base, Permissions::from_mode(0o500)).unwrap();
    refused(home.path(), NOBODY, &["postgres/lock: Permission denied"]);

    let home = kept_by(NOBODY);
    let data = home.path().join("postgres/data");
    fs::set_permissions(&data, Permissions::from_mode(0o500)).unwrap();
    refused(home.path(), NOBODY, &["postmaster.pid", "Permission denied"]);
    fs::set_permissions(&data, Permissions::from_mode(0o700)).unwrap();
    assert_kept(home.path(), NOBODY);
}

#[test]
fn a_directory_that_may_not_be_entered_is_refused() {
    if !i_am_root() {
        return; // its owner may always enter it again
    }
    let home = kept_by(NOBODY);
    chown(home.path(), Some(0), Some(0)).unwrap();
    fs::set_permissions(home.path(), Permissions::from_mode(0o700)).unwrap();
    let above = reachable_directory();
    let inside = above.path().join("closed");
    fs::rename(home.path(), &inside).unwrap();
    refused(&inside, NOBODY, &["cannot read", "closed/postgres/data: Permission denied"]);
    fs::rename(&inside, home.path()).unwrap();
    fs::set_permissions(home.path(), Permissions::from_mode(0o711)).unwrap();
    assert_kept(home.path(), NOBODY);
}

#[test]
fn a_file_in_its_place_is_refused() {
    let home = reachable_directory();
    fs::write(home.path().join("postgres"), "").unwrap();
    refused(home.path(), NOBODY, &["postgres/data: Not a directory"]);
}

#[test]
fn data_that_have_gone_are_not_begun_anew() {
    let home = kept_by(NOBODY);
    let base = home.path().join("postgres");
    fs::rename(base.join("data"), base.join("moved")).unwrap();
    refused(home.path(), NOBODY, &["postgres/data has gone", "server.log", "to begin anew"]);
    fs::rename(base.join("moved"), base.join("data")).unwrap();
    assert_kept(home.path(), NOBODY);
}

/// Read-only for everybody, root included: what an operating system does with a failing disk.
#[test]
fn a_read_only_volume_is_refused() {
    let home = reachable_directory();
    let mounted = |arguments: &[&str]| {
        let mount = Command::new("mount").args(arguments).arg(home.path()).output();
        mount.is_ok_and(|mount| mount.status.success())
    };
    if !i_am_root() || !mounted(&["-t", "tmpfs", "-o", "size=256m,mode=755", "tmpfs"]) {
        return; // only root mounts, and not in every container
    }
    let kept = Parent::start(home.path());
    kept.psql("create table kept as select 42 as answer").unwrap();
    kept.stop();
    assert!(mounted(&["-o", "remount,ro"]));
    refused(home.path(), 0, &["postgres/lock: Read-only file system"]);
    assert!(mounted(&["-o", "remount,rw"]));
    let again = Parent::start(home.path());
    assert_eq!(again.psql("select answer from kept").unwrap(), "42");
    again.stop();
    assert!(Command::new("umount").arg(home.path()).status().unwrap().success());
}

#[test]
fn a_directory_that_root_has_made_is_refused_with_the_line_that_helps() {
    if !i_am_root() {
        return; // nobody else can make it
    }
    let home = reachable_directory();
    let parent = Parent::start(home.path());
    parent.psql("create table kept as select 42 as answer").unwrap();
    parent.stop();
    let base = home.path().join("postgres");
    let advice = format!("chown -R {NOBODY}:{NOBODY} {}", base.display());
    refused(home.path(), NOBODY, &["belongs to user 0, and this runs as user 65534", &advice]);

    let advice = advice.split(' ').collect::<Vec<_>>();
    assert!(Command::new(advice[0]).args(&advice[1..]).status().unwrap().success());
    assert_kept(home.path(), NOBODY);
}

/// A user, `sudo`, the user again; the user of a container may have no name outside of it.
#[test]
fn root_runs_the_server_as_the_owner_of_the_data_and_takes_nothing_over() {
    for uid in [NOBODY, SOMEBODY].into_iter().filter(|_| i_am_root()) {
        let home = kept_by(uid);
        let base = home.path().join("postgres");
        let before = (owners(&base), owners(&base.join("data")), base.metadata().unwrap().uid());
        let root = Parent::start(home.path());
        assert_eq!(root.psql("select answer from kept").unwrap(), "42");
        root.stop();
        let after = (owners(&base), owners(&base.join("data")), base.metadata().unwrap().uid());
        assert_eq!(after, before);
        assert!(after.0.iter().all(|(_, owner)| *owner == uid), "{after:?}");
        assert_kept(home.path(), uid);
    }
}
