//! Tells programs the location of libtorch, so that they find it without an environment variable.
//! This file is the build script of both this crate and `cli`.

use std::env;
use std::path::Path;

/// Path at which `torch-sys` looks for an installed libtorch.
const SYSTEM: &str = "/usr/lib/libtorch.so";

fn main() {
    println!("cargo::rerun-if-env-changed=LIBTORCH");
    let is_enabled = |feature| env::var_os(format!("CARGO_FEATURE_{feature}")).is_some();
    if !is_enabled("LIBTORCH") || is_enabled("DOC_ONLY") {
        return;
    }
    let Some(libtorch) = env::var_os("LIBTORCH") else {
        // Without `LIBTORCH`, `torch-sys` uses an installed libtorch, or downloads one without
        // checking its digest.
        println!("cargo::rerun-if-env-changed=LIBTORCH_USE_PYTORCH");
        if env::var_os("LIBTORCH_USE_PYTORCH").is_none() && !Path::new(SYSTEM).exists() {
            println!(
                "cargo::error=LIBTORCH is not set, and a download by the build would not be verified: run \
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
    // No symbol of this library is referenced, but it registers its GPUs when it is loaded.
    if libraries.join("libtorch_cuda.so").exists() {
        println!("cargo::rustc-link-arg=-Wl,--no-as-needed,-ltorch_cuda,--as-needed");
    }
}
