//! The panels of the provisioned dashboards, and what they ask.

use std::fs;

use serde_json::Value;

use super::root;

/// One query of one panel.
pub(crate) struct Query {
    /// Dashboard and panel, for people.
    pub(crate) panel: String,
    /// As Prometheus is asked, with the dashboard's interval filled in.
    pub(crate) expression: String,
}

/// Every query of every panel, with `interval` for `$__rate_interval`.
pub(crate) fn queries(interval: &str) -> Vec<Query> {
    let directory = root().join("deploy/grafana/dashboards");
    let mut queries = Vec::new();
    for entry in fs::read_dir(directory).expect("the dashboards are there") {
        let text = fs::read_to_string(entry.expect("an entry").path()).expect("it can be read");
        let dashboard: Value = serde_json::from_str(&text).expect("a dashboard is JSON");
        for panel in list(&dashboard["panels"]).iter().filter(|panel| panel["type"] != "row") {
            let name = format!("{} / {}", text_of(&dashboard["title"]), text_of(&panel["title"]));
            let targets = list(&panel["targets"]);
            assert!(!targets.is_empty(), "{name} asks nothing");
            queries.extend(targets.iter().map(|target| Query {
                panel: name.clone(),
                expression: text_of(&target["expr"]).replace("$__rate_interval", interval),
            }));
        }
    }
    queries
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text_of(value: &Value) -> &str {
    value.as_str().expect("a text")
}

#[test]
fn every_panel_names_the_source_that_is_provisioned_and_asks_without_unknown_variables() {
    let source = root().join("deploy/grafana/provisioning/datasources/prometheus.yml");
    let source = fs::read_to_string(source).expect("it can be read");
    assert!(source.contains("uid: prometheus\n"), "{source}");
    let queries = queries("1m");
    assert!(queries.len() > 80, "only {} queries were found", queries.len());
    for Query { panel, expression } in queries {
        assert!(!expression.contains('$'), "{panel}: {expression}");
    }
    for entry in fs::read_dir(root().join("deploy/grafana/dashboards")).expect("they are there") {
        let path = entry.expect("an entry").path();
        let text = fs::read_to_string(&path).expect("it can be read");
        let uids = text.split("\"type\": \"prometheus\", \"uid\": \"").skip(1);
        for uid in uids {
            assert!(uid.starts_with("prometheus\""), "{}: another source", path.display());
        }
    }
}
