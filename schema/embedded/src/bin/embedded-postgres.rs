//! An embedded Postgres in the foreground, for the development of what is above it:
//! `embedded-postgres DIRECTORY [DATABASE…]` prints one URL per database and runs until its input ends.

use std::io::{self, Read, Write};
use std::process::ExitCode;

use anyhow::Context;
use schema_embedded::{EmbeddedPostgres, Options};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> anyhow::Result<()> {
    let mut arguments = std::env::args_os().skip(1);
    let directory = arguments.next().context("usage: embedded-postgres DIRECTORY [DATABASE…]")?;
    let mut options = Options::new(directory);
    options.databases = arguments.map(|name| name.to_string_lossy().into_owned()).collect();
    let server = EmbeddedPostgres::start(&options)?;
    let mut out = io::stdout();
    for database in ["postgres".to_owned()].iter().chain(&options.databases) {
        writeln!(out, "{}", server.url(database))?;
    }
    out.flush()?;
    io::stdin().read_to_end(&mut Vec::new())?;
    server.stop();
    Ok(())
}
