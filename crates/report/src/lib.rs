//! Evaluation of a classifier: metrics, HTML reports and plots.
#![doc = include_str!("../README.md")]

mod calibration;
mod chart;
mod charts;
mod colors;
mod comparison;
mod confusion;
mod confusion_section;
mod document;
mod heat;
mod image_lists;
mod page;
mod plot;
mod predictions;
mod roc;
mod thumbnail;

pub use calibration::{BINS, Bin};
pub use comparison::{ComparedRun, Comparison};
pub use image_lists::ReportImage;
pub use page::{Epoch, RunReport};
pub use predictions::{ClassScores, Predictions};
pub use roc::{RocPoint, Threshold};
