//! `fetch libtorch` from an archive, from a package index and from folders, and `build`, which needs one.
//!
//! The libraries are made up here: an ELF header, and a dynamic section that names others.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

use std::fs;
use std::os::unix::fs::PermissionsExt;

use sha2::{Digest, Sha256};

use crate::sandbox::{Outcome, Sandbox, outcome_of, zip_with};
use crate::server::{Response, Server, unreachable_address};

const HEADER: &str = "include/torch/csrc/api/include/torch/torch.h";

/// A shared library that needs these others.
fn library(needed: &[&str]) -> Vec<u8> {
    let mut names = vec![0];
    let mut dynamic: Vec<(u64, u64)> = Vec::new();
    for name in needed {
        dynamic.push((1, names.len() as u64));
        names.extend(name.bytes().chain([0]));
    }
    let names_at = 64 + 2 * 56 + 16 * (dynamic.len() as u64 + 3);
    dynamic.extend([(5, names_at), (10, names.len() as u64), (0, 0)]);
    let length = names_at + names.len() as u64;

    let mut bytes = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0\x3e\0\x01\0\0\0".to_vec();
    for number in [0_u64, 64, 0] {
        bytes.extend(number.to_le_bytes());
    }
    bytes.extend(0_u32.to_le_bytes());
    for number in [64_u16, 56, 2, 64, 0, 0] {
        bytes.extend(number.to_le_bytes());
    }
    for (kind, at, size) in [(1_u32, 0, length), (2, 64 + 2 * 56, names_at - 64 - 2 * 56)] {
        bytes.extend(kind.to_le_bytes());
        bytes.extend(4_u32.to_le_bytes());
        for number in [at, at, at, size, size, 8] {
            bytes.extend(number.to_le_bytes());
        }
    }
    for (tag, value) in dynamic {
        bytes.extend(tag.to_le_bytes());
        bytes.extend(value.to_le_bytes());
    }
    bytes.extend(names);
    bytes
}

fn sandbox_with(archive: &str) -> Sandbox {
    Sandbox::with_manifest(&format!(
        r#"
        weights = []
        archives = []
        [[libtorch]]
        device = "cpu"
        version = "2.9.0"
        archive = "{archive}/libtorch-2.9.0%2Bcpu.zip"
        packages = ["nvidia-cuda-runtime-cu12"]
        libraries = ["libtorch_cpu.so", "libc10.so", "libcudart.so.12"]
        size = 1000
        unpacked_at_most = 100000
        licence = "BSD 3-Clause"
        path = "libtorch"
        "#
    ))
}

fn fetch(sandbox: &Sandbox, more: &[&str]) -> Outcome {
    let mut command = sandbox.command(&[&["fetch", "libtorch"], more].concat());
    outcome_of(command.env_remove("PIP_INDEX_URL"))
}

/// The wheel of PyTorch, but for what `without` says.
fn torch_wheel(without: &str) -> Vec<u8> {
    let cpu = library(&["libc10.so", "libcudart.so.12", "libc.so.6"]);
    let c10 = library(&["libc.so.6"]);
    let requirements: &[u8] = b"Requires-Dist: filelock\n\
        Requires-Dist: nvidia-cuda-runtime-cu12==12.8.90; platform_system == \"Linux\"\n\
        Requires-Dist: nvidia-nccl-cu12==2.27.5; platform_system == \"Linux\"\n";
    let mut files: Vec<(&str, &[u8])> = vec![
        ("torch/include/torch/csrc/api/include/torch/torch.h", b"// torch"),
        ("torch/lib/libtorch_cpu.so", &cpu),
        ("torch/lib/libc10.so", &c10),
        ("torch/lib/libtorch.so", b"needs CUDA"),
        ("torch/version.py", b"__version__ = '2.9.0+cu128'\n"),
        ("torch-2.9.0.dist-info/METADATA", requirements),
    ];
    files.retain(|(name, _)| without.is_empty() || !name.contains(without));
    zip_with(&files)
}

fn cudart_wheel() -> Vec<u8> {
    zip_with(&[("nvidia/cuda_runtime/lib/libcudart.so.12", &library(&["libc.so.6"]))])
}

/// What an index says of one wheel.
fn page(name: &str, wheel: &[u8]) -> Response {
    let digest: String = Sha256::digest(wheel).iter().map(|byte| format!("{byte:02x}")).collect();
    let page = format!(
        r#"{{"files": [
            {{"filename": "{}", "url": "/other", "hashes": {{}}, "size": 1}},
            {{"filename": "{name}", "url": "../../files/{name}", "hashes": {{"sha256": "{digest}"}},
             "size": {}}}]}}"#,
        name.replace("x86_64", "aarch64"),
        wheel.len()
    );
    Response::ok(page.as_bytes())
}

