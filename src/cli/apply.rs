//! Flags of the commands that write objects.

use super::Wait;
use clap::Args;

/// How far `up` may go with objects that are there already.
#[derive(Debug, Clone, Copy, Default, Args)]
#[expect(clippy::struct_excessive_bools, reason = "flags of a command line are independent of one another")]
pub struct Apply {
    /// Force ownership of conflicting fields
    #[arg(long)]
    pub force_conflicts: bool,
    /// Recreate objects that cannot be changed in place; never volumes, namespaces or CRDs
    #[arg(long)]
    pub recreate: bool,
    /// Prune objects even if they hold data
    #[arg(long)]
    pub prune_data: bool,
    /// Prune even if that deletes most of the project; with --hosts, write without asking
    #[arg(short, long)]
    pub yes: bool,
    /// Take over what was deployed from another directory under the same name, or by Helm (which then forgets its release)
    #[arg(long)]
    pub adopt: bool,
}

/// Flags of `plan`.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct Plan {
    /// How far `up` may go.
    #[command(flatten)]
    pub apply: Apply,
    /// Exit with code 5 if `up` would change anything, and with 0 if it would not
    #[arg(long)]
    pub exit_code: bool,
    /// Show the objects that would change as a unified diff, secrets masked
    #[arg(long)]
    pub diff: bool,
}

/// Flags of `up`.
#[derive(Debug, Clone, Args)]
pub struct Up {
    /// How far it may go.
    #[command(flatten)]
    pub apply: Apply,
    /// If it fails to become healthy, roll back to the last healthy revision; the exit code is still 50
    #[arg(long)]
    pub rollback: bool,
    /// How to wait.
    #[command(flatten)]
    pub wait: Wait,
    /// Add the host of an Ingress to the hosts file, after asking, if it does not resolve to the cluster
    #[arg(long)]
    pub hosts: bool,
    /// What to do about releases of Helm.
    #[command(flatten)]
    pub helm: Helm,
}

/// Flags of `watch`.
#[derive(Debug, Clone, Args)]
pub struct Watch {
    /// How far it may go.
    #[command(flatten)]
    pub apply: Apply,
    /// How to wait.
    #[command(flatten)]
    pub wait: Wait,
    /// What to do about releases of Helm.
    #[command(flatten)]
    pub helm: Helm,
    /// Show the logs of the application; in a terminal the key `l` shows and hides them
    #[arg(long)]
    pub logs: bool,
    /// At the end, replace pods that have copied files by ones of the real image, as `todo up` does
    #[arg(long, conflicts_with = "down")]
    pub build_on_exit: bool,
    /// At the end, delete what was created, as `todo down` does; without this the application keeps running
    #[arg(long)]
    pub down: bool,
}

/// Flags of `up` that only charts have a use for.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct Helm {
    /// Skip the hooks of charts
    #[arg(long)]
    pub no_hooks: bool,
}
