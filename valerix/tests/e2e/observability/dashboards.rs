//! The provisioned dashboards as files: read strictly, so that what Grafana would silently leave out is an error here.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;

use serde_json::Value;

use super::dashboard_file::{Dashboard, GridPos, Panel};
use super::root;
use super::rules::promtool;

/// Grafana's names of units, as far as they are used. Another one is shown as plain text behind the number.
const UNITS: [&str; 7] = ["short", "none", "s", "ops", "reqps", "percentunit", "bytes"];
const COLUMNS: u32 = 24;
const TO_CONSOLE: &str = "${console}/console";

/// One query of one panel.
pub(crate) struct Query {
    /// Dashboard and panel, for people.
    pub(crate) panel: String,
    /// As Prometheus is asked, with the dashboard's interval filled in.
    pub(crate) expression: String,
    /// How a series is called.
    pub(crate) legend: String,
    /// Of its numbers.
    pub(crate) unit: String,
}

/// Every query of every panel, with `interval` for `$__rate_interval`.
pub(crate) fn queries(interval: &str) -> Vec<Query> {
    let mut queries = Vec::new();
    for dashboard in dashboards() {
        for panel in dashboard.panels.iter().filter(|panel| panel.kind != "row") {
            queries.extend(panel.targets.iter().map(|target| Query {
                panel: format!("{} / {}", dashboard.title, panel.title),
                expression: target.expr.replace("$__rate_interval", interval),
                legend: target.legend_format.clone(),
                unit: panel.unit().to_owned(),
            }));
        }
    }
    queries
}

/// Where dashboards and panels lead in the console, as paths.
pub(crate) fn console_paths() -> BTreeSet<String> {
    let all = dashboards();
    let of_panels = all.iter().flat_map(|dashboard| &dashboard.panels).flat_map(|p| &p.links);
    let links = all.iter().flat_map(|dashboard| &dashboard.links).chain(of_panels);
    let to_console = links.filter_map(|link| link.url.strip_prefix("${console}"));
    to_console.map(str::to_owned).collect()
}