const TORCH: &str = "torch-2.9.0-cp310-cp310-manylinux_2_28_x86_64.whl";
const CUDART: &str = "nvidia_cuda_runtime_cu12-12.8.90-py3-none-manylinux2014_x86_64.whl";

/// An index that has both wheels.
fn index(torch: &[u8]) -> Server {
    let cudart = cudart_wheel();
    Server::start([
        page(TORCH, torch),
        Response::ok(torch),
        page(CUDART, &cudart),
        Response::ok(&cudart),
    ])
}

/// A libtorch folder, or an installed PyTorch, of this version below the root.
fn write_folder(sandbox: &Sandbox, folder: &str, version: &str) {
    let write = |name: &str, bytes: &[u8]| sandbox.write(&format!("{folder}/{name}"), bytes);
    write(HEADER, b"// torch");
    write("lib/libtorch.so", &library(&["libtorch_cpu.so"]));
    write("lib/libtorch_cpu.so", &library(&["libc10.so", "libc.so.6"]));
    write("lib/libc10.so", &library(&["libc.so.6"]));
    write("version.py", format!("__version__ = '{version}'\n").as_bytes());
}

fn assert_whole(sandbox: &Sandbox, version: &str) {
    let offline = sandbox.run(&["fetch", "libtorch", "--offline"]);
    let expected = format!("there with all its libraries, version {version}\n");
    assert!(offline.stdout.ends_with(&expected), "{offline:?}");
    assert_eq!(offline.code, 0, "{offline:?}");
}

