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

fn order(number: i64, isolated: bool) -> OverrideVersion {
    OverrideVersion { number, isolated }
}

#[test]
fn each_order_is_carried_out_once() {
    let mut orders = overrides();
    assert_eq!(orders.apply(None), Applied::Nothing);
    assert_eq!(orders.apply(Some(order(1, true))), Applied::Isolated);
    assert_eq!(orders.gate.snapshot().breaker.state, BreakerState::Isolated);
    orders.gate.close();
    assert_eq!(
        orders.apply(Some(order(1, true))),
        Applied::Nothing,
        "somebody has closed this relay's own"
    );
    assert_eq!(orders.apply(Some(order(3, false))), Applied::Closed);
    assert_eq!(orders.gate.snapshot().breaker.state, BreakerState::Closed);
}

#[test]
fn a_relay_that_starts_is_isolated_and_never_closed_by_an_old_order() {
    let mut late = overrides();
    assert_eq!(late.apply(Some(order(7, true))), Applied::Isolated);
    let mut later = overrides();
    assert_eq!(later.apply(Some(order(8, false))), Applied::Nothing);
    assert_eq!(later.apply(Some(order(9, false))), Applied::Closed);
}
