use super::*;

fn window_of(samples_ms: &[(u64, u64)]) -> ResponseWindow {
    let window = ResponseWindow::default();
    for (second, took_ms) in samples_ms {
        window.record_at(100 + second, Duration::from_millis(*took_ms));
    }
    window
}

#[track_caller]
fn check(samples_ms: &[(u64, u64)], at: u64, status: Light, average_ms: Option<f64>) {
    let seen = window_of(samples_ms).snapshot_at(100 + at);
    assert_eq!((seen.status, seen.average_ms), (status, average_ms));
    assert_eq!(seen.buckets.len(), 30);
}

#[test]
fn is_green_while_nothing_was_asked() {
    check(&[], 0, Light::Green, None);
}

#[test]
fn changes_colour_with_the_average() {
    check(&[(0, 499)], 0, Light::Green, Some(499.0));
    check(&[(0, 400), (1, 600)], 1, Light::Yellow, Some(500.0));
    check(&[(0, 1000)], 0, Light::Yellow, Some(1000.0));
    check(&[(0, 1000), (29, 1002)], 29, Light::Red, Some(1001.0));
}

#[test]
fn forgets_after_thirty_seconds() {
    let hung_then_fine = [(0, 5000), (30, 10)];
    check(&hung_then_fine[..1], 29, Light::Red, Some(5000.0));
    check(&hung_then_fine, 30, Light::Green, Some(10.0));
    check(&hung_then_fine, 59, Light::Green, Some(10.0));
    check(&hung_then_fine, 60, Light::Green, None);
}

#[test]
fn shows_the_running_second_last() {
    let seen = window_of(&[(3, 10), (4, 20), (4, 40)]).snapshot_at(104);
    let last: Vec<_> = seen.buckets[28..].iter().map(|b| (b.seconds_ago, b.count)).collect();
    assert_eq!(last, [(1, 1), (0, 2)]);
    assert_eq!(seen.buckets[29].average_ms, Some(30.0));
}

#[test]
fn counts_a_request_when_it_ends() {
    let window = ResponseWindow::default();
    let timing = window.time();
    assert_eq!(window.snapshot().count, 0);
    drop(timing);
    assert_eq!(window.snapshot().count, 1);
}
