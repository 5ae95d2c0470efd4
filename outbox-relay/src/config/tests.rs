use clap::Parser;

use super::*;

#[derive(Parser)]
struct Asked {
    #[command(flatten)]
    config: Config,
}

fn with(settings: &[&str]) -> Result<(), SettingsError> {
    Asked::parse_from(["relay"].iter().chain(settings)).config.check()
}

#[test]
fn a_heartbeat_that_is_slower_than_the_others_wait_is_refused() {
    assert_eq!(with(&[]), Ok(()));
    assert_eq!(with(&["--heartbeat-ms", "600", "--stale-ms", "1200"]), Ok(()));
    let refused = SettingsError::HeartbeatTooSlow { heartbeat_ms: 3_000, stale_ms: 1_200 };
    assert_eq!(with(&["--heartbeat-ms", "3000"]), Err(refused));
}
