//! A running Prometheus, with the rules of deploy/ made impatient: one second where they wait for fifteen.
//!
//! Only how long a condition must last is shortened (`for:`), and how often it is looked at. Expressions, thresholds and
//! names are those that are deployed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use reqwest::{Client, Url};
use serde_json::Value;
use tempfile::TempDir;
use tokio::time::sleep;

use super::picture::Line;
use super::prometheus::program;
use super::root;
use crate::support::{Api, free_port};

const POLL: Duration = Duration::from_millis(250);
const START_MAX: Duration = Duration::from_secs(30);
/// So much shorter than deployed do conditions have to last.
pub(super) const IMPATIENCE: u32 = 15;

/// Killed when dropped.
pub(crate) struct Prometheus {
    child: Child,
    base: String,
    http: Client,
    _directory: TempDir,
}

impl Prometheus {
    /// Scrapes these services, each under its job, once a second; conditions have to last so much shorter than deployed.
    pub(crate) async fn start(jobs: &[(&str, Vec<&Api>)], impatience: u32) -> Prometheus {
        let directory = tempfile::tempdir().expect("a directory");
        write_configuration(directory.path(), jobs, impatience);
        let port = free_port();
        let log = fs::File::create(directory.path().join("log")).expect("it can be written");
        let child = Command::new(program("prometheus"))
            .current_dir(directory.path())
            .args(["--config.file=prometheus.yml", "--storage.tsdb.path=data"])
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("prometheus can be started");
        let http = Client::builder().no_proxy().build().expect("a client");
        let base = format!("http://127.0.0.1:{port}");
        let prometheus = Prometheus { child, base, http, _directory: directory };
        let until = Instant::now() + START_MAX;
        while prometheus.http.get(format!("{}/-/ready", prometheus.base)).send().await.is_err() {
            assert!(Instant::now() < until, "prometheus does not start");
            sleep(POLL).await;
        }
        prometheus
    }

    /// The values of an instant query.
    pub(crate) async fn ask(&self, expression: &str) -> Vec<f64> {
        let data = self.get("query", &[("query", expression)]).await;
        let series = data["result"].as_array().cloned().unwrap_or_default();
        series.iter().filter_map(|one| number(&one["value"][1])).collect()
    }

    /// Its clock, in seconds.
    pub(crate) async fn now(&self) -> f64 {
        self.ask("vector(time())").await[0]
    }

    /// What a query gave each second, by seconds since `from`; each line called as `legend` says.
    pub(super) async fn lines(&self, query: &str, legend: &str, from: f64, to: f64) -> Vec<Line> {
        let (start, end) = (from.to_string(), to.to_string());
        let parameters = [("query", query), ("start", &start), ("end", &end), ("step", "1")];
        let data = self.get("query_range", &parameters).await;
        let series = data["result"].as_array().cloned().unwrap_or_default();
        let line = |one: &Value| {
            let points = one["values"].as_array().into_iter().flatten();
            let point = |point: &Value| Some((point[0].as_f64()? - from, number(&point[1])?));
            Line {
                name: called(legend, &one["metric"]),
                points: points.filter_map(point).collect(),
            }
        };
        series.iter().map(line).collect()
    }

    /// How many numbers a query gives over the time since `seconds` ago. What is not a number does not count.
    pub(crate) async fn numbers_since(&self, expression: &str, seconds: u64) -> usize {
        let now = self.now().await;
        let (start, end) = ((now - seconds as f64).to_string(), now.to_string());
        let parameters = [("query", expression), ("start", &start), ("end", &end), ("step", "1")];
        let data = self.get("query_range", &parameters).await;
        let series = data["result"].as_array().cloned().unwrap_or_default();
        let points = series.iter().filter_map(|one| one["values"].as_array()).flatten();
        points.filter(|point| number(&point[1]).is_some()).count()
    }

    /// Alerts that fire now; `ServiceDown` with its job.
    pub(crate) async fn firing(&self) -> BTreeSet<String> {
        let data = self.get("alerts", &[]).await;
        let alerts = data["alerts"].as_array().cloned().unwrap_or_default();
        let firing = alerts.iter().filter(|alert| alert["state"] == "firing");
        firing.map(|alert| name(&alert["labels"])).collect()
    }

