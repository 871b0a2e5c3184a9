//! The commands whose answer is about the program itself: help, completions, manual pages, schemas. They need no project.

use crate::applets;
use crate::cli::Cli;
use crate::cli::Command;
use crate::cli::SchemaOf;
use crate::complete;
use crate::event::Code;
use crate::event::schema::EVENTS;
use crate::fault::Fault;
use crate::fault::FaultKind;
use crate::fault::Result;
use crate::help;
use crate::manual;
use crate::project::schema;
use crate::report::output;
use crate::report::output::Output;
use crate::world::World;
use clap::CommandFactory;
use clap::Parser;
use nearest::nearest;
use std::ffi::OsStr;

/// Prints the help of a command, or the page of a code or a topic.
pub(super) fn help(topic: Option<&str>, output: &Output) -> Result<()> {
    let is_command = |name: &str| Cli::command().find_subcommand(name).is_some();
    match topic {
        Some(topic) if !is_command(topic) => match help::page(topic) {
            Some(page) => output.page(&page),
            None => Err(no_page(topic)),
        },
        command => {
            let arguments = ["todo"].into_iter().chain(command).chain(["--help"]);
            Cli::try_parse_from(arguments).map_or_else(|help| output::arguments(&help), |_| Ok(()))
        }
    }
}

/// What a command prints that is about the program itself and needs no project.
pub(super) fn text(command: &Command, program: &OsStr, world: &World) -> Option<Result<String>> {
    match command {
        Command::Completions { shell } => complete::script(shell, program, world).map(Ok),
        Command::Man { directory } => Some(manual::manual(world, directory.as_deref())),
        Command::Applets { install: false, .. } => Some(Ok(applets::list())),
        Command::Applets { directory, .. } => Some(applets::install(world, directory.as_deref())),
        Command::Schema { of: SchemaOf::DeployToml } => Some(Ok(schema::DEPLOY_TOML.to_owned())),
        Command::Schema { of: SchemaOf::Events } => Some(Ok(EVENTS.to_owned())),
        _ => None,
    }
}

fn no_page(topic: &str) -> Fault {
    let cli = Cli::command();
    let commands =
        cli.get_subcommands().filter(|command| !command.is_hide_set()).map(clap::Command::get_name);
    let topics = help::TOPICS.iter().map(|(name, _)| *name);
    let known = commands.chain(topics).chain(Code::ALL.iter().map(|code| code.as_str()));
    let fault = Code::ArgumentInvalid.fault(
        FaultKind::Usage,
        format!("`{topic}` is neither a command, a topic nor the code of a finding"),
    );
    match nearest(topic, known) {
        Some(meant) => fault.hint(format!("did you mean `todo help {meant}`?")),
        None => fault.hint("`todo help` lists the commands and topics, `todo help codes` the codes"),
    }
}

#[cfg(test)]
mod tests {
    use crate::event::Code;
    use crate::help::TOPICS;
    use crate::help::page;
    use crate::report::markdown::markdown;
    use crate::report::style::TerminalCaps;
    use crate::report::style::columns;

    #[test]
    fn in_a_terminal_no_page_shows_markup_or_breaks_a_word() {
        let names = TOPICS.iter().map(|(name, _)| *name).chain(Code::ALL.iter().map(|code| code.as_str()));
        for name in names {
            let page = markdown(&page(name).unwrap(), TerminalCaps::BARE, 80);
            // Code, which is copied, stays as it is.
            for line in page.lines().filter(|line| !line.starts_with("    ")) {
                assert!(columns(line) <= 80 || line.contains('`'), "{name}: {line}");
                assert!(!["#", "|", "```"].iter().any(|mark| line.starts_with(mark)), "{name}: {line}");
            }
        }
    }
}
