//! Commands and flags.
//!
//! Not what they do (`flow`). A program called `todo-up` is `todo up`: the name is rewritten before clap sees it, so
//! that a renamed or hashed binary is still `todo`, which clap's own multicall would refuse.

use crate::report::OutputFlag;
use crate::report::style::ColorFlag;
use clap::Args;
use clap::Parser;
use clap::Subcommand;
use std::ffi::OsStr;
use std::ffi::OsString;
use std::path::Path;
use std::path::PathBuf;

/// The sub-commands that exist as programs of their own.
pub const APPLETS: [&str; 3] = ["up", "down", "status"];

/// Bring a small application up on minikube with one command, again and again
#[derive(Debug, Parser)]
#[command(name = "todo", version, propagate_version = true, disable_help_subcommand = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// What holds for every command.
    #[command(flatten)]
    pub global: Global,
}

/// Flags of every command.
#[derive(Debug, Clone, Args)]
pub struct Global {
    /// Use this project file (or the deploy.toml in this folder) instead of the nearest one above
    #[arg(short, long, global = true, value_name = "PATH")]
    pub file: Option<PathBuf>,
    /// Use this minikube profile instead of the project file's
    #[arg(short, long, global = true, value_name = "NAME", env = "TODO_PROFILE")]
    pub profile: Option<String>,
    /// Use the cluster and registry of this `[target]` of the project file instead of minikube
    #[arg(short, long, global = true, value_name = "NAME", env = "TODO_TARGET")]
    pub target: Option<String>,
    /// How to tell what happens; live lines in a terminal and plain ones elsewhere, if not given
    #[arg(short, long, global = true, value_name = "FORM")]
    pub output: Option<OutputFlag>,
    /// When to use colours
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub color: ColorFlag,
    /// Tell everything: build output, why images are built, unchanged objects
    #[arg(short, long, global = true)]
    pub verbose: bool,
}

/// What to do.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Write a deploy.toml for what is in this folder, and manifests if there are none; nothing else is touched
    Init(Init),
    /// Start minikube, build what changed, apply what differs, wait until it is healthy, print the URL that answers
    Up(Up),
    /// Take away what `up` made; volumes and the cluster stay
    Down(Down),
    /// Tell what runs, how well, and whether the URL answers (exit code 0 ready, 3 not there, 4 degraded)
    Status,
    /// Tell what `up` would do, and why; nothing is written
    Plan(Apply),
    /// Ask the project's own checks again: databases, models, pages (exit code 10 or 60 if a required one fails)
    Check,
    /// Try `up` on a cluster inside this process: nothing is needed, started, built or changed outside of it
    Rehearse(Rehearse),
    /// Check everything that `up` needs of this machine, each with the command that fixes it
    Doctor,
    /// Show what the application prints, the lines of several pods in the order of time
    Logs(Logs),
    /// Make the pods anew without a change, and wait until they are healthy
    Restart(Restart),
    /// Ask the URL and open it in the browser
    Open,
    /// Forward a port of localhost to a Service, until Ctrl-C or (--detach) in the background, and print where
    Forward(Forward),
    /// List the revisions that ran well, the newest first
    History,
    /// Go back to an earlier revision, and wait until it is healthy
    Rollback(Rollback),
    /// Give back the project's lock where the run that holds it is gone
    Unlock,
    /// Judge objects dumped with `kubectl get … -o yaml`: what is wrong with them, offline
    Explain {
        /// A file of YAML or JSON, or - for standard input
        file: PathBuf,
    },
    /// What `up` and `forward --detach` start: the process of one port-forward
    #[command(hide = true)]
    ForwardProcess {
        /// What it is for, as JSON
        spec: String,
    },
    /// What Helm calls to bind images: objects on standard input, the same with images NAME=REFERENCE on standard output
    #[command(hide = true)]
    PostRender {
        /// Images and what they are called in the node
        images: Vec<String>,
    },
}

/// How far `up` may go with objects that are there already.
#[derive(Debug, Clone, Copy, Default, Args)]
#[expect(clippy::struct_excessive_bools, reason = "flags of a command line are independent of one another")]
pub struct Apply {
    /// Take fields over from controllers and tools that own them
    #[arg(long)]
    pub force_conflicts: bool,
    /// Delete and make again what cannot be changed; never volumes, namespaces or CRDs
    #[arg(long)]
    pub recreate: bool,
    /// Delete what is no longer wanted even where data hangs on it
    #[arg(long)]
    pub prune_data: bool,
    /// Delete what is no longer wanted even if that is most of what there is; with --hosts, write without asking
    #[arg(short, long)]
    pub yes: bool,
    /// Take over what is deployed already: from another folder under the same name, or by Helm, which then forgets its release
    #[arg(long)]
    pub adopt: bool,
}

