use clap::Parser;

use super::*;

#[derive(Parser)]
struct Given {
    #[command(flatten)]
    config: Config,
}

fn gremlin(arguments: &[&str]) -> Option<bool> {
    let given = Given::parse_from(std::iter::once(&"inventory-api").chain(arguments));
    given.config.with_gremlin_on_loopback().gremlin_enabled
}

#[test]
fn the_gremlin_is_allowed_on_loopback_alone_unless_the_settings_say_otherwise() {
    assert_eq!(gremlin(&[]), Some(true));
    assert_eq!(gremlin(&["--inventory-api-listen", "[::1]:3002"]), Some(true));
    assert_eq!(gremlin(&["--inventory-api-listen", "0.0.0.0:3002"]), Some(false));
    assert_eq!(gremlin(&["--gremlin-enabled", "false"]), Some(false));
    let open = ["--inventory-api-listen", "0.0.0.0:3002", "--gremlin-enabled", "true"];
    assert_eq!(gremlin(&open), Some(true));
}
