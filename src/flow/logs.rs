//! `todo logs`: what the application prints.

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
use crate::report::logs::LogLine;
use crate::run::Run;

/// Lines as they come.
#[derive(Debug)]
pub struct Lines {
    logs: Logs,
}

impl Lines {
    /// Whether a line has to say whose it is.
    #[must_use]
    pub fn several(&self) -> bool {
        self.logs.several
    }

    /// The next line; `None` after the last.
    pub async fn next(&mut self) -> Option<LogLine> {
        let Line { source, time, text } = self.logs.next().await?;
        let logs::Source { namespace, pod, container, init } = source;
        Some(LogLine { time, namespace, pod, container, init, text })
    }
}

/// Reads the logs that `flags` ask for.
pub async fn logs(run: &Run, project: &Project, flags: &cli::Logs) -> Result<Answer> {
    let target = deployed(run, project, Step::Preflight).await?;
    let cli::Logs { names, container, previous, follow, lines } = flags.clone();
    let ask = Ask { names, container, previous, follow, lines };
    let logs = logs::logs(run, &target, ask).await?;
    Ok(Answer::Logs(Lines { logs }))
}
