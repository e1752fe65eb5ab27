//! `cargo xtask fetch libtorch`: the library that the program's feature `libtorch` is built against.
//!
//! Wheels that the manifest pins by their SHA-256 come from a package index; or one that is on this machine is
//! taken. It is checked in a folder beside its place, and renamed into place when it is whole.

mod elf;
pub(crate) mod folder;
mod index;
mod link;
mod wheels;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Error, Result, anyhow, bail, ensure};
use fetch::{Device, Downloader, Libtorch, Part, Source};

use self::folder::{Found, TAKEN_FROM};
use self::index::Index;
use self::link::link;
use crate::output::{say, tell};
use crate::state::State;
use crate::unavailable::Unavailable;

/// Prints the address of the index that pip asks, by all its settings.
const ASK_PIP: &str = "\
from pip._internal.commands import create_command
print(create_command('download').parser.get_default_values().index_url)";

/// Tells `torch-sys` to take a libtorch of another version than its own.
pub(crate) const BYPASS: &str = "LIBTORCH_BYPASS_VERSION_CHECK";

/// Where it goes below `data`.
pub(crate) fn target(libtorch: &Libtorch, data: &Path) -> PathBuf {
    data.join(&libtorch.path)
}

/// What to say after `cargo xtask fetch` to get it.
pub(crate) fn arguments(libtorch: &Libtorch) -> &'static str {
    match libtorch.device {
        Device::Cpu => "libtorch",
        Device::Cuda => "libtorch --cuda",
    }
}

/// Looks at what is there.
///
/// # Errors
/// If it can't be looked at.
pub(crate) fn state(libtorch: &Libtorch, data: &Path) -> Result<State> {
    let target = target(libtorch, data);
    // A folder of links that lead nowhere any more is there, and wrong.
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
            "expected one for CUDA, found one for the CPU alone"
        );
        let version = found.version;
        Ok(State::Right(format!("there with all its libraries, version {version}")))
    };
    Ok(check().unwrap_or_else(State::Wrong))
}

/// Hints on how to do without the network.
pub(crate) fn by_hand(libtorch: &Libtorch) -> String {
    format!(
        "hint: download {} by hand, unpack it, and run `cargo xtask fetch {2} --from DIR` with its folder `libtorch`\n\
         hint: or install PyTorch {}, and run `cargo xtask fetch {2} --from DIR` with its folder `site-packages/torch`",
        libtorch.archive,
        libtorch.version,
        arguments(libtorch)
    )
}

/// Brings it to its place, where there is nothing yet.
///
/// # Errors
/// `Unavailable` if no source has it. Another error if what came is not as expected, or this machine is
/// at fault.
pub(crate) fn bring(libtorch: &Libtorch, data: &Path, downloader: &Downloader<'_>) -> Result<()> {
    let target = target(libtorch, data);
    let part = Part::beside(&target)?;
    fs::create_dir(part.path())
        .with_context(|| format!("could not make `{}`", part.path().display()))?;
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
        .with_context(|| format!("the libtorch for `{}` is not whole", target.display()))?;
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
    // An error of this machine stays what it is.
    bring().map_err(|error| match error.is::<Unavailable>() {
        true => unavailable(libtorch, &error),
        false => error,
    })
}

/// Makes links to the headers and libraries in `folder`, of whatever version.
fn take(libtorch: &Libtorch, folder: &Path, into: &Path) -> Result<()> {
    let folder = std::path::absolute(folder)?;
    let found = Found::examine(&folder).map_err(|error| {
        Unavailable(format!(
            "`{}` is no libtorch: {error:#}\n\
             hint: name a libtorch folder, or the folder `torch` of an installed PyTorch: `python3 -c 'import torch; print(torch.__path__[0])'`",
            folder.display()
        ))
    })?;
    if libtorch.device == Device::Cuda && !found.has_cuda {
        bail!(Unavailable(format!(
            "expected one for CUDA in `{}`, found one for the CPU alone\n\
             hint: leave `--cuda` out to take it",
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

/// What the index said, with the hints.
fn unavailable(libtorch: &Libtorch, error: &Error) -> Error {
    let said = format!("{error:#}");
    let said = format!("could not fetch libtorch {}\n{}", libtorch.version, said.trim_end());
    Unavailable(format!("{said}\n{}", by_hand(libtorch))).into()
}

/// What is said each time that a libtorch of another version is used.
pub(crate) fn bypass_notice(found: &str, expected: &str) -> String {
    format!(
        "libtorch {found} is not the {expected} that the bindings are made for: `cargo xtask build` sets \
         `{BYPASS}=1`, and it may fail to build or to run"
    )
}

/// The index that pip asks: the one in `PIP_INDEX_URL`, else the one that pip is set to, if there is a pip.
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
         hint: name another with `--from URL`, or install PyTorch with pip and name its folder with `--from DIR`"
    );
    Ok(Some(url.trim().to_owned()))
}

fn no_index() -> Error {
    anyhow!(
        "no Python package index is named: set `PIP_INDEX_URL` to yours, name it with `--from URL`, or install pip, \
         which has one"
    )
}

/// Only for this platform are the names of what to download known.
fn check_platform() -> Result<()> {
    if cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return Ok(());
    }
    bail!(Unavailable(format!(
        "expected Linux on x86-64, found {} on {}: for other platforms nothing is downloaded",
        std::env::consts::OS,
        std::env::consts::ARCH
    )))
}
