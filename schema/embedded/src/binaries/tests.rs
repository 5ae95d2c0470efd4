use super::*;

#[test]
fn reads_the_major_version_of_every_way_it_is_printed() {
    let check = |text: &str, major| assert_eq!(parse_major(text), major, "{text}");
    check("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)", Some(15));
    check("postgres (PostgreSQL) 18beta1", Some(18));
    check("postgres (PostgreSQL) 9.6.24", Some(9));
    check("postgres (EnterpriseDB) 16.1", None);
    check("", None);
}

#[test]
fn prefers_the_version_that_made_the_data() {
    let check = |found: &[u32], wanted, best_major: Option<u32>| {
        let found = found.iter().map(|&major| Binaries {
            directory: PathBuf::from("/somewhere"),
            major,
            version: major.to_string(),
        });
        assert_eq!(best(found, wanted).map(|binaries| binaries.major), best_major);
    };
    check(&[17, 15, 9], None, Some(17));
    check(&[17, 15, 9], Some(15), Some(15));
    check(&[17, 15], Some(14), Some(17));
    check(&[9, 16], None, Some(16));
    check(&[9], None, Some(9));
    check(&[], None, None);
}

#[test]
fn looks_at_the_newest_installed_version_first() {
    let root = tempfile::tempdir().unwrap();
    for name in ["9.6", "15", "17", "postgresql@16", "other"] {
        fs::create_dir_all(root.path().join(name)).unwrap();
    }
    let expected = ["postgresql@16", "17", "15"].map(|name| root.path().join(name).join("bin"));
    assert_eq!(newest_first(root.path()), expected);
}

#[test]
fn says_where_it_looked_and_what_helps_when_there_is_nothing() {
    let empty = tempfile::tempdir().unwrap();
    let search = Search {
        directory: None,
        provision: false,
        cache: empty.path().to_owned(),
        usual_places: false,
    };
    let text = find_or_provide(&search, None).unwrap_err().to_string();
    assert!(text.contains(empty.path().to_str().unwrap()), "{text}");
    assert!(text.contains("VALERIX_PG_PROVISION=off"), "{text}");
    assert!(text.contains("apt-get install postgresql"), "{text}");
    assert!(text.contains("set VALERIX_PG_BIN"), "{text}");
}

#[test]
fn looking_provides_nothing() {
    let empty = tempfile::tempdir().unwrap();
    let cache = empty.path().to_owned();
    let search = Search { directory: None, provision: true, cache, usual_places: false };
    assert!(look(&search, None).unwrap().is_none(), "one could be provided");
    assert_eq!(fs::read_dir(empty.path()).unwrap().count(), 0);
    let forbidden = Search { provision: false, ..search };
    assert!(matches!(look(&forbidden, None), Err(EmbeddedError::Missing { .. })));
}

#[test]
fn a_named_directory_without_a_server_is_named_in_the_error() {
    let search = Search { directory: Some("/nonexistent/bin".into()), ..Search::from_env() };
    let text = find_or_provide(&search, None).unwrap_err().to_string();
    assert!(text.contains("VALERIX_PG_BIN=/nonexistent/bin"), "{text}");
}
