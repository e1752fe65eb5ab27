//! `cargo xtask fetch libtorch`: the library that the program's feature `libtorch` is built against.
//!
//! It is unpacked from wheels of a Python package index, pinned by SHA-256 in the manifest, or linked to a folder on
//! this machine. It is checked in a temporary folder next to its target, then renamed.

mod elf;
pub(crate) mod folder;
mod index;
mod link;
mod wheels;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Error, Result, anyhow, bail, ensure};
use fetch::{Device, Downloader, Libtorch, Source, UnfinishedFile};

use self::folder::{Found, TAKEN_FROM};
use self::index::Index;
use self::link::link;
use crate::output::{say, tell};
use crate::state::State;
use crate::unavailable::Unavailable;

/// Python program that prints the URL of the index that pip uses, by all its settings.
const ASK_PIP: &str = "\
from pip._internal.commands import create_command
print(create_command('download').parser.get_default_values().index_url)";

/// Environment variable that tells `torch-sys` to accept another version of libtorch than its own.
pub(crate) const BYPASS: &str = "LIBTORCH_BYPASS_VERSION_CHECK";

/// Returns the target folder below `data`.
pub(crate) fn target(libtorch: &Libtorch, data: &Path) -> PathBuf {
    data.join(&libtorch.path)
}

/// Returns the arguments of `cargo xtask fetch` that fetch this libtorch.
pub(crate) fn arguments(libtorch: &Libtorch) -> &'static str {
    match libtorch.device {
        Device::Cpu => "libtorch",
        Device::Cuda => "libtorch --cuda",
    }
}

/// Examines the target folder.
///
/// # Errors
/// Returns an error if the folder can't be read.
pub(crate) fn state(libtorch: &Libtorch, data: &Path) -> Result<State> {
    let target = target(libtorch, data);
    // A folder of broken links exists, and is wrong.
    if !target.is_symlink() && !target.try_exists()? {
        return Ok(State::Missing("missing".to_owned()));
    }
    let check = || -> Result<State> {
        let found = Found::examine(&target)?;
        let taken = target.join(TAKEN_FROM).exists();
        ensure!(
            taken || found.is_of(&libtorch.version),
            "expected version {}, found {}",
            libtorch.version,
            found.version
        );
        ensure!(
            libtorch.device == Device::Cpu || found.has_cuda,
            "expected a libtorch for CUDA, found one for the CPU only"
        );
        let version = found.version;
        Ok(State::Right(format!("present with all libraries, version {version}")))
    };
    Ok(check().unwrap_or_else(State::Wrong))
}

/// Returns hints on how to install libtorch without the network.
pub(crate) fn by_hand(libtorch: &Libtorch) -> String {
    format!(
        "hint: download {} by hand, unpack it, and run `cargo xtask fetch {2} --from DIR` with its folder `libtorch`\n\
         hint: or install PyTorch {}, and run `cargo xtask fetch {2} --from DIR` with its folder `site-packages/torch`",
        libtorch.archive,
        libtorch.version,
        arguments(libtorch)
    )
}

/// Fetches libtorch into its target folder, which must not exist.
///
/// # Errors
/// Returns `Unavailable` if no source has it. Returns another error if the download is invalid, or for a fault of this
/// machine.
pub(crate) fn bring(libtorch: &Libtorch, data: &Path, downloader: &Downloader<'_>) -> Result<()> {
    let target = target(libtorch, data);
    let part = UnfinishedFile::beside(&target)?;
    fs::create_dir(part.path())
        .with_context(|| format!("could not create `{}`", part.path().display()))?;
    match downloader.source {
        Some(Source::Folder(folder)) => take(libtorch, folder, part.path())?,
        Some(Source::Mirror(url)) => {
            bring_wheels(libtorch, &Index { url, downloader }, data, part.path())?
        }
        None => {
            let url = index_url()?.ok_or_else(|| unavailable(libtorch, &no_index()))?;
            bring_wheels(libtorch, &Index { url: &url, downloader }, data, part.path())?;
        }
    }
    let found = Found::examine(part.path())
        .with_context(|| format!("the libtorch for `{}` is incomplete", target.display()))?;
    part.land(&target, downloader.notify)?;
    say(&format!(
        "`{}`: libtorch {}; licence: {}",
        target.display(),
        found.version,
        libtorch.licence
    ))?;
    if !found.is_of(&libtorch.version) {
        tell(&bypass_notice(&found.version, &libtorch.version));
    }
    Ok(())
}

