//! The answer of a command, written when its run is done.

use crate::fault::Result;
use crate::flow;
use crate::flow::Answer;
use crate::report::Mode;
use crate::report::output;
use crate::report::output::Output;
use crate::report::status_view::StatusView;
use crate::report::timeline;
use crate::run::Run;

impl Answer {
    pub(super) fn exit_code(&self) -> u8 {
        match self {
            Answer::Nothing
            | Answer::Url(_)
            | Answer::Listing(_)
            | Answer::Timeline(_)
            | Answer::Text(_)
            | Answer::Logs(_)
            | Answer::Statuses(_)
            | Answer::Exec(_) => 0,
            Answer::Judged(_, code) | Answer::Planned { code, .. } => *code,
            Answer::Status(report) => report.verdict.exit_code(),
        }
    }

    /// Writes it, and waits for what it holds; a hold that has ended by itself is a fault. Returns the exit code.
    pub(super) async fn deliver(self, run: &Run, mode: Mode, output: &Output) -> Result<u8> {
        let code = self.exit_code();
        let result = match self {
            Answer::Exec(session) => {
                return session.run(run, output::bytes(), output::error_bytes()).await;
            }
            Answer::Nothing => Ok(()),
            Answer::Text(text) => output.verbatim(&text),
            Answer::Url(open) => {
                let mut written = Ok(());
                if mode != Mode::Json {
                    written = output.url(&open.url);
                    if let Some(unwritten) = &open.unwritten {
                        write_hosts(run, unwritten, output).await;
                    }
                }
                match open.hold(run).await {
                    Some(ended) => Err(ended),
                    None => written,
                }
            }
            Answer::Listing(list) | Answer::Judged(list, _) => output.listing(list),
            Answer::Timeline(timeline) => output.listing(timeline::listing(&timeline)),
            Answer::Planned { listing, diffs, .. } => {
                output.listing(listing).and_then(|()| output.diffs(&diffs))
            }
            Answer::Logs(mut lines) => {
                let several = lines.several();
                loop {
                    let line = tokio::select! {
                        line = lines.next() => line,
                        _ = run.cancel.stopped() => None,
                    };
                    let Some(line) = line else { break Ok(()) };
                    if !output.log(line, several)? {
                        break Ok(());
                    }
                }
            }
            Answer::Status(status) => output.status(&status),
            Answer::Statuses(mut statuses) => {
                let mut view = StatusView::default();
                loop {
                    let status = tokio::select! {
                        status = statuses.next(run) => status,
                        _ = run.cancel.stopped() => break Ok(()),
                    };
                    match status.and_then(|status| output.status_again(&mut view, &status)) {
                        Ok(true) => {}
                        Ok(false) => break Ok(()),
                        Err(_) if run.stopped().is_some() => break Ok(()),
                        Err(fault) => break Err(fault),
                    }
                }
            }
        };
        result.map(|()| code)
    }
}

/// Asks whether lines are to be written into the hosts file, and writes them.
async fn write_hosts(run: &Run, unwritten: &flow::hosts::Unwritten, output: &Output) {
    let (question, asker) = (unwritten.question(run), output.clone());
    let answer = tokio::task::spawn_blocking(move || asker.confirm(&question));
    let yes = tokio::select! {
        answer = answer => answer.unwrap_or(false),
        _ = run.cancel.stopped() => false,
    };
    if yes && let Err(finding) = unwritten.write(run) {
        output.warning(&finding);
    }
}
