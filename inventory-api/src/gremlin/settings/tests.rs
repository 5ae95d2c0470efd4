use super::*;

fn read(body: &str) -> Result<(Settings, i32), Problem> {
    edge::parse_strict::<ChaosRequest>(body.as_bytes())?.check()
}

#[track_caller]
fn check_refused(body: &str, pointer: &str) {
    let problem = read(body).unwrap_err();
    assert_eq!(problem.errors()[0].pointer, pointer, "{body}");
}

#[test]
fn the_words_of_the_seeds_are_enough() {
    let (settings, ttl_s) = read(r#"{"latency": true}"#).unwrap();
    assert_eq!((settings.latency, settings.latency_ms, settings.latency_every), (true, 1_000, 1));
    assert_eq!(ttl_s, 3_600);
    let (settings, _) = read(r#"{"latency_ms": 250}"#).unwrap();
    assert_eq!((settings.latency, settings.latency_ms), (true, 250));
    let (settings, _) = read(r#"{"latency": false, "crash_rate": 0.5}"#).unwrap();
    assert_eq!((settings.latency, settings.crash_rate), (false, 0.5));
}

#[test]
fn presets_differ_and_can_be_changed_in_part() {
    let preset = |name: &str| read(&format!(r#"{{"preset": "{name}"}}"#)).unwrap().0;
    let rates = ["mild", "moderate", "extreme"].map(|name| preset(name).crash_rate);
    assert!(rates.is_sorted_by(|less, more| less < more), "{rates:?}");
    let (changed, ttl_s) = read(r#"{"preset": "extreme", "crash_rate": 0, "ttl_s": 9}"#).unwrap();
    assert_eq!(changed, Settings { crash_rate: 0.0, ..preset("extreme") });
    assert_eq!(ttl_s, 9);
    let never_by_itself = preset("extreme");
    assert!(!never_by_itself.crash_kinds.contains(&Crash::Exit));
    assert!(!never_by_itself.partial_failure_kinds.contains(&Loss::Exit));
}

#[test]
fn refuses_what_makes_no_sense() {
    check_refused("{}", "");
    check_refused(r#"{"latency_ms": 0, "seed": 4}"#, "");
    check_refused(r#"{"crash_rate": 1.1}"#, "/crash_rate");
    check_refused(r#"{"crash_rate": -0.1}"#, "/crash_rate");
    check_refused(r#"{"crash_rate": 0.6, "partial_failure_rate": 0.6}"#, "/partial_failure_rate");
    check_refused(r#"{"latency_ms": 60001}"#, "/latency_ms");
    check_refused(r#"{"latency": true, "latency_every": 0}"#, "/latency_every");
    check_refused(r#"{"latency": true, "ttl_s": 0}"#, "/ttl_s");
    check_refused(r#"{"crash_rate": 1, "crash_kinds": []}"#, "/crash_kinds");
    check_refused(r#"{"crash_rate": 1, "crash_kinds": ["404"]}"#, "/crash_kinds/0");
    check_refused(r#"{"latency": true, "item_ids": [" "]}"#, "/item_ids/0");
    check_refused(r#"{"preset": "cruel"}"#, "/preset");
}

#[test]
fn settings_of_another_version_are_read_as_far_as_they_are_known() {
    let stored = r#"{"latency": true, "latency_ms": 5, "moon_phase": "full"}"#;
    let settings: Settings = serde_json::from_str(stored).unwrap();
    assert_eq!((settings.latency_ms, settings.latency_every), (5, 1));
    let (own, _) = read(r#"{"preset": "extreme", "seed": 18446744073709551615}"#).unwrap();
    let json = serde_json::to_value(&own).unwrap();
    assert_eq!(serde_json::from_value::<Settings>(json).unwrap(), own);
}