fn bring_wheels(libtorch: &Libtorch, index: &Index<'_>, data: &Path, into: &Path) -> Result<()> {
    let bring = || {
        check_platform()?;
        wheels::bring(libtorch, index, data, into)
    };
    // Errors of this machine are passed on unchanged.
    bring().map_err(|error| match error.is::<Unavailable>() {
        true => unavailable(libtorch, &error),
        false => error,
    })
}

/// Links to the headers and libraries in `folder`, of any version.
fn take(libtorch: &Libtorch, folder: &Path, into: &Path) -> Result<()> {
    let folder = std::path::absolute(folder)?;
    let found = Found::examine(&folder).map_err(|error| {
        Unavailable(format!(
            "`{}` is not a libtorch folder: {error:#}\n\
             hint: name a libtorch folder, or the folder `torch` of an installed PyTorch: `python3 -c 'import torch; print(torch.__path__[0])'`",
            folder.display()
        ))
    })?;
    if libtorch.device == Device::Cuda && !found.has_cuda {
        bail!(Unavailable(format!(
            "expected a libtorch for CUDA in `{}`, found one for the CPU only\n\
             hint: to use it, omit `--cuda`",
            folder.display()
        )));
    }
    for name in ["include", "lib"] {
        link(&folder.join(name), &into.join(name))?;
    }
    fs::write(into.join("build-version"), found.version + "\n")?;
    fs::write(into.join(TAKEN_FROM), format!("{}\n", folder.display()))?;
    Ok(())
}

/// Returns an `Unavailable` with the index's error and the hints.
fn unavailable(libtorch: &Libtorch, error: &Error) -> Error {
    let said = format!("{error:#}");
    let said = format!("could not fetch libtorch {}\n{}", libtorch.version, said.trim_end());
    Unavailable(format!("{said}\n{}", by_hand(libtorch))).into()
}

/// Returns the notice that is printed whenever a libtorch of another version is used.
pub(crate) fn bypass_notice(found: &str, expected: &str) -> String {
    format!(
        "libtorch {found} is not the {expected} that the bindings require: `cargo xtask build` sets \
         `{BYPASS}=1`, but the program may fail to build or to run"
    )
}

/// Returns the URL of the package index: `PIP_INDEX_URL`, else the one that pip uses, if pip is installed.
fn index_url() -> Result<Option<String>> {
    let url = match std::env::var("PIP_INDEX_URL") {
        Ok(url) if !url.trim().is_empty() => url,
        _ => match Command::new("python3").args(["-c", ASK_PIP]).output() {
            Ok(output) if output.status.success() => String::from_utf8(output.stdout)?,
            _ => return Ok(None),
        },
    };
    ensure!(
        !url.contains('@'),
        "expected a package index without a password, found one in the settings of pip\n\
         hint: name another index with `--from URL`, or install PyTorch with pip and name its folder with `--from DIR`"
    );
    Ok(Some(url.trim().to_owned()))
}

fn no_index() -> Error {
    anyhow!(
        "no Python package index is configured\nhint: set `PIP_INDEX_URL`, use `--from URL`, or install pip"
    )
}

/// Returns an error on platforms other than Linux on x86-64: the manifest pins wheels for that platform only.
fn check_platform() -> Result<()> {
    if cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return Ok(());
    }
    bail!(Unavailable(format!(
        "expected Linux on x86-64, found {} on {}; other platforms have no download",
        std::env::consts::OS,
        std::env::consts::ARCH
    )))
}
