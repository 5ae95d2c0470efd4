//! An initialised cluster per server version, kept in the cache: copying it takes a tenth of `initdb`.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use crate::EmbeddedError;
use crate::binaries::Binaries;
use crate::identity::Identity;

/// Fills `fresh` with a cluster, from the template if there is one. Otherwise `initdb` makes it there, with
/// these options, and a copy becomes the template.
pub(crate) fn fill(
    (binaries, identity): (&Binaries, Identity),
    cache: &Path,
    fresh: &Path,
    initdb: impl FnOnce(&[&str]) -> Result<(), EmbeddedError>,
) -> Result<(), EmbeddedError> {
    let template = template_of(binaries, cache);
    if template.join("PG_VERSION").exists() {
        return copy(&template, fresh, identity);
    }
    initdb(&["--no-sync", "--wal-segsize=1"])?;
    // The cache only saves time, so a failure to keep it is no failure.
    let unnamed = template.with_extension(format!("new-{}", std::process::id()));
    let keep = fs::create_dir_all(&unnamed).map_err(EmbeddedError::io("cannot create", &unnamed));
    let owner = Identity::Own(crate::sys::current_user());
    if let Err(error) = keep.and_then(|()| copy(fresh, &unnamed, owner)) {
        tracing::debug!(%error, "no template kept");
    } else {
        let _ = fs::rename(&unnamed, &template);
    }
    let _ = fs::remove_dir_all(&unnamed);
    Ok(())
}

fn template_of(binaries: &Binaries, cache: &Path) -> PathBuf {
    let mut hasher = DefaultHasher::new();
    (&binaries.directory, &binaries.version).hash(&mut hasher);
    cache.join(format!("template-{}-{:016x}", binaries.major, hasher.finish()))
}

/// Copies the content of one existing directory into another.
fn copy(from: &Path, to: &Path, identity: Identity) -> Result<(), EmbeddedError> {
    for entry in fs::read_dir(from).map_err(EmbeddedError::io("cannot read", from))? {
        let entry = entry.map_err(EmbeddedError::io("cannot read", from))?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            identity.create_private_directory(&target)?;
            copy(&source, &target, identity)?;
        } else {
            fs::copy(&source, &target).map_err(EmbeddedError::io("cannot copy", &source))?;
            identity.give(&target)?;
        }
    }
    Ok(())
}
