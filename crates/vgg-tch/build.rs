//! Tells programs where libtorch is, so that they find it without a variable: those of this crate and, which
//! names this file as well, of `cli`.

use std::env;
use std::path::Path;

fn main() {
    println!("cargo::rerun-if-env-changed=LIBTORCH");
    if env::var_os("CARGO_FEATURE_LIBTORCH").is_none() {
        return;
    }
    let Some(libtorch) = env::var_os("LIBTORCH") else { return };
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
