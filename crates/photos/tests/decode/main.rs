//! Decoding of files of every format and mode, complete and damaged.

mod damaged;
mod memory;
mod modes;
mod pictures;
mod revision;
mod scans;
mod tiffs;
