//! Random flip, rotation and zoom of images, like Keras's `RandomFlip`, `RandomRotation` and
//! `RandomZoom`.
//!
//! Drawing numbers and moving pixels are separate. [`AugmentConfig::draw`] turns (seed, epoch,
//! item) into a [`Draw`]. [`Draw::map`] turns that into one [`Affine`] map, and [`warp`] moves the
//! pixels. [`Compose`] selects one warp for all steps, or one per step as in Keras. The same (seed,
//! epoch, item) gives the same augmented copy on every thread.
#![doc = include_str!("../README.md")]

mod affine;
mod compose;
mod config;
mod draw;
mod warp;

pub use affine::Affine;
pub use compose::Compose;
pub use config::{AugmentConfig, AugmentError, RandomFlip};
pub use draw::Draw;
pub use warp::{ImageRef, WARP_REVISION, warp};
