use super::*;

#[test]
fn reads_what_pgbench_says() {
    let said = "scaling factor: 1\nlatency average = 4.5 ms\ntps = 3512.701 (without initial connection time)\n";
    assert_eq!(transactions_per_s(said), Some(3512.701));
    assert_eq!(transactions_per_s("pgbench: error: connection failed"), None);
}

#[test]
fn says_what_to_do_where_there_is_no_pgbench() {
    let beside = Path::new("/nowhere");
    if let Err(missing) = find_pgbench(beside) {
        assert!(missing.to_string().contains("--no-reference"), "{missing}");
    }
}
