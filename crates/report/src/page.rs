//! HTML reports and plots.

mod chart;
mod charts;
mod colors;
mod comparison;
mod confusion;
mod confusion_section;
mod document;
mod heat;
mod image_lists;
mod plot;
mod run_report;
mod thumbnail;

pub use comparison::{ComparedRun, Comparison, SeedSpread};
pub use image_lists::ReportImage;
pub use run_report::{Epoch, FoldResults, RunReport};
