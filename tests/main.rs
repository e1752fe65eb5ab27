//! Whole-program tests, which run the built binary as a user would, each in a separate folder.

mod bad_input;
mod bad_weights;
mod cache;
mod closed_pipes;
mod compare;
mod dashboard;
mod devices;
mod dirty_data;
mod doctor;
mod environment;
mod events;
mod features;
mod harness;
mod hostile_names;
#[path = "../crates/photos/tests/decode/images.rs"]
mod images;
mod layouts;
mod linear;
mod models;
mod older_versions;
#[cfg(unix)]
mod ordinary_user;
#[cfg(unix)]
mod read_only_folders;
#[cfg(feature = "remote")]
mod remote;
mod report;
mod resumed_runs;
mod runs;
mod serve;
mod shells;
mod show;
mod skipped_files;
mod splits;
mod summaries;
mod train_on_features;
mod train_options;
#[cfg(feature = "remote")]
mod unreliable_store;
