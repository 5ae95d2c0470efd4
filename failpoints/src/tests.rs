use super::armed::{STRUCK, is_readable};
use super::{Moment, Site, points};

#[test]
fn every_point_has_a_name_of_its_own_and_can_be_armed() {
    let mut names: Vec<String> = points().map(super::Point::name).collect();
    let count = names.len();
    for name in &names {
        for action in ["kill", "error@2", "stall@1", "panic@1000"] {
            is_readable(&format!("{name}={action}")).unwrap();
        }
    }
    names.sort();
    names.dedup();
    assert_eq!(names.len(), count);
    is_readable("relay.claim-sagas.within=kill@2;relay.call-release.after=error").unwrap();
}

#[test]
fn what_cannot_be_meant_is_refused() {
    for (setting, why) in [
        ("", "no ="),
        ("relay.claim-sagas.within", "no ="),
        ("relay.claim=kill", "no such point"),
        ("relay.call-release.within=kill", "no such point"),
        ("relay.claim-sagas.within=explode", "kill, error, stall or panic"),
        ("relay.claim-sagas.within=kill@0", "1 to 1000"),
        ("relay.claim-sagas.within=kill@two", "1 to 1000"),
        ("relay.claim-sagas.within=kill;", "no ="),
    ] {
        let told = is_readable(setting).unwrap_err().to_string();
        assert!(told.contains(why), "{setting:?}: {told}");
    }
}

#[cfg(not(feature = "armed"))]
#[test]
fn a_build_without_them_refuses_to_be_told_of_any() {
    let told = super::arm(Some("relay.claim-sagas.within=kill")).unwrap_err().to_string();
    assert!(told.contains("without failpoints"), "{told}");
    super::arm(None).unwrap();
}

#[tokio::test]
async fn a_point_that_is_not_armed_lets_pass() {
    super::strike(Site::ClaimSagas, Moment::Within).await.unwrap();
}

/// The positive control of `valerix/tests/failpoints.rs`: what it does not find in a build without
/// failpoints is found here, where they are compiled.
#[test]
fn their_names_can_be_seen_in_a_binary_that_has_them() {
    let binary = std::fs::read(std::env::current_exe().unwrap()).unwrap();
    let holds = |text: &str| binary.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(holds(STRUCK));
    for name in ["relay.claim-sagas", "order-api.insert-orders", "inventory-api.apply-commands"] {
        assert!(holds(name), "{name}");
    }
}
