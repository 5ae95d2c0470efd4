use super::*;

fn headers(given: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in given {
        headers.insert(*name, value.parse().unwrap());
    }
    headers
}

#[track_caller]
fn check(expected: bool, method: &Method, given: &[(&'static str, &str)]) {
    assert_eq!(check_browser(method, &headers(given)).is_ok(), expected, "{method} {given:?}");
}

#[test]
fn a_page_from_elsewhere_cannot_act() {
    let own = ("origin", "http://localhost:3001");
    check(true, &Method::POST, &[]);
    check(true, &Method::POST, &[("host", "127.0.0.1:3001")]);
    check(true, &Method::POST, &[("host", "[::1]:3001")]);
    check(true, &Method::POST, &[("host", "localhost:3001"), own]);
    check(false, &Method::POST, &[("host", "localhost:3002"), own]);
    check(false, &Method::POST, &[("host", "localhost:3001"), ("origin", "null")]);
    check(false, &Method::POST, &[("host", "localhost:3001"), ("origin", "https://evil.example")]);
    check(false, &Method::POST, &[own]);
    check(true, &Method::GET, &[("host", "localhost:3001"), ("origin", "https://evil.example")]);
}

#[test]
fn another_name_for_this_machine_leads_nowhere() {
    for host in ["evil.example:3001", "10.0.0.1", "localhost.evil.example", "", "a b"] {
        check(false, &Method::GET, &[("host", host)]);
    }
}

#[test]
fn an_actor_has_a_bounded_name_of_plain_text() {
    let named = |name: &str| actor_of(&headers(&[("valerix-actor", name)])).ok();
    assert_eq!(actor_of(&HeaderMap::new()).ok(), Some(Actor("local".into())));
    assert_eq!(named(" Zoë "), Some(Actor("Zoë".into())));
    assert_eq!(named(&"x".repeat(100)), Some(Actor("x".repeat(100).into())));
    for bad in ["", "  ", &"x".repeat(101), "a\tb"] {
        assert_eq!(named(bad), None, "{bad:?}");
    }
}

#[test]
fn nobody_is_let_in_from_the_network() {
    let decide_by = |listen: &str, staff_routes: &str| {
        use clap::Parser;
        #[derive(Parser)]
        struct CommandLine {
            #[command(flatten)]
            config: Config,
        }
        let line = ["test", "--order-api-listen", listen, "--staff-routes", staff_routes];
        StaffAccess::decide(&CommandLine::parse_from(line).config)
    };
    let decide = |listen: &str| decide_by(listen, "on-loopback");
    assert_eq!(decide("127.0.0.1:0"), StaffAccess::ThisMachine);
    assert_eq!(decide("[::1]:3001"), StaffAccess::ThisMachine);
    assert_eq!(decide("0.0.0.0:3001"), StaffAccess::Closed);
    assert_eq!(decide("192.168.1.7:3001"), StaffAccess::Closed);
    let opened = decide_by("0.0.0.0:3001", "open-to-all-who-reach-the-port");
    assert_eq!(opened, StaffAccess::Open);
}
