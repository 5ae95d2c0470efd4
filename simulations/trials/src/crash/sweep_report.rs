//! What a sweep came to: one verdict per cell, figures, and the checker's last word.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::path::PathBuf;
use std::time::Duration;

use comfy_table::Table;
use comfy_table::presets::UTF8_FULL_CONDENSED;
use serde::Serialize;
use serde_json::{Value, json};

const ACTIONS: [&str; 4] = ["kill", "error", "stall", "panic"];

/// One point, one action, one hit.
#[derive(Debug, Clone, Serialize)]
pub struct Cell {
    /// As it is armed: `relay.claim-sagas.within`.
    pub point: String,
    /// kill, error, stall, panic.
    pub action: &'static str,
    /// The hit that it struck at.
    pub hit: u32,
    /// Whether it was reached at all.
    pub struck: bool,
    /// Whether the process ended by it.
    pub died: bool,
    /// From the strike until nothing was left to do.
    pub rested_ms: Option<f64>,
    /// Orders placed meanwhile.
    pub orders: u64,
    /// Of these, answered with any 2xx.
    pub acknowledged: u64,
    /// Nothing, where the cell is clean.
    pub wrong: Vec<String>,
}

/// What a sweep came to.
#[derive(Debug, Clone)]
pub struct SweepReport {
    /// What repeats it.
    pub command_line: String,
    /// Every cell, in the order they were run.
    pub cells: Vec<Cell>,
    /// Everything at the end, against everything that clients were told.
    pub checked: checker::Report,
    pub took: Duration,
    /// Where everything is kept, where it is.
    pub kept: Option<PathBuf>,
}

impl SweepReport {
    #[cfg(feature = "failpoints")]
    pub(super) fn new(
        options: &super::options::Options,
        cells: Vec<Cell>,
        checked: checker::Report,
        took: Duration,
    ) -> Self {
        Self { command_line: options.command_line(), cells, checked, took, kept: None }
    }

    /// True when every cell was reached, and every invariant held in each.
    pub fn is_clean(&self) -> bool {
        self.checked.is_clean() && self.cells.iter().all(|cell| cell.wrong.is_empty())
    }

    /// The report as JSON.
    pub fn to_json(&self) -> Value {
        let figures: Vec<Value> = ACTIONS
            .into_iter()
            .map(|action| {
                let [p50, p99, max] = self.rested_ms(action);
                json!({"action": action, "rested_p50_ms": p50, "rested_p99_ms": p99, "rested_max_ms": max})
            })
            .collect();
        json!({
            "command_line": self.command_line,
            "clean": self.is_clean(),
            "cells_run": self.cells.len(),
            "cells_struck": self.cells.iter().filter(|cell| cell.struck).count(),
            "cells_clean": self.cells.iter().filter(|cell| cell.wrong.is_empty()).count(),
            "processes_died": self.cells.iter().filter(|cell| cell.died).count(),
            "placed": self.cells.iter().map(|cell| cell.orders).sum::<u64>(),
            "acknowledged": self.cells.iter().map(|cell| cell.acknowledged).sum::<u64>(),
            "took_s": self.took.as_secs_f64(),
            "by_action": figures,
            "cells": self.cells,
            "checker": self.checked.to_json(),
        })
    }

    /// Median, 99th percentile and longest time from a strike of this kind until everything was at rest.
    fn rested_ms(&self, action: &str) -> [Option<f64>; 3] {
        let of_action = self.cells.iter().filter(|cell| cell.action == action);
        let mut rested: Vec<f64> = of_action.filter_map(|cell| cell.rested_ms).collect();
        rested.sort_by(f64::total_cmp);
        let at = |share: f64| {
            let last = rested.len().checked_sub(1)?;
            Some(rested[((rested.len() as f64 * share) as usize).min(last)])
        };
        [at(0.5), at(0.99), at(1.0)]
    }