    /// Alerts that have fired within so many seconds.
    pub(crate) async fn fired_within(&self, seconds: u64) -> BTreeSet<String> {
        let expression = format!(r#"max_over_time(ALERTS{{alertstate="firing"}}[{seconds}s])"#);
        let data = self.get("query", &[("query", &expression)]).await;
        let series = data["result"].as_array().cloned().unwrap_or_default();
        series.iter().map(|one| name(&one["metric"])).collect()
    }

    /// Every rule and what is wrong with it.
    pub(crate) async fn rules(&self) -> BTreeMap<String, String> {
        let data = self.get("rules", &[]).await;
        let groups = data["groups"].as_array().cloned().unwrap_or_default();
        let rules = groups.iter().filter_map(|group| group["rules"].as_array()).flatten();
        let health = |rule: &Value| format!("{} {}", rule["health"], rule["lastError"]);
        rules.map(|rule| (rule["name"].to_string(), health(rule))).collect()
    }

    async fn get(&self, what: &str, parameters: &[(&str, &str)]) -> Value {
        let url = Url::parse_with_params(&format!("{}/api/v1/{what}", self.base), parameters);
        let answer = self.http.get(url.expect("a URL")).send().await.expect("prometheus answers");
        let mut answer: Value = answer.json().await.expect("JSON");
        assert_eq!(answer["status"], "success", "{parameters:?}: {answer}");
        answer["data"].take()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `{{state}}` is the label.
fn called(legend: &str, labels: &Value) -> String {
    let mut called = String::new();
    for part in legend.split("{{") {
        match part.split_once("}}") {
            Some((label, rest)) => {
                called.push_str(labels[label].as_str().unwrap_or_default());
                called.push_str(rest);
            }
            None => called.push_str(part),
        }
    }
    called
}

fn name(labels: &Value) -> String {
    let alert = labels["alertname"].as_str().unwrap_or_default();
    match labels["job"].as_str() {
        Some(job) => format!("{alert} {job}"),
        None => alert.to_owned(),
    }
}

fn number(value: &Value) -> Option<f64> {
    value.as_str()?.parse().ok().filter(|number: &f64| !number.is_nan())
}

fn write_configuration(directory: &Path, jobs: &[(&str, Vec<&Api>)], impatience: u32) {
    let mut text =
        "global:\n  scrape_interval: 1s\n  scrape_timeout: 1s\n  evaluation_interval: 1s\n\
                    rule_files: ['*.rules.yml']\nscrape_configs:\n"
            .to_owned();
    for (job, services) in jobs {
        let targets: Vec<String> = services.iter().map(|api| api.address.to_string()).collect();
        let _ = writeln!(
            text,
            "  - job_name: {job}\n    static_configs:\n      - targets: {targets:?}"
        );
    }
    fs::write(directory.join("prometheus.yml"), text).expect("it can be written");
    let rules = fs::read_dir(root().join("deploy/prometheus/rules")).expect("the rules are there");
    for entry in rules {
        let path = entry.expect("an entry").path();
        let name = path.file_stem().expect("a file").to_string_lossy().into_owned();
        let text = fs::read_to_string(&path).expect("it can be read");
        let lines: Vec<String> = text.lines().map(|line| impatient(line, impatience)).collect();
        let copy = directory.join(format!("{name}.rules.yml"));
        fs::write(copy, lines.join("\n")).expect("it can be written");
    }
}

/// Fifteen times as impatient, `for: 1m` becomes `for: 4s`.
fn impatient(line: &str, impatience: u32) -> String {
    let Some((indent, patience)) = line.split_once("for: ") else { return line.to_owned() };
    if !indent.trim().is_empty() {
        return line.to_owned();
    }
    let (count, unit) = patience.split_at(patience.len() - 1);
    let count: u32 = count.parse().expect("a whole number");
    let seconds = if unit == "m" { count * 60 } else { count };
    format!("{indent}for: {}s", seconds.div_ceil(impatience))
}
