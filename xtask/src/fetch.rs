//! `cargo xtask fetch`: downloads pretrained weights, the example's images and libtorch into `data/`.
//!
//! Existing files are checked. A wrong file is an error: it is never accepted, and never replaced, as it may be the
//! user's.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use fetch::{
    DigestOrigin, Downloader, Item, Lock, Manifest, Network, Notify, PlainHttp, Record, Source,
};

use crate::output::say;
use crate::progress::Progress;
use crate::selection::{Files, What, all_items};
use crate::state::State;
use crate::unavailable::Unavailable;
use crate::wanted::Wanted;
use crate::{libtorch, listing};

const AFTER_HELP: &str = "\
An interrupted download is retried, then saved as `NAME.part` and resumed by the next fetch.
The proxy in ALL_PROXY, HTTPS_PROXY or HTTP_PROXY is used, except for the hosts in NO_PROXY.

Exit status: 0 if all items are present and valid, or were listed; 1 if an item is missing and can't be
downloaded; 2 for any other error, such as an invalid file.";

/// Options of `fetch`.
#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    what: Option<What>,

    /// Use a folder or a mirror (`http://`, `https://`) with the files under their published names
    #[arg(long, global = true, value_name = "DIR|URL", value_parser = Source::parse)]
    from: Option<Source>,

    /// List items with size, licence and state; fetch nothing
    #[arg(long, global = true)]
    list: bool,

    /// Verify existing files and list missing ones, without the network
    ///
    /// Missing files are listed with their address and target path.
    #[arg(long, global = true, conflicts_with_all = ["from", "list"])]
    offline: bool,

    /// Allow plain HTTP to other machines
    ///
    /// By default an address must begin with `https://` unless its host is this machine. A redirect from `https` to
    /// `http` is always refused. Files that the manifest pins by SHA-256, such as libtorch, are equally safe either
    /// way. The MD5 of weights only detects damage.
    #[arg(long, global = true)]
    insecure: bool,

    /// Seconds that a wait of one second between attempts takes, for tests.
    #[arg(long, global = true, hide = true, value_name = "SECONDS", default_value_t = 1.0)]
    pace: f64,

    /// Manifest file, for tests.
    #[arg(long, global = true, hide = true, value_name = "FILE")]
    manifest: Option<PathBuf>,
}

/// Fetches the items that `arguments` name into `root/data`, or only reports their state.
///
/// # Errors
/// Returns `Unavailable` if an item is missing and can't be downloaded. Returns another error if an existing file is
/// wrong, or for a fault of this machine, such as a full disk.
pub(crate) fn run(root: &Path, arguments: &Arguments) -> Result<()> {
    let manifest = match &arguments.manifest {
        Some(path) => Manifest::parse(
            &fs::read_to_string(path)
                .with_context(|| format!("could not read `{}`", path.display()))?,
        )?,
        None => Manifest::built_in()?,
    };
    let data = root.join("data");
    let record_path = data.join("digests.toml");
    let files = Files { data: &data, source: arguments.from.as_ref() };
    let items = match &arguments.what {
        Some(what) => what.items(&manifest, files),
        None if arguments.list => all_items(&manifest, files),
        None => bail!(
            "expected `weights`, `data`, `all` or `libtorch`, found none\n\
             hint: run `cargo xtask fetch --list` to see all items"
        ),
    };
    if arguments.list {
        return listing::list(&items, &data, &Record::read(record_path)?);
    }
    if arguments.offline {
        return listing::verify(&items, &data, &Record::read(record_path)?);
    }
    let progress = Progress::default();
    let notify: Notify<'_> = &|event| progress.show(event);
    // A fetch that writes nothing needs no lock.
    let nothing_missing = items.iter().all(|item| item.target(&data).exists());
    let _lock = if nothing_missing { None } else { Some(Lock::wait(&data, notify)?) };
    let record = Record::read(record_path)?;
    let source = arguments.from.as_ref();
    let plain_http = if arguments.insecure { PlainHttp::Allowed } else { PlainHttp::LoopbackOnly };
    let network = Network { pace: arguments.pace, plain_http };
    let mut fetcher = Fetcher { data, downloader: Downloader { source, network, notify }, record };
    items.iter().try_for_each(|wanted| fetcher.fetch(wanted))
}

struct Fetcher<'a> {
    data: PathBuf,
    downloader: Downloader<'a>,
    record: Record,
}

impl Fetcher<'_> {
    fn fetch(&mut self, wanted: &Wanted<'_>) -> Result<()> {
        let target = wanted.target(&self.data);
        match wanted.state(&self.data, &self.record)? {
            State::Missing(_) => match wanted {
                Wanted::Published { item, .. } => {
                    self.bring(item, &target, &wanted.by_hand(&self.data))
                }
                Wanted::Libtorch(pinned) => libtorch::bring(pinned, &self.data, &self.downloader),
            },
            State::Wrong(error) => Err(error.context(format!(
                "`{}` is present but invalid\nhint: remove it or move it away, then fetch again",
                target.display()
            ))),
            State::Right(right) => say(&format!("`{}`: already {right}", target.display())),
        }
    }

    fn bring(&mut self, item: &Item<'_>, target: &Path, by_hand: &str) -> Result<()> {
        let Item { file, archive } = item;
        let origin = item
            .fetch(&self.data, &self.downloader, &mut self.record)
            .map_err(|error| Unavailable::or_other(error, by_hand))?;
        let record = self.record.path().display();
        match origin {
            DigestOrigin::Published => {}
            DigestOrigin::Recorded => {
                say(&format!("`{}`: the digest matches `{record}`", file.name))?;
            }
            DigestOrigin::New(digest) => say(&format!(
                "`{}`: the publisher states no digest; `{digest}` is recorded in `{record}` for later fetches",
                file.name
            ))?,
        }
        let done = if archive.is_some() { "fetched and unpacked" } else { "fetched" };
        say(&format!("`{}`: {done}; licence: {}", target.display(), file.licence))
    }
}
