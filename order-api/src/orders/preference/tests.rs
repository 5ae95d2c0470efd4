use super::*;

const DEFAULT: Duration = Duration::from_secs(2);

#[track_caller]
fn check(values: &[&'static str], wait_s: u64, applied: Option<&str>) {
    let mut headers = HeaderMap::new();
    for value in values {
        headers.append(PREFER, HeaderValue::from_static(value));
    }
    let preference = Preference::from_headers(&headers, DEFAULT);
    let said = preference.applied.as_ref().map(|value| value.to_str().unwrap());
    assert_eq!((preference.wait.as_secs(), said), (wait_s, applied), "{values:?}");
}

#[test]
fn waits_as_long_as_the_client_says() {
    check(&[], 2, None);
    check(&["wait=5"], 5, Some("wait=5"));
    check(&["Wait = \"5\"; x=y"], 5, Some("wait=5"));
    check(&["wait=0"], 0, Some("wait=0"));
    check(&["wait=3600"], WAIT_S_MAX, Some("wait=30"));
}

#[test]
fn does_not_wait_for_an_asynchronous_answer() {
    check(&["respond-async"], 0, Some("respond-async"));
    check(&["respond-async, wait=10"], 10, Some("wait=10"));
    check(&["handling=lenient", "Respond-Async"], 0, Some("respond-async"));
}

#[test]
fn ignores_what_it_does_not_understand() {
    for value in ["wait", "wait=", "wait=-1", "wait=soon", "return=minimal", ",,;="] {
        check(&[value], 2, None);
    }
    check(&["wait=1, wait=9"], 1, Some("wait=1"));
}
