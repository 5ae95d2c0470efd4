use super::*;

fn sampler(name: &str, argument: Option<&str>) -> Sampler {
    Sampler::of(Some(name), argument).unwrap()
}

#[test]
fn follows_the_caller_unless_it_is_told_not_to() {
    let default = Sampler::of(None, None).unwrap();
    for (sampler, caller, is_kept) in [
        (default, None, true),
        (default, Some(0), false),
        (default, Some(SAMPLED), true),
        (sampler("parentbased_always_off", None), None, false),
        (sampler("parentbased_always_off", None), Some(SAMPLED), true),
        (sampler("always_on", None), Some(0), true),
        (sampler("always_off", None), Some(SAMPLED), false),
    ] {
        assert_eq!(sampler.keeps(1, caller), is_kept, "{sampler:?} {caller:?}");
    }
}

#[test]
fn keeps_about_the_asked_share_of_traces() {
    let quarter = sampler("traceidratio", Some("0.25"));
    let kept = (0..10_000).filter(|_| quarter.keeps(rand::random(), None)).count();
    assert!((2_200..2_800).contains(&kept), "{kept}");
    assert!(sampler("traceidratio", Some("1")).keeps(u128::MAX, None));
    assert!(!sampler("traceidratio", Some("0")).keeps(0, None));
}

#[test]
fn refuses_what_it_does_not_know() {
    for (name, argument) in [("jaeger_remote", None), ("traceidratio", Some("2"))] {
        assert!(Sampler::of(Some(name), argument).is_none(), "{name}");
    }
}
