//! Files of a crate that need each other: whoever reads one has to have read the other.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Sets of files each of which can be reached from each, by these arrows.
pub(crate) fn circles<'f>(
    arrows: &BTreeMap<&'f Path, BTreeSet<&'f Path>>,
) -> BTreeSet<BTreeSet<&'f Path>> {
    let reached: BTreeMap<_, _> = arrows.keys().map(|file| (*file, reach(arrows, file))).collect();
    let with = |file: &'f Path| {
        let back = |other: &&&Path| reached.get(**other).is_some_and(|from| from.contains(file));
        reached[file].iter().filter(back).copied().collect::<BTreeSet<_>>()
    };
    arrows.keys().map(|file| with(file)).filter(|circle| !circle.is_empty()).collect()
}

fn reach<'f>(
    arrows: &BTreeMap<&'f Path, BTreeSet<&'f Path>>,
    from: &'f Path,
) -> BTreeSet<&'f Path> {
    let (mut reached, mut next) = (BTreeSet::new(), vec![from]);
    while let Some(file) = next.pop() {
        for target in arrows.get(file).into_iter().flatten() {
            if reached.insert(*target) {
                next.push(target);
            }
        }
    }
    reached
}

/// A crate of these files, and its circles in words.
#[cfg(test)]
fn circles_of(files: &[(&str, &str)]) -> Vec<String> {
    let sources = |path: &Path| {
        let text = files.iter().find(|(name, _)| Path::new(name) == path);
        text.map(|(_, text)| (*text).to_owned())
    };
    let house = super::imports::Crate::from(Path::new(files[0].0), &sources);
    let in_words = |circle: &BTreeSet<&Path>| {
        circle.iter().map(|file| file.display().to_string()).collect::<Vec<_>>().join(" ")
    };
    circles(&house.arrows()).iter().map(in_words).collect()
}

#[test]
fn a_planted_circle_is_found() {
    let by_use = [
        ("lib.rs", "mod a; mod b; pub use a::{A, fresh as made};"),
        ("a.rs", "use crate::b::{self, other};\npub struct A;\npub fn fresh() {}"),
        ("b.rs", "use super::made; pub fn other() { \"crate::a\" }"),
    ];
    assert_eq!(circles_of(&by_use), ["a.rs b.rs"], "what the root hands on comes from `a`");
    let by_path = [
        ("lib.rs", "mod a; mod b; mod c;"),
        ("a.rs", "fn f<'a>(x: &'a char) -> bool { *x == '\\'' && crate::b::g(x) }"),
        ("b.rs", "// crate::a::f is not named here\nuse crate::c;\npub fn g() { c::h() }"),
        ("c.rs", "mod d;"),
        ("c/d.rs", "mod tests { use crate::a; fn t() { a::f() } }"),
    ];
    assert_eq!(circles_of(&by_path), Vec::<String>::new(), "nobody takes from `d`");
    let [root, a, b, _, d] = by_path;
    let closed = [root, a, b, ("c.rs", "mod d; pub use d::h; fn own() { h() }"), d];
    assert_eq!(circles_of(&closed), ["a.rs b.rs c/d.rs c.rs"]);
}

#[test]
fn a_part_may_know_its_whole() {
    let parts = [
        ("lib.rs", "mod world;"),
        ("world.rs", "mod order; mod relay; pub struct World { order: order::Order }"),
        ("world/order.rs", "use super::World; pub struct Order; impl World {}"),
        ("world/relay.rs", "use crate::world::{World, order::Order};"),
    ];
    assert_eq!(circles_of(&parts), Vec::<String>::new());
    let [root, world, _, relay] = parts;
    let knotted = [root, world, ("world/order.rs", "use super::relay::Relay;"), relay];
    assert_eq!(circles_of(&knotted), ["world/order.rs world/relay.rs"]);
}
