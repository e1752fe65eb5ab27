//! Evaluation of a classifier: metrics, HTML reports and plots.
#![doc = include_str!("../README.md")]

mod calibration;
mod evaluation;
mod folds;
mod overall;
#[cfg(feature = "page")]
mod page;
mod predictions;
mod roc;
mod threshold;

pub use calibration::{BINS, Bin};
pub use evaluation::{Estimate, Evaluation};
pub use folds::FoldMetric;
#[cfg(feature = "page")]
pub use page::{ComparedRun, Comparison, Epoch, FoldResults, ReportImage, RunReport, SeedSpread};
pub use predictions::{ClassScores, Predictions};
pub use roc::RocPoint;
pub use threshold::{Threshold, ThresholdRule, ThresholdRuleError};
