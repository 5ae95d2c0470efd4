use super::*;

#[test]
fn a_no_and_no_answer_end_differently() {
    let cause = || anyhow::anyhow!("no Postgres answers");
    assert_eq!((exit_code(&cause()), exit_code(&cause().context(Unanswered))), (1, 2));
}

#[test]
fn tells_each_cause_once() {
    let cause = anyhow::anyhow!("connection refused");
    let error = cause.context("no Postgres answers: connection refused").context("cannot migrate");
    assert_eq!(describe(&error), "cannot migrate: no Postgres answers: connection refused");
}
