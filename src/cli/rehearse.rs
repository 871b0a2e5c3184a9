//! Flags of `rehearse`.

use super::Wait;
use super::number::speed;
use clap::Args;
use std::path::PathBuf;

/// Flags of `rehearse`.
#[derive(Debug, Clone, Args)]
pub struct Rehearse {
    /// Inject the failures described in this scenario file (docs/rehearsal.md)
    #[arg(long, value_name = "FILE")]
    pub scenario: Option<PathBuf>,
    /// Simulated clock speed factor [default: as fast as possible]
    #[arg(long, value_name = "FACTOR", value_parser = speed)]
    pub speed: Option<f64>,
    /// Random seed
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub seed: u64,
    /// Same as for `up`
    #[arg(long)]
    pub rollback: bool,
    /// How to wait.
    #[command(flatten)]
    pub wait: Wait,
}
