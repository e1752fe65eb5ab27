//! Tests of `fetch libtorch` from a package index and from folders, and of `build`, which needs one.
//!
//! The libraries are generated: an ELF header, and a dynamic section that names others.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use sha2::{Digest, Sha256};

use crate::sandbox::{Outcome, Sandbox, outcome_of, zip_with};
use crate::server::{Response, Server};

const HEADER: &str = "include/torch/csrc/api/include/torch/torch.h";

/// Returns a shared library that needs the libraries in `needed`.
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

/// Creates a sandbox whose manifest pins the two wheels.
fn sandbox_with(torch: &[u8]) -> Sandbox {
    Sandbox::with_manifest(&format!(
        r#"
        weights = []
        archives = []
        [[libtorch]]
        device = "cpu"
        version = "2.9.0"
        archive = "https://libtorch.invalid/libtorch-2.9.0%2Bcpu.zip"
        libraries = ["libtorch_cpu.so", "libc10.so", "libcudart.so.12"]
        size = 1000
        unpacked_at_most = 100000
        licence = "BSD 3-Clause"
        path = "libtorch"
        [libtorch.wheels]
        "{TORCH}" = "sha256:{}"
        "{CUDART}" = "sha256:{}"
        "#,
        sha256(torch),
        sha256(&cudart_wheel())
    ))
}

