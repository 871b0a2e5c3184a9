//! How to wait, and the flags of commands that have little more.

use super::number::duration;
use super::number::patience;
use clap::Args;

/// How long to wait, and how forgivingly.
#[derive(Debug, Clone, Args)]
pub struct Wait {
    /// Give up after this time without progress
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = duration)]
    pub timeout: std::time::Duration,
    /// Tolerance factor for transient failures: 0 none, 1 default, 2 twice as long
    #[arg(long, value_name = "FACTOR", default_value = "1", value_parser = patience)]
    pub patience: f64,
}

/// Flags of `restart`.
#[derive(Debug, Clone, Args)]
pub struct Restart {
    /// Workloads, such as `web` or `deployment/web` [default: all]
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
    /// How to wait.
    #[command(flatten)]
    pub wait: Wait,
}

/// Flags of `rollback`.
#[derive(Debug, Clone, Args)]
pub struct Rollback {
    /// The revision to roll back to [default: the previous one]
    pub revision: Option<u64>,
    /// How to wait.
    #[command(flatten)]
    pub wait: Wait,
}
