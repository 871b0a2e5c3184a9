//! Flags of `down`.

use clap::Args;

/// Flags of `down`.
#[derive(Debug, Clone, Default, Args)]
#[expect(clippy::struct_excessive_bools, reason = "flags of a command line are independent of one another")]
pub struct Down {
    /// Also delete the volumes and their data
    #[arg(long)]
    pub purge: bool,
    /// Also delete what was deployed from another directory under the same name and namespace
    #[arg(long)]
    pub adopt: bool,
    /// Also remove the lines that `todo` added to the hosts file
    #[arg(long)]
    pub hosts: bool,
    /// Stop the cluster afterwards
    #[arg(long, conflicts_with = "delete")]
    pub stop: bool,
    /// Delete the cluster, and with it all data of all projects in it
    #[arg(long)]
    pub delete: bool,
    /// Skip the hooks of charts
    #[arg(long)]
    pub no_hooks: bool,
}
