use super::*;
use crate::settings::Origin;

fn asked(line: &[&str]) -> Result<Asked, clap::Error> {
    parse(line.iter().map(OsString::from).collect())
}

#[test]
fn the_command_line_is_consistent() {
    named_by_variable(Cli::command()).debug_assert();
}

#[test]
fn a_complaint_about_a_value_names_its_variable() {
    for line in [["up", "--order-api-listen", "localhost:1"], ["relay", "--drain-ms", "soon"]] {
        let text = asked(&[&["valerix"], &line[..]].concat()).unwrap_err().to_string();
        assert!(text.contains("ORDER_API_LISTEN") || text.contains("RELAY_DRAIN_MS"), "{text}");
    }
}

#[test]
fn nothing_said_means_up_also_with_options_of_it() {
    assert!(matches!(asked(&["valerix"]).unwrap().command, Command::Up(_)));
    assert!(matches!(asked(&["valerix", "--log-format", "json"]).unwrap().command, Command::Up(_)));
    let line = ["valerix", "--order-api-listen", "127.0.0.1:4001"];
    let Command::Up(up) = asked(&line).unwrap().command else { panic!("not up") };
    assert_eq!(up.order_api.listen, "127.0.0.1:4001".parse().unwrap());
    assert!(asked(&["valerix", "--no-such-option"]).is_err());
}

#[test]
fn every_service_can_be_asked_for_alone() {
    assert!(matches!(asked(&["valerix", "order-api"]).unwrap().command, Command::OrderApi(_)));
    let inventory = asked(&["valerix", "inventory-api"]).unwrap().command;
    assert!(matches!(inventory, Command::InventoryApi(_)));
    assert!(matches!(asked(&["valerix", "relay"]).unwrap().command, Command::Relay(_)));
    assert!(matches!(asked(&["valerix", "postgres"]).unwrap().command, Command::Postgres(_)));
    assert!(matches!(asked(&["valerix", "migrate"]).unwrap().command, Command::Migrate(_)));
    let check = asked(&["valerix", "config", "check"]).unwrap().command;
    assert!(matches!(check, Command::Config(Config::Check(_))));
}

#[test]
fn settings_show_everything_but_secrets() {
    let secret = "postgres://me:s3cret@host/orders";
    let line = ["valerix", "up", "--order-database-url", secret, "--relay-listen", "127.0.0.1:0"];
    let settings = asked(&line).unwrap().settings;
    let of = |name: &str| settings.iter().find(|s| s.name == name).expect(name).clone();
    assert_eq!(of("ORDER_DATABASE_URL").value, "postgres://me@host/orders");
    assert_eq!(of("RELAY_LISTEN").value, "127.0.0.1:0");
    assert_eq!(of("RELAY_LISTEN").from, Origin::CommandLine);
    assert_eq!(of("ORDER_API_WAIT_MS").from, Origin::Default);
    assert!(!format!("{settings:?}").contains("s3cret"));
}

#[test]
fn a_secret_that_is_not_even_a_url_is_not_shown() {
    let line = ["valerix", "migrate", "--order-database-url", "me:s3cret@host"];
    assert!(!format!("{:?}", asked(&line).unwrap().settings).contains("s3cret"));
}
