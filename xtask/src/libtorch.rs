//! `cargo xtask fetch libtorch`: the library that the program's feature `libtorch` is built against.
//!
//! The official archive is tried first, then the package index; or one that is on this machine is taken. It
//! is checked in a folder beside its place, and renamed into place when it is whole.

mod elf;
pub(crate) mod folder;
mod index;
mod link;
mod wheels;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Error, Result, bail, ensure};

use self::folder::{Found, TAKEN_FROM};
use self::index::Index;
use self::link::link;
use crate::download::{Unavailable, download};
use crate::http;
use crate::item::Presence;
use crate::listing::{say, tell};
use crate::manifest::{Device, Libtorch, PublishedFile};
use crate::part::Part;
use crate::partial::Partial;
use crate::record::Record;
use crate::retry::repeatedly;
use crate::source::Source;
use crate::unpack::unpack_chosen;

/// Tells `torch-sys` to take a libtorch of another version than its own.
pub(crate) const BYPASS: &str = "LIBTORCH_BYPASS_VERSION_CHECK";

impl Libtorch {
    /// Where it goes below `data`.
    pub(crate) fn target(&self, data: &Path) -> PathBuf {
        data.join(&self.path)
    }

    /// What to say after `cargo xtask fetch` to get it.
    pub(crate) fn arguments(&self) -> &'static str {
        match self.device {
            Device::Cpu => "libtorch",
            Device::Cuda => "libtorch --cuda",
        }
    }

    /// Looks at what is there.
    ///
    /// # Errors
    /// If it can't be looked at.
    pub(crate) fn presence(&self, data: &Path) -> Result<Presence> {
        let target = self.target(data);
        // A folder of links that lead nowhere any more is there, and wrong.
        if !target.is_symlink() && !target.try_exists()? {
            return Ok(Presence::Missing);
        }
        let check = || -> Result<Presence> {
            let found = Found::examine(&target)?;
            let taken = target.join(TAKEN_FROM).exists();
            ensure!(
                taken || found.is_of(&self.version),
                "expected version {}, found {}",
                self.version,
                found.version
            );
            ensure!(
                self.device == Device::Cpu || found.has_cuda,
                "expected one for CUDA, found one for the CPU alone"
            );
            Ok(Presence::Whole(found.version))
        };
        Ok(check().unwrap_or_else(Presence::Wrong))
    }

    /// Hints on how to do without the network.
    pub(crate) fn by_hand(&self) -> String {
        format!(
            "hint: download {} by hand, unpack it, and run `cargo xtask fetch {2} --from DIR` with its folder `libtorch`\n\
             hint: or install PyTorch {}, and run `cargo xtask fetch {2} --from DIR` with its folder `site-packages/torch`",
            self.archive,
            self.version,
            self.arguments()
        )
    }

    /// Brings it to its place, where there is nothing yet; `pace` is how long a second of waiting lasts.
    ///
    /// # Errors
    /// `Unavailable` if no source has it. Another error if what came is not as expected, or this machine is
    /// at fault.
    pub(crate) fn bring(
        &self,
        data: &Path,
        source: Option<&Source>,
        record: &mut Record,
        pace: f64,
    ) -> Result<()> {
        let target = self.target(data);
        let part = Part::beside(&target)?;
        fs::create_dir(part.path())
            .with_context(|| format!("could not make `{}`", part.path().display()))?;
        let index = |url| Index { url, pace };
        match source {
            Some(Source::Folder(folder)) => self.take(folder, part.path())?,
            Some(Source::Mirror(url)) => {
                self.bring_wheels(&index(url), data, part.path())
                    .map_err(|error| self.unavailable(None, error))?;
            }
            None => self.bring_published(data, part.path(), record, pace)?,
        }
        let found = Found::examine(part.path())
            .with_context(|| format!("the libtorch for `{}` is not whole", target.display()))?;
        part.land(&target)?;
        say(&format!(
            "`{}`: libtorch {}; licence: {}",
            target.display(),
            found.version,
            self.licence
        ))?;
        if !found.is_of(&self.version) {
            tell(&bypass_notice(&found.version, &self.version));
        }
        Ok(())
    }

    /// The official archive, else the package index, where one is named.
    fn bring_published(
        &self,
        data: &Path,
        into: &Path,
        record: &mut Record,
        pace: f64,
    ) -> Result<()> {
        let no_archive = match self.bring_archive(data, into, record, pace) {
            Err(error) if error.is::<Unavailable>() => error,
            other => return other,
        };
        tell(&format!("{no_archive:#}"));
        let Some(url) = index_url()? else {
            let none = Unavailable(
                "no Python package index is named to ask instead: set `PIP_INDEX_URL` to yours, or name it with `--from URL`".into(),
            );
            return Err(self.unavailable(Some(no_archive), none.into()));
        };
        self.bring_wheels(&Index { url: &url, pace }, data, into)
            .map_err(|error| self.unavailable(Some(no_archive), error))?;
        // What there may be of the archive is no longer of use.
        Partial::beside(&data.join(self.archive_name())).clear()
    }

    fn bring_archive(
        &self,
        data: &Path,
        into: &Path,
        record: &mut Record,
        pace: f64,
    ) -> Result<()> {
        tell(&format!("looking for the official archive `{}`", self.archive));
        check_platform()?;
        let size = repeatedly(pace, || http::size_of(&self.archive), || Ok(()))?
            .map_err(|error| Unavailable(format!("could not ask `{}`: {error:#}", self.archive)))?;
        let file = PublishedFile {
            name: self.archive_name(),
            urls: vec![self.archive.clone()],
            size,
            digest: None,
            licence: self.licence.clone(),
            path: self.path.clone(),
        };
        let (part, digest) = download(&file, None, &data.join(&file.name), "", pace)?;
        record.check(&file, &digest)?;
        let place = |path: &Path| path.strip_prefix("libtorch").ok().map(Path::to_owned);
        unpack_chosen(part.path(), self.unpacked_at_most, into, place)
            .with_context(|| format!("`{}` is not as expected", file.name))?;
        record.remember(&file, digest)
    }

    fn bring_wheels(&self, index: &Index<'_>, data: &Path, into: &Path) -> Result<()> {
        check_platform()?;
        wheels::bring(self, index, data, into)
    }

    /// Makes links to the headers and libraries in `folder`, of whatever version.
    fn take(&self, folder: &Path, into: &Path) -> Result<()> {
        let folder = std::path::absolute(folder)?;
        let found = Found::examine(&folder).map_err(|error| {
            Unavailable(format!(
                "`{}` is no libtorch: {error:#}\n\
                 hint: name a libtorch folder, or the folder `torch` of an installed PyTorch: `python3 -c 'import torch; print(torch.__path__[0])'`",
                folder.display()
            ))
        })?;
        if self.device == Device::Cuda && !found.has_cuda {
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

    fn archive_name(&self) -> String {
        let name = self.archive.rsplit('/').next().unwrap_or(&self.archive);
        name.replace("%2B", "+")
    }

    /// What the sources said, with the hints; an error of this machine stays what it is.
    fn unavailable(&self, earlier: Option<Error>, last: Error) -> Error {
        if !last.is::<Unavailable>() {
            return last;
        }
        let mut said = String::new();
        for error in earlier.iter().chain([&last]) {
            said += &format!("\n{}", format!("{error:#}").trim_end());
        }
        Unavailable(format!("could not fetch libtorch {}{said}\n{}", self.version, self.by_hand()))
            .into()
    }
}

/// What is said each time that a libtorch of another version is used.
pub(crate) fn bypass_notice(found: &str, expected: &str) -> String {
    format!(
        "libtorch {found} is not the {expected} that the bindings are made for: `cargo xtask build` sets \
         `{BYPASS}=1`, and it may fail to build or to run"
    )
}

/// The index that the user has set for pip.
fn index_url() -> Result<Option<String>> {
    let url = match std::env::var("PIP_INDEX_URL") {
        Ok(url) if !url.trim().is_empty() => url.trim().to_owned(),
        _ => return Ok(None),
    };
    ensure!(
        !url.contains('@'),
        "expected a package index without a password, found one in `PIP_INDEX_URL`\n\
         hint: name another with `--from URL`, or install PyTorch with pip and name its folder with `--from DIR`"
    );
    Ok(Some(url))
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
