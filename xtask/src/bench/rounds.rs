//! Arguments shared by the benchmarks that run programs in turn.

use clap::Args;

/// Arguments of benchmarks that run programs in turn.
#[derive(Args)]
pub(crate) struct Rounds {
    /// Also time other programs that do the same
    #[arg(long)]
    pub(super) peers: bool,
    /// Number of rounds after the warm-up
    #[arg(long, default_value_t = 7)]
    pub(super) rounds: usize,
    /// Print the result as one JSON object
    #[arg(long)]
    pub(super) json: bool,
}
