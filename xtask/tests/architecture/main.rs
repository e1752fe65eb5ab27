//! Checks the invariants of `ARCHITECTURE.md` that can be read from the sources.
//!
//! Each check is a function of texts, and is also tested on texts that break the rule.

mod cycles;
mod declarations;
mod flags;
mod map;
mod modules;
mod printing;
mod sources;
mod workers;
