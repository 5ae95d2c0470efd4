//! A report as far as it is understood here: what was broken, what was checked, and what repeats it.

use serde_json::Value;

use super::super::words::{self, Mark, grouped};

pub(super) struct Report {
    pub(super) name: String,
    pub(super) verdict: Mark,
    pub(super) command_line: String,
    pub(super) seed: String,
    pub(super) placed: String,
    pub(super) acknowledged: String,
    pub(super) lost: String,
    pub(super) doubled: String,
    pub(super) stuck: String,
    pub(super) rested: String,
    pub(super) faults: Vec<Fault>,
    pub(super) fault_count: usize,
    pub(super) checks: Vec<(String, String)>,
}

pub(super) struct Fault {
    pub(super) kind: String,
    pub(super) count: String,
    pub(super) median: String,
    pub(super) slowest: String,
}

impl Report {
    /// `None`: it is no report.
    pub(super) fn read(name: &str, bytes: &[u8]) -> Option<Report> {
        let json: Value = serde_json::from_slice(bytes).ok()?;
        let is_clean = json["clean"].as_bool()?;
        let command_line = json["command_line"].as_str().unwrap_or_default().to_owned();
        let number = |name: &str| json[name].as_i64().map_or_else(|| "–".to_owned(), grouped);
        let kinds = json["faults_by_kind"].as_array().map(Vec::as_slice).unwrap_or_default();
        Some(Report {
            name: name.to_owned(),
            verdict: if is_clean {
                words::good("every invariant holds")
            } else {
                words::bad("an invariant is broken")
            },
            seed: after(&command_line, "--seed").unwrap_or_else(|| "–".to_owned()),
            command_line,
            placed: number("placed"),
            acknowledged: number("acknowledged"),
            lost: number("lost"),
            doubled: number("doubled"),
            stuck: number("stuck"),
            rested: ms(&json["rested_ms"]),
            faults: kinds.iter().map(Fault::read).collect(),
            fault_count: json["faults"].as_array().map_or(0, Vec::len),
            checks: checks(&json["checker"]),
        })
    }
}

impl Fault {
    fn read(kind: &Value) -> Fault {
        let recovery = &kind["recovery"];
        Fault {
            kind: kind["kind"].as_str().unwrap_or("?").to_owned(),
            count: recovery["count"].as_i64().map_or_else(|| "–".to_owned(), grouped),
            median: ms(&recovery["p50_ms"]),
            slowest: ms(&recovery["max_ms"]),
        }
    }
}

/// The word after a flag of the command that repeats the run.
fn after(command_line: &str, flag: &str) -> Option<String> {
    let mut words = command_line.split_whitespace().skip_while(|word| *word != flag);
    words.nth(1).map(ToOwned::to_owned)
}

fn ms(value: &Value) -> String {
    value.as_f64().map_or_else(|| "–".to_owned(), |ms| format!("{ms:.0} ms"))
}

/// What the checker says of each invariant.
fn checks(checker: &Value) -> Vec<(String, String)> {
    let told = |check: &Value| {
        let title = check["title"].as_str()?.to_owned();
        let verdict = match (check["ok"].as_bool()?, check["checked"].as_bool()?) {
            (false, _) => format!("broken, {} times", check["faults"]),
            (true, true) => "holds".to_owned(),
            (true, false) => "holds, as far as it was checked".to_owned(),
        };
        Some((title, verdict))
    };
    checker["invariants"].as_array().into_iter().flatten().filter_map(told).collect()
}
