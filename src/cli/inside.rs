//! Flags of the commands that work in a running container.

use clap::Args;

/// Flags of `exec`.
#[derive(Debug, Clone, Args)]
pub struct Exec {
    /// A workload, Service or pod, such as `web` or `deployment/web` [default: the only workload, or that of the Service]
    #[arg(value_name = "NAME")]
    pub name: Option<String>,
    /// Run it in this container [default: the application's]
    #[arg(short, long, value_name = "NAME")]
    pub container: Option<String>,
    /// The command and its arguments, after `--` [default: a shell]
    #[arg(value_name = "COMMAND", last = true)]
    pub command: Vec<String>,
}