#[test]
fn the_official_archive_is_unpacked() {
    let (cpu, c10) = (library(&["libc10.so"]), library(&[]));
    let zip = zip_with(&[
        (&format!("libtorch/{HEADER}"), b"// torch"),
        ("libtorch/build-version", b"2.9.0+cpu\n"),
        ("libtorch/lib/libtorch.so", &library(&["libtorch_cpu.so"])),
        ("libtorch/lib/libtorch_cpu.so", &cpu),
        ("libtorch/lib/libc10.so", &c10),
    ]);
    let server = Server::start([Response::ok(&zip), Response::ok(&zip)]);
    let sandbox = sandbox_with(&server.url);
    let first = fetch(&sandbox, &[]);
    assert_eq!(first.code, 0, "{first:?}");
    assert_whole(&sandbox, "2.9.0+cpu");
    assert!(server.requests()[0].starts_with("head /libtorch-2.9.0%2bcpu.zip "));
    assert_eq!(sandbox.names_in("data"), ["digests.toml", "libtorch"]);

    let again = fetch(&sandbox, &[]);
    assert_eq!(again.code, 0, "{again:?}");
    assert!(again.stdout.contains("already there"), "{again:?}");
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn the_index_that_is_set_for_pip_is_asked_where_the_official_archive_can_not_be_had() {
    let index = index(&torch_wheel(""));
    let archive = Server::start([Response::status(404)]);
    let sandbox = sandbox_with(&archive.url);
    let mut command = sandbox.command(&["fetch", "libtorch"]);
    let outcome = outcome_of(command.env("PIP_INDEX_URL", format!("{}/simple/", index.url)));
    assert_eq!(outcome.code, 0, "{outcome:?}");
    let named = format!("looking for the official archive `{}/libtorch-2.9.0", archive.url);
    assert!(outcome.stderr.starts_with(&named), "{outcome:?}");
    let named = format!("asking the package index `{}/simple/torch/`", index.url);
    assert!(outcome.stderr.contains(&named), "{outcome:?}");
    assert_whole(&sandbox, "2.9.0+cu128");
    assert_eq!(sandbox.names_in("data"), ["libtorch"]);
    let libraries = ["libc10.so", "libcudart.so.12", "libtorch.so", "libtorch_cpu.so"];
    assert_eq!(sandbox.names_in("data/libtorch/lib"), libraries);
    let target = fs::read_link(sandbox.data("libtorch/lib/libtorch.so")).unwrap();
    assert_eq!(target.to_str(), Some("libtorch_cpu.so"));
    assert!(index.requests()[1].starts_with(&format!("get /files/{} ", TORCH.to_lowercase())));
}

#[test]
fn where_no_index_is_named_the_ways_to_name_one_are_said() {
    let sandbox = sandbox_with(&unreachable_address());
    let outcome = fetch(&sandbox, &[]);
    assert_eq!(outcome.code, 1, "{outcome:?}");
    for part in ["no Python package index is named", "PIP_INDEX_URL", "--from URL", "\nhint: "] {
        assert!(outcome.stderr.contains(part), "`{part}` in {outcome:?}");
    }
    assert_eq!(sandbox.names_in("data"), Vec::<String>::new());
}

#[test]
fn an_index_with_a_password_is_refused_and_the_password_not_shown() {
    let sandbox = sandbox_with(&unreachable_address());
    let mut command = sandbox.command(&["fetch", "libtorch"]);
    let outcome = outcome_of(command.env("PIP_INDEX_URL", "http://me:secret@127.0.0.1:1/simple"));
    assert_eq!(outcome.code, 2, "{outcome:?}");
    assert!(!outcome.stderr.contains("secret"), "{outcome:?}");
    assert!(outcome.stderr.contains("\nhint: name another with `--from URL`"), "{outcome:?}");
}

#[test]
fn a_wheel_with_another_digest_than_the_index_says_is_not_used() {
    let wheel = torch_wheel("");
    let mut other = wheel.clone();
    other[40] ^= 1;
    let index = Server::start([page(TORCH, &wheel), Response::ok(&other)]);
    let sandbox = sandbox_with(&unreachable_address());
    let outcome = fetch(&sandbox, &["--from", &format!("{}/simple", index.url)]);
    assert_eq!(outcome.code, 1, "{outcome:?}");
    assert!(outcome.stderr.contains("expected digest `sha256:"), "{outcome:?}");
    assert!(outcome.stderr.contains("\nhint: or install PyTorch 2.9.0"), "{outcome:?}");
    assert!(sandbox.names_in("data").is_empty());
}

#[test]
fn a_wheel_that_is_there_is_not_downloaded_again_when_a_later_one_could_not_be_had() {
    let wheel = torch_wheel("");
    let sandbox = sandbox_with(&unreachable_address());
    let first = Server::start([page(TORCH, &wheel), Response::ok(&wheel), Response::status(404)]);
    let outcome = fetch(&sandbox, &["--from", &first.url]);
    assert_eq!(outcome.code, 1, "{outcome:?}");
    assert!(outcome.stderr.contains("could not find `nvidia-cuda-runtime-cu12` 12.8.90"));
    assert_eq!(sandbox.names_in("data"), [format!("{TORCH}.part")]);

    let cudart = cudart_wheel();
    let second = Server::start([
        page(TORCH, &wheel),
        Response::rest_of(&wheel, wheel.len() - 1),
        page(CUDART, &cudart),
        Response::ok(&cudart),
    ]);
    let outcome = fetch(&sandbox, &["--from", &format!("{}/simple", second.url)]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    let range = format!("\r\nrange: bytes={}-\r\n", wheel.len() - 1);
    assert!(second.requests()[1].contains(&range), "{:?}", second.requests());
    assert_eq!(sandbox.names_in("data"), ["libtorch"]);
}

#[test]
fn what_lacks_headers_or_a_library_does_not_land() {
    for (without, expected) in [
        ("include", "expected the folder `include` in it, found none"),
        ("libc10", "expected the library `libc10.so`, which programs need, found none"),
        ("Requires", "expected a wheel of PyTorch, found another archive"),
    ] {
        let index = index(&torch_wheel(if without == "Requires" { "METADATA" } else { without }));
        let sandbox = sandbox_with(&unreachable_address());
        let outcome = fetch(&sandbox, &["--from", &format!("{}/simple", index.url)]);
        assert_eq!(outcome.code, 2, "{without}: {outcome:?}");
        assert!(outcome.stderr.contains(expected), "{without}: {outcome:?}");
        assert!(sandbox.names_in("data").is_empty(), "{without}");
    }
}

#[test]
fn a_library_that_is_cut_short_or_needs_one_that_is_missing_is_found_out() {
    let sandbox = sandbox_with(&unreachable_address());
    write_folder(&sandbox, "data/libtorch", "2.9.0");
    let whole = library(&["libc10.so", "libnccl.so.2"]);
    for (bytes, expected) in [
        (
            &whole[..],
            "expected the library `libnccl.so.2`, which `libtorch_cpu.so` and others need",
        ),
        (&whole[..whole.len() - 1], "the library `libtorch_cpu.so` is damaged: expected at least "),
    ] {
        sandbox.write("data/libtorch/lib/libtorch_cpu.so", bytes);
        let outcome = fetch(&sandbox, &[]);
        assert_eq!(outcome.code, 2, "{outcome:?}");
        assert!(outcome.stderr.contains(expected), "{outcome:?}");
        assert!(outcome.stderr.contains("\nhint: remove it or move it away"), "{outcome:?}");
    }
}

#[test]
fn an_archive_that_names_places_outside_writes_nothing_there() {
    let zip = zip_with(&[("libtorch/../../../outside", b"escaped")]);
    let server = Server::start([Response::ok(&zip), Response::ok(&zip)]);
    let sandbox = sandbox_with(&server.url);
    let outcome = fetch(&sandbox, &[]);
    assert_eq!(outcome.code, 2, "{outcome:?}");
    assert!(outcome.stderr.contains("expected names that stay inside"), "{outcome:?}");
    assert!(sandbox.names_in("data").is_empty());
    assert_eq!(sandbox.names_in("."), ["data", "manifest.toml"]);
}

#[test]
fn an_installed_pytorch_is_taken_by_links_whatever_its_version_and_that_is_said() {
    let sandbox = sandbox_with(&unreachable_address());
    write_folder(&sandbox, "site-packages/torch", "2.11.0+cpu");
    let from = sandbox.path("site-packages/torch");
    let outcome = fetch(&sandbox, &["--from", from.to_str().unwrap()]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    assert!(outcome.stderr.starts_with("libtorch 2.11.0+cpu is not the 2.9.0"), "{outcome:?}");
    assert!(outcome.stderr.contains("`LIBTORCH_BYPASS_VERSION_CHECK=1`"), "{outcome:?}");
    assert_whole(&sandbox, "2.11.0+cpu");
    assert_eq!(fs::read_link(sandbox.data("libtorch/lib")).unwrap(), from.join("lib"));
    assert_eq!(sandbox.names_in("site-packages/torch"), ["include", "lib", "version.py"]);

    let built = build_with_cargo_that_prints(&sandbox);
    assert_eq!(built.code, 0, "{built:?}");
    assert!(built.stderr.starts_with("libtorch 2.11.0+cpu is not the 2.9.0"), "{built:?}");
    assert!(built.stdout.ends_with("bypass: 1\n"), "{built:?}");

    fs::remove_dir_all(&from).unwrap();
    assert_eq!(sandbox.run(&["fetch", "libtorch", "--offline"]).code, 2);
}

#[test]
fn a_folder_that_is_no_libtorch_is_not_taken() {
    let sandbox = sandbox_with(&unreachable_address());
    sandbox.write("empty/lib/readme", b"");
    let from = sandbox.path("empty");
    let outcome = fetch(&sandbox, &["--from", from.to_str().unwrap()]);
    assert_eq!(outcome.code, 1, "{outcome:?}");
    assert!(outcome.stderr.contains("expected the folder `include` in it"), "{outcome:?}");
    assert!(outcome.stderr.contains("\nhint: name a libtorch folder"), "{outcome:?}");
    assert!(sandbox.names_in("data").is_empty());
}

/// Runs `build` with a program in place of cargo that prints what it is given.
fn build_with_cargo_that_prints(sandbox: &Sandbox) -> Outcome {
    let cargo = "#!/bin/sh\necho \"$@\"\necho \"libtorch: $LIBTORCH\"\n\
        echo \"bypass: $LIBTORCH_BYPASS_VERSION_CHECK\"\n";
    sandbox.write("cargo", cargo.as_bytes());
    let path = sandbox.path("cargo");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.arg("--root").arg(sandbox.path(".")).args(["build", "--release"]).env("CARGO", path);
    command.env_remove("LIBTORCH").env_remove("LIBTORCH_BYPASS_VERSION_CHECK");
    outcome_of(&mut command)
}

#[test]
fn a_build_with_libtorch_names_what_is_missing_and_the_command_that_fetches_it() {
    let sandbox = sandbox_with(&unreachable_address());
    let outcome = build_with_cargo_that_prints(&sandbox);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (1, ""), "{outcome:?}");
    let hint = "is no libtorch to build with: expected a folder, found none\n\
        hint: run `cargo xtask fetch libtorch`\n";
    assert!(outcome.stderr.ends_with(hint), "{outcome:?}");
}

#[test]
fn a_build_takes_no_other_version_that_was_not_asked_for() {
    let sandbox = sandbox_with(&unreachable_address());
    write_folder(&sandbox, "data/libtorch", "2.8.0");
    let outcome = build_with_cargo_that_prints(&sandbox);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (1, ""), "{outcome:?}");
    assert!(outcome.stderr.contains("expected version 2.9.0, found 2.8.0\nhint: move it away"));
}

#[test]
fn a_build_hands_cargo_the_feature_the_folder_and_all_arguments() {
    let sandbox = sandbox_with(&unreachable_address());
    write_folder(&sandbox, "data/libtorch", "2.9.0+cpu");
    let outcome = build_with_cargo_that_prints(&sandbox);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    let lines: Vec<_> = outcome.stdout.lines().collect();
    assert_eq!(lines[0], "build --package cli --features libtorch --release");
    assert!(lines[1].ends_with("data/libtorch"), "{outcome:?}");
    assert_eq!(lines[2], "bypass: ");
}
