//! What each file of a crate takes from the other files of the same crate, read from its paths.
//!
//! A small part of Rust's name resolution: `use` trees, `crate::`, `self::`, `super::`, modules by name,
//! names that are handed on by `use`. What it cannot follow (macros, globs of other crates) it leaves out.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::tokens::{Token, tokens};

/// Names handed on from one file to the next; more is a circle of `use`.
const HOPS_MAX: usize = 8;

/// A path of names, from the root of the crate or as it is written.
type Names = Vec<String>;

/// A module and the file it stands in.
type Owner<'c> = (&'c [String], &'c Path);

/// The modules of one crate.
pub(crate) struct Crate {
    modules: BTreeMap<Names, Module>,
}

#[derive(Default)]
struct Module {
    file: PathBuf,
    uses: Vec<Use>,
    /// Paths in the code beside the `use` lines.
    paths: Vec<Names>,
    /// Single names in the code beside the `use` lines.
    words: BTreeSet<String>,
    /// What is declared here: functions, types, constants.
    defined: BTreeSet<String>,
}

struct Use {
    path: Names,
    /// What it is called here; `*` for all.
    name: String,
    is_public: bool,
}

impl Crate {
    /// Reads the crate whose root is this file: `src/lib.rs`, `src/main.rs` or a test's `main.rs`.
    pub(crate) fn read(root: &Path) -> Self {
        Self::from(root, &|file| fs::read_to_string(file).ok())
    }

    /// The same, with sources from elsewhere.
    pub(crate) fn from(root: &Path, sources: &dyn Fn(&Path) -> Option<String>) -> Self {
        let mut read = Self { modules: BTreeMap::new() };
        let folder = root.parent().expect("a file stands in a folder");
        read.add(root, folder, &mut Vec::new(), sources);
        read
    }

    fn add(
        &mut self,
        file: &Path,
        folder: &Path,
        path: &mut Names,
        sources: &dyn Fn(&Path) -> Option<String>,
    ) {
        let Some(text) = sources(file) else { return };
        let mut reader = Reader { file, tokens: &tokens(&text), at: 0, into: self };
        for name in reader.read(path.clone()) {
            let (flat, own) = (folder.join(format!("{name}.rs")), folder.join(&name));
            path.push(name);
            self.add(&flat, &own, path, sources);
            path.pop();
        }
    }

    /// Which files each file takes something from. What stands in a file is known to the files in its own
    /// folder, as it is to the end of that file: an arrow from a part to its whole is none.
    pub(crate) fn arrows(&self) -> BTreeMap<&Path, BTreeSet<&Path>> {
        let mut arrows: BTreeMap<&Path, BTreeSet<&Path>> = BTreeMap::new();
        for (at, module) in &self.modules {
            let is_used = |used: &&Use| !used.is_public || module.words.contains(&used.name);
            let used = module.uses.iter().filter(is_used).map(|used| &used.path);
            for path in used.chain(&module.paths) {
                // Both the module that is named and the one that an item handed on comes from.
                for (owner, target) in
                    [0, HOPS_MAX].into_iter().filter_map(|hops| self.owner_of(at, path, hops))
                {
                    if !at.starts_with(owner) && target != module.file {
                        arrows.entry(&module.file).or_default().insert(target);
                    }
                }
            }
        }
        arrows
    }

    /// The module in which the item stands that `path` names, seen from the module `at`.
    fn owner_of(&self, at: &[String], path: &[String], hops: usize) -> Option<Owner<'_>> {
        let (first, rest) = path.split_first()?;
        let child = || [at, std::slice::from_ref(first)].concat();
        let here = match first.as_str() {
            "crate" => Vec::new(),
            "self" => at.to_vec(),
            "super" => at.split_last()?.1.to_vec(),
            _ if self.modules.contains_key(&child()) => child(),
            _ => return self.handed_on(at, path, hops),
        };
        self.item(&here, rest, hops)
    }

    fn item(&self, at: &[String], path: &[String], hops: usize) -> Option<Owner<'_>> {
        let (at, module) = self.modules.get_key_value(at)?;
        let owner = Some((&at[..], &*module.file));
        let Some((first, rest)) = path.split_first() else { return owner };
        if first == "super" {
            return self.item(at.split_last()?.1, rest, hops);
        }
        let child = [at, std::slice::from_ref(first)].concat();
        if self.modules.contains_key(&child) {
            return self.item(&child, rest, hops);
        }
        if module.defined.contains(first) || first == "*" {
            return owner;
        }
        self.handed_on(at, path, hops).or(owner)
    }

    /// Follows the `use` of the module `at` that makes the first name of `path` known there.
    fn handed_on(&self, at: &[String], path: &[String], hops: usize) -> Option<Owner<'_>> {
        let hops = hops.checked_sub(1)?;
        let module = self.modules.get(at)?;
        let (first, rest) = path.split_first()?;
        let mut named = module.uses.iter().filter(|used| used.name == *first && used.path != path);
        named.find_map(|used| self.owner_of(at, &[&used.path[..], rest].concat(), hops))
    }
}