    /// One row per point, one text per action: its hits.
    fn rows(&self) -> BTreeMap<&str, [String; 4]> {
        let mut rows: BTreeMap<&str, [String; 4]> = BTreeMap::new();
        for cell in &self.cells {
            let row = rows.entry(&cell.point).or_default();
            let column = ACTIONS.iter().position(|action| *action == cell.action);
            let text = &mut row[column.expect("there are four actions")];
            if !text.is_empty() {
                text.push_str(" · ");
            }
            text.push_str(&cell.says());
        }
        rows
    }

    /// One self-contained page.
    pub(super) fn to_html(&self) -> String {
        let escape = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;");
        let mut rows = String::new();
        for (point, row) in self.rows() {
            let _ = write!(rows, "<tr><td>{point}</td>");
            for text in row {
                let class = if text.contains("WRONG") { "bad" } else { "ok" };
                let _ = write!(rows, "<td class=\"{class}\">{}</td>", escape(&text));
            }
            rows.push_str("</tr>");
        }
        format!(
            "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{title}</title><style>\
             body{{font:15px/1.5 system-ui,sans-serif;max-width:1040px;margin:2rem auto}}\
             td,th{{padding:.2rem .7rem;border-bottom:1px solid #ddd;text-align:left;font-size:13px}}\
             .ok{{color:#15803d}}.bad{{color:#b91c1c}}</style>\
             <h1>Every failpoint</h1><p><code>{title}</code></p><pre>{summary}</pre>\
             <table><tr><th>point</th><th>kill</th><th>error</th><th>stall</th><th>panic</th></tr>{rows}\
             </table><p>First and second hit; milliseconds from the strike until nothing was left to do. \
             † the process ended by it.</p><pre>{checked}</pre></html>",
            title = escape(&self.command_line),
            summary = escape(&self.summary()),
            checked = escape(&self.checked.to_string()),
        )
    }

    fn summary(&self) -> String {
        let struck = self.cells.iter().filter(|cell| cell.struck).count();
        let clean = self.cells.iter().filter(|cell| cell.wrong.is_empty()).count();
        let placed: u64 = self.cells.iter().map(|cell| cell.orders).sum();
        let acknowledged: u64 = self.cells.iter().map(|cell| cell.acknowledged).sum();
        let mut text = format!(
            "{} cells: {struck} struck, {clean} clean, {} ended a process; {placed} orders placed, \
             {acknowledged} acknowledged; {:.0} s\n",
            self.cells.len(),
            self.cells.iter().filter(|cell| cell.died).count(),
            self.took.as_secs_f64(),
        );
        for action in ACTIONS {
            if let [Some(p50), Some(p99), Some(max)] = self.rested_ms(action) {
                let _ = writeln!(
                    text,
                    "at rest after {action}: p50 {p50:.0} ms, p99 {p99:.0} ms, max {max:.0} ms"
                );
            }
        }
        for cell in self.cells.iter().filter(|cell| !cell.wrong.is_empty()) {
            let Cell { point, action, hit, wrong, .. } = cell;
            let _ = writeln!(text, "WRONG {point}={action}@{hit}: {}", wrong.join("; "));
        }
        text
    }
}

impl Cell {
    fn says(&self) -> String {
        let died = if self.died { "†" } else { "" };
        match (self.wrong.is_empty(), self.rested_ms) {
            (true, Some(ms)) => format!("{ms:.0}{died}"),
            _ => "WRONG".to_owned(),
        }
    }
}

impl fmt::Display for SweepReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.command_line)?;
        let mut table = Table::new();
        table.load_style(UTF8_FULL_CONDENSED);
        table.set_header([
            "point: hits, ms to rest (†: process ended)",
            "kill",
            "error",
            "stall",
            "panic",
        ]);
        for (point, row) in self.rows() {
            table.add_row([&[point.to_owned()][..], &row[..]].concat());
        }
        writeln!(f, "{table}")?;
        write!(f, "{}{}", self.summary(), self.checked)?;
        match &self.kept {
            Some(directory) => writeln!(f, "everything is kept in {}", directory.display()),
            None => Ok(()),
        }
    }
}
