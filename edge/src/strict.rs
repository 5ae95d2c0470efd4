//! What JSON lets through and we do not: the same member twice, text no database stores, numbers that would change,
//! depth.
//!
//! One pass over the bytes before the typed one. serde's derive refuses repeated fields of a
//! struct, but a free-form member (`metadata`) would silently keep the last one; `\u0000` is legal
//! JSON that Postgres refuses in `text` and `jsonb`. Syntax itself is left to `serde_json`.

mod numbers;

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use numbers::{Numbers, is_exact};

/// Nesting of arrays and objects.
const DEPTH_MAX: usize = 16;
/// Members of one object; bounds the search for repeated names.
const MEMBERS_MAX: usize = 100;

/// What is wrong, and where.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Flaw {
    pub(crate) kind: FlawKind,
    /// Innermost first, escaped for a JSON pointer.
    segments: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FlawKind {
    RepeatedMember,
    ControlCharacter,
    TooDeep,
    TooManyMembers,
    InexactNumber,
}

/// Why `body` cannot be read.
#[derive(Debug)]
pub(crate) enum Refusal {
    Syntax(serde_json::Error),
    Flaw(Flaw),
}

impl Flaw {
    /// RFC 6901.
    pub(crate) fn pointer(&self) -> String {
        self.segments.iter().rev().fold(String::new(), |pointer, segment| pointer + "/" + segment)
    }
}

/// `true` for text that can be stored and shown: tab and line ends are the only control characters.
pub fn is_plain_text(text: &str) -> bool {
    text.chars().all(|c| !c.is_control() || matches!(c, '\t' | '\n' | '\r'))
}

/// Walks the whole of `body`.
pub(crate) fn check(body: &[u8]) -> Result<(), Refusal> {
    let mut flaw = None;
    let mut numbers = ReadNumbers { as_written: Numbers::of(body), passed: 0 };
    let mut reader = serde_json::Deserializer::from_slice(body);
    let walked = Walk { flaw: &mut flaw, numbers: &mut numbers, depth: 0 }
        .deserialize(&mut reader)
        .and_then(|()| reader.end());
    match (flaw, walked) {
        (Some(flaw), _) => Err(Refusal::Flaw(flaw)),
        (None, Err(error)) => Err(Refusal::Syntax(error)),
        (None, Ok(())) => Ok(()),
    }
}

/// Visits one value. A flaw is kept in `flaw`, not in the error, so that each level on the way
/// out can add its segment.
struct Walk<'w, 'b> {
    flaw: &'w mut Option<Flaw>,
    numbers: &'w mut ReadNumbers<'b>,
    depth: usize,
}

/// The numbers as they are written, which are looked up only where one was not read as an integer.
struct ReadNumbers<'b> {
    as_written: Numbers<'b>,
    /// Read since the last look.
    passed: usize,
}

impl<'b> Walk<'_, 'b> {
    fn refuse<T, E: Error>(&mut self, kind: FlawKind) -> Result<T, E> {
        *self.flaw = Some(Flaw { kind, segments: Vec::new() });
        Err(E::custom("flawed"))
    }

    fn inner(&mut self) -> Walk<'_, 'b> {
        Walk { flaw: &mut *self.flaw, numbers: &mut *self.numbers, depth: self.depth + 1 }
    }

    fn add_segment(&mut self, segment: impl FnOnce() -> String) {
        if let Some(flaw) = self.flaw {
            flaw.segments.push(segment());
        }
    }
}

impl<'de> DeserializeSeed<'de> for Walk<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_, '_> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        self.numbers.passed += 1;
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        self.numbers.passed += 1;
        Ok(())
    }

    fn visit_f64<E: Error>(mut self, _: f64) -> Result<(), E> {
        let passed = std::mem::take(&mut self.numbers.passed);
        let written = self.numbers.as_written.after(passed);
        if written.is_some_and(is_exact) { Ok(()) } else { self.refuse(FlawKind::InexactNumber) }
    }

    fn visit_str<E: Error>(mut self, text: &str) -> Result<(), E> {
        if is_plain_text(text) { Ok(()) } else { self.refuse(FlawKind::ControlCharacter) }
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<(), A::Error> {
        if self.depth >= DEPTH_MAX {
            return self.refuse(FlawKind::TooDeep);
        }
        for index in 0.. {
            match seq.next_element_seed(self.inner()) {
                Ok(Some(())) => {}
                Ok(None) => break,
                Err(error) => {
                    self.add_segment(|| index.to_string());
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        if self.depth >= DEPTH_MAX {
            return self.refuse(FlawKind::TooDeep);
        }
        let mut names: Vec<Cow<'de, str>> = Vec::new();
        while let Some(Name(name)) = map.next_key_seed(NameSeed)? {
            let kind = if !is_plain_text(&name) {
                Some(FlawKind::ControlCharacter)
            } else if names.contains(&name) {
                Some(FlawKind::RepeatedMember)
            } else if names.len() == MEMBERS_MAX {
                Some(FlawKind::TooManyMembers)
            } else {
                None
            };
            let visited = match kind {
                Some(kind) => self.refuse(kind),
                None => map.next_value_seed(self.inner()),
            };
            if let Err(error) = visited {
                self.add_segment(|| pointer_segment(&name));
                return Err(error);
            }
            names.push(name);
        }
        Ok(())
    }
}

/// `~` and `/` escaped as RFC 6901 says; control characters shown, not sent back.
pub(crate) fn pointer_segment(name: &str) -> String {
    let name = name.replace('~', "~0").replace('/', "~1");
    name.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// The name of a member, borrowed from the body where it has no escapes.
struct Name<'de>(Cow<'de, str>);

struct NameSeed;

impl<'de> DeserializeSeed<'de> for NameSeed {
    type Value = Name<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Name<'de>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for NameSeed {
    type Value = Name<'de>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a member name")
    }

    fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Name<'de>, E> {
        Ok(Name(Cow::Borrowed(name)))
    }

    fn visit_str<E>(self, name: &str) -> Result<Name<'de>, E> {
        Ok(Name(Cow::Owned(name.to_owned())))
    }
}

#[cfg(test)]
mod tests;
