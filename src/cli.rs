//! Commands and flags.
//!
//! Not what they do (`flow`). A program called `todo-up` is `todo up`: the name is rewritten before clap sees it, so
//! that a renamed or hashed binary is still `todo`, which clap's own multicall would refuse.

use crate::report::OutputFlag;
use crate::report::style::ColorFlag;
use clap::Args;
use clap::Parser;
use clap::Subcommand;
use jiff::SignedDuration;
use std::ffi::OsStr;
use std::ffi::OsString;
use std::path::Path;
use std::path::PathBuf;

/// The shortest time that can be given.
const SECOND: SignedDuration = SignedDuration::from_secs(1);

/// The longest.
const WEEK: SignedDuration = SignedDuration::from_hours(168);

/// The sub-commands that exist as programs of their own.
pub const APPLETS: [&str; 3] = ["up", "down", "status"];

/// Deploy a small application to minikube with one command
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
    /// Use this project file (or the deploy.toml in this directory) instead of the nearest one above
    #[arg(short, long, global = true, value_name = "PATH")]
    pub file: Option<PathBuf>,
    /// Use this minikube profile instead of the project file's
    #[arg(short, long, global = true, value_name = "NAME", env = "TODO_PROFILE")]
    pub profile: Option<String>,
    /// Use the cluster and registry of this `[target]` of the project file instead of minikube
    #[arg(short, long, global = true, value_name = "NAME", env = "TODO_TARGET")]
    pub target: Option<String>,
    /// Output format [default: live in a terminal, plain elsewhere]
    #[arg(short, long, global = true, value_name = "FORM")]
    pub output: Option<OutputFlag>,
    /// When to use colors
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub color: ColorFlag,
    /// Show everything: build output, why images are built, unchanged objects
    #[arg(short, long, global = true)]
    pub verbose: bool,
}

/// What to do.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Create a deploy.toml for this directory, and manifests if there are none
    Init(Init),
    /// Start minikube, build images, apply manifests, wait until everything is healthy, and print the URL
    Up(Up),
    /// Bring the project up, and again after each change of its files, until Ctrl-C
    Watch(Watch),
    /// Delete everything `up` created, except volumes and the cluster
    Down(Down),
    /// Show what is running, its health, and whether the URL answers (exit code 0 ready, 3 not deployed, 4 degraded)
    Status,
    /// Show what `up` would change, and why; nothing is written
    Plan(Apply),
    /// Run the project's own checks: databases, models, pages (exit code 10 or 60 if a required one fails)
    Check,
    /// Try `up` on a simulated cluster: nothing outside this process is started, built or changed
    Rehearse(Rehearse),
    /// Check everything `up` needs, and print how to fix each problem
    Doctor,
    /// Show the logs of the application, of several pods in order of time
    Logs(Logs),
    /// Restart the pods, and wait until they are healthy
    Restart(Restart),
    /// Check that the URL answers, and open it in the browser
    Open,
    /// Forward a port of localhost to a Service, until Ctrl-C or in the background (--detach)
    Forward(Forward),
    /// List the revisions that were healthy, newest first
    History,
    /// Roll back to an earlier revision, and wait until it is healthy
    Rollback(Rollback),
    /// Release the project lock of a run that is gone
    Unlock,
    /// Explain the health of objects dumped with `kubectl get … -o yaml`, offline
    Explain {
        /// A file of YAML or JSON, or - for standard input
        // An id of its own: `file` is that of the global `--file`.
        #[arg(id = "dump", value_name = "FILE")]
        file: PathBuf,
    },
    /// Explain a command, the code of an error, or a topic: annotations, deploy.toml, exit-codes, health
    Help {
        /// A command (`up`), a code (`crash-loop`) or a topic (`exit-codes`); the list of commands, if not given
        topic: Option<String>,
    },
    /// The background process of one port-forward; started by `up` and `forward --detach`
    #[command(hide = true)]
    ForwardProcess {
        /// What it is for, as JSON
        spec: String,
    },
    /// The post-renderer that Helm calls: replaces images in the objects on standard input
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
    /// List every way to deploy this folder, and write nothing
    #[arg(long)]
    pub list: bool,
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
    /// Number of lines to show of each container
    #[arg(short = 'n', long, value_name = "COUNT", default_value_t = 100)]
    pub lines: u32,
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

impl Command {
    /// Whether it reads everything that the project is made of, and not deploy.toml alone.
    pub(crate) fn reads_files(&self) -> bool {
        matches!(
            self,
            Command::Up(_) | Command::Watch(_) | Command::Plan(_) | Command::Check | Command::Rehearse(_)
        )
    }

    /// The sub-command's name.
    pub fn name(&self) -> &'static str {
        match self {
            Command::Init(_) => "init",
            Command::Up(_) => "up",
            Command::Watch(_) => "watch",
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
            Command::Help { .. } => "help",
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

/// `90`, `90s`, `5m`, `1h30m`, `1.5m`: from a second to a week.
fn duration(text: &str) -> Result<std::time::Duration, String> {
    let seconds = text.parse().ok().map(SignedDuration::from_secs);
    let parsed = seconds.or_else(|| text.parse().ok()).filter(|parsed| (SECOND..=WEEK).contains(parsed));
    let whole = parsed.and_then(|parsed| parsed.try_into().ok());
    whole.ok_or_else(|| "write a time such as `90s`, `5m` or `1h30m`, up to 168 hours".to_owned())
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
    fn no_argument_of_a_command_has_the_id_of_a_global_one() {
        let cli = Cli::command();
        let globals: Vec<_> = cli.get_arguments().map(clap::Arg::get_id).collect();
        assert!(globals.len() > 3, "{globals:?}");
        for command in cli.get_subcommands() {
            for argument in command.get_arguments() {
                assert!(
                    !globals.contains(&argument.get_id()),
                    "{} of {}",
                    argument.get_id(),
                    command.get_name()
                );
            }
        }
    }

    #[test]
    fn times() {
        assert_eq!(duration("90s").map(|time| time.as_secs()), Ok(90));
        assert_eq!(duration("90").map(|time| time.as_secs()), Ok(90));
        assert_eq!(duration("5m").map(|time| time.as_secs()), Ok(300));
        assert_eq!(duration("1h30m").map(|time| time.as_secs()), Ok(5400));
        assert_eq!(duration("1.5m").map(|time| time.as_secs()), Ok(90));
        assert!(["", "m", "5x", "0", "-1s", "169h", "99999999h"].iter().all(|text| duration(text).is_err()));
    }
}
