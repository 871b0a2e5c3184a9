//! Flags of `init`.

use clap::Args;

/// Flags of `init`.
#[derive(Debug, Clone, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag")]
pub struct Init {
    /// Use this chart, kustomization, directory of manifests or compose file
    #[arg(long, value_name = "PATH", conflicts_with = "manifests")]
    pub from: Option<String>,
    /// Also generate plain manifests from the compose file or the Dockerfiles
    #[arg(long)]
    pub manifests: bool,
    /// Overwrite existing files
    #[arg(long)]
    pub force: bool,
    /// Answer yes to every question
    #[arg(short, long)]
    pub yes: bool,
    /// List every way to deploy this directory, and write nothing
    #[arg(long)]
    pub list: bool,
}
