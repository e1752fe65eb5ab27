//! Logistic regression on features of a frozen network.
//!
//! [`LogisticRegression`] trains a [`LinearModel`] on [`Samples`]. [`stratified_folds`] assigns samples to folds, and
//! [`cross_validate`] trains and predicts on them.
#![doc = include_str!("../README.md")]

mod cancellation;
mod cross_validation;
mod error;
mod folds;
mod inputs;
mod model;
mod objective;
mod product;
mod samples;
mod solver;
mod standardization;

pub use cancellation::IsCancelled;
pub use cross_validation::{CrossValidation, choose_c, cross_validate};
pub use error::LinearError;
pub use folds::{Fold, stratified_folds};
pub use model::LinearModel;
pub use samples::Samples;
pub use solver::{Fit, LogisticRegression};