/// Walks over the tokens of one file.
struct Reader<'r, 't> {
    file: &'r Path,
    tokens: &'r [Token<'t>],
    at: usize,
    into: &'r mut Crate,
}

impl<'t> Reader<'_, 't> {
    /// Reads the module `path` and the modules within it; answers the names of those in other files.
    fn read(&mut self, path: Names) -> Vec<String> {
        let mut module = Module { file: self.file.to_path_buf(), ..Module::default() };
        let mut declared = Vec::new();
        let (mut depth, mut is_public) = (0, false);
        while let Some(token) = self.next() {
            match token {
                "{" => depth += 1,
                "}" if depth == 0 => break,
                "}" => {
                    depth -= 1;
                    is_public = false;
                }
                "pub" => is_public = true,
                ";" => is_public = false,
                "mod" => match (self.next(), self.next()) {
                    (Some(name), Some(";")) => declared.push(name.to_owned()),
                    (Some(name), Some("{")) => {
                        let within = [&path[..], &[name.to_owned()]].concat();
                        self.read(within);
                    }
                    _ => {}
                },
                "use" if self.peek() != Some("<") => {
                    self.tree(&mut Vec::new(), is_public, &mut module.uses);
                    is_public = false;
                }
                "fn" | "struct" | "enum" | "const" | "static" | "type" | "trait" | "union" => {
                    is_public = false;
                    module.defined.extend(self.peek().map(str::to_owned));
                }
                "." if self.peek().is_some_and(is_name) => self.at += 1,
                _ if is_name(token) => self.path(token, &mut module),
                _ => {}
            }
        }
        self.into.modules.insert(path, module);
        declared
    }

    /// A word, or a path of them.
    fn path(&mut self, first: &str, module: &mut Module) {
        let mut path = vec![first.to_owned()];
        while self.peek() == Some("::") && self.tokens.get(self.at + 1).is_some_and(|t| is_name(t))
        {
            path.push(self.tokens[self.at + 1].to_owned());
            self.at += 2;
        }
        module.words.insert(first.to_owned());
        if path.len() > 1 {
            module.paths.push(path);
        }
    }

    /// One tree of a `use`, up to the `,`, `}` or `;` behind it.
    fn tree(&mut self, prefix: &mut Names, is_public: bool, into: &mut Vec<Use>) {
        let (length, mut name) = (prefix.len(), None);
        while let Some(token) = self.peek() {
            match token {
                "," | "}" | ";" => break,
                "{" => {
                    while self.next().is_some_and(|token| token != "}") {
                        self.tree(prefix, is_public, into);
                        if self.peek() == Some("}") {
                            self.at += 1;
                            break;
                        }
                    }
                    prefix.truncate(length);
                    return;
                }
                "as" => {
                    name = self.tokens.get(self.at + 1).map(|name| (*name).to_owned());
                    self.at += 2;
                }
                "::" => self.at += 1,
                _ => {
                    prefix.push(token.to_owned());
                    self.at += 1;
                }
            }
        }
        if prefix.len() > length {
            if prefix.last().is_some_and(|last| last == "self") {
                prefix.pop();
            }
            let name = name.or_else(|| prefix.last().cloned()).unwrap_or_default();
            into.push(Use { path: prefix.clone(), name, is_public });
        }
        prefix.truncate(length);
    }

    fn peek(&self) -> Option<Token<'t>> {
        self.tokens.get(self.at).copied()
    }

    fn next(&mut self) -> Option<Token<'t>> {
        let token = self.peek();
        self.at += 1;
        token
    }
}

fn is_name(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}