fn sandbox() -> Sandbox {
    sandbox_with(&torch_wheel(""))
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn fetch(sandbox: &Sandbox, more: &[&str]) -> Outcome {
    let mut command = sandbox.command(&[&["fetch", "libtorch"], more].concat());
    outcome_of(command.env_remove("PIP_INDEX_URL").env("PATH", sandbox.path("bin")))
}

/// Returns the wheel of PyTorch without the files whose names contain `without`.
fn torch_wheel(without: &str) -> Vec<u8> {
    let cpu = library(&["libc10.so", "libcudart.so.12", "libc.so.6"]);
    let c10 = library(&["libc.so.6"]);
    let mut files: Vec<(&str, &[u8])> = vec![
        ("torch/include/torch/csrc/api/include/torch/torch.h", b"// torch"),
        ("torch/lib/libtorch_cpu.so", &cpu),
        ("torch/lib/libc10.so", &c10),
        ("torch/lib/libtorch.so", b"needs CUDA"),
        ("torch/version.py", b"__version__ = '2.9.0+cu128'\n"),
    ];
    files.retain(|(name, _)| without.is_empty() || !name.contains(without));
    zip_with(&files)
}

fn cudart_wheel() -> Vec<u8> {
    zip_with(&[("nvidia/cuda_runtime/lib/libcudart.so.12", &library(&["libc.so.6"]))])
}

/// Returns the page of an index that lists one wheel.
fn page(name: &str, wheel: &[u8]) -> Response {
    let digest = sha256(wheel);
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

/// Starts an index that has both wheels.
fn index(torch: &[u8]) -> Server {
    let cudart = cudart_wheel();
    Server::start([
        page(CUDART, &cudart),
        Response::ok(&cudart),
        page(TORCH, torch),
        Response::ok(torch),
    ])
}

/// Writes a libtorch folder, like that of an installed PyTorch, of this version below the root.
fn write_folder(sandbox: &Sandbox, folder: &str, version: &str) {
    let write = |name: &str, bytes: &[u8]| sandbox.write(&format!("{folder}/{name}"), bytes);
    write(HEADER, b"// torch");
    write("lib/libtorch.so", &library(&["libtorch_cpu.so"]));
    write("lib/libtorch_cpu.so", &library(&["libc10.so", "libc.so.6"]));
    write("lib/libc10.so", &library(&["libc.so.6"]));
    write("version.py", format!("__version__ = '{version}'\n").as_bytes());
}

/// Writes an executable program below the root. Returns its path.
fn write_program(sandbox: &Sandbox, place: &str, text: &str) -> PathBuf {
    sandbox.write(place, text.as_bytes());
    let path = sandbox.path(place);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

fn assert_whole(sandbox: &Sandbox, version: &str) {
    let offline = sandbox.run(&["fetch", "libtorch", "--offline"]);
    let expected = format!("present with all libraries, version {version}\n");
    assert!(offline.stdout.ends_with(&expected), "{offline:?}");
    assert_eq!(offline.code, 0, "{offline:?}");
}

#[test]
fn pinned_wheels_become_one_folder() {
    let torch = torch_wheel("");
    let (index, sandbox) = (index(&torch), sandbox());
    let mut command = sandbox.command(&["fetch", "libtorch"]);
    let outcome = outcome_of(command.env("PIP_INDEX_URL", format!("{}/simple/", index.url)));
    assert_eq!(outcome.code, 0, "{outcome:?}");
    let named = format!("looking up `{TORCH}` in the package index `{}/simple/torch/`", index.url);
    assert!(outcome.stderr.contains(&named), "{outcome:?}");
    assert_whole(&sandbox, "2.9.0+cu128");
    assert_eq!(sandbox.names_in("data"), ["libtorch"]);
    let libraries = ["libc10.so", "libcudart.so.12", "libtorch.so", "libtorch_cpu.so"];
    assert_eq!(sandbox.names_in("data/libtorch/lib"), libraries);
    let target = fs::read_link(sandbox.data("libtorch/lib/libtorch.so")).unwrap();
    assert_eq!(target.to_str(), Some("libtorch_cpu.so"));
    assert!(index.requests()[3].starts_with(&format!("get /files/{} ", TORCH.to_lowercase())));

    let again = fetch(&sandbox, &[]);
    assert_eq!(again.code, 0, "{again:?}");
    assert!(again.stdout.contains("already present"), "{again:?}");
}

#[test]
fn index_defaults_to_the_one_pip_uses() {
    let torch = torch_wheel("");
    let (index, sandbox) = (index(&torch), sandbox());
    let python = format!("#!/bin/sh\necho {}/simple\n", index.url);
    write_program(&sandbox, "bin/python3", &python);
    let outcome = fetch(&sandbox, &[]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    assert_whole(&sandbox, "2.9.0+cu128");
}

#[test]
fn missing_index_is_an_error_with_hints() {
    let sandbox = sandbox();
    let outcome = fetch(&sandbox, &[]);
    assert_eq!(outcome.code, 1, "{outcome:?}");
    for part in ["no Python package index is configured", "PIP_INDEX_URL", "--from URL", "\nhint: "]
    {
        assert!(outcome.stderr.contains(part), "`{part}` in {outcome:?}");
    }
    assert_eq!(sandbox.names_in("data"), Vec::<String>::new());
}

#[test]
fn index_url_with_a_password_is_refused_without_showing_it() {
    let sandbox = sandbox();
    let mut command = sandbox.command(&["fetch", "libtorch"]);
    let outcome = outcome_of(command.env("PIP_INDEX_URL", "http://me:secret@127.0.0.1:1/simple"));
    assert_eq!(outcome.code, 2, "{outcome:?}");
    assert!(!outcome.stderr.contains("secret"), "{outcome:?}");
    assert!(outcome.stderr.contains("\nhint: name another index with `--from URL`"), "{outcome:?}");
}

/// Fetches from an index that answers with `list` and `sent` for the wheel of PyTorch, which differ from the pinned
/// one. Returns the outcome and the number of requests.
fn fetch_of_another(list: Response, sent: &[u8]) -> (Outcome, usize) {
    let cudart = cudart_wheel();
    let index =
        Server::start([page(CUDART, &cudart), Response::ok(&cudart), list, Response::ok(sent)]);
    let sandbox = sandbox();
    let outcome = fetch(&sandbox, &["--from", &format!("{}/simple", index.url)]);
    assert_eq!(outcome.code, 1, "{outcome:?}");
    assert!(outcome.stderr.contains("\nhint: or install PyTorch 2.9.0"), "{outcome:?}");
    assert!(!sandbox.data("libtorch").exists());
    (outcome, index.requests().len())
}

#[test]
fn wheel_with_the_wrong_digest_is_refused() {
    let (wheel, other) = (torch_wheel(""), torch_wheel("version"));
    let (outcome, requests) = fetch_of_another(page(TORCH, &other), &other);
    let expected = format!(
        "expected the pinned digest `sha256:{}`, found `sha256:{}` in the index",
        sha256(&wheel),
        sha256(&other)
    );
    assert!(outcome.stderr.contains(&expected), "{outcome:?}");
    assert_eq!(requests, 3);

    // An index that lists the pinned digest, or none, and sends other bytes.
    let mut changed = wheel.clone();
    changed[40] ^= 1;
    let silent = format!(
        r#"{{"files": [{{"filename": "{TORCH}", "url": "/w", "hashes": {{}}, "size": {}}}]}}"#,
        wheel.len()
    );
    for list in [page(TORCH, &wheel), Response::ok(silent.as_bytes())] {
        let (outcome, _) = fetch_of_another(list, &changed);
        let expected = format!("expected digest `sha256:{}`, found `sha256:", sha256(&wheel));
        assert!(outcome.stderr.contains(&expected), "{outcome:?}");
    }
}

#[test]
fn only_the_pinned_file_name_is_accepted() {
    let wheel = torch_wheel("");
    for name in [
        "torch-2.9.0-cp311-cp311-manylinux_2_28_x86_64.whl",
        &format!("../../{TORCH}"),
        &format!("/tmp/{TORCH}"),
        &format!("..\\\\{TORCH}"),
        "",
    ] {
        let (outcome, requests) = fetch_of_another(page(name, &wheel), &wheel);
        let expected = "expected the pinned file, found 2 other files";
        assert!(outcome.stderr.contains(expected), "{name}: {outcome:?}");
        assert_eq!(requests, 3, "{name}");
    }
}

#[test]
fn plain_http_index_requires_insecure() {
    let (pages, sandbox) = ([page(CUDART, &cudart_wheel()), Response::status(404)], sandbox());
    let proxy = Server::start(pages.map(Response::through_tunnel));
    let from = ["--from", "http://index.invalid/simple"];
    let run = |more: &[&str]| {
        let mut command = sandbox.command(&[&["fetch", "libtorch"], &from[..], more].concat());
        outcome_of(command.env("HTTP_PROXY", &proxy.url))
    };
    let refused = run(&[]);
    assert_eq!(refused.code, 1, "{refused:?}");
    let expected = "expected an address that begins with `https://`, found \
                    `http://index.invalid/simple/nvidia-cuda-runtime-cu12/`\n";
    assert!(refused.stderr.contains(expected), "{refused:?}");
    assert!(refused.stderr.contains("or allow plain HTTP with `--insecure`\n"), "{refused:?}");
    assert!(proxy.requests().is_empty());

    let asked = run(&["--insecure"]);
    assert!(asked.stderr.contains("the server answered 404"), "{asked:?}");
    assert_eq!(proxy.requests().len(), 2);
}

#[test]
fn complete_wheel_is_reused_after_a_failed_fetch() {
    let (wheel, cudart) = (torch_wheel(""), cudart_wheel());
    let sandbox = sandbox();
    let first =
        Server::start([page(CUDART, &cudart), Response::ok(&cudart), Response::status(404)]);
    let outcome = fetch(&sandbox, &["--from", &first.url]);
    assert_eq!(outcome.code, 1, "{outcome:?}");
    assert!(outcome.stderr.contains(&format!("could not find `{TORCH}`")), "{outcome:?}");
    assert_eq!(sandbox.names_in("data"), [format!("{CUDART}.part")]);

    let second = Server::start([
        page(CUDART, &cudart),
        Response::rest_of(&cudart, cudart.len() - 1),
        page(TORCH, &wheel),
        Response::ok(&wheel),
    ]);
    let outcome = fetch(&sandbox, &["--from", &format!("{}/simple", second.url)]);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    let range = format!("\r\nrange: bytes={}-\r\n", cudart.len() - 1);
    assert!(second.requests()[1].contains(&range), "{:?}", second.requests());
    assert_eq!(sandbox.names_in("data"), ["libtorch"]);
}

#[test]
fn incomplete_wheels_are_rejected() {
    for (without, expected) in [
        ("include", "expected the folder `include`, found none"),
        ("libc10", "expected the library `libc10.so`, which programs need, found none"),
        ("version", "expected the file `torch/version.py`"),
    ] {
        let torch = torch_wheel(without);
        let (index, sandbox) = (index(&torch), sandbox_with(&torch));
        let outcome = fetch(&sandbox, &["--from", &format!("{}/simple", index.url)]);
        assert_eq!(outcome.code, 2, "{without}: {outcome:?}");
        assert!(outcome.stderr.contains(expected), "{without}: {outcome:?}");
        assert!(sandbox.names_in("data").is_empty(), "{without}");
    }
}

#[test]
fn truncated_library_or_missing_dependency_is_detected() {
    let sandbox = sandbox();
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
fn wheel_paths_outside_the_target_are_rejected() {
    let torch = zip_with(&[("torch/../../../outside", b"escaped")]);
    let (index, sandbox) = (index(&torch), sandbox_with(&torch));
    let outcome = fetch(&sandbox, &["--from", &index.url]);
    assert_eq!(outcome.code, 2, "{outcome:?}");
    assert!(outcome.stderr.contains("expected paths inside the target folder"), "{outcome:?}");
    assert!(sandbox.names_in("data").is_empty());
    assert_eq!(sandbox.names_in("."), ["data", "manifest.toml"]);
}

#[test]
fn installed_pytorch_of_any_version_is_linked_with_a_note() {
    let sandbox = sandbox();
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
fn folder_without_libtorch_is_refused() {
    let sandbox = sandbox();
    sandbox.write("empty/lib/readme", b"");
    let from = sandbox.path("empty");
    let outcome = fetch(&sandbox, &["--from", from.to_str().unwrap()]);
    assert_eq!(outcome.code, 1, "{outcome:?}");
    assert!(outcome.stderr.contains("expected the folder `include`"), "{outcome:?}");
    assert!(outcome.stderr.contains("\nhint: name a libtorch folder"), "{outcome:?}");
    assert!(sandbox.names_in("data").is_empty());
}

/// Runs `build` with a fake cargo that prints its arguments and variables.
fn build_with_cargo_that_prints(sandbox: &Sandbox) -> Outcome {
    let cargo = "#!/bin/sh\necho \"$@\"\necho \"libtorch: $LIBTORCH\"\n\
        echo \"bypass: $LIBTORCH_BYPASS_VERSION_CHECK\"\n";
    let path = write_program(sandbox, "cargo", cargo);
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.arg("--root").arg(sandbox.path(".")).args(["build", "--release"]).env("CARGO", path);
    for variable in ["LIBTORCH", "LIBTORCH_BYPASS_VERSION_CHECK", "PERMAFROST_FEATURES"] {
        command.env_remove(variable);
    }
    outcome_of(&mut command)
}

#[test]
fn build_without_libtorch_hints_at_the_fetch_command() {
    let sandbox = sandbox();
    let outcome = build_with_cargo_that_prints(&sandbox);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (1, ""), "{outcome:?}");
    let hint = "is not a usable libtorch folder: expected a folder, found none\n\
        hint: run `cargo xtask fetch libtorch`\n";
    assert!(outcome.stderr.ends_with(hint), "{outcome:?}");
}

#[test]
fn build_refuses_another_libtorch_version() {
    let sandbox = sandbox();
    write_folder(&sandbox, "data/libtorch", "2.8.0");
    let outcome = build_with_cargo_that_prints(&sandbox);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (1, ""), "{outcome:?}");
    assert!(outcome.stderr.contains("expected version 2.9.0, found 2.8.0\nhint: move it away"));
}

#[test]
fn build_passes_feature_folder_and_arguments_to_cargo() {
    let sandbox = sandbox();
    write_folder(&sandbox, "data/libtorch", "2.9.0+cpu");
    let outcome = build_with_cargo_that_prints(&sandbox);
    assert_eq!(outcome.code, 0, "{outcome:?}");
    let lines: Vec<_> = outcome.stdout.lines().collect();
    assert_eq!(lines[0], "build --package cli --features cli/libtorch --release");
    assert!(lines[1].ends_with("data/libtorch"), "{outcome:?}");
    assert_eq!(lines[2], "bypass: ");
}