/// Flags of `init`.
#[derive(Debug, Clone, Args)]
pub struct Init {
    /// Take this chart, kustomization, folder of manifests or compose file
    #[arg(long, value_name = "PATH", conflicts_with = "manifests")]
    pub from: Option<String>,
    /// Write plain manifests, too, after the compose file or the Dockerfiles
    #[arg(long)]
    pub manifests: bool,
    /// Write over what is there already
    #[arg(long)]
    pub force: bool,
    /// Ask nothing: take the first of what would do equally well
    #[arg(short, long)]
    pub yes: bool,
}

/// Flags of `rollback`.
#[derive(Debug, Clone, Args)]
pub struct Rollback {
    /// The revision to go back to; the one before the present one, if not given
    pub revision: Option<u64>,
    /// How to wait.
    #[command(flatten)]
    pub wait: Wait,
}

/// Flags of `up`.
#[derive(Debug, Clone, Args)]
pub struct Up {
    /// How far it may go.
    #[command(flatten)]
    pub apply: Apply,
    /// If it does not become healthy, go back to the last revision that did; the exit code stays 50
    #[arg(long)]
    pub rollback: bool,
    /// How to wait.
    #[command(flatten)]
    pub wait: Wait,
    /// Write the host of an Ingress into the hosts file, after asking, where it does not lead to the cluster
    #[arg(long)]
    pub hosts: bool,
    /// What to do about releases of Helm.
    #[command(flatten)]
    pub helm: Helm,
}

/// Flags of `up` that only charts have a use for.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct Helm {
    /// Leave the charts' hooks out
    #[arg(long)]
    pub no_hooks: bool,
}

/// Flags of `rehearse`.
#[derive(Debug, Clone, Args)]
pub struct Rehearse {
    /// Let go wrong what this file says (docs/rehearsal.md)
    #[arg(long, value_name = "FILE")]
    pub scenario: Option<PathBuf>,
    /// Let time go so many times as fast as it does; as fast as it can, if not given
    #[arg(long, value_name = "FACTOR", value_parser = speed)]
    pub speed: Option<f64>,
    /// What happens by chance follows from this number
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub seed: u64,
    /// As of `up`
    #[arg(long)]
    pub rollback: bool,
    /// How to wait.
    #[command(flatten)]
    pub wait: Wait,
}

/// Flags of `logs`.
#[derive(Debug, Clone, Args)]
pub struct Logs {
    /// Workloads, Services or pods, as `web` or `deployment/web`; everything, if not given
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
    /// Show this container instead of the one that has something to say
    #[arg(short, long, value_name = "NAME")]
    pub container: Option<String>,
    /// Show the run before the present one: what a container printed before it ended
    #[arg(long, conflicts_with = "follow")]
    pub previous: bool,
    /// Go on with what comes, from new pods, too, until Ctrl-C
    #[arg(short = 'F', long)]
    pub follow: bool,
    /// Begin with the last lines of each container
    #[arg(short = 'n', long, value_name = "COUNT", default_value_t = 100)]
    pub lines: u32,
}

/// Flags of `forward`.
#[derive(Debug, Clone, Args)]
pub struct Forward {
    /// A Service, and the number or name of its port; the one that people open, if not given
    #[arg(value_name = "NAME[:PORT]")]
    pub service: Option<String>,
    /// Its port, after a port of localhost if you like: as `kubectl port-forward` has them
    #[arg(value_name = "[LOCAL:]PORT", conflicts_with = "local_port")]
    pub ports: Option<String>,
    /// Listen on this port of localhost, or the next free one; the Service's own, if not given
    #[arg(short, long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub local_port: Option<u16>,
    /// Run in the background, until --stop or `todo down`
    #[arg(short, long)]
    pub detach: bool,
    /// End the project's port-forwards that run in the background, or only those to the Service NAME
    #[arg(long, conflicts_with_all = ["ports", "local_port", "detach"])]
    pub stop: bool,
}

/// Flags of `restart`.
#[derive(Debug, Clone, Args)]
pub struct Restart {
    /// Workloads, as `web` or `deployment/web`; all, if not given
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
    /// How to wait.
    #[command(flatten)]
    pub wait: Wait,
}

/// How long to wait, and how forgivingly.
#[derive(Debug, Clone, Args)]
pub struct Wait {
    /// Give up when nothing has moved for this long
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = duration)]
    pub timeout: std::time::Duration,
    /// How forgiving to be with objects that fail at first: 0 not at all, 1 as usual, 2 twice as much
    #[arg(long, value_name = "FACTOR", default_value = "1", value_parser = patience)]
    pub patience: f64,
}

