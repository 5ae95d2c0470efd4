use super::*;

#[test]
fn a_goal_is_met_on_its_own_side_only() {
    let speed = Goal::more("speed", Some(0.2), "×").wanted(1.0 / 6.0, 1.0 / 3.0);
    assert_eq!((speed.meets(speed.first), speed.meets(speed.aim)), (Some(true), Some(false)));
    let latency = Goal::less("p99", Some(20.0), "ms").wanted(30.0, 12.0);
    assert_eq!(
        (latency.meets(latency.first), latency.meets(latency.aim)),
        (Some(true), Some(false))
    );
    assert_eq!(Goal::less("p99", None, "ms").aimed(1.0).meets(Some(1.0)), None);
}
