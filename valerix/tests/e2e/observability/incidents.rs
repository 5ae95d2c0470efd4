//! The incidents of docs/OPERATIONS.md: which panels tell them, and a picture of each where one is wanted.
//!
//! `VALERIX_INCIDENTS=docs/incidents` makes the proof draw what it has just played, and play the one that it else leaves
//! out.

use std::env;
use std::fs;
use std::time::Duration;

use tokio::time::sleep;

use super::dashboards::queries;
use super::live::Prometheus;
use super::picture::{Chart, Line, draw};
use super::root;

const DIRECTORY: &str = "VALERIX_INCIDENTS";
/// Shown before anything happens, in seconds.
const BEFORE_S: f64 = 10.0;
/// Shown after everything has ended: alerts and rates are late.
const AFTER: Duration = Duration::from_secs(8);
/// What has ended is out of the next picture by then.
const QUIET: Duration = Duration::from_secs(12);

pub(super) struct Incident {
    file: &'static str,
    title: &'static str,
    panels: &'static [&'static str],
}

pub(super) const SLOW_INVENTORY: Incident = Incident {
    file: "1-slow-inventory.svg",
    title: "Inventory is slow, and quick again",
    panels: &[
        "Services and database / Average of order requests",
        "Services and database / Order requests",
        "Dependencies / Inventory call time",
        "Dependencies / Breaker by relay",
    ],
};
pub(super) const DEAD_INVENTORY: Incident = Incident {
    file: "2-dead-inventory.svg",
    title: "Inventory dies, and comes back",
    panels: &[
        QUEUED,
        BREAKER,
        "Services and database / Order requests",
        "Services and database / Average of order requests",
        "Sagas / In doubt, by state",
        DRAIN,
    ],
};
pub(super) const DEAD_RELAY: Incident = Incident {
    file: "3-dead-relay.svg",
    title: "One of two relays dies",
    panels: &[
        "Sagas / Relays",
        "Sagas / Take-overs",
        "Sagas / Take-over and recovery",
        "Services and database / Order requests",
    ],
};
pub(super) const NO_RELAY: Incident = Incident {
    file: "4-no-relay.svg",
    title: "The last relay dies, and two are started",
    panels: &[
        "Sagas / Relays",
        "Sagas / Sagas by state",
        "Services and database / Order requests",
        "Sagas / Orders taken and ended",
    ],
};
pub(super) const DEAD_POSTGRES: Incident = Incident {
    file: "5-dead-postgres.svg",
    title: "Postgres stops, and is started again",
    panels: &[
        "Services and database / Databases",
        "Services and database / Order requests",
        "Sagas / Orders taken and ended",
        "Services and database / Connections",
    ],
};

const QUEUED: &str = "Sagas / Queued, by reason";
const BREAKER: &str = "Dependencies / Breaker by relay";
const DRAIN: &str = "Dependencies / Drain";

/// Whether pictures are wanted.
pub(super) fn are_drawn() -> bool {
    env::var_os(DIRECTORY).is_some()
}

/// Where pictures are wanted, each begins with nothing.
pub(super) async fn quiet() {
    if are_drawn() {
        sleep(QUIET).await;
    }
}

