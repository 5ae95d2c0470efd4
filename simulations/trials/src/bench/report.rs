//! What a benchmark comes to: figures, goals, costs and the checker's verdict, for people and as JSON.

pub(super) mod tables;

use std::fmt;
use std::path::PathBuf;

use schema_pg::lab::StatementCost;
use serde::Serialize;
use serde_json::{Value, json};

use super::options::Options;
use super::row::Row;
use super::workload::Workload;

/// What a benchmark comes to.
#[derive(Debug, Clone)]
pub struct Report {
    pub workload: Workload,
    /// A run for its shape alone: no figure of it means anything.
    pub short: bool,
    /// Every load that was measured.
    pub rows: Vec<Row>,
    /// What was wanted, and what came.
    pub goals: Vec<Goal>,
    /// What else a reader must know.
    pub notes: Vec<String>,
    /// What the server spent its time on, where it was counted.
    pub statements: Vec<StatementCost>,
    /// The invariants, where there were orders.
    pub checked: Option<checker::Report>,
    /// Where everything is kept, where it is.
    pub kept: Option<PathBuf>,
}

/// A figure with what is wanted of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Goal {
    pub what: String,
    pub measured: Option<f64>,
    /// Of the figures.
    pub unit: &'static str,
    /// More is better.
    pub more: bool,
    /// Wanted first.
    pub first: Option<f64>,
    /// Wanted in the end.
    pub aim: Option<f64>,
}

impl Goal {
    pub(super) fn more(what: &str, measured: Option<f64>, unit: &'static str) -> Self {
        Self { what: what.to_owned(), measured, unit, more: true, first: None, aim: None }
    }

    pub(super) fn less(what: &str, measured: Option<f64>, unit: &'static str) -> Self {
        Self { more: false, ..Self::more(what, measured, unit) }
    }

    pub(super) fn wanted(self, first: f64, aim: f64) -> Self {
        Self { first: Some(first), aim: Some(aim), ..self }
    }

    pub(super) fn aimed(self, aim: f64) -> Self {
        Self { aim: Some(aim), ..self }
    }

    /// Whether a bound is kept, where there is one.
    pub fn meets(&self, bound: Option<f64>) -> Option<bool> {
        let (measured, bound) = (self.measured?, bound?);
        Some(if self.more { measured >= bound } else { measured <= bound })
    }

    /// How far it came, in a word; empty where nothing is wanted.
    pub fn reached(&self) -> &'static str {
        match (self.meets(self.first), self.meets(self.aim)) {
            (_, Some(true)) => "aim",
            (Some(true), _) => "first landing",
            (Some(false), _) | (_, Some(false)) => "no",
            (None, None) if self.first.or(self.aim).is_some() => "not measured",
            (None, None) => "",
        }
    }
}

impl Report {
    pub(super) fn new(options: &Options) -> Self {
        Self {
            workload: options.workload,
            short: options.short,
            rows: Vec::new(),
            goals: Vec::new(),
            notes: Vec::new(),
            statements: Vec::new(),
            checked: None,
            kept: None,
        }
    }

    pub(super) fn labelled<'a>(&'a self, label: &'a str) -> impl Iterator<Item = &'a Row> {
        self.rows.iter().filter(move |row| row.label == label)
    }

    /// The last word on a goal is the one of the last round.
    pub(super) fn set_goal(&mut self, goal: Goal) {
        match self.goals.iter_mut().find(|earlier| earlier.what == goal.what) {
            Some(earlier) => *earlier = goal,
            None => self.goals.push(goal),
        }
    }

    /// Orders per second of these rows as a share of W1's. Both by the limit around them, where it was
    /// measured: the machine may have been slower meanwhile.
    pub(super) fn compared_to_w1(&self, label: &str) -> Option<f64> {
        let speed = |row: &Row| Some(row.ratio_b100.unwrap_or(row.orders_per_s));
        Some(median(self.labelled(label), speed)? / median(self.labelled("w1"), speed)?)
    }

    /// False when an invariant is broken.
    pub fn is_correct(&self) -> bool {
        self.checked.as_ref().is_none_or(checker::Report::is_clean)
    }

    /// The report as JSON. The best row's figures stand at the top too.
    pub fn to_json(&self) -> Value {
        let best = self.rows.iter().max_by(|a, b| a.orders_per_s.total_cmp(&b.orders_per_s));
        let statements: Vec<Value> = self.statements.iter().map(statement_json).collect();
        json!({
            "workload": self.workload,
            "short": self.short,
            "orders_per_s": best.map(|row| row.orders_per_s),
            "ratio_one": best.and_then(|row| row.ratio_one),
            "ratio_b100": best.and_then(|row| row.ratio_b100),
            "p50_ms": best.map(|row| row.p50_ms),
            "p99_ms": best.map(|row| row.p99_ms),
            "correct": self.is_correct(),
            "goals": self.goals,
            "notes": self.notes,
            "rows": self.rows,
            "statements": statements,
            "checker": self.checked.as_ref().map(checker::Report::to_json),
        })
    }
}

fn statement_json(cost: &StatementCost) -> Value {
    json!({
        "database": cost.database,
        "statement": cost.statement,
        "calls": cost.calls,
        "total_ms": cost.total_ms,
        "planning_ms": cost.planning_ms,
        "rows": cost.rows,
        "wal_bytes": cost.wal_bytes,
    })
}

/// The middle of what there is; of an even number, the mean of the two in the middle.
pub(super) fn median<'a>(
    rows: impl Iterator<Item = &'a Row>,
    figure: impl Fn(&Row) -> Option<f64>,
) -> Option<f64> {
    let mut figures: Vec<f64> = rows.filter_map(figure).collect();
    figures.sort_by(f64::total_cmp);
    let above = *figures.get(figures.len() / 2)?;
    let below = figures[(figures.len() - 1) / 2];
    Some(f64::midpoint(below, above))
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.workload.title())?;
        if self.short {
            writeln!(f, "A short run shows that it works, not how fast it is.")?;
        }
        if !self.rows.is_empty() {
            writeln!(f, "{}", tables::speed(&self.rows))?;
            if self.rows.iter().any(|row| row.limit.is_some()) {
                writeln!(f, "{}", tables::limit(&self.rows))?;
            }
            writeln!(f, "{}", tables::cost(&self.rows))?;
            writeln!(f, "{}", tables::process(&self.rows))?;
        }
        if !self.goals.is_empty() {
            writeln!(f, "{}", tables::goal(&self.goals))?;
        }
        for cost in &self.statements {
            let StatementCost { database, statement, calls, total_ms, planning_ms, rows, .. } =
                cost;
            let text: String = statement.chars().take(90).collect();
            writeln!(
                f,
                "{total_ms:>8.0} ms and {planning_ms:>5.0} ms of planning {calls:>8} calls {rows:>9} rows  {database:<9} {text}"
            )?;
        }
        for note in &self.notes {
            writeln!(f, "{note}")?;
        }
        if let Some(checked) = &self.checked {
            write!(f, "{checked}")?;
        }
        match &self.kept {
            Some(directory) => writeln!(f, "everything is kept in {}", directory.display()),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