/// Flags of `down`.
#[derive(Debug, Clone, Args)]
#[expect(clippy::struct_excessive_bools, reason = "flags of a command line are independent of one another")]
pub struct Down {
    /// Delete the volumes, too, and with them the data
    #[arg(long)]
    pub purge: bool,
    /// Also what was deployed from another folder under the same name in the same namespace
    #[arg(long)]
    pub adopt: bool,
    /// Take our lines out of the hosts file, too
    #[arg(long)]
    pub hosts: bool,
    /// Stop the cluster afterwards
    #[arg(long, conflicts_with = "delete")]
    pub stop: bool,
    /// Delete the cluster, and with it all data of all projects in it
    #[arg(long)]
    pub delete: bool,
    /// Leave the charts' hooks out
    #[arg(long)]
    pub no_hooks: bool,
}

impl Command {
    /// The sub-command's name.
    pub fn name(&self) -> &'static str {
        match self {
            Command::Init(_) => "init",
            Command::Up(_) => "up",
            Command::Down(_) => "down",
            Command::Status => "status",
            Command::Plan(_) => "plan",
            Command::Check => "check",
            Command::Rehearse(_) => "rehearse",
            Command::Doctor => "doctor",
            Command::Logs(_) => "logs",
            Command::Restart(_) => "restart",
            Command::Open => "open",
            Command::Forward(_) => "forward",
            Command::History => "history",
            Command::Rollback(_) => "rollback",
            Command::Unlock => "unlock",
            Command::Explain { .. } => "explain",
            Command::ForwardProcess { .. } => "forward-process",
            Command::PostRender { .. } => "post-render",
        }
    }
}

/// `todo-up --x` means `todo up --x`; any other name (a renamed or hashed binary) means `todo`. A copy called `todo-up`
/// starts itself as the process of a port-forward all the same.
pub fn expand(arguments: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut arguments = arguments.into_iter().peekable();
    let called = arguments.next().unwrap_or_default();
    let name = Path::new(&called).file_name().and_then(OsStr::to_str).unwrap_or_default();
    let name = name.strip_suffix(".exe").or_else(|| name.strip_suffix(".EXE")).unwrap_or(name);
    let is_forward = arguments.peek().is_some_and(|first| first == "forward-process");
    let applet = name.strip_prefix("todo-").filter(|applet| APPLETS.contains(applet) && !is_forward);
    std::iter::once("todo".into()).chain(applet.map(OsString::from)).chain(arguments).collect()
}

fn duration(text: &str) -> Result<std::time::Duration, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let seconds = match unit {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => 0,
    };
    match number.parse::<u64>().ok().and_then(|number| number.checked_mul(seconds)) {
        Some(seconds @ 1..=604_800) => Ok(std::time::Duration::from_secs(seconds)),
        _ => Err("write a time such as `90s`, `5m` or `1h`".to_owned()),
    }
}

fn speed(text: &str) -> Result<f64, String> {
    let factor = text.parse().ok().filter(|factor| (0.1..=100_000.0).contains(factor));
    factor.ok_or_else(|| "write a number from 0.1 to 100000".to_owned())
}

fn patience(text: &str) -> Result<f64, String> {
    let factor = text.parse().ok().filter(|factor| (0.0..=100.0).contains(factor));
    factor.ok_or_else(|| "write a number from 0 to 100".to_owned())
}

#[cfg(test)]
mod tests {
    use super::APPLETS;
    use super::Cli;
    use super::duration;
    use super::expand;
    use clap::CommandFactory;
    use std::ffi::OsString;

    fn expanded(arguments: &[&str]) -> Vec<OsString> {
        expand(arguments.iter().map(OsString::from))
    }

    #[test]
    fn the_name_it_is_called_by_decides() {
        assert_eq!(expanded(&["/usr/bin/todo-up", "--verbose"]), ["todo", "up", "--verbose"]);
        assert_eq!(expanded(&["./todo-down.exe"]), ["todo", "down"]);
        assert_eq!(expanded(&["todo-status", "-o", "json"]), ["todo", "status", "-o", "json"]);
        assert_eq!(expanded(&["./todo-x86_64-linux", "down"]), ["todo", "down"]);
        assert_eq!(expanded(&["todo", "up"]), ["todo", "up"]);
        assert_eq!(expanded(&[]), ["todo"]);
        assert_eq!(expanded(&["todo-up", "forward-process", "{}"]), ["todo", "forward-process", "{}"]);
    }

    #[test]
    fn every_applet_is_a_command() {
        Cli::command().debug_assert();
        for applet in APPLETS {
            assert!(Cli::command().find_subcommand(applet).is_some(), "{applet}");
        }
    }

    #[test]
    fn times() {
        assert_eq!(duration("90s").map(|time| time.as_secs()), Ok(90));
        assert_eq!(duration("5m").map(|time| time.as_secs()), Ok(300));
        assert!(["", "m", "5x", "0", "-1s", "99999999h", "1.5m"].iter().all(|text| duration(text).is_err()));
    }
}