/// Draws what has happened since then, by Prometheus' clock. `names` are what addresses are called.
pub(super) async fn picture(
    prometheus: &Prometheus,
    incident: &Incident,
    since: f64,
    names: &[(String, String)],
) {
    let Some(directory) = env::var_os(DIRECTORY) else { return };
    sleep(AFTER).await;
    let (from, to) = (since - BEFORE_S, prometheus.now().await);
    let mut charts = Vec::new();
    for panel in incident.panels {
        let mut lines = Vec::new();
        let mut unit = String::new();
        for query in queries("10s").into_iter().filter(|query| query.panel == *panel) {
            lines.extend(prometheus.lines(&query.expression, &query.legend, from, to).await);
            unit = query.unit;
        }
        assert!(!lines.is_empty(), "{panel} shows nothing");
        for line in &mut lines {
            for (address, name) in names {
                line.name = line.name.replace(address, name);
            }
        }
        charts.push(Chart { title: (*panel).to_owned(), unit, lines });
    }
    let alerts = r#"max by (alertname, job) (ALERTS{alertstate="firing"})"#;
    let mut alerts = prometheus.lines(alerts, "{{alertname}} {{job}}", from, to).await;
    alerts.retain(|alert| !alert.points.is_empty());
    let directory = root().join(directory);
    fs::create_dir_all(&directory).expect("the directory can be made");
    let drawn = draw(incident.title, &charts, &alerts, to - from);
    fs::write(directory.join(incident.file), drawn).expect("it can be written");
}

/// What the boards' own queries show of an outage of inventory since then: nothing queued, more and more, while the
/// breaker is open; then it closes, and nothing is queued any more.
pub(super) async fn assert_outage_is_told(prometheus: &Prometheus, since: f64) {
    let to = prometheus.now().await;
    let queued = total_by_second(prometheus, QUEUED, since - BEFORE_S, to).await;
    let breaker = total_by_second(prometheus, BREAKER, since - BEFORE_S, to).await;
    let drain = total_by_second(prometheus, DRAIN, since - BEFORE_S, to).await;
    let first_where = |line: &[(f64, f64)], is_so: &dyn Fn(&(f64, f64)) -> bool| {
        line.iter().find(|point| is_so(point)).map(|(time, _)| *time)
    };
    let peak = queued.iter().copied().fold((0.0, 0.0), |a, b| if b.1 > a.1 { b } else { a });
    let opened = first_where(&breaker, &|point| point.1 > 0.0).expect("the breaker opens");
    let closed = first_where(&breaker, &|point| point.0 > peak.0 && point.1 == 0.0);
    let closed = closed.expect("it closes after the peak");
    let rises = first_where(&queued, &|point| point.1 > peak.1 / 2.0).expect("it rises");
    let ends = first_where(&queued, &|point| point.0 > peak.0 && point.1 == 0.0);
    let ends = ends.expect("nothing is queued in the end");
    let drained = drain.iter().map(|(_, seconds)| *seconds).fold(0.0, f64::max);
    eprintln!(
        "since it was killed: breaker open after {opened:.0} s, {} queued at most, after {:.0} s; breaker closed \
         after {closed:.0} s, longest drain estimate {drained:.1} s, nothing queued after {ends:.0} s",
        peak.1, peak.0
    );
    assert!(queued[0].1 == 0.0 && breaker[0].1 == 0.0, "it begins with nothing: {queued:?}");
    assert!(peak.1 > 20.0, "{queued:?}");
    assert!(opened <= rises && rises <= peak.0, "the breaker opens, then they queue up");
    assert!(peak.0 < closed && peak.0 < ends, "and then they drain");
}

/// All lines of a panel together, by seconds since it happened.
async fn total_by_second(
    prometheus: &Prometheus,
    panel: &str,
    from: f64,
    to: f64,
) -> Vec<(f64, f64)> {
    let query = queries("10s").into_iter().find(|query| query.panel == panel);
    let query = query.unwrap_or_else(|| panic!("there is no panel {panel}"));
    let lines: Vec<Line> = prometheus.lines(&query.expression, "", from, to).await;
    let mut totals: Vec<(f64, f64)> = Vec::new();
    for (time, value) in lines.into_iter().flat_map(|line| line.points) {
        let time = time - BEFORE_S;
        match totals.iter_mut().find(|(known, _)| (*known - time).abs() < 0.5) {
            Some((_, total)) => *total += value,
            None => totals.push((time, value)),
        }
    }
    totals.sort_by(|a, b| a.0.total_cmp(&b.0));
    assert!(!totals.is_empty(), "{panel} shows nothing");
    totals
}
