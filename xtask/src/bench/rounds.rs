//! Arguments shared by the benchmarks that run programs in turn.

use clap::Args;

/// The arguments of benchmarks that are races.
#[derive(Args)]
pub(crate) struct Rounds {
    /// Time others that do the same as well
    #[arg(long)]
    pub(super) peers: bool,
    /// How many rounds count
    #[arg(long, default_value_t = 7)]
    pub(super) rounds: usize,
    /// Print one JSON object
    #[arg(long)]
    pub(super) json: bool,
}
