//! Commands and flags.
//!
//! Not what they do (`flow`). The flags of each command are in a module below. A program called `todo-up` is `todo up`: the name is rewritten before clap sees it, so
//! that a renamed or hashed binary is still `todo`, which clap's own multicall would refuse.

mod apply;
mod delete;
mod init;
mod inside;
mod look;
mod number;
mod rehearse;
mod wait;

pub use apply::Apply;
pub use apply::Helm;
pub use apply::Plan;
pub use apply::Up;
pub use apply::Watch;
pub use delete::Down;
pub use init::Init;
pub use inside::Cp;
pub use inside::Exec;
pub use look::Doctor;
pub use look::Forward;
pub use look::Logs;
pub use look::Status;
pub use rehearse::Rehearse;
pub use wait::Restart;
pub use wait::Rollback;
pub use wait::Wait;

use crate::report::OutputFlag;
use crate::report::style::ColorFlag;
use crate::version;
use clap::Args;
use clap::Parser;
use clap::Subcommand;
use clap::ValueEnum;
use std::ffi::OsStr;
use std::ffi::OsString;
use std::path::Path;
use std::path::PathBuf;

/// The sub-commands that exist as programs of their own.
pub const APPLETS: [&str; 3] = ["up", "down", "status"];

/// The shells for which there are completions.
pub const SHELLS: [&str; 5] = ["bash", "elvish", "fish", "powershell", "zsh"];

/// What makes each of them load its script.
const LOADED: &str = "\
For every new shell:
  bash        add `source <(todo completions bash)` to ~/.bashrc
  elvish      add `eval (todo completions elvish | slurp)` to ~/.config/elvish/rc.elv
  fish        write `todo completions fish | source` to ~/.config/fish/completions/todo.fish
  powershell  add `todo completions powershell | Out-String | Invoke-Expression` to $PROFILE
  zsh         add `source <(todo completions zsh)` to ~/.zshrc, after `compinit`";

/// What the environment sets beside flags.
const ENVIRONMENT: &str = "\
Environment variables:
  TODO_LOG      write a log of requests and decisions to standard error: error, warn,
                info, debug, trace, or filters by module (info,todo::cluster=debug)
  TODO_PROFILE  as --profile
  TODO_TARGET   as --target
  NO_COLOR      no colors";

/// Deploy a small application to minikube with one command
#[derive(Debug, Parser)]
#[command(after_help = ENVIRONMENT)]
#[command(name = "todo", version, long_version = version::long(), propagate_version = true, disable_help_subcommand = true)]
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
    #[arg(short, long, global = true, value_name = "FORMAT")]
    pub output: Option<OutputFlag>,
    /// When to use colors
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub color: ColorFlag,
    /// Show everything: build output, why images are built, unchanged objects
    #[arg(short, long, global = true)]
    pub verbose: bool,
    /// Show only the answer, warnings and errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Never ask anything, as if there were no terminal
    #[arg(long, global = true)]
    pub no_input: bool,
}

/// What `schema` describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SchemaOf {
    /// The project file
    #[value(name = "deploy.toml")]
    DeployToml,
    /// A line of `--output json` of the commands that do something
    Events,
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
    Status(Status),
    /// Show what `up` would change, and why; nothing is written (exit code 5 with --exit-code if it would change anything)
    Plan(Plan),
    /// Run the project's own checks: databases, models, pages (exit code 10 or 60 if a required one fails)
    Check,
    /// Try `up` on a simulated cluster: nothing outside this process is started, built or changed
    Rehearse(Rehearse),
    /// Check everything `up` needs, and print how to fix each problem
    Doctor(Doctor),
    /// Show the logs of the application, of several pods in order of time
    Logs(Logs),
    /// Run a command in a container of the application, or a shell
    Exec(Exec),
    /// Copy files into a container of the application, or out of it
    Cp(Cp),
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
    /// Show where the time of the last run went: its steps, and when its pods were scheduled, started and ready
    Timeline,
    /// Release the project lock of a run that is gone
    Unlock,
    /// Explain the health of objects dumped with `kubectl get … -o yaml`, offline
    Explain {
        /// A file of YAML or JSON, or - for standard input
        // An id of its own: `file` is that of the global `--file`.
        #[arg(id = "dump", value_name = "FILE")]
        file: PathBuf,
    },
    /// Explain a command, the code of an error, or a topic: annotations, codes, deploy.toml, exit-codes, health
    Help {
        /// A command (`up`), a code (`crash-loop`) or a topic (`exit-codes`); the list of commands, if not given
        topic: Option<String>,
    },
    /// Print the script that completes commands, flags and names in a shell
    #[command(after_help = LOADED)]
    Completions {
        /// The shell
        #[arg(value_parser = SHELLS)]
        shell: String,
    },
    /// Write the manual pages, for `man`, into a directory; todo(1) alone to standard output without one
    Man {
        /// The directory, such as ~/.local/share/man/man1
        directory: Option<PathBuf>,
    },
    /// List the programs that are `todo` under other names, or install them: `todo-up` is `todo up`
    Applets {
        /// Install them: as symbolic links, on Windows as hard links or copies
        #[arg(long)]
        install: bool,
        /// The directory; that of this program, if not given
        #[arg(requires = "install")]
        directory: Option<PathBuf>,
    },
    /// Print the JSON Schema of deploy.toml, with which editors complete, explain and check it, or that of `--output json`
    Schema {
        /// Of what
        #[arg(value_enum, default_value = "deploy.toml")]
        of: SchemaOf,
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

impl Command {
    /// Whether it reads everything that the project is made of, and not deploy.toml alone.
    pub(crate) fn reads_files(&self) -> bool {
        matches!(
            self,
            Command::Up(_) | Command::Watch(_) | Command::Plan(_) | Command::Check | Command::Rehearse(_)
        )
    }

    /// Whether the times of its runs are kept, for `todo timeline`.
    pub(crate) fn is_kept(&self) -> bool {
        matches!(self, Command::Up(_) | Command::Down(_) | Command::Restart(_) | Command::Rollback(_))
    }

    /// The sub-command's name.
    pub fn name(&self) -> &'static str {
        match self {
            Command::Init(_) => "init",
            Command::Up(_) => "up",
            Command::Watch(_) => "watch",
            Command::Down(_) => "down",
            Command::Status(_) => "status",
            Command::Plan(_) => "plan",
            Command::Check => "check",
            Command::Rehearse(_) => "rehearse",
            Command::Doctor(_) => "doctor",
            Command::Logs(_) => "logs",
            Command::Exec(_) => "exec",
            Command::Cp(_) => "cp",
            Command::Restart(_) => "restart",
            Command::Open => "open",
            Command::Forward(_) => "forward",
            Command::History => "history",
            Command::Rollback(_) => "rollback",
            Command::Timeline => "timeline",
            Command::Unlock => "unlock",
            Command::Explain { .. } => "explain",
            Command::Help { .. } => "help",
            Command::Completions { .. } => "completions",
            Command::Man { .. } => "man",
            Command::Applets { .. } => "applets",
            Command::Schema { .. } => "schema",
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

#[cfg(test)]
mod tests {
    use super::APPLETS;
    use super::Cli;
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
}
