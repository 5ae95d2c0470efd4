use super::*;

#[test]
fn tells_each_cause_once() {
    let cause = anyhow::anyhow!("connection refused");
    let error = cause.context("no Postgres answers: connection refused").context("cannot migrate");
    assert_eq!(describe(&error), "cannot migrate: no Postgres answers: connection refused");
}
