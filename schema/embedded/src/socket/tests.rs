use std::ffi::OsStr;

use super::*;
use crate::sys;

#[test]
fn the_url_names_the_socket_directory_and_escapes_what_must_be() {
    assert_eq!(
        url(Path::new("/var/lib/my data/run"), "orders_dev"),
        "postgres://postgres@%2Fvar%2Flib%2Fmy%20data%2Frun:5432/orders_dev?sslmode=disable",
    );
}

#[test]
fn a_deep_directory_gets_a_short_one_for_its_socket_always_the_same() {
    let identity = Identity::Own(sys::current_user());
    let home = tempfile::tempdir().unwrap();
    let near = directory(home.path(), identity).unwrap();
    assert_eq!(near, home.path().join("run"));

    let deep = home.path().join("d".repeat(120));
    let short = directory(&deep, identity).unwrap();
    assert!(short.as_os_str().len() < 40, "{}", short.display());
    assert_eq!(directory(&deep, identity).unwrap(), short);
    fs::remove_dir(short).unwrap();

    for odd in [OsStr::new("a,b"), OsStr::from_bytes(b"caf\xe9")] {
        let short = directory(&home.path().join(odd), identity).unwrap();
        assert!(short.starts_with("/tmp"), "{}", short.display());
        fs::remove_dir(short).unwrap();
    }
}

#[test]
fn a_socket_directory_that_is_a_link_is_refused() {
    let identity = Identity::Own(sys::current_user());
    let home = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink("/", home.path().join("run")).unwrap();
    let text = directory(home.path(), identity).unwrap_err().to_string();
    assert!(text.contains("remove it"), "{text}");
}
