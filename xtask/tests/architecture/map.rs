//! Checks that the map of crates in `ARCHITECTURE.md` agrees with every `Cargo.toml`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use toml::Table;

use crate::sources::root;

/// Returns the crates of the map in order, each with the crates that it uses.
fn map_of(page: &str) -> Vec<(String, BTreeSet<String>)> {
    let names = |cell: &str| -> BTreeSet<String> {
        cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    };
    let rows = page.lines().skip_while(|line| !line.starts_with("| crate | uses |")).skip(2);
    let rows = rows.take_while(|line| line.starts_with('|'));
    rows.map(|row| {
        let cells: Vec<&str> = row.split('|').collect();
        let name = names(cells[1]).pop_first().expect("a crate's name");
        (name, names(cells[2]))
    })
    .collect()
}

/// Returns the crates in `crates`, each with the crates that it uses.
fn crates(root: &Path) -> BTreeMap<String, BTreeSet<String>> {
    let folders = fs::read_dir(root.join("crates")).expect("a folder");
    let manifests: BTreeMap<String, Table> = folders
        .map(|folder| {
            let folder = folder.expect("an entry");
            let text = fs::read_to_string(folder.path().join("Cargo.toml")).expect("a manifest");
            let name = folder.file_name().into_string().expect("text");
            (name, text.parse().expect("TOML"))
        })
        .collect();
    let uses = |manifest: &Table| {
        let targets = manifest.get("target").and_then(|it| it.as_table());
        let targets = targets.into_iter().flat_map(Table::values).filter_map(|it| it.as_table());
        let tables = [manifest].into_iter().chain(targets).flat_map(|table| {
            let kinds = ["dependencies", "build-dependencies"].map(|kind| table.get(kind));
            kinds.into_iter().flatten().filter_map(|it| it.as_table())
        });
        tables.flat_map(Table::keys).filter(|name| manifests.contains_key(*name)).cloned().collect()
    };
    manifests.iter().map(|(name, manifest)| (name.clone(), uses(manifest))).collect()
}

/// Returns the faults of a map of crates.
fn faults(
    map: &[(String, BTreeSet<String>)],
    crates: &BTreeMap<String, BTreeSet<String>>,
) -> Vec<String> {
    let mut faults = vec![];
    for (at, (name, listed)) in map.iter().enumerate() {
        match crates.get(name) {
            Some(uses) if uses == listed => {}
            Some(uses) => faults.push(format!("`{name}` uses {uses:?}, the map has {listed:?}")),
            None => faults.push(format!("there is no crate `{name}`")),
        }
        let below: BTreeSet<&String> = map[at + 1..].iter().map(|(name, _)| name).collect();
        for used in listed.iter().filter(|used| !below.contains(used)) {
            faults.push(format!("`{name}` uses `{used}`, which is not below it"));
        }
    }
    for name in crates.keys().filter(|name| !map.iter().any(|(listed, _)| listed == *name)) {
        faults.push(format!("the map has no `{name}`"));
    }
    faults
}

#[test]
fn architecture_map_matches_the_manifests() {
    let page = fs::read_to_string(root().join("ARCHITECTURE.md")).expect("a page");
    assert_eq!(faults(&map_of(&page), &crates(&root())), Vec::<String>::new());
}

#[test]
fn differences_from_the_map_are_reported() {
    let set = |names: &[&str]| -> BTreeSet<String> { names.iter().map(|&it| it.into()).collect() };
    let page = "| crate | uses | job |\n| --- | --- | --- |\n| `a` | `b` | |\n| `b` | | |\n";
    let crates = |of_a: &[&str], of_b: &[&str]| {
        BTreeMap::from([("a".to_owned(), set(of_a)), ("b".to_owned(), set(of_b))])
    };
    assert_eq!(faults(&map_of(page), &crates(&["b"], &[])), Vec::<String>::new());
    // A dependency that is not in the map, one on a crate above, and a crate without a row.
    assert_eq!(faults(&map_of(page), &crates(&["b"], &["a"])).len(), 1);
    let upwards = page.replace("| `b` | |", "| `b` | `a` |");
    assert_eq!(faults(&map_of(&upwards), &crates(&["b"], &["a"])).len(), 1);
    let short = page.replace("| `b` | | |\n", "");
    assert_eq!(faults(&map_of(&short), &crates(&["b"], &[])).len(), 2);
}
