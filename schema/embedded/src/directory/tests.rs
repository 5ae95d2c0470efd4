use super::*;

/// The complaint about a directory in which these files and directories (with a closing slash) lie.
fn complaint(content: &[(&str, &str)]) -> String {
    let base = tempfile::tempdir().unwrap();
    for (path, text) in content {
        let path = base.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    find(base.path()).unwrap_err().to_string().replace(base.path().to_str().unwrap(), "BASE")
}

#[test]
fn a_database_is_begun_only_where_none_can_have_been() {
    let home = tempfile::tempdir().unwrap();
    assert_eq!(find(home.path()).unwrap(), None, "an empty directory");
    assert_eq!(find(&home.path().join("missing")).unwrap(), None);
    for abandoned in ["lock", "data.new-17/PG_VERSION"] {
        let path = home.path().join(abandoned);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "").unwrap();
    }
    assert_eq!(find(home.path()).unwrap(), None, "a first start that did not come to its end");

    let check = |content: &[(&str, &str)], expected: &str| {
        let text = complaint(content);
        assert!(text.contains(expected), "{expected:?} is not in {text:?}");
        assert_eq!(text.lines().count(), 1, "{text}");
    };
    check(&[("data", "")], "cannot read BASE/data/PG_VERSION: Not a directory");
    check(&[("data/base/1", "")], "cannot read BASE/data/PG_VERSION: No such file");
    check(&[("data/PG_VERSION", "")], "BASE/data/PG_VERSION is damaged: restore");
    check(&[("server.log", "")], "BASE/data has gone: a server has run here");
}

#[test]
fn a_file_in_its_place_is_named() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("file");
    fs::write(&file, "").unwrap();
    for wanted in [file.clone(), file.join("postgres")] {
        let text = find(&wanted).unwrap_err().to_string();
        assert!(text.contains("Not a directory"), "{text}");
    }
}

#[test]
fn data_behind_a_link_that_leads_nowhere_are_not_begun_anew() {
    let home = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(home.path().join("unmounted"), home.path().join("data")).unwrap();
    let text = find(home.path()).unwrap_err().to_string();
    assert!(text.contains("data: No such file"), "{text}");
}

#[test]
fn data_that_an_earlier_version_kept_elsewhere_are_not_begun_anew() {
    let home = tempfile::tempdir().unwrap();
    let earlier = earlier_fallback(home.path());
    fs::create_dir_all(earlier.join("data")).unwrap();
    let found = find(home.path());
    fs::remove_dir_all(&earlier).unwrap();
    let text = found.unwrap_err().to_string();
    assert!(text.contains(earlier.to_str().unwrap()) && text.contains("move that"), "{text}");
}

#[test]
fn a_missing_directory_is_created_with_all_above_it() {
    let home = tempfile::tempdir().unwrap();
    let wanted = home.path().join("one/two/three");
    assert_eq!(prepare(&wanted).unwrap(), fs::canonicalize(&wanted).unwrap());
    assert_eq!(prepare(&wanted).unwrap(), fs::canonicalize(&wanted).unwrap(), "and found again");
}
