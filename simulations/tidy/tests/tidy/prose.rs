//! The phrases that docs/STYLE.md refuses are in no document, no page, no help text and no string of the product.
//!
//! There is one list: the left column of the table in docs/STYLE.md.

use std::path::Path;

use super::{files, is_test, read, root};

/// The page that lists the phrases, and therefore holds them.
const LIST: &str = "docs/STYLE.md";
/// Below this heading stands the table.
const HEADING: &str = "## Words we do not write";

/// The part of a file that people read.
type Part = fn(&str) -> String;

/// What people read: folder, extension, and which part of a file it is.
const READ: [(&str, &str, Part); 11] = [
    ("docs", "md", str::to_owned),
    ("deploy", "yml", str::to_owned),
    ("order-api/src", "html", str::to_owned),
    ("order-api/src", "js", str::to_owned),
    ("edge/src", "rs", told),
    ("saga/src", "rs", told),
    ("order-api/src", "rs", told),
    ("inventory-api/src", "rs", told),
    ("outbox-relay/src", "rs", told),
    ("simulations", "rs", told),
    ("valerix/src", "rs", told),
];

#[test]
fn nobody_reads_a_phrase_that_the_style_refuses() {
    let refused = refused(&read(&root().join(LIST)));
    assert!(refused.len() > 30, "only {} phrases are listed in {LIST}", refused.len());
    let mut found = phrases_in(&root().join("README.md"), str::to_owned, &refused);
    for (folder, extension, part) in READ {
        let files = files(&root().join(folder), extension);
        assert!(!files.is_empty(), "{folder} has no .{extension}");
        for file in files.iter().filter(|file| !file.ends_with(LIST) && !is_test(file)) {
            found.extend(phrases_in(file, part, &refused));
        }
    }
    assert!(found.is_empty(), "{LIST} says what to write instead of\n{}", found.join("\n"));
}

#[test]
fn a_refused_phrase_is_found_wherever_it_is_read() {
    let list = "before\n## Words we do not write\n\n| not | but |\n|---|---|\n| `its time is up`, `heed` | `x` |";
    let refused = refused(list);
    assert_eq!(refused, ["its time is up", "heed"]);
    let found = |text: &str| is_in(&words(text), "its time is up");
    assert!(found("It waits.\n*Its time*\n  is up."), "a document, over two lines");
    assert!(found("<h1>Its time is up</h1>"), "a page");
    assert!(!found("transits time is upper"), "parts of words are none");
    let literal = "let title = \"sorry: its time \\\n    is up\"; // heed";
    assert!(found(&told(literal)), "a string over two lines");
    assert!(!is_in(&words(&told(literal)), "heed"), "a comment is not told to anybody");
    let help = "use clap::Args;\n/// Its time is up\nfn heed() {}";
    assert!(found(&told(help)), "a help text");
    assert!(!is_in(&words(&told(help)), "heed"), "a name is not told to anybody");
    assert!(
        !found(&told("/// Its time is up\nfn f() {}")),
        "a doc comment is for those who read code"
    );
    assert!(
        found(&told("let quote = '\"'; let raw = r#\"a \"b\" its time is up\"#;")),
        "a raw string"
    );
}

/// The phrases in the left column of the table below [`HEADING`], in lower case.
fn refused(list: &str) -> Vec<String> {
    let table = list.split(HEADING).nth(1).expect("the list has its heading");
    let rows = table.lines().filter(|line| line.starts_with("| `"));
    let not = rows.filter_map(|row| row.split('|').nth(1));
    not.flat_map(|cell| cell.split('`').skip(1).step_by(2)).map(str::to_lowercase).collect()
}

fn phrases_in(file: &Path, part: Part, refused: &[String]) -> Vec<String> {
    let words = words(&part(&read(file)));
    let here = refused.iter().filter(|phrase| is_in(&words, phrase));
    here.map(|phrase| format!("{}: {phrase}", file.display())).collect()
}

/// Lower case, without emphasis and line breaks.
fn words(text: &str) -> String {
    let marks = ['*', '_', '\\', '|'];
    let plain = text.to_lowercase().replace('’', "'").replace(marks, " ");
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether `phrase` is in `words`, and not as a part of longer words.
fn is_in(words: &str, phrase: &str) -> bool {
    words.match_indices(phrase).any(|(at, _)| {
        let before = words[..at].chars().next_back();
        let after = words[at + phrase.len()..].chars().next();
        ![before, after].into_iter().flatten().any(char::is_alphanumeric)
    })
}

/// What a Rust file tells people: its strings, and where it is a command line, its doc comments.
fn told(source: &str) -> String {
    let is_help = source.contains("clap::");
    let (mut told, mut rest) = (String::new(), source);
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '/' if rest.starts_with("//") => {
                let length = rest.find('\n').unwrap_or(rest.len());
                if is_help && rest.starts_with("///") {
                    told.extend([&rest[3..length], "\n"]);
                }
                length
            }
            'r' if rest.starts_with("r\"") || rest.starts_with("r#\"") => {
                let end = if rest.starts_with("r#") { "\"#" } else { "\"" };
                let begin = rest.find('"').map_or(rest.len(), |quote| quote + 1);
                let length = rest[begin..].find(end).map_or(rest.len(), |at| begin + at);
                told.extend([&rest[begin..length], "\n"]);
                length + end.len()
            }
            '"' => {
                let length = closing_quote(rest);
                told.extend([&rest[1..length], "\n"]);
                length + 1
            }
            '\'' if rest.starts_with("'\"'") || rest.starts_with("'\\") => 3,
            _ => first.len_utf8(),
        };
        rest = rest.get(length..).unwrap_or_default();
    }
    told
}

/// Where the string ends that `rest` begins with.
fn closing_quote(rest: &str) -> usize {
    let mut is_escaped = true;
    for (at, c) in rest.char_indices() {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '"' => return at,
            _ => {}
        }
    }
    rest.len()
}
