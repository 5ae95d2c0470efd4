//! Source text as the tokens that paths are made of; comments and literals left out.

/// A word (an identifier or keyword), `::`, or one other character.
pub(crate) type Token<'t> = &'t str;

/// The tokens of a Rust file.
pub(crate) fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = skipped(rest).unwrap_or_else(|| {
            let length = match first {
                _ if is_word(first) => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
                ':' if rest.starts_with("::") => 2,
                _ => first.len_utf8(),
            };
            if !first.is_whitespace() {
                found.push(&rest[..length]);
            }
            length
        });
        rest = &rest[length..];
    }
    found
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The length of the comment, literal or lifetime that `rest` begins with.
fn skipped(rest: &str) -> Option<usize> {
    let until = |end: &str, from: usize| {
        rest[from..].find(end).map_or(rest.len(), |at| from + at + end.len())
    };
    if rest.starts_with("//") {
        return Some(until("\n", 2));
    }
    if rest.starts_with("/*") {
        return Some(until("*/", 2));
    }
    let literal = rest.strip_prefix(['b', 'c']).unwrap_or(rest);
    let prefix = rest.len() - literal.len();
    if let Some(raw) = literal.strip_prefix('r') {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        if raw[hashes..].starts_with('"') {
            return Some(until(&format!("\"{}", "#".repeat(hashes)), prefix + 1 + hashes + 1));
        }
    }
    match literal.chars().next()? {
        '"' => Some(prefix + quoted(literal, '"')?),
        '\'' if is_lifetime(literal) => Some(prefix + 1),
        '\'' => Some(prefix + quoted(literal, '\'')?),
        _ => None,
    }
}

/// The length up to the closing quote.
fn quoted(literal: &str, quote: char) -> Option<usize> {
    let mut is_escaped = false;
    for (at, c) in literal.char_indices().skip(1) {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            _ if c == quote => return Some(at + 1),
            _ => {}
        }
    }
    None
}

/// `'a` is a lifetime, `'a'` is a character.
fn is_lifetime(literal: &str) -> bool {
    let mut following = literal.chars().skip(1);
    following.next().is_some_and(is_word) && following.next() != Some('\'')
}
