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

/// Flags of `cp`.
#[derive(Debug, Clone, Args)]
pub struct Cp {
    /// A file or directory: NAME:PATH in a container (NAME as for `exec`), a PATH here, or - for a tar archive on standard input
    #[arg(value_name = "SOURCE", allow_hyphen_values = true)]
    pub source: String,
    /// Where to: NAME:PATH, PATH, or - for a tar archive on standard output; in a directory that is there, it keeps its name
    #[arg(value_name = "DESTINATION", allow_hyphen_values = true)]
    pub destination: String,
    /// The container [default: the application's]
    #[arg(short, long, value_name = "NAME")]
    pub container: Option<String>,
}
