//! `cargo xtask fetch`: brings pretrained weights and the example's photographs into `data/`.
//!
//! What is already there is checked: left alone if right, an error if not. It is never replaced, for
//! it may be somebody's own file, and never silently accepted.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail, ensure};
use clap::{Args, Subcommand, ValueEnum};

use crate::digest::Digest;
use crate::download::{Source, digest_of, download};
use crate::manifest::{Archive, Base, Manifest, PublishedFile, Weights};
use crate::part::Part;
use crate::record::Record;
use crate::unpack;

/// Options of `fetch`.
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    what: What,

    /// Take the files, under their published names, from a folder or from a mirror (`http://`,
    /// `https://`) instead
    #[arg(long, global = true, value_name = "DIR|URL", value_parser = Source::parse)]
    from: Option<Source>,

    /// Another manifest, for tests.
    #[arg(long, global = true, hide = true, value_name = "FILE")]
    manifest: Option<PathBuf>,
}

#[derive(Subcommand)]
enum What {
    /// Pretrained weights from ImageNet, as Keras publishes them, into `data/weights/`
    Weights(WhichWeights),

    /// 3000 photographs of cats and dogs, into `data/cats_and_dogs/`
    Data,

    /// Weights and data
    All(WhichWeights),
}

#[derive(Args)]
struct WhichWeights {
    /// The network whose weights to fetch
    #[arg(long, value_enum, default_value_t = WhichBase::Vgg16)]
    base: WhichBase,

    /// Fetch the file that also holds the three dense layers, some 500 MB, instead of the one
    /// that ends at the last pooling, and the names of their 1000 classes
    #[arg(long)]
    include_top: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum WhichBase {
    Vgg16,
    Vgg19,
    All,
}

impl WhichWeights {
    fn include(&self, weights: &Weights) -> bool {
        let base = match self.base {
            WhichBase::Vgg16 => weights.base == Base::Vgg16,
            WhichBase::Vgg19 => weights.base == Base::Vgg19,
            WhichBase::All => true,
        };
        base && weights.include_top == self.include_top
    }
}

/// Fetches what `arguments` ask for into `root/data`.
///
/// # Errors
/// If something can't be had, is not what it should be, or stands where it should go and is wrong.
pub(crate) fn run(root: &Path, arguments: &Arguments) -> Result<()> {
    let manifest = match &arguments.manifest {
        Some(path) => Manifest::parse(
            &fs::read_to_string(path)
                .with_context(|| format!("could not read `{}`", path.display()))?,
        )?,
        None => Manifest::built_in()?,
    };
    let data = root.join("data");
    let mut fetcher = Fetcher {
        record: Record::read(data.join("digests.toml"))?,
        source: arguments.from.as_ref(),
        data,
    };
    if let What::Weights(which) | What::All(which) = &arguments.what {
        for weights in manifest.weights.iter().filter(|weights| which.include(weights)) {
            fetcher.fetch_file(&weights.file)?;
        }
        if which.include_top {
            for names in &manifest.class_names {
                fetcher.fetch_file(names)?;
            }
        }
    }
    if let What::Data | What::All(_) = &arguments.what {
        for archive in &manifest.archives {
            fetcher.fetch_archive(archive)?;
        }
    }
    Ok(())
}

struct Fetcher<'a> {
    data: PathBuf,
    source: Option<&'a Source>,
    record: Record,
}

impl Fetcher<'_> {
    fn fetch_file(&mut self, file: &PublishedFile) -> Result<()> {
        let target = self.data.join(&file.path);
        if is_there(&target)? {
            self.check_present(file, &target).with_context(|| not_as_expected(&target))?;
            return say(&format!("`{}`: already there", target.display()));
        }
        let by_hand = format!(
            "put it at `{}`, or into any folder DIR and run `cargo xtask fetch weights --from DIR`",
            target.display()
        );
        let (part, digest) = self.download(file, &target, &by_hand)?;
        part.land(&target)?;
        self.remember(file, digest)?;
        say(&format!("`{}`: fetched; licence: {}", target.display(), file.licence))
    }

    fn fetch_archive(&mut self, archive: &Archive) -> Result<()> {
        let file = &archive.file;
        let target = self.data.join(&file.path);
        if is_there(&target)? {
            unpack::check_counts(&target, archive).with_context(|| not_as_expected(&target))?;
            return say(&format!(
                "`{}`: already there, with as many photographs as expected",
                target.display()
            ));
        }
        let by_hand = format!(
            "put it into any folder DIR and run `cargo xtask fetch data --from DIR`, or unpack its folder `{}` as `{}`",
            archive.inside,
            target.display()
        );
        let (zip, digest) = self.download(file, &self.data.join(&file.name), &by_hand)?;
        let folder = Part::beside(&target)?;
        unpack::unpack(zip.path(), archive, folder.path())
            .with_context(|| format!("`{}` is not as expected", file.name))?;
        folder.land(&target)?;
        self.remember(file, digest)?;
        say(&format!("`{}`: fetched and unpacked; licence: {}", target.display(), file.licence))
    }

    /// Brings the right file to a part beside `place`, or says how to get it `by_hand`.
    fn download(
        &self,
        file: &PublishedFile,
        place: &Path,
        by_hand: &str,
    ) -> Result<(Part, Digest)> {
        let (part, digest) = download(file, self.source, place).map_err(|error| {
            anyhow!("{error:#}\nhint: download {} by hand\nhint: {by_hand}", file.urls.join(" or "))
        })?;
        if let Some(recorded) = self.record.get(&file.name)
            && file.digest.is_none()
            && digest != *recorded
        {
            bail!(
                "`{}` is not what was first fetched: expected digest `{recorded}`, found `{digest}`\n\
                 hint: to accept the new file, remove its line from `{}` and fetch again",
                file.name,
                self.record.path.display()
            );
        }
        Ok((part, digest))
    }

    fn check_present(&self, file: &PublishedFile, target: &Path) -> Result<()> {
        let size = fs::metadata(target)?.len();
        ensure!(size == file.size, "expected {} bytes, found {size}", file.size);
        if let Some(expected) = file.digest.as_ref().or_else(|| self.record.get(&file.name)) {
            let found = digest_of(target, expected.algorithm())?;
            ensure!(found == *expected, "expected digest `{expected}`, found `{found}`");
        }
        Ok(())
    }

    /// Records the digest of a file that has none published, if this was its first fetch.
    fn remember(&mut self, file: &PublishedFile, digest: Digest) -> Result<()> {
        if file.digest.is_some() {
            return Ok(());
        }
        let record = self.record.path.display().to_string();
        if self.record.get(&file.name).is_some() {
            return say(&format!("`{}`: its digest is the one in `{record}`", file.name));
        }
        let line = format!(
            "`{}`: its publisher gives no digest, so `{digest}` is kept in `{record}` and later fetches are compared with it",
            file.name
        );
        self.record.add(&file.name, digest)?;
        say(&line)
    }
}

fn is_there(target: &Path) -> Result<bool> {
    target.try_exists().with_context(|| format!("could not look for `{}`", target.display()))
}

fn not_as_expected(target: &Path) -> String {
    format!(
        "`{}` is there but not as expected\nhint: remove it or move it away, then fetch again",
        target.display()
    )
}

fn say(line: &str) -> Result<()> {
    writeln!(io::stdout(), "{line}").context("could not write to standard output")
}
