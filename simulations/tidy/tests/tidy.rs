//! The rules of the house that matter, kept by a test. What they protect stands in docs/ARCHITECTURE.md.

#[path = "tidy/circles.rs"]
mod circles;
#[path = "tidy/crates.rs"]
mod crates;
#[path = "tidy/imports.rs"]
mod imports;
#[path = "tidy/one_loop.rs"]
mod one_loop;
#[path = "tidy/prose.rs"]
mod prose;
#[path = "tidy/tokens.rs"]
mod tokens;

use std::fs;
use std::path::{Path, PathBuf};

use crates::{MAY_USE, TOP_LEVEL};
use imports::Crate;

/// Longer than this and a room is crowded.
const LINES_MAX: usize = 450;

#[test]
fn what_is_pure_does_no_io() {
    let allowed = ["chrono", "serde", "serde_json", "thiserror", "uuid"];
    let io = [
        "async fn",
        "std::env",
        "std::fs",
        "std::io",
        "std::net",
        "std::process",
        "std::thread",
        "Instant",
        "SystemTime",
        "Utc::now",
        "now_v7",
        "new_v4",
        "println!",
        "tracing::",
        "rand::",
    ];
    for (core, ours) in [("saga", None), ("relay-core", Some("saga"))] {
        for used in dependencies(&root().join(core).join("Cargo.toml")) {
            let is_fine = allowed.contains(&used.as_str()) || ours == Some(used.as_str());
            assert!(is_fine, "{core} must not use {used}");
        }
    }
    for pure in ["saga", "relay-core", "timeline"] {
        assert_absent(&format!("{pure}/src"), &io, |path| !is_test(path));
    }
}

#[test]
fn sql_stands_in_schema_only() {
    for folder in ["edge", "order-api", "inventory-api", "outbox-relay", "valerix"] {
        let is_product = |path: &Path| !path.to_string_lossy().contains("tests");
        assert_absent(
            &format!("{folder}/src"),
            &["sqlx::query", "query!(", "query_as!("],
            is_product,
        );
    }
}

/// A state is compared by its type, so that a further one makes the compiler ask (`saga::StateName`).
#[test]
fn no_state_is_compared_as_text() {
    let states = [
        "pending",
        "reserving",
        "queued",
        "confirmed",
        "releasing",
        "failed",
        "cancelled",
        "parked",
    ];
    let is_allowed = |path: &PathBuf| is_test(path) || path.ends_with("saga/src/state_name.rs");
    for source in sources().into_iter().filter(|path| !is_allowed(path)) {
        let text = read(&source);
        for state in states {
            for compared in [
                format!("== \"{state}\""),
                format!("!= \"{state}\""),
                format!("\"{state}\" =>"),
                format!("\"{state}\" |"),
                format!("| \"{state}\""),
                format!("[\"{state}\", \""),
            ] {
                assert!(!text.contains(&compared), "{}: {compared}", source.display());
            }
        }
    }
}

#[test]
fn transactions_are_opened_by_one_helper() {
    let is_other = |path: &Path| !path.ends_with("schema/pg/src/db.rs");
    for source in sources().into_iter().filter(|path| is_other(path) && !is_test(path)) {
        let text = read(&source);
        assert!(!text.contains(".begin()"), "{} opens a transaction of its own", source.display());
    }
}

#[test]
fn no_service_writes_without_its_failpoints() {
    for folder in ["order-api", "inventory-api", "outbox-relay"] {
        // A health check's write leaves nothing, and demo stock is there before anything is served.
        let lasts = |path: &Path| {
            !is_test(path) && !path.ends_with("health.rs") && !path.ends_with("demo_stock.rs")
        };
        assert_absent(&format!("{folder}/src"), &[".transaction("], lasts);
    }
}

#[test]
fn libraries_are_told_and_do_not_ask_the_environment() {
    let services = ["order-api", "inventory-api", "outbox-relay"];
    for folder in ["saga", "relay-core", "edge", "schema/orders"].into_iter().chain(services) {
        assert_absent(&format!("{folder}/src"), &["env::var"], |path| !is_test(path));
    }
}

#[test]
fn every_file_is_short_and_says_what_it_is_for() {
    for source in sources() {
        let text = read(&source);
        let lines = text.lines().count();
        assert!(lines <= LINES_MAX, "{} has {lines} lines", source.display());
        let is_told = text.starts_with("//!") || text.starts_with("#!") || is_test(&source);
        assert!(is_told, "{} does not say what it is for", source.display());
    }
}

#[test]
fn only_the_databases_clock_decides() {
    for folder in
        ["order-api", "inventory-api", "outbox-relay", "schema/orders", "schema/inventory"]
    {
        assert_absent(&format!("{folder}/src"), &["Utc::now", "SystemTime::now"], |path| {
            !is_test(path)
        });
    }
}

#[test]
fn no_file_needs_a_file_that_needs_it() {
    let mut roots = sources();
    roots.retain(|path| path.ends_with("src/lib.rs") || path.ends_with("main.rs"));
    assert!(roots.len() > 10, "the crates are not found");
    for root_file in roots {
        let house = Crate::read(&root_file);
        let circles = circles::circles(&house.arrows());
        assert!(circles.is_empty(), "circles in {}: {circles:#?}", root_file.display());
    }
}

#[test]
fn every_test_that_a_hazard_names_exists() {
    let text = read(&root().join("docs/HAZARDS.md"));
    let (mut file, mut tests) = (String::new(), 0);
    for word in text.split('`').skip(1).step_by(2) {
        if Path::new(word).extension().is_some_and(|extension| extension == "rs") {
            file = read(&root().join(word));
        } else if word.contains('_') && word.chars().all(|c| c.is_ascii_lowercase() || c == '_') {
            assert!(file.contains(&format!("fn {word}(")), "{word} is not where HAZARDS.md says");
            tests += 1;
        }
    }
    assert!(tests > 30, "only {tests} tests are named");
}

