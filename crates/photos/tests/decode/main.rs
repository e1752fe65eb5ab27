//! Decoding of files of every format and mode, complete and damaged.

mod damaged;
mod images;
mod memory;
mod modes;
mod revision;
mod scans;
mod tiffs;
