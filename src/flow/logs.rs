//! `todo logs`: the output of the application.

use crate::answer::log::LogLine;
use crate::cli;
use crate::cluster::logs;
use crate::cluster::logs::Ask;
use crate::cluster::logs::Line;
use crate::cluster::logs::Logs;
use crate::event::Step;
use crate::fault::Result;
use crate::flow::Answer;
use crate::flow::connected::deployed;
use crate::project::Project;
use crate::run::Run;
use regex::Regex;

/// The default number of lines per container.
const LINES: u32 = 100;

/// Log lines as they are printed.
#[derive(Debug)]
pub struct Lines {
    logs: Logs,
    /// Which lines are shown; all without it.
    grep: Option<Regex>,
}

impl Lines {
    /// Whether a line must name its source.
    #[must_use]
    pub fn several(&self) -> bool {
        self.logs.several
    }

    /// The next line; `None` after the last.
    pub async fn next(&mut self) -> Option<LogLine> {
        loop {
            let Line { source, time, text } = self.logs.next().await?;
            // The pattern matches the text without its colour codes.
            if self.grep.as_ref().is_none_or(|grep| grep.is_match(&console::strip_ansi_codes(&text))) {
                let logs::Source { namespace, pod, container, init } = source;
                return Some(LogLine { time, namespace, pod, container, init, text });
            }
        }
    }
}

/// Reads the logs that `flags` ask for.
pub async fn logs(run: &Run, project: &Project, flags: &cli::Logs) -> Result<Answer> {
    let target = deployed(run, project, Step::Preflight).await?;
    let cli::Logs { names, container, previous, follow, lines, since, grep } = flags.clone();
    let lines = lines.or_else(|| (since.is_none() && grep.is_none()).then_some(LINES));
    let ask = Ask { names, container, previous, follow, lines, since };
    let logs = logs::logs(run, &target, ask).await?;
    Ok(Answer::Logs(Lines { logs, grep }))
}
