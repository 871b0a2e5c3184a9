//! Completion of the command line: commands and flags come from `cli`, values from the files of the project and of minikube.
//!
//! The shell calls the program with [`VARIABLE`] and the words so far. Nothing is started or asked, what cannot be read at
//! once is not offered, and no error is printed, because it would appear in the line that is being typed.

mod values;

use crate::cli::Cli;
use crate::world::World;
use clap::Arg;
use clap::Command;
use clap::CommandFactory;
use clap_complete::engine::ArgValueCandidates;
use clap_complete::engine::ArgValueCompleter;
use clap_complete::engine::CompletionCandidate;
use clap_complete::engine::PathCompleter;
use clap_complete::engine::ValueCompleter;
use clap_complete::env::Shells;
use std::ffi::OsStr;
use std::ffi::OsString;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// The variable that names the shell that asks.
pub const VARIABLE: &str = "TODO_COMPLETE";

/// Stands for the program's path, in a script.
const PROGRAM: &str = "PROGRAM";

/// How long files may take to be read: the user is waiting, and a network file system may never answer.
pub const LONGEST: Duration = Duration::from_millis(500);

/// The script that makes `shell` ask `program` for completions; `None` if there is none for it.
#[must_use]
pub fn script(shell: &str, program: &OsStr, world: &World) -> Option<String> {
    let shells = Shells::builtins();
    let shell = shells.completer(shell)?;
    let path = Path::new(program);
    let path = if path.components().count() > 1 { world.absolute(path) } else { PathBuf::from(path) };
    let path = path.to_string_lossy();
    // What clap_complete writes for bash has double quotes around a path that it has quoted already if there is a space in it.
    let is_bash = shell.is("bash");
    let mut script = Vec::new();
    let called = if is_bash { PROGRAM } else { &path };
    shell.write_registration(VARIABLE, "todo", "todo", called, &mut script).ok()?;
    let script = String::from_utf8(script).ok()?;
    if !is_bash {
        return Some(script);
    }
    Some(script.replace(&format!("\"{PROGRAM}\""), &format!("'{}'", path.replace('\'', r"'\''"))))
}

/// What `shell` reads for `arguments`: the program's name, `--`, and the words of the line. Empty where nothing is known.
#[must_use]
pub fn complete(shell: &OsStr, arguments: Vec<OsString>, world: World, longest: Duration) -> Vec<u8> {
    let shells = Shells::builtins();
    let words: Vec<OsString> = arguments.into_iter().skip(2).collect();
    let Some(shell) = shell.to_str().and_then(|name| shells.completer(name)).filter(|_| !words.is_empty())
    else {
        return Vec::new();
    };
    let folder = world.folder.clone();
    let places = Places { file: file(&words), world, longest };
    let mut command = command(places);
    let mut candidates = Vec::new();
    match shell.write_complete(&mut command, words, Some(&folder), &mut candidates) {
        Ok(()) => candidates,
        Err(_) => Vec::new(),
    }
}

/// The commands and flags, with the values that depend on files.
fn command(places: Places) -> Command {
    let places = Arc::new(places);
    let from = |read: values::FindValues| {
        let places = Arc::clone(&places);
        ArgValueCandidates::new(move || offered(&places, read))
    };
    let copied = || {
        let places = Arc::clone(&places);
        ArgValueCompleter::new(move |begun: &OsStr| copied(&places, begun))
    };
    // Not `mut_arg`, which puts the argument behind the others.
    let with_values = |command: &str, arg: Arg| match values::completer(command, arg.get_id().as_str()) {
        Some(read) => arg.add(from(read)),
        None if command == "cp" && arg.is_positional() => arg.add(copied()),
        None => arg,
    };
    Cli::command().mut_args(|arg| with_values("todo", arg)).mut_subcommands(|command| {
        let name = command.get_name().to_owned();
        command.mut_args(|arg| with_values(&name, arg))
    })
}

/// Where values are looked for.
struct Places {
    world: World,
    /// What `--file` of the line names.
    file: Option<PathBuf>,
    /// For how long.
    longest: Duration,
}

fn file(words: &[OsString]) -> Option<PathBuf> {
    let matches = Cli::command().ignore_errors(true).try_get_matches_from(words).ok()?;
    let below =
        matches.subcommand().and_then(|(_, below)| below.try_get_one::<PathBuf>("file").ok().flatten());
    below.or_else(|| matches.try_get_one::<PathBuf>("file").ok().flatten()).cloned()
}

/// The sides of `todo cp`: files here, and `NAME:` of what has containers. Files in those are not completed.
fn copied(places: &Arc<Places>, begun: &OsStr) -> Vec<CompletionCandidate> {
    let files = PathCompleter::any().current_dir(&places.world.folder).complete(begun);
    let text = begun.to_str().unwrap_or_default();
    let named = offered(places, values::sides).into_iter();
    files
        .into_iter()
        .chain(named.filter(|item| item.get_value().to_string_lossy().starts_with(text)))
        .collect()
}

/// What `read` finds in time. Its thread ends with the process.
fn offered(places: &Arc<Places>, read: values::FindValues) -> Vec<CompletionCandidate> {
    let (sender, receiver) = mpsc::channel();
    let (longest, places) = (places.longest, Arc::clone(places));
    thread::spawn(move || sender.send(read(&places)));
    let mut found = receiver.recv_timeout(longest).unwrap_or_default();
    found.sort_unstable();
    found.dedup();
    found.into_iter().map(CompletionCandidate::new).collect()
}

#[cfg(test)]
mod tests;
