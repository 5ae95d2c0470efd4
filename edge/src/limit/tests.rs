use std::net::{IpAddr, Ipv4Addr};

use super::*;

const EXEMPT: &[&str] = &["/api/inventory/reservations"];

fn limit_of(per_second: u32, burst: u32) -> RateLimit {
    let at_least_one = |n| NonZeroU32::new(n).unwrap();
    RateLimit::new(LimitConfig {
        per_second: at_least_one(per_second),
        burst: at_least_one(burst),
        exempt_paths: EXEMPT,
    })
}

fn caller(last: u8) -> Caller {
    Caller::Anonymous(IpAddr::V4(Ipv4Addr::new(10, 0, 0, last)))
}

#[test]
fn gives_each_caller_a_bucket() {
    let limit = limit_of(1, 2);
    for last in [1, 2] {
        let verdicts: Vec<bool> =
            (0..3).map(|_| limit.check(&caller(last), "/api/orders").unwrap().is_ok()).collect();
        assert_eq!(verdicts, [true, true, false]);
    }
}

#[test]
fn does_not_apply_to_exempt_paths() {
    let limit = limit_of(1, 1);
    for _ in 0..10 {
        assert!(limit.check(&caller(1), "/api/inventory/reservations/r1").is_none());
        assert!(limit.check(&caller(1), "/metrics").is_none());
    }
}

#[test]
fn says_how_long_until_the_bucket_is_full() {
    let limit = limit_of(10, 100);
    let mut last = String::new();
    for _ in 0..50 {
        let headers = limit.check(&caller(1), "/").unwrap().unwrap();
        last = headers[0].1.to_str().unwrap().to_owned();
        assert_eq!(headers[1].1, "\"caller\";q=100;w=10");
    }
    assert_eq!(last, "\"caller\";r=50;t=5");
}

#[test]
fn forgets_callers_whose_bucket_is_full_again() {
    // a bucket that refills at once: nobody is worth remembering
    let limit = limit_of(1_000_000_000, 1);
    for n in 0..CHECKS_BETWEEN_FORGETTING {
        let address = Ipv4Addr::from(n);
        assert!(limit.check(&Caller::Anonymous(address.into()), "/").unwrap().is_ok());
    }
    assert!(limit.0.buckets.len() < 10, "{} callers remembered", limit.0.buckets.len());
}
