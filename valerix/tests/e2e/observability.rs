//! Are the rules, the runbooks and the dashboards in deploy/ true?
//!
//! First as files: rules are checked and tested by promtool, every alert has its page. Then alive: a real Prometheus
//! scrapes a system under load while things break, and every panel and every rule is asked.

mod dashboard_file;
mod dashboards;
mod incidents;
mod live;
mod picture;
mod prometheus;
mod proof;
mod rules;

use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().expect("the workspace is above").to_path_buf()
}
