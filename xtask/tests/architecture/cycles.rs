//! Checks that the files of a crate form a tree: no cycle of files use each other's items.
//!
//! A path counts as a use of the file that defines its item, whichever modules re-export it. A declaration `mod a;` is
//! not a use.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::modules::Modules;
use crate::sources::{Source, of_workspace};

/// Files that each file uses, with a path that refers to an item of each.
type Uses<'a> = BTreeMap<&'a str, BTreeMap<&'a str, String>>;

/// Returns the shortest cycle through each use of another file.
fn cycles(sources: &[Source]) -> BTreeSet<String> {
    let roots = ["src/lib.rs", "src/main.rs"];
    let roots = roots.iter().filter(|root| sources.iter().any(|it| it.name == **root));
    let trees = roots.map(|root| Modules::read(sources, root));
    trees.flat_map(|modules| cycles_of(&uses(&modules))).collect()
}

fn uses(modules: &Modules) -> Uses<'_> {
    let mut uses = Uses::new();
    for (at, module) in modules.modules.iter().enumerate() {
        for path in &module.paths {
            if let Some(file) = modules.file_of(at, path).filter(|file| *file != module.file) {
                let used = uses.entry(&module.file).or_default();
                used.entry(file).or_insert_with(|| path.join("::"));
            }
        }
    }
    uses
}

fn cycles_of(uses: &Uses) -> BTreeSet<String> {
    let edges = uses.iter().flat_map(|(&from, used)| used.keys().map(move |&to| (from, to)));
    let cycles = edges.filter_map(|(from, to)| {
        let mut cycle = way(uses, to, from)?;
        // A cycle is found from each of its files, so it is rotated to begin with the smallest name.
        let first = cycle.iter().enumerate().min_by_key(|(_, file)| **file).expect("a file").0;
        cycle.rotate_left(first);
        let next = cycle.iter().cycle().skip(1);
        let steps = cycle.iter().zip(next);
        let steps = steps.map(|(from, to)| format!("{from} uses `{}` of {to}", uses[from][to]));
        Some(steps.collect::<Vec<_>>().join(", "))
    });
    cycles.collect()
}

/// Returns the files on the shortest path from `from` to `to`.
fn way<'a>(uses: &Uses<'a>, from: &'a str, to: &str) -> Option<Vec<&'a str>> {
    let mut before = BTreeMap::from([(from, None)]);
    let mut waiting = VecDeque::from([from]);
    while let Some(file) = waiting.pop_front() {
        if file == to {
            let mut way: Vec<&str> =
                std::iter::successors(Some(file), |file| before[file]).collect();
            way.reverse();
            return Some(way);
        }
        for &next in uses.get(file).into_iter().flat_map(BTreeMap::keys) {
            before.entry(next).or_insert_with(|| {
                waiting.push_back(next);
                Some(file)
            });
        }
    }
    None
}

#[test]
fn the_files_of_every_crate_form_a_tree() {
    let cycles = of_workspace().into_iter().flat_map(|(name, sources)| {
        cycles(&sources).into_iter().map(move |cycle| format!("{name}: {cycle}"))
    });
    let cycles: Vec<String> = cycles.collect();
    assert!(cycles.is_empty(), "{}", cycles.join("\n"));
}

/// Returns the cycles in a crate with these files.
fn found(files: &[(&str, &str)]) -> Vec<String> {
    let sources: Vec<Source> = files.iter().map(|(name, text)| Source::new(name, text)).collect();
    cycles(&sources).into_iter().collect()
}

#[test]
fn cycle_is_found_for_every_form_of_path() {
    // Contents of the root, and how `a` refers to an item of `b`, which uses `crate::a::A`.
    let ways = [
        ("", "use crate::b::B;"),
        ("", "use crate::{a, b::{self as other, B}};"),
        ("", "use super::b;\nfn f() { b::f() }"),
        ("", "fn f() { super::b::f() }"),
        ("", "fn f() { vec![crate::b::f()] }"),
        ("", "#[serde(with = \"crate::b\")] struct C;"),
        ("", "impl From<crate::b::B> for A {}"),
        ("", "use crate::*;\nfn f() { b::f() }"),
        ("pub use b::B;", "use crate::B;"),
        ("pub use b::B as C;", "fn f() -> Option<crate::C> {}"),
        ("pub mod c { pub use crate::b::*; }", "use crate::c::B;"),
        ("use self::b as c;", "mod d { use crate::c::B; }"),
    ];
    for (root, way) in ways {
        let root = format!("mod a; mod b;\n{root}");
        let a = format!("pub struct A;\n{way}");
        let b = "use crate::a::A;\npub struct B;\npub fn f() {}";
        let files = [("src/lib.rs", &*root), ("src/a.rs", &*a), ("src/b.rs", b)];
        assert_eq!(found(&files).len(), 1, "{way}: {:?}", found(&files));
    }
}

#[test]
fn cycles_of_three_and_with_a_parent_are_found() {
    let ring = [
        ("src/main.rs", "mod a; mod b; mod c;"),
        ("src/a.rs", "use crate::b::B; pub struct A;"),
        ("src/b.rs", "use crate::c::C; pub struct B;"),
        ("src/c.rs", "use crate::a::A; pub struct C;"),
    ];
    let steps = "src/a.rs uses `crate::b::B` of src/b.rs, src/b.rs uses `crate::c::C` of src/c.rs, \
                 src/c.rs uses `crate::a::A` of src/a.rs";
    assert_eq!(found(&ring), [steps]);
    let parent = |lib| [("src/lib.rs", lib), ("src/a/mod.rs", "fn f() { super::g() }")];
    let cycle =
        "src/a/mod.rs uses `super::g` of src/lib.rs, src/lib.rs uses `a::f` of src/a/mod.rs";
    assert_eq!(found(&parent("mod a; fn g() { a::f() }")), [cycle]);
    assert_eq!(found(&parent("mod a; fn g() {}")), Vec::<String>::new());
}

#[test]
fn tree_has_no_cycles() {
    let root = "mod a; mod b; use ::a::A; fn f() { ::a::f() } pub(crate) fn g() {}";
    let a = "
        use crate::g;
        use std::b::B as C;
        use ::b::B;
        pub(crate) struct A;
        pub(in crate::b) fn f(b: B) { C::b(); Vec::<u8>::b(); <u8>::b::f(); }
        mod inner { use super::A; }
        #[cfg(test)]
        mod tests { use crate::b::B; }
    ";
    let b = "use crate::{a::inner::C, a::A};";
    let files = [("src/lib.rs", root), ("src/a.rs", a), ("src/b.rs", b)];
    assert_eq!(found(&files), Vec::<String>::new());
}
