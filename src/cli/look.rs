//! Flags of the commands that look into a running application.

use super::number::duration;
use clap::Args;
use regex::Regex;
use std::path::PathBuf;

/// Flags of `logs`.
#[derive(Debug, Clone, Args)]
pub struct Logs {
    /// Workloads, Services or pods, such as `web` or `deployment/web` [default: all]
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
    /// Show the logs of this container
    #[arg(short, long, value_name = "NAME")]
    pub container: Option<String>,
    /// Show the logs of the previous run of each container
    #[arg(long, conflicts_with = "follow")]
    pub previous: bool,
    /// Follow the logs, including those of new pods, until Ctrl-C
    #[arg(short = 'F', long)]
    pub follow: bool,
    /// Number of lines to read of each container [default: 100; all with --since or --grep]
    #[arg(short = 'n', long, value_name = "COUNT")]
    pub lines: Option<u32>,
    /// Show only lines that are not older than this
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub since: Option<std::time::Duration>,
    /// Show only lines that match this regular expression; `(?i)` in front ignores case
    #[arg(short, long, value_name = "PATTERN", value_parser = Regex::new)]
    pub grep: Option<Regex>,
}

/// Flags of `status`.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct Status {
    /// Show it again after each change, until Ctrl-C, and whether `up` would change anything
    #[arg(short, long)]
    pub watch: bool,
}

/// Flags of `doctor`.
#[derive(Debug, Clone, Default, Args)]
pub struct Doctor {
    /// Write an archive for the report of a defect: what was found, deploy.toml and the times of the last runs, without secrets
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "todo-bundle.tar.gz")]
    pub bundle: Option<PathBuf>,
    /// Do what is safe: start a profile that is stopped, release the lock of a run that is gone, give kubectl a context if it has none.
    /// Each is shown and asked about before
    #[arg(long)]
    pub fix: bool,
    /// Answer yes to every question
    #[arg(short, long, requires = "fix")]
    pub yes: bool,
}

/// Flags of `forward`.
#[derive(Debug, Clone, Args)]
pub struct Forward {
    /// A Service, and the number or name of its port [default: the one to open]
    #[arg(value_name = "NAME[:PORT]")]
    pub service: Option<String>,
    /// Its port, with an optional port of localhost, as for `kubectl port-forward`
    #[arg(value_name = "[LOCAL:]PORT", conflicts_with = "local_port")]
    pub ports: Option<String>,
    /// Listen on this port of localhost, or the next free one [default: the port of the Service]
    #[arg(short, long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub local_port: Option<u16>,
    /// Run in the background, until --stop or `todo down`
    #[arg(short, long)]
    pub detach: bool,
    /// Stop the background port-forwards of the project, or only those to the Service NAME
    #[arg(long, conflicts_with_all = ["ports", "local_port", "detach"])]
    pub stop: bool,
}
