use super::*;

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

#[test]
fn tells_missing_changed_and_needless_queries_apart() {
    let kept = folder(&[("query-a.json", "1"), ("query-b.json", "2"), ("README", "")]);
    let described = folder(&[("query-b.json", "3"), ("query-c.json", "4")]);
    let differences = compare(kept.path(), described.path()).unwrap();
    let kinds: Vec<&str> = differences.iter().map(|it| it.split(':').next().unwrap()).collect();
    assert_eq!(kinds, ["changed", "missing", "needless"]);
}

#[test]
fn after_replacing_nothing_differs_and_other_files_are_left_alone() {
    let kept = folder(&[("query-a.json", "1"), ("README", "")]);
    let described = folder(&[("query-b.json", "3\n")]);
    replace(kept.path(), described.path()).unwrap();
    assert_eq!(compare(kept.path(), described.path()).unwrap(), [""; 0]);
    assert_eq!(count(kept.path()).unwrap(), 1);
    assert!(kept.path().join("README").exists());
}
