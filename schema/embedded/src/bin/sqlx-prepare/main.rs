//! Keeps `.sqlx/` fresh: `cargo run -p schema-embedded --bin sqlx-prepare [-- --check]`.
//!
//! Starts a throw-away server, creates both databases from the migrations, and lets the compiler describe
//! every query against them. The descriptions are written into each crate's `.sqlx/`, from which everybody
//! else builds without a database; `--check` only says whether they are what the queries need today.

mod offline;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Output};
use std::time::SystemTime;

use anyhow::{Context, Result, bail};
use schema_embedded::testing::TestServer;

/// A crate whose queries are checked, and the database that they are checked against.
struct Checked {
    package: &'static str,
    folder: &'static str,
    database: &'static str,
    url_variable: &'static str,
}

const CHECKED: [Checked; 2] = [
    Checked {
        package: "schema-orders",
        folder: "schema/orders",
        database: "orders",
        url_variable: "ORDER_DATABASE_URL",
    },
    Checked {
        package: "schema-inventory",
        folder: "schema/inventory",
        database: "inventory",
        url_variable: "INVENTORY_DATABASE_URL",
    },
];

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sqlx-prepare: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let check_only = match std::env::args().nth(1).as_deref() {
        None => false,
        Some("--check") => true,
        Some(other) => bail!("unknown argument {other}: only --check is known"),
    };
    let root = workspace()?;
    let server = TestServer::start()?;
    let mut outdated = Vec::new();
    for checked in &CHECKED {
        migrate(&server, &root, checked)?;
        let described = describe(&server, &root, checked)?;
        let kept = root.join(checked.folder).join(".sqlx");
        let differences = offline::compare(&kept, described.path())?;
        if check_only {
            outdated.extend(differences);
        } else {
            offline::replace(&kept, described.path())?;
            eprintln!(
                "{}: {} queries, {} changed",
                checked.folder,
                offline::count(&kept)?,
                differences.len()
            );
        }
    }
    if outdated.is_empty() {
        return Ok(());
    }
    bail!(
        "the offline data are out of date, run `cargo run -p schema-embedded --bin sqlx-prepare`:\n  {}",
        outdated.join("\n  ")
    )
}

fn workspace() -> Result<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).map(Path::to_owned).context("this crate lies two folders deep")
}

fn migrate(server: &TestServer, root: &Path, checked: &Checked) -> Result<()> {
    let create = format!("create database {}", checked.database);
    psql(server, "postgres", &["--command", &create])?;
    let folder = root.join(checked.folder).join("migrations");
    let mut files: Vec<PathBuf> = fs::read_dir(&folder)
        .with_context(|| format!("no migrations in {}", folder.display()))?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "sql"));
    files.sort();
    for file in files {
        psql(server, checked.database, &["--file", &file.to_string_lossy()])?;
    }
    Ok(())
}

fn psql(server: &TestServer, database: &str, what: &[&str]) -> Result<()> {
    let beside = server.bin_dir().join("psql");
    let psql = if beside.is_file() { beside } else { PathBuf::from("psql") };
    let mut command = Command::new(&psql);
    command.args(["--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1"]).args(what);
    command.arg(server.url(database));
    let output = command.output().with_context(|| {
        format!("{} does not start: install PostgreSQL's client programs", psql.display())
    })?;
    succeed(&output, &format!("psql {}", what.join(" ")))
}

/// The macros describe a query to `SQLX_OFFLINE_DIR` whenever they are compiled against a live database.
fn describe(server: &TestServer, root: &Path, checked: &Checked) -> Result<tempfile::TempDir> {
    let described = tempfile::tempdir()?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    // Cargo does not know that the answer depends on the database: make it compile again.
    let source = root.join(checked.folder).join("src/lib.rs");
    fs::File::options().append(true).open(&source)?.set_modified(SystemTime::now())?;
    let output = Command::new(cargo)
        .args(["check", "--quiet", "--features", "lab", "--package", checked.package])
        .current_dir(root)
        .env_remove("SQLX_OFFLINE")
        .env("SQLX_OFFLINE_DIR", described.path())
        .env(checked.url_variable, server.url(checked.database))
        .output()
        .context("cargo does not start")?;
    succeed(&output, &format!("cargo check --package {}", checked.package))?;
    Ok(described)
}

fn succeed(output: &Output, what: &str) -> Result<()> {
    if output.status.success() {
        return Ok(());
    }
    bail!("{what} failed:\n{}", String::from_utf8_lossy(&output.stderr).trim())
}
