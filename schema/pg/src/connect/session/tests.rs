use super::*;

#[test]
fn a_session_is_told_its_limits_its_plans_and_that_nothing_is_compiled() {
    let mut config = PoolConfig::new("postgres:///orders", "test");
    let adaptive = greeting(&config);
    for part in [
        "set_config('statement_timeout', '2000', false)",
        "set_config('default_transaction_isolation', 'read committed', false)",
        "set_config('jit', 'off', false)",
    ] {
        assert!(adaptive.contains(part), "{part} is not in {adaptive}");
    }
    assert!(!adaptive.contains("enable_seqscan"), "{adaptive}");
    config.plans = Plans::Lookups;
    assert!(greeting(&config).contains("set_config('enable_seqscan', 'off', false)"));
}
