//! Text of errors for people: the message, its causes and a hint.
//!
//! Libraries do not know the flags and commands of this program. This module derives the hints that name them from the
//! variants of the libraries' errors. Errors without such a hint have the one that their library gives them, if any.

use std::borrow::Cow;
use std::error::Error;

use augment::AugmentError;
use features::FeaturesError;
use formats::FormatError;
use model::ModelError;
use photos::{PhotosError, Split};
use quoting::{Shown, argument};
use serve::ServeError;
use shards::{ShardingError, ShardsError};
use train::{LinearError, TrainError};
use vgg::{Suspicion, VggError};

/// Separator between a message and its hint, as printed, and in the text of errors of this program.
const MARK: &str = "\nhint: ";

/// Message and hint of one error in a chain.
pub(crate) struct ErrorText {
    /// Message without its hint.
    pub(crate) what: String,
    /// Suggested action.
    pub(crate) hint: Option<String>,
}

impl ErrorText {
    /// Returns the message and the hint of an error. A hint for the error's variant in this module replaces the hint of
    /// its library. Errors of this program have the hint in their text.
    pub(crate) fn of(error: &(dyn Error + 'static)) -> Self {
        let text = error.to_string();
        let (what, own) = match text.split_once(MARK) {
            Some((what, own)) => (what.to_owned(), Some(own.to_owned())),
            None => (text, None),
        };
        Self { what, hint: hint(error).or(own).or_else(|| of_library(error)) }
    }
}

/// Returns the text to print for an error: its message, each cause that the text does not contain yet, and the hint on
/// its own line. If several errors in the chain have a hint, the innermost one is used.
pub(crate) fn explained(error: &anyhow::Error) -> String {
    let (mut text, mut last) = (String::new(), None);
    for ErrorText { what, hint } in error.chain().map(ErrorText::of) {
        if text.is_empty() {
            text = what;
        } else if !text.contains(&what) {
            text += ": ";
            text += &what.shown().to_string();
        }
        last = hint.or(last);
    }
    if let Some(hint) = last {
        text += MARK;
        text += &hint;
    }
    text
}

/// Returns the hint for a library's error, if the hint must name a flag or command of this program.
fn hint(error: &(dyn Error + 'static)) -> Option<String> {
    None.or_else(|| of_train(error.downcast_ref()?))
        .or_else(|| of_shards(error.downcast_ref()?))
        .or_else(|| of_features(error.downcast_ref()?))
        .or_else(|| of_model(error.downcast_ref()?))
        .or_else(|| of_photos(error.downcast_ref()?))
        .or_else(|| of_vgg(error.downcast_ref()?))
        .or_else(|| of_serve(error.downcast_ref()?))
}

/// Returns the hint that a library gives for its error.
fn of_library(error: &(dyn Error + 'static)) -> Option<String> {
    fn of<E: Error + 'static>(
        error: &(dyn Error + 'static),
        hint: fn(&E) -> Option<Cow<'static, str>>,
    ) -> Option<String> {
        error.downcast_ref().and_then(hint).map(Cow::into_owned)
    }
    None.or_else(|| of(error, TrainError::hint))
        .or_else(|| of(error, ShardsError::hint))
        .or_else(|| of(error, ShardingError::hint))
        .or_else(|| of(error, FeaturesError::hint))
        .or_else(|| of(error, ModelError::hint))
        .or_else(|| of(error, PhotosError::hint))
        .or_else(|| of(error, VggError::hint))
        .or_else(|| of(error, AugmentError::hint))
        .or_else(|| of(error, FormatError::hint))
        .or_else(|| of(error, ServeError::hint))
}

fn of_train(error: &TrainError) -> Option<String> {
    Some(match error {
        TrainError::RunExists(path) => format!(
            "resume it with `train --resume {}`, or name another folder with `--out`",
            argument(path)
        ),
        TrainError::NotEmpty(_) => "name another folder with `--out`".into(),
        TrainError::NoRun(_) => "name a run directory of `train`, such as `runs/train`".into(),
        TrainError::Locked(_) => {
            "wait until it ends, or stop it with Ctrl-C; to start another run, name another folder with `--out`".into()
        }
        TrainError::DifferentSettings(_) => {
            "only `epochs` (unless the learning rate has a schedule), `patience`, `save_every`, `calibrate`, `tensorboard`, `cache_mb` (not with `--features`), `cache_dir`, `cache_gb`, the device's `name`, `deterministic` and `base_batch`, and paths of files that were moved may be changed there; restore the others, or start a new run".into()
        }
        TrainError::RunInData { .. } => {
            "name another one with `--out`, `--report`, `--cache-dir` or `--sort-into`".into()
        }
        TrainError::InitialWeights { .. } => {
            "use the `--base`, `--image-size`, `--last-layer`, `--pooling` and number of classes that it was trained with".into()
        }
        TrainError::FreezesTrained { .. } => {
            "unfreeze that layer or an earlier one with `--unfreeze`".into()
        }
        TrainError::HeadTooLarge { .. } => {
            "pool the features with `--pooling max`, choose a later layer with `--last-layer`, or lower `--image-size` or `--hidden-units`".into()
        }
        TrainError::FeaturesMemory { .. } => {
            "start a new run with a higher `--cache-mb`, or with fewer features, as `--pooling avg` gives them".into()
        }
        TrainError::FewForFolds { .. } => {
            "add images, use fewer `--folds`, or set the penalty of a linear head with `--l2`".into()
        }
        TrainError::Linear(LinearError::NotConverged { .. }) => {
            "set a smaller C of the linear head with `--l2`".into()
        }
        TrainError::Diverged { last, .. } => format!(
            "start a new run with a lower `--learning-rate`; the state before this epoch is in `{}`",
            last.shown()
        ),
        // Training also reads data, which may be damaged.
        TrainError::Shards(error) => return of_shards(error),
        TrainError::Features(error) => return of_features(error),
        TrainError::Model(error) => return of_model(error),
        TrainError::Base(error) => return of_vgg(error),
        TrainError::Photos(error) => return of_photos(error),
        // In the chain, the cause is a `Box`, which can't be downcast to its error.
        TrainError::Unsaved { cause, unsaved } => {
            return ErrorText::of(&**cause).hint.or_else(|| ErrorText::of(&**unsaved).hint);
        }
        _ => return None,
    })
}

fn of_shards(error: &ShardsError) -> Option<String> {
    Some(match error {
        ShardsError::NotBuilt(_) => {
            "build it with the Cargo feature `remote`: `cargo build -p cli --features remote`".into()
        }
        ShardsError::Name { .. } => {
            "rename it, or list the images in a file (`DATA` as a `.txt` file)".into()
        }
        ShardsError::Scratch { .. } => {
            "free space there, set `TMPDIR` to another folder, or divide shards into more pieces with `--pieces`".into()
        }
        ShardsError::SameKey { .. } => {
            "list each image once in a file (`DATA` as a `.txt` file)".into()
        }
        ShardsError::Folder { .. } => {
            "make it readable or remove it, or list the images in a file (`DATA` as a `.txt` file)".into()
        }
        ShardsError::UnreadableFile { .. } => {
            "repair or remove it, or omit `--strict` to skip it".into()
        }
        ShardsError::NoSet(_) => "compute them with `permafrost features DATA --out URL`".into(),
        ShardsError::OtherSharding { found, .. } => format!(
            "a location holds one feature set; name another location, remove that set, or use its `--shard I/{}` and `--pieces {}`",
            found.shards, found.pieces
        ),
        ShardsError::DifferentSettings { .. } => {
            "use the settings that it was computed with, or name another location with `--out`; `--replace` computes it again and deletes the existing features".into()
        }
        ShardsError::MissingPieces { .. } => {
            "restart their workers, which compute only missing pieces; `permafrost features --check` lists them all".into()
        }
        ShardsError::Disagree { .. } => {
            "restart the worker of that shard with the settings of the others; `permafrost features --check` lists all pieces that differ".into()
        }
        ShardsError::Damaged { .. } => {
            "remove it and restart the worker of that shard; `permafrost features --check` lists all damaged pieces".into()
        }
        ShardsError::Base(error) => return of_vgg(error),
        ShardsError::Photos(error) => return of_photos(error),
        _ => return None,
    })
}

fn of_features(error: &FeaturesError) -> Option<String> {
    match error {
        FeaturesError::Photos(error) => of_photos(error),
        FeaturesError::Base(error) => of_vgg(error),
        _ => None,
    }
}

fn of_model(error: &ModelError) -> Option<String> {
    Some(match error {
        ModelError::DifferentWeights { .. } => {
            "omit `--weights` to search for them at their previous path and in `data/weights`"
                .into()
        }
        ModelError::WeightsNotFound { folder, .. } => {
            format!("name the file with `--weights FILE`, or put it into `{}`", folder.shown())
        }
        ModelError::Base(error) => return of_vgg(error),
        _ => return None,
    })
}

fn of_photos(error: &PhotosError) -> Option<String> {
    Some(match error {
        PhotosError::SplitTwice { split: Split::Test, .. } => {
            "omit `--test-split`".into()
        }
        PhotosError::SplitTwice { .. } => {
            "omit `--val-split`".into()
        }
        PhotosError::OneGroup { .. } => {
            "add images that are not copies of one another, reserve fewer splits, or omit `--group-duplicates`"
                .into()
        }
        _ => return None,
    })
}

fn of_vgg(error: &VggError) -> Option<String> {
    let VggError::Mismatch { suspicion, .. } = error else { return None };
    Some(match suspicion {
        Suspicion::OtherNetwork => {
            "check that the file is for this network and has its three dense layers; `--base` selects the other network".into()
        }
        Suspicion::ShorterBase => {
            "check that the file is for this network; select the other network with `--base`, or, if the file ends before the last layer, name its last layer with `--last-layer`".into()
        }
        Suspicion::HeadWithoutPlace => {
            "check that the file is for this network; if these are arrays of a head, save the whole model as `.keras`, which records their layers, or save the base alone".into()
        }
        _ => return None,
    })
}

fn of_serve(error: &ServeError) -> Option<String> {
    Some(match error {
        ServeError::InUse(_) => {
            "choose another port with `--port`, or any free port with `--port 0`".into()
        }
        ServeError::Listen { .. } => {
            "choose another port, 1024 or higher, with `--port`, and an address of this computer with `--host`".into()
        }
        ServeError::Room { least, .. } => format!(
            "set `--max-memory-mb` to {} or more, or lower `--max-mb` or `--max-files`",
            least.div_ceil(1_000_000)
        ),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::io;

    use anyhow::Context;
    use clap::CommandFactory;
    use shards::{Piece, PieceFault, Sharding};
    use vgg::Variant;

    use super::*;
    use crate::Permafrost;

    /// Returns an error of every kind that has a hint in this module.
    fn errors() -> Vec<Box<dyn Error>> {
        let text = || "a".to_owned();
        let path = || "a".into();
        let failed = || io::Error::other("a");
        let piece = Piece { shard: 0, shards: 1, piece: 0, pieces: 1 };
        let address = ([127, 0, 0, 1], 80).into();
        let mismatch = |suspicion| VggError::Mismatch {
            path: path(),
            variant: Variant::Vgg16,
            extent: text(),
            problems: vec![],
            suspicion,
        };
        let weights =
            ModelError::DifferentWeights { path: path(), found: text(), expected: text() };
        let not_found =
            ModelError::WeightsNotFound { digest: text(), tried: vec![], folder: path() };
        let damaged = || ShardsError::Damaged { place: text(), fault: PieceFault::Gone };
        let other_settings = ShardsError::DifferentSettings {
            place: text(),
            name: text(),
            found: text(),
            expected: text(),
        };
        let disagree = ShardsError::Disagree {
            name: text(),
            piece: text(),
            found: text(),
            other: text(),
            expected: text(),
        };
        let expected = Sharding::new(1, 1).expect("a cut");
        vec![
            Box::new(TrainError::RunExists(path())),
            Box::new(TrainError::NotEmpty(path())),
            Box::new(TrainError::NoRun(path())),
            Box::new(TrainError::Locked(path())),
            Box::new(TrainError::DifferentSettings(path())),
            Box::new(TrainError::RunInData { path: path(), data: path() }),
            Box::new(TrainError::InitialWeights { path: path(), fault: text() }),
            Box::new(TrainError::FreezesTrained { path: path(), name: text() }),
            Box::new(TrainError::HeadTooLarge { inputs: 1, hidden: text(), limit: 1 }),
            Box::new(TrainError::FeaturesMemory { bytes: 2, limit: 1 }),
            Box::new(TrainError::FewForFolds { class: text(), found: 1, needed: 2 }),
            Box::new(TrainError::Diverged { epoch: 1, step: 1, last: path() }),
            Box::new(TrainError::Shards(damaged())),
            Box::new(TrainError::Model(ModelError::Base(mismatch(Suspicion::OtherNetwork)))),
            Box::new(TrainError::Base(mismatch(Suspicion::OtherNetwork))),
            Box::new(TrainError::Photos(split_twice())),
            Box::new(TrainError::Features(split_twice().into())),
            Box::new(TrainError::Unsaved {
                cause: Box::new(TrainError::Shards(damaged())),
                unsaved: Box::new(TrainError::Complete { path: path(), epochs: 1 }),
            }),
            Box::new(ShardsError::NotBuilt(text())),
            Box::new(ShardsError::Name { place: text(), reason: text() }),
            Box::new(ShardsError::Scratch { folder: text(), reason: failed() }),
            Box::new(ShardsError::SameKey { key: text() }),
            Box::new(ShardsError::Folder { folder: text(), reason: text() }),
            Box::new(ShardsError::UnreadableFile { key: text(), reason: text() }),
            Box::new(ShardsError::NoSet(text())),
            Box::new(ShardsError::OtherSharding { place: text(), found: piece, expected }),
            Box::new(other_settings),
            Box::new(ShardsError::MissingPieces {
                place: text(),
                count: 1,
                total: 1,
                first: piece,
            }),
            Box::new(disagree),
            Box::new(damaged()),
            Box::new(ShardsError::Base(mismatch(Suspicion::ShorterBase))),
            Box::new(ShardsError::Photos(split_twice())),
            Box::new(FeaturesError::Base(mismatch(Suspicion::OtherNetwork))),
            Box::new(weights),
            Box::new(not_found),
            Box::new(ModelError::Base(mismatch(Suspicion::ShorterBase))),
            Box::new(split_twice()),
            Box::new(PhotosError::OneGroup { class: text(), count: 1 }),
            Box::new(mismatch(Suspicion::OtherNetwork)),
            Box::new(mismatch(Suspicion::ShorterBase)),
            Box::new(mismatch(Suspicion::HeadWithoutPlace)),
            Box::new(ServeError::InUse(address)),
            Box::new(ServeError::Listen { address, reason: failed() }),
            Box::new(ServeError::Room { given: 1, least: 2 }),
        ]
    }

    #[test]
    fn hints_name_only_existing_flags_and_commands() {
        let program = Permafrost::command();
        let commands: BTreeSet<&str> =
            program.get_subcommands().map(|command| command.get_name()).collect();
        let arguments = program.get_subcommands().flat_map(|command| command.get_arguments());
        let flags: BTreeSet<&str> = arguments.filter_map(|argument| argument.get_long()).collect();
        let name_in = |text: &str| -> String {
            text.chars().take_while(|&next| next.is_alphanumeric() || next == '-').collect()
        };
        for error in errors() {
            let message = error.to_string();
            assert!(!message.contains("--") && !message.contains(MARK), "{message}");
            let source = error.source().map(ToString::to_string);
            assert!(source.is_none_or(|source| !message.contains(&source)), "{message}");
            let hint = hint(&*error).expect("a hint");
            for flag in hint.split("--").skip(1).map(name_in) {
                assert!(flags.contains(&*flag), "`--{flag}` in: {hint}");
            }
            for command in hint.split("permafrost ").skip(1).map(name_in) {
                assert!(commands.contains(&*command), "`{command}` in: {hint}");
            }
        }
    }

    fn split_twice() -> PhotosError {
        PhotosError::SplitTwice { folder: "a".into(), split: Split::Validation }
    }

    #[test]
    fn hint_of_a_wrapped_error_is_found() {
        let expected = hint(&split_twice()).expect("a hint");
        for error in [
            TrainError::Photos(split_twice()),
            TrainError::Features(split_twice().into()),
            TrainError::Shards(split_twice().into()),
        ] {
            assert_eq!(hint(&error).as_ref(), Some(&expected), "{error:?}");
        }
    }

    #[test]
    fn library_hint_is_used_unless_the_program_has_one() {
        let missing = || FormatError::Missing { path: "a".into() };
        let expected = "no file at `a`\nhint: check the spelling and the current directory";
        let model = || ModelError::from(missing());
        let errors: [anyhow::Error; 5] = [
            missing().into(),
            VggError::from(missing()).into(),
            model().into(),
            TrainError::from(model()).into(),
            TrainError::from(ShardsError::from(VggError::from(missing()))).into(),
        ];
        for error in errors {
            assert_eq!(explained(&error), expected, "{error:?}");
            let outer = format!("no run: {expected}");
            assert_eq!(explained(&error.context("no run")), outer);
        }
        let complete = TrainError::Complete { path: "a".into(), epochs: 2 };
        let unsaved =
            TrainError::Unsaved { cause: Box::new(missing().into()), unsaved: Box::new(complete) };
        let expected = "training failed, and the last valid state can't be saved (the run in `a` is complete after 2 epochs): no file at `a`\nhint: check the spelling and the current directory";
        assert_eq!(explained(&unsaved.into()), expected);
    }

    #[test]
    fn required_memory_is_rounded_up_to_megabytes() {
        let room = ServeError::Room { given: 1_000_000, least: 2_000_001 };
        assert!(hint(&room).expect("a hint").starts_with("set `--max-memory-mb` to 3 or more"));
    }

    #[test]
    fn causes_are_not_repeated_and_one_hint_comes_last() {
        let error = anyhow::Error::new(io::Error::other("the disk is gone"))
            .context("`a` can't be read: the disk is gone")
            .context("no history");
        assert_eq!(explained(&error), "no history: `a` can't be read: the disk is gone");
        let error = Err::<(), _>(TrainError::NotEmpty("a".into()));
        let error = error.context("no run\nhint: try another").expect_err("an error");
        let expected = "no run: `a` is not empty and is not a run directory\nhint: name another folder with `--out`";
        assert_eq!(explained(&error), expected);
        let own = anyhow::anyhow!("the disk is gone").context("no run\nhint: put it back");
        assert_eq!(explained(&own), "no run: the disk is gone\nhint: put it back");
    }
}