fn dashboards() -> Vec<Dashboard> {
    let directory = root().join("deploy/grafana/dashboards");
    let entries = fs::read_dir(directory).expect("the dashboards are there");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let read = |path: std::path::PathBuf| {
        let text = fs::read_to_string(&path).expect("it can be read");
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    paths.map(read).collect()
}

#[test]
fn every_panel_is_whole_and_has_its_own_place() {
    let uids: BTreeSet<String> = dashboards().into_iter().map(|dashboard| dashboard.uid).collect();
    assert_eq!(uids.len(), 3, "{uids:?}");
    for Dashboard { title, panels, .. } in dashboards() {
        let ids: BTreeSet<u32> = panels.iter().map(|panel| panel.id).collect();
        assert_eq!(ids.len(), panels.len(), "{title}: an id is used twice");
        let titles = panels.iter().map(|panel| (panel.kind == "row", panel.title.as_str()));
        let titles: BTreeSet<(bool, &str)> = titles.collect();
        assert_eq!(titles.len(), panels.len(), "{title}: a title is used twice");
        for (number, panel) in panels.iter().enumerate() {
            let name = format!("{title} / {}", panel.title);
            check_panel(&name, panel);
            let place = &panel.grid_pos;
            assert!(place.w > 0 && place.h > 0 && place.x + place.w <= COLUMNS, "{name}");
            for other in &panels[number + 1..] {
                assert!(!overlap(place, &other.grid_pos), "{name} lies over {}", other.title);
            }
        }
    }
}

fn check_panel(name: &str, panel: &Panel) {
    if panel.kind == "row" {
        assert!(panel.targets.is_empty() && panel.collapsed == Some(false), "{name}");
        assert!(panel.panels.as_ref().is_some_and(Vec::is_empty), "{name}");
        return;
    }
    assert!(["stat", "timeseries", "state-timeline"].contains(&panel.kind.as_str()), "{name}");
    assert!(panel.collapsed.is_none() && panel.panels.is_none(), "{name} is no row");
    assert!(panel.description.as_ref().is_some_and(|text| text.ends_with('.')), "{name}");
    assert!(!panel.targets.is_empty(), "{name} asks nothing");
    let references: BTreeSet<&str> = panel.targets.iter().map(|t| t.ref_id.as_str()).collect();
    assert_eq!(references.len(), panel.targets.len(), "{name}: a refId is used twice");
    let sources = panel.targets.iter().map(|target| &target.datasource);
    for source in sources.chain(&panel.datasource) {
        assert_eq!((source.kind.as_str(), source.uid.as_str()), ("prometheus", "prometheus"));
    }
    let defaults = &panel.field_config.as_ref().expect("what is shown").defaults;
    assert!(UNITS.contains(&defaults.unit.as_str()), "{name}: unit {}", defaults.unit);
    if let Some(thresholds) = &defaults.thresholds {
        let values: Vec<Option<f64>> = thresholds.steps.iter().map(|step| step.value).collect();
        assert!(values[0].is_none() && values.is_sorted_by(|a, b| a < b), "{name}: {values:?}");
    }
    let options: BTreeSet<&str> =
        panel.options.as_ref().expect("how it is shown").keys().map(String::as_str).collect();
    let known: &[&str] = match panel.kind.as_str() {
        "stat" => &["colorMode", "graphMode", "reduceOptions", "textMode"],
        "timeseries" => &["legend", "tooltip"],
        _ => &["mergeValues", "showValue"],
    };
    assert_eq!(options, known.iter().copied().collect(), "{name}");
}

fn overlap(one: &GridPos, other: &GridPos) -> bool {
    one.x < other.x + other.w
        && other.x < one.x + one.w
        && one.y < other.y + other.h
        && other.y < one.y + one.h
}

#[test]
fn every_panel_asks_the_source_that_is_provisioned_and_without_unknown_variables() {
    let source = root().join("deploy/grafana/provisioning/datasources/prometheus.yml");
    let source = fs::read_to_string(source).expect("it can be read");
    assert!(source.contains("uid: prometheus\n"), "{source}");
    let queries = queries("1m");
    assert!(queries.len() > 80, "only {} queries were found", queries.len());
    for Query { panel, expression, legend, .. } in &queries {
        assert!(!expression.contains('$'), "{panel}: {expression}");
        for label in legend.split("{{").skip(1).filter_map(|rest| rest.split("}}").next()) {
            let is_kept = expression.contains(label) || !expression.contains(" by (");
            assert!(is_kept, "{panel}: {expression} has no {label} to show");
        }
    }
}

#[test]
fn promtool_understands_every_query() {
    let mut rules = "groups:\n  - name: panels\n    rules:\n".to_owned();
    for (number, query) in queries("1m").iter().enumerate() {
        let expression = Value::from(query.expression.as_str());
        let _ = writeln!(rules, "      - {{record: 'panel:{number}', expr: {expression}}}");
    }
    let file = tempfile::Builder::new().suffix(".yml").tempfile().expect("a file");
    fs::write(&file, rules).expect("it can be written");
    promtool(&["check", "rules"], &[file.path().to_owned()]);
}

#[test]
fn every_link_leads_to_the_console_or_to_another_board() {
    let uids: BTreeSet<String> = dashboards().into_iter().map(|dashboard| dashboard.uid).collect();
    for Dashboard { title, links, panels, templating, .. } in dashboards() {
        let variables: Vec<&str> = templating.list.iter().map(|v| v.name.as_str()).collect();
        assert_eq!(variables, ["console"], "{title}: where the console is, is a variable");
        let of_panels = panels.iter().flat_map(|panel| &panel.links);
        for link in links.iter().chain(of_panels) {
            let board = link.url.strip_prefix("/d/");
            let is_known = board.is_some_and(|uid| uids.contains(uid));
            assert!(is_known || link.url.starts_with(TO_CONSOLE), "{title}: {}", link.url);
        }
    }
    let views: Vec<String> =
        console_paths().into_iter().filter(|path| path.contains("?view=")).collect();
    assert!(views.len() >= 4, "the system views are not linked: {views:?}");
}
