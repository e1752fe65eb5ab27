//! Commands of the program. Each file holds the arguments of one command and the function that runs it.
//!
//! Commands do not import each other. Code that several commands share is in the modules at the root of the crate.

pub(crate) mod cache;
pub(crate) mod classify;
pub(crate) mod compare;
pub(crate) mod completions;
pub(crate) mod devices;
pub(crate) mod doctor;
pub(crate) mod evaluate;
pub(crate) mod export;
pub(crate) mod features;
pub(crate) mod man;
pub(crate) mod predict;
pub(crate) mod report;
pub(crate) mod serve;
pub(crate) mod show;
pub(crate) mod summary;
pub(crate) mod train;
