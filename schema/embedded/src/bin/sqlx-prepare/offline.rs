//! Two folders of query descriptions: how they differ, and how one takes the other's place.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// One line per query that is missing, needless or described otherwise in `kept`.
pub(crate) fn compare(kept: &Path, described: &Path) -> Result<Vec<String>> {
    let (old, new) = (read(kept)?, read(described)?);
    let mut differences = Vec::new();
    for (name, text) in &new {
        match old.get(name) {
            None => differences.push(format!("missing: {}", kept.join(name).display())),
            Some(old) if old.trim_end() != text.trim_end() => {
                differences.push(format!("changed: {}", kept.join(name).display()));
            }
            Some(_) => {}
        }
    }
    let needless = old.keys().filter(|name| !new.contains_key(*name));
    differences.extend(needless.map(|name| format!("needless: {}", kept.join(name).display())));
    Ok(differences)
}

/// Makes `kept` say what `described` says, touching only what differs.
pub(crate) fn replace(kept: &Path, described: &Path) -> Result<()> {
    fs::create_dir_all(kept)?;
    let (old, new) = (read(kept)?, read(described)?);
    for name in old.keys().filter(|name| !new.contains_key(*name)) {
        fs::remove_file(kept.join(name))?;
    }
    for (name, text) in &new {
        if old.get(name) != Some(text) {
            fs::write(kept.join(name), text)?;
        }
    }
    Ok(())
}

/// How many queries a folder describes.
pub(crate) fn count(folder: &Path) -> Result<usize> {
    Ok(read(folder)?.len())
}

fn read(folder: &Path) -> Result<BTreeMap<String, String>> {
    let mut files = BTreeMap::new();
    if !folder.exists() {
        return Ok(files);
    }
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with("query-") {
            let text = fs::read_to_string(&path);
            files.insert(name, text.with_context(|| format!("cannot read {}", path.display()))?);
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests;
