//! What becomes of the files that people have: every format and mode, whole and damaged.

mod damaged;
mod memory;
mod modes;
mod pictures;
mod revision;
mod scans;
mod tiffs;
