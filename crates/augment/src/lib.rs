//! Random flip, rotation and zoom of pictures, as Keras's `RandomFlip`, `RandomRotation` and
//! `RandomZoom` have them.
//!
//! Drawing numbers and moving pixels are kept apart: [`AugmentConfig::draw`] turns an address
//! (seed, epoch, item) into a [`Draw`], [`Draw::map`] turns that into one [`Affine`] map, and
//! [`warp`] moves the pixels once for the whole chain, or once a step as Keras does: [`Compose`] says
//! what differs. The same address gives the same picture on every thread.
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
pub use warp::{Picture, WARP_REVISION, warp};
