//! Training of a classifier on a frozen base: the loop, RMSprop, losses, checkpoints and history.
//!
//! Start with [`fit`] and the module `training`: they contain the loop. [`TrainingJob`] is its input, [`TrainingEvent`]
//! reports its progress, [`RunDirectory`] holds its files, and [`TrainingResult`] has its history and its best model.
//! [`fit_head`] trains a head alone, on features in memory.
#![doc = include_str!("../README.md")]

mod adam;
mod batch;
mod batch_source;
mod best;
mod checkpoint;
mod config;
mod cross_validation;
mod data;
mod data_check;
mod data_layout;
mod error;
mod evaluate;
mod event;
mod feature_arrays;
mod feature_arrays_error;
#[cfg(feature = "shards")]
mod feature_data;
mod feature_scale;
mod fit;
mod fit_head;
mod fold_groups;
mod fold_predictions;
mod forward_pass;
mod gradients;
mod hex;
mod history;
mod initial_layers;
mod job;
mod linear_config;
mod linear_head;
mod linear_solution;
mod loss;
mod loss_config;
mod metrics;
mod monitor;
mod named_settings;
mod optimizer;
mod optimizer_config;
mod optimizer_state_error;
mod outcome;
mod parameter_state;
mod parameter_update;
mod plateau;
mod resume_check;
mod rmsprop;
mod run_directory;
mod sgd;
mod state;
mod steps;
#[cfg(feature = "shards")]
mod streamed_features;
mod tensorboard;
mod test_split;
mod training;

// Types of other crates that the public types here consist of.
pub use augment::{AugmentConfig, AugmentError, Compose, RandomFlip};
pub use features::{Cancellation, Cancelled, Extractor, FeaturesError};
pub use formats::{Array, Arrays, FormatError};
pub use head::{Activation, Head, HeadConfig};
pub use linear::LinearError;
pub use model::{Classifier, Metrics, ModelCard, ModelError, TrainableLayers};
pub use photos::{ImageDataset, Layout, PhotosError, SplitDatasets};
pub use report::{FoldMetric, Predictions, ThresholdRule, ThresholdRuleError};
#[cfg(feature = "shards")]
pub use shards::{FeatureSet, ShardsError};
pub use vgg::{FrozenBase, Pooling, Precision, Variant, VggConfig, VggError, Weights};

pub use adam::Adam;
pub use batch_source::order_of_epoch;
pub use best::Best;
pub use checkpoint::SavedCheckpoint;
pub use config::{DataConfig, DeviceConfig, InitialWeights, RunConfig, TrainConfig, WeightsChoice};
pub use data::Data;
pub use data_check::check_data;
pub use error::TrainError;
pub use evaluate::{Evaluated, evaluate};
pub use event::{ImageSet, TrainingEvent};
pub use feature_arrays::{FeatureArrays, LabeledRows};
pub use feature_arrays_error::FeatureArraysError;
#[cfg(feature = "shards")]
pub use feature_data::FeatureData;
pub use fit::{fit, resume};
pub use fit_head::{HeadJob, TrainedHead, fit_head};
pub use fold_predictions::FoldPredictions;
pub use forward_pass::ForwardPass;
pub use gradients::ParameterGradients;
pub use initial_layers::initial_layers;
pub use job::TrainingJob;
pub use linear_config::LinearConfig;
pub use linear_solution::{Candidate, LinearSolution};
pub use loss::{binary_cross_entropy, categorical_cross_entropy, clipped_binary_cross_entropy};
pub use loss_config::{ClassWeight, ClassWeightError, LossConfig};
pub use metrics::{RunningMean, count_correct, is_accurate};
pub use monitor::{Monitor, MonitorError};
pub use optimizer::Optimizer;
pub use optimizer_config::{OptimizerConfig, OptimizerKind, Schedule};
pub use optimizer_state_error::OptimizerStateError;
pub use outcome::{EpochRecord, TrainedModel, TrainingOutcome, TrainingResult};
pub use parameter_state::ParameterState;
pub use parameter_update::{ParameterUpdate, UpdateRule};
pub use plateau::Plateau;
pub use rmsprop::RmsProp;
pub use run_directory::RunDirectory;
pub use sgd::Sgd;
pub use state::TrainingState;
pub use test_split::{evaluate_test, predictions_of};
