//! Flags of the command line, as the steps expect them.

use crate::cli;
use crate::cluster::ApplyOptions;
use crate::cluster::Limits;

/// What the user allows.
pub(crate) fn options(flags: cli::Apply) -> ApplyOptions {
    let cli::Apply { force_conflicts, recreate, prune_data, yes, adopt } = flags;
    ApplyOptions { force_conflicts, recreate, prune_data, yes, adopt, ..ApplyOptions::default() }
}

/// How long the user waits.
pub(crate) fn limits(wait: &cli::Wait) -> Limits {
    Limits { no_progress: wait.timeout, patience: wait.patience, ..Limits::default() }
}
