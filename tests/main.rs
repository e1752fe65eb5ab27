//! Whole-program tests: the built binary, run as a user would, each in a folder of its own.

mod bad_input;
mod dirty;
mod doctor;
mod models;
mod permafrost;
mod runs;
mod summaries;
