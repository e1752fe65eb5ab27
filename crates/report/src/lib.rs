//! Evaluation of a classifier: metrics, HTML reports and plots.
#![doc = include_str!("../README.md")]

mod calibration;
mod chart;
mod charts;
mod colours;
mod comparison;
mod confusion;
mod confusion_section;
mod document;
mod heat;
mod page;
mod plot;
mod predictions;
mod roc;
mod thumbnail;

pub use calibration::{BINS, Bin};
pub use comparison::{ComparedRun, Comparison};
pub use page::{Epoch, ReportImage, RunReport};
pub use predictions::{ClassScores, Predictions};
pub use roc::{RocPoint, Threshold};
