//! Tests of `--list` and `--offline`, which report existing and missing files without the network.

use std::fs;

use crate::sandbox::{Sandbox, zip_with};
use crate::server::{Response, Server, serve, unreachable_address};
use crate::{IMAGES, WEIGHTS, WEIGHTS_MD5, fetch_archive, weights_from};

/// Returns the first line of standard output, without the path.
fn state(outcome: &crate::sandbox::Outcome) -> &str {
    outcome.stdout.lines().next().unwrap().rsplit_once("`: ").unwrap().1
}

#[test]
fn list_shows_path_size_licence_command_and_state() {
    let sandbox = weights_from(&unreachable_address());
    let list = sandbox.run(&["fetch", "--list"]);
    assert_eq!(list.code, 0, "{list:?}");
    let place = sandbox.data("weights/tiny.h5");
    let expected = format!(
        "`{}`: missing\n  18 B; licence: CC BY 4.0\n  cargo xtask fetch weights\n",
        place.display()
    );
    assert_eq!(list.stdout, expected);
    assert!(!sandbox.path("data").exists());

    sandbox.write("data/weights/tiny.h5.part", b"pretra");
    assert_eq!(state(&sandbox.run(&["fetch", "--list"])), "partially downloaded (6 bytes)");
    sandbox.write("data/weights/tiny.h5", WEIGHTS);
    assert_eq!(state(&sandbox.run(&["fetch", "--list"])), "present and verified");
    sandbox.write("data/weights/tiny.h5", b"weights");
    let wrong = sandbox.run(&["fetch", "--list"]);
    assert_eq!(wrong.code, 0, "{wrong:?}");
    assert_eq!(state(&wrong), "present but invalid: expected 18 bytes, found 7");
}

#[test]
fn list_shows_only_what_was_requested() {
    let sandbox = weights_from(&unreachable_address());
    let list = sandbox.run(&["fetch", "weights", "--base", "vgg19", "--list"]);
    assert_eq!((list.code, list.stdout.as_str()), (0, ""), "{list:?}");
}

#[test]
fn listed_commands_select_their_manifest_entries() {
    let sandbox = weights_from(&unreachable_address());
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/fetch/manifest.toml");
    sandbox.write("manifest.toml", &fs::read(manifest).unwrap());
    let all = sandbox.run(&["fetch", "--list"]).stdout;
    let entries: Vec<_> = all.lines().collect();
    assert_eq!(entries.len(), 3 * 7, "{all}");
    for entry in entries.chunks(3) {
        let command = entry[2].strip_prefix("  cargo xtask ").unwrap();
        let arguments: Vec<_> = command.split(' ').chain(["--list"]).collect();
        let listed = sandbox.run(&arguments);
        assert!(listed.stdout.contains(entry[0]), "{command}: {listed:?}");
    }
}

#[test]
fn fetch_without_arguments_is_an_error() {
    let fetch = weights_from(&unreachable_address()).run(&["fetch"]);
    assert_eq!(fetch.code, 2, "{fetch:?}");
    assert!(fetch.stderr.contains("\nhint: run `cargo xtask fetch --list`"), "{fetch:?}");
}

#[test]
fn offline_reports_missing_files_without_requests() {
    let server = Server::start([Response::ok(WEIGHTS)]);
    let sandbox = weights_from(&server.url);
    let offline = sandbox.run(&["fetch", "all", "--offline"]);
    assert_eq!(offline.code, 1, "{offline:?}");
    assert_eq!(state(&offline), "missing");
    let place = sandbox.data("weights/tiny.h5");
    let expected = format!(
        "error: expected 1 present, found 1 missing\n\
         hint: download {}/tiny.h5 by hand\n\
         hint: put it at `{}`, or into any folder DIR and run `cargo xtask fetch weights --from DIR`\n",
        server.url,
        place.display()
    );
    assert_eq!(offline.stderr, expected);
    assert!(server.requests().is_empty());
    assert!(!sandbox.path("data").exists());
}

#[test]
fn offline_verifies_existing_files() {
    let sandbox = weights_from(&unreachable_address());
    sandbox.write("data/weights/tiny.h5", WEIGHTS);
    let right = sandbox.run(&["fetch", "weights", "--offline"]);
    assert_eq!((right.code, state(&right)), (0, "present and verified"), "{right:?}");

    sandbox.write("data/weights/tiny.h5", b"postrained weights");
    let wrong = sandbox.run(&["fetch", "weights", "--offline"]);
    assert_eq!(wrong.code, 2, "{wrong:?}");
    assert!(state(&wrong).starts_with("present but invalid: expected digest `md5:"), "{wrong:?}");
    assert!(wrong.stderr.contains("found 0 missing and 1 invalid\nhint: remove `"), "{wrong:?}");
}

#[test]
fn images_are_counted_but_not_reported_as_verified() {
    let (sandbox, _) = fetch_archive(&zip_with(&IMAGES));
    let offline = sandbox.run(&["fetch", "data", "--offline"]);
    assert_eq!(offline.code, 0, "{offline:?}");
    assert_eq!(state(&offline), "present, image count matches, not verified");
}

#[test]
fn following_the_offline_hints_is_sufficient() {
    let url = serve(Response::ok(WEIGHTS));
    let sandbox = Sandbox::with_class_names(&url, WEIGHTS.len(), WEIGHTS_MD5);
    let offline = sandbox.run(&["fetch", "weights", "--include-top", "--offline"]);
    let command = "`cargo xtask fetch weights --include-top --from DIR`";
    assert!(offline.stderr.contains(command), "{offline:?}");
    sandbox.write("downloads/names.json", WEIGHTS);
    let folder = sandbox.path("downloads");
    let arguments = ["fetch", "weights", "--include-top", "--from", folder.to_str().unwrap()];
    assert_eq!(sandbox.run(&arguments).code, 0);
    assert_eq!(sandbox.run(&["fetch", "weights", "--include-top", "--offline"]).code, 0);
}