#[test]
fn names_say_what_is_inside() {
    let empty =
        ["util", "utils", "common", "helpers", "misc", "types", "manager", "service", "mod"];
    for source in sources() {
        let name = source.file_stem().expect("a source has a name").to_string_lossy().into_owned();
        assert!(!empty.contains(&name.as_str()), "{} says nothing", source.display());
    }
}

#[test]
fn no_test_is_switched_off() {
    let ignored = concat!("#[", "ignore");
    for source in sources() {
        assert!(!read(&source).contains(ignored), "{} hides a test", source.display());
    }
}

#[test]
fn a_new_top_level_folder_has_a_reason() {
    for entry in fs::read_dir(root()).expect("the workspace can be read") {
        let entry = entry.expect("its entries too");
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_folder = entry.file_type().expect("an entry has a type").is_dir();
        let is_known = name.starts_with('.') || TOP_LEVEL.contains(&name.as_str());
        assert!(!is_folder || is_known, "{name}/ needs a record in docs/decisions and a line here");
    }
}

#[test]
fn links_between_documents_lead_somewhere() {
    for document in files(&root(), "md") {
        let text = read(&document);
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let target = link.split('#').next().unwrap_or_default();
            if target.is_empty() || target.contains("://") {
                continue;
            }
            let folder = document.parent().expect("a document stands in a folder");
            assert!(folder.join(target).exists(), "{}: {link}", document.display());
        }
    }
}

#[test]
fn sources_that_documents_name_exist() {
    let sources: Vec<PathBuf> = files(&root(), "rs");
    let is_record = |path: &Path| {
        path.starts_with(root().join("docs/decisions")) || path.ends_with("docs/TRACK-RECORD.md")
    };
    let mut named = 0;
    // What is a record of its day may name what has gone since.
    for document in files(&root(), "md").iter().filter(|path| !is_record(path)) {
        for word in read(document).split('`').skip(1).step_by(2) {
            let is_source = Path::new(word).extension().is_some_and(|extension| extension == "rs");
            if is_source && !word.contains(['*', ' ', '…']) {
                let exists = sources.iter().any(|source| source.ends_with(word));
                assert!(exists, "{} names {word}, which is not there", document.display());
                named += 1;
            }
        }
    }
    assert!(named > 60, "only {named} sources are named");
}

#[test]
fn documents_that_sources_name_exist() {
    let is_in_name = |c: char| c.is_ascii_alphanumeric() || "_-./{}$".contains(c);
    let mut named = 0;
    for extension in ["rs", "sql", "toml", "yml"] {
        // A migration stays as it was first run: its checksum covers its comments.
        let is_frozen =
            |path: &PathBuf| path.components().any(|part| part.as_os_str() == "migrations");
        for source in files(&root(), extension).into_iter().filter(|path| !is_frozen(path)) {
            let text = read(&source);
            for (end, ending) in text.match_indices(".md") {
                let goes_on = text[end + ending.len()..].starts_with(|c: char| c.is_alphanumeric());
                let start = text[..end].rfind(|c| !is_in_name(c)).map_or(0, |at| at + 1);
                let name = text[start..end + ending.len()].trim_start_matches('/');
                // `*.md` and names that are put together at run time.
                if goes_on || start == end || name.contains(['{', '$']) {
                    continue;
                }
                let beside = source.parent().expect("a source stands in a folder");
                let places = [root(), root().join("docs"), beside.to_path_buf()];
                let exists = name.contains("github.com/")
                    || places.iter().any(|place| place.join(name).is_file());
                assert!(exists, "{}: there is no {name}", source.display());
                named += 1;
            }
        }
    }
    assert!(named > 30, "only {named} documents are named");
}

fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).expect("the workspace is above").to_path_buf()
}

/// The names under `[dependencies]`: what the product is built with.
fn dependencies(manifest: &Path) -> Vec<String> {
    let text = read(manifest);
    let of_product = text.lines().skip_while(|line| *line != "[dependencies]").skip(1);
    let lines = of_product.take_while(|line| !line.starts_with('['));
    lines
        .filter_map(|line| Some(line.split(['.', ' ', '=']).next()?.to_owned()))
        .filter(|name| !name.is_empty() && !name.starts_with('#'))
        .collect()
}

fn assert_absent(folder: &str, needles: &[&str], looked_at: impl Fn(&Path) -> bool) {
    let sources = files(&root().join(folder), "rs");
    assert!(!sources.is_empty(), "{folder} has no sources");
    for source in sources.iter().filter(|path| looked_at(path)) {
        let text = read(source);
        // A comment may say what the code must not do.
        let code: String = text
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            .flat_map(|line| [line, "\n"])
            .collect();
        for needle in needles {
            assert!(!code.contains(needle), "{}: {needle} does not belong here", source.display());
        }
    }
}

fn is_test(path: &Path) -> bool {
    let path = path.to_string_lossy();
    path.contains("/tests/") || path.ends_with("tests.rs") || path.ends_with("testing.rs")
}

fn sources() -> Vec<PathBuf> {
    let folders = MAY_USE.iter().map(|(folder, _)| *folder).chain(["simulations/tidy", "valerix"]);
    folders.flat_map(|folder| files(&root().join(folder), "rs")).collect()
}

fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_output = name == "target" || name == "node_modules" || name.starts_with('.');
        if path.is_dir() && !is_output {
            found.extend(files(&path, extension));
        } else if path.extension().is_some_and(|found| found == extension) {
            found.push(path);
        }
    }
    found
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
