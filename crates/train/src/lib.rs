//! Training of a classifier on a frozen base: the loop, RMSprop, losses, checkpoints and history.
//!
//! Start with [`fit`] and the module `training`: they contain the loop. [`Job`] is its input, [`Event`] reports its
//! progress, and [`RunFolder`] holds its files.
#![doc = include_str!("../README.md")]

mod batch;
mod checkpoint;
mod config;
mod data;
mod error;
mod evaluate;
mod event;
mod feature_data;
mod first_tail;
mod fit;
mod hex;
mod history;
mod job;
mod loss;
mod metrics;
mod named_settings;
mod optimizer;
mod outcome;
mod plateau;
mod rmsprop;
mod run_folder;
mod same_run;
mod slot_error;
mod source;
mod state;
mod stream;
mod tensorboard;
mod training;

pub use checkpoint::LastState;
pub use config::{DataConfig, DeviceConfig, RunConfig, Start, TrainConfig, WeightsChoice};
pub use data::Data;
pub use error::TrainError;
pub use evaluate::evaluate;
pub use event::{Event, Set};
pub use feature_data::FeatureData;
pub use first_tail::first_tail;
pub use fit::{fit, resume};
pub use job::Job;
pub use loss::{binary_cross_entropy, categorical_cross_entropy, clipped_binary_cross_entropy};
pub use metrics::{RunningMean, count_correct, is_accurate};
pub use optimizer::Optimizer;
pub use outcome::Outcome;
pub use plateau::Plateau;
pub use rmsprop::{RmsProp, Slot};
pub use run_folder::RunFolder;
pub use slot_error::SlotError;
pub use source::order_of_epoch;
pub use state::{Best, State};
