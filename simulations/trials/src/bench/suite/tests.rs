use super::*;

fn options() -> Options {
    use clap::{Args, FromArgMatches};
    let command = Options::augment_args(clap::Command::new("bench"));
    let matches = command.get_matches_from(["bench", "all", "--short", "--room", "/nowhere"]);
    Options::from_arg_matches(&matches).unwrap()
}

#[tokio::test]
async fn a_workload_that_cannot_be_measured_costs_no_other_its_place() {
    let mut told = Vec::new();
    let suite = run_all(options(), |workload, report| told.push((workload, report.is_ok()))).await;
    assert_eq!(told, Workload::EVERY.map(|workload| (workload, false)));
    assert!(!suite.is_correct());
    let text = suite.to_string();
    for workload in Workload::EVERY {
        assert!(text.contains(&workload.name()), "{text}");
    }
}

#[test]
fn the_table_tells_how_far_each_came() {
    let mut report = Report::new(&options());
    report.set_goal(Goal::more("share", Some(0.2), "×").wanted(1.0 / 6.0, 1.0 / 3.0));
    report.set_goal(Goal::less("p99", Some(99.0), "ms").wanted(30.0, 12.0));
    report.set_goal(Goal::less("first start", Some(1.0), "s").aimed(3.0));
    report.set_goal(Goal::less("backlog", None, "s").aimed(3.0));
    let reached: Vec<&str> = report.goals.iter().map(Goal::reached).collect();
    assert_eq!(reached, ["first landing", "no", "aim", "not measured"]);
    let (workload, took) = (Workload::W4, Duration::from_secs(7));
    let suite = Suite { measured: vec![Measured { workload, took, report: Ok(report) }] };
    assert!(suite.is_correct());
    assert!(suite.to_string().contains("first landing"));
    assert_eq!(suite.to_json()["workloads"][0]["workload"], "w4");
}
