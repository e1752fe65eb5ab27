//! Tells programs where libtorch is, so that they find it without a variable: those of this crate and, which
//! names this file as well, of `cli`.

use std::env;
use std::path::Path;

/// Where `torch-sys` looks for a libtorch that is installed.
const SYSTEM: &str = "/usr/lib/libtorch.so";

fn main() {
    println!("cargo::rerun-if-env-changed=LIBTORCH");
    if env::var_os("CARGO_FEATURE_LIBTORCH").is_none() {
        return;
    }
    let Some(libtorch) = env::var_os("LIBTORCH") else {
        // Then `torch-sys` takes one that is installed, or downloads one whose digest nobody checks.
        println!("cargo::rerun-if-env-changed=LIBTORCH_USE_PYTORCH");
        if env::var_os("LIBTORCH_USE_PYTORCH").is_none() && !Path::new(SYSTEM).exists() {
            println!(
                "cargo::error=no libtorch is named, and one that a build downloads is not used, since nobody checks it: run \
                 `cargo xtask fetch libtorch` in the workspace of `vgg-tch`, and set LIBTORCH to its folder \
                 `data/libtorch`"
            );
        }
        return;
    };
    let libraries = Path::new(&libtorch).join("lib");
    println!("cargo::rerun-if-changed={}", libraries.display());
    println!("cargo::rustc-link-search=native={}", libraries.display());
    if env::var("CARGO_CFG_TARGET_FAMILY").is_ok_and(|family| family == "unix") {
        println!("cargo::rustc-link-arg=-Wl,-rpath,{}", libraries.display());
    }
    // Nothing names a symbol of it: it makes its GPUs known when it is loaded.
    if libraries.join("libtorch_cuda.so").exists() {
        println!("cargo::rustc-link-arg=-Wl,--no-as-needed,-ltorch_cuda,--as-needed");
    }
}
