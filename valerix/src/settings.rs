//! Every setting in effect, as one list that may be shown: secrets are left out.
//!
//! Read from the parser itself, so that a setting cannot be forgotten here.

use std::fmt;

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command};
use schema_pg::PoolConfig;

/// The settings of one command, in the order of its help.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settings(Vec<Setting>);

/// One setting that has an environment variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Setting {
    /// Its environment variable.
    pub(crate) name: String,
    /// As it may be shown; empty when it is not set.
    pub(crate) value: String,
    pub(crate) from: Origin,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    Unset,
    Default,
    Environment,
    CommandLine,
}

impl Settings {
    /// What `matches` has for the innermost subcommand that was asked for.
    pub(crate) fn of(known: &Command, matches: &ArgMatches) -> Settings {
        let (mut known, mut matches) = (known, matches);
        while let Some((name, below)) = matches.subcommand() {
            known = known.find_subcommand(name).expect("it was just parsed");
            matches = below;
        }
        Settings(known.get_arguments().filter_map(|arg| setting(arg, matches)).collect())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Setting> {
        self.0.iter()
    }

    /// Tells, once and in one line, what this process runs with.
    pub(crate) fn log(&self) {
        let set: Vec<String> = self
            .iter()
            .filter(|setting| setting.from != Origin::Unset)
            .map(|setting| format!("{}={}", setting.name, setting.value))
            .collect();
        tracing::info!("configuration: {}", set.join(" "));
    }
}

fn setting(arg: &Arg, matches: &ArgMatches) -> Option<Setting> {
    let name = arg.get_env()?.to_string_lossy().into_owned();
    let id = arg.get_id().as_str();
    let value = matches.get_raw(id).map(|mut values| values.next().unwrap_or_default());
    let value = value.map(|value| value.to_string_lossy().into_owned()).unwrap_or_default();
    let from = match matches.value_source(id) {
        Some(ValueSource::DefaultValue) => Origin::Default,
        Some(ValueSource::EnvVariable) => Origin::Environment,
        Some(_) => Origin::CommandLine,
        None => Origin::Unset,
    };
    Some(Setting { name, value: shown(arg, value), from })
}

/// Whatever looks like a URL may hold a password; what is marked as secret and is none is not shown at all.
fn shown(arg: &Arg, value: String) -> String {
    if value.contains("://") {
        PoolConfig::new(value, "settings").redacted_url()
    } else if arg.is_hide_env_values_set() && !value.is_empty() {
        "(not a URL)".to_owned()
    } else {
        value
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Origin::Unset => "not set",
            Origin::Default => "default",
            Origin::Environment => "environment",
            Origin::CommandLine => "command line",
        })
    }
}
