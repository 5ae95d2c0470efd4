use clap::Parser;
use relay_core::breaker::BreakerState;

use super::*;
use crate::Config;

#[derive(Parser)]
struct CommandLine {
    #[command(flatten)]
    config: Config,
}

fn overrides() -> BreakerOverrides {
    BreakerOverrides::new(Gate::new(&CommandLine::parse_from(["test"]).config.gate(), 1))
}

fn version(number: i64, isolated: bool) -> OverrideVersion {
    OverrideVersion { number, isolated }
}

#[test]
fn each_override_is_applied_once() {
    let mut applied = overrides();
    assert_eq!(applied.apply(None), Applied::Nothing);
    assert_eq!(applied.apply(Some(version(1, true))), Applied::Isolated);
    assert_eq!(applied.gate.snapshot().breaker.state, BreakerState::Isolated);
    applied.gate.close();
    assert_eq!(
        applied.apply(Some(version(1, true))),
        Applied::Nothing,
        "somebody has closed this relay's own"
    );
    assert_eq!(applied.apply(Some(version(3, false))), Applied::Closed);
    assert_eq!(applied.gate.snapshot().breaker.state, BreakerState::Closed);
}

#[test]
fn a_relay_that_starts_is_isolated_and_never_closed_by_an_old_override() {
    let mut late = overrides();
    assert_eq!(late.apply(Some(version(7, true))), Applied::Isolated);
    let mut later = overrides();
    assert_eq!(later.apply(Some(version(8, false))), Applied::Nothing);
    assert_eq!(later.apply(Some(version(9, false))), Applied::Closed);
}
