//! What the loop tells while it runs.

use std::path::PathBuf;

use model::Metrics;

/// Which photographs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Set {
    /// Those trained on.
    Training,
    /// The augmented views of those trained on.
    Views,
    /// Those validated on.
    Validation,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The features of `done` of `total` photographs, which are kept, have been computed or read from the cache.
    Features {
        /// Which photographs.
        set: Set,
        /// How many are done.
        done: usize,
        /// How many there are.
        total: usize,
    },
    /// The features of `done` of `total` photographs, which were computed elsewhere, have been read.
    Read {
        /// Which photographs.
        set: Set,
        /// How many are done.
        done: usize,
        /// How many there are.
        total: usize,
    },
    /// The features that epochs see do not fit into memory and are read anew in each of them, in the order of
    /// parts of pieces.
    Streamed {
        /// How many bytes they are.
        bytes: u64,
    },
    /// A step was made; loss and accuracy are the epoch's so far.
    Step {
        /// The epoch, from 1.
        epoch: usize,
        /// How many of the epoch's steps were made.
        step: usize,
        /// How many steps an epoch has.
        steps: usize,
        /// The mean loss so far.
        loss: f64,
        /// The accuracy so far.
        accuracy: f64,
    },
    /// An epoch ended.
    Epoch {
        /// How it went.
        metrics: Metrics,
        /// How long it took, in seconds.
        seconds: f64,
        /// The rate at which the head learned in it.
        learning_rate: f64,
        /// Whether its val_loss is the best so far, so that the model was kept in `best`.
        best: bool,
    },
    /// The last state is damaged, and the run goes on from the one before it.
    OlderState {
        /// What is wrong with the last one, with hints.
        fault: String,
        /// How many epochs were complete then.
        epochs: usize,
    },
    /// The run goes on with another engine than before, perhaps: one with another instruction set, or the run does
    /// not say with which it began. Its result may have other last digits than that of a run on one engine.
    OtherEngine {
        /// The engine before, if the run says it.
        before: Option<String>,
        /// The engine now.
        now: String,
    },
    /// A model and all that is needed to go on were written.
    Saved {
        /// The folder.
        path: PathBuf,
    },
}
