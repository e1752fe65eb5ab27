//! Tests of workers: the features that they compute of images in a store, and the state that a stopped worker leaves.

mod engines;
mod existing_pieces;
mod images;
mod worker;
