//! The rules as files: right by promtool's judgment, and one runbook for each alert.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::prometheus::program;
use super::root;

#[test]
fn promtool_finds_configuration_and_rules_right() {
    let deploy = root().join("deploy/prometheus");
    promtool(&["check", "config"], &[deploy.join("prometheus.yml")]);
    promtool(&["check", "rules"], &files(&deploy.join("rules"), "yml"));
}

#[test]
fn every_alert_fires_when_it_should_and_only_then() {
    let tests = files(&root().join("deploy/prometheus/tests"), "yml");
    promtool(&["test", "rules"], &tests);
    let tested: String = tests.iter().map(|path| read(path)).collect();
    for alert in alerts() {
        let at = format!("alertname: {alert}\n        exp_alerts:");
        assert!(tested.contains(&format!("{at}\n")), "no test has {alert} fire");
        assert!(tested.contains(&format!("{at} []")), "no test has {alert} be silent");
    }
}

#[test]
fn every_alert_has_its_runbook_and_every_runbook_its_alert() {
    let directory = root().join("docs/runbooks");
    let index = read(&directory.join("README.md"));
    let mut pages = BTreeSet::new();
    for path in files(&directory, "md").iter().filter(|path| !path.ends_with("README.md")) {
        let text = read(path);
        let alert = text.lines().next().and_then(|line| line.strip_prefix("# "));
        let alert = alert.expect("a runbook begins with its alert").to_owned();
        let name = path.file_name().expect("it is a file").to_string_lossy().into_owned();
        assert_eq!(name, format!("{}.md", kebab(&alert)));
        assert!(index.contains(&format!("[{alert}]({name})")), "{name} is not in the index");
        for part in ["Meaning", "Impact", "Check", "Act", "Verify"] {
            assert!(text.contains(&format!("**{part}")), "{name} says nothing under {part}");
        }
        pages.insert(alert);
    }
    assert_eq!(alerts(), pages);
    for alert in alerts() {
        let link = format!("runbook: docs/runbooks/{}.md\n", kebab(&alert));
        assert!(rules().contains(&link), "{alert} does not name its runbook");
    }
}

#[test]
fn explanations_name_runbooks_that_exist() {
    let source = read(&root().join("saga/src/explain.rs"));
    let named = source.split('"').filter(|text| text.starts_with("runbooks/"));
    let named: BTreeSet<&str> = named.collect();
    assert!(!named.is_empty(), "explanations name no runbook any more");
    for page in named {
        assert!(root().join("docs").join(page).is_file(), "docs/{page} is not there");
    }
}

/// Every alert in the rules.
fn alerts() -> BTreeSet<String> {
    let rules = rules();
    let names = rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: "));
    names.map(str::to_owned).collect()
}

fn rules() -> String {
    files(&root().join("deploy/prometheus/rules"), "yml").iter().map(|path| read(path)).collect()
}

/// `HighLatency` is `high-latency`.
fn kebab(name: &str) -> String {
    let mut kebab = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !kebab.is_empty() {
            kebab.push('-');
        }
        kebab.extend(letter.to_lowercase());
    }
    kebab
}

pub(super) fn promtool(command: &[&str], files: &[PathBuf]) {
    assert!(!files.is_empty(), "there is nothing to look at");
    let ran = Command::new(program("promtool")).args(command).args(files).output();
    let ran = ran.expect("promtool can be started");
    let said = [ran.stdout, ran.stderr].concat();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&said));
}

fn files(directory: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).expect("the directory can be read");
    let paths = entries.map(|entry| entry.expect("its entries too").path());
    paths.filter(|path| path.extension().is_some_and(|found| found == extension)).collect()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
