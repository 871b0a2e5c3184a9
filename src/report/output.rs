//! Standard output and standard error: no other file writes to them.
//!
//! Standard output is the answer. A closed pipe is not an error (`todo status | head -1`); any other failure to write
//! it is one, because a script would take a full disk for an empty answer.

use super::Mode;
use super::ci::Ci;
use super::diff;
use super::fault;
use super::fault::FaultStyle;
use super::json;
use super::listing::listing;
use super::logs;
use super::markdown::markdown;
use super::status_view::StatusView;
use super::style::TerminalCaps;
use super::style::clean;
use super::table::table;
use crate::answer::listing::Listing;
use crate::answer::log::LogLine;
use crate::answer::status::StatusReport;
use crate::event::Code;
use crate::event::Finding;
use crate::event::Sink;
use crate::fault::Fault;
use crate::fault::FaultKind;
use crate::fault::OrFault;
use crate::fault::Result;
use crate::file;
use std::io;
use std::io::BufRead;
use std::io::Read;
use std::io::Write;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;
use tokio::io::AsyncWrite;

/// How long an answer to a question may be, in bytes.
const LONGEST: u64 = 1 << 12;

/// Where answers and questions of a run are written; nothing passes without redaction.
#[derive(Debug, Clone)]
pub struct Output {
    sink: Sink,
    mode: Mode,
    /// What standard error can show.
    report_caps: TerminalCaps,
    /// What standard output can show.
    caps: TerminalCaps,
    width: Option<usize>,
    is_terminal: bool,
    ci: Ci,
}

impl Output {
    /// The output of a run, whose secret values `sink` knows. `report_caps` is that of standard error, `caps` and `width` are those of
    /// standard output.
    #[must_use]
    pub fn new(
        sink: &Sink,
        mode: Mode,
        report_caps: TerminalCaps,
        caps: TerminalCaps,
        width: Option<usize>,
        is_terminal: bool,
    ) -> Output {
        Output { sink: sink.clone(), mode, report_caps, caps, width, is_terminal, ci: Ci::default() }
    }

    /// With what `ci` makes of a log.
    #[must_use]
    pub fn within(self, ci: Ci) -> Output {
        Output { ci, ..self }
    }

    /// Writes a URL, as it is: it was made of the cluster's address and deploy.toml, and scripts open it.
    ///
    /// # Errors
    /// When standard output cannot be written.
    pub fn url(&self, url: &str) -> Result<()> {
        answer(&clean(url))
    }

    /// Writes text for another program, as it is: Helm gets the manifests of a release back, Secrets included.
    ///
    /// # Errors
    /// When standard output cannot be written.
    pub fn verbatim(&self, text: &str) -> Result<()> {
        answer(text)
    }

    /// Writes a page of Markdown: in lines that fit where that is a terminal, as it is elsewhere.
    ///
    /// # Errors
    /// When standard output cannot be written.
    pub fn page(&self, text: &str) -> Result<()> {
        match self.width.filter(|_| self.is_terminal) {
            Some(width) => self.print_line(&markdown(text, self.caps, width)),
            None => answer(text),
        }
    }

    /// Writes a list.
    ///
    /// # Errors
    /// When standard output cannot be written.
    pub fn listing(&self, mut list: Listing) -> Result<()> {
        let redactor = self.sink.redactor();
        if self.mode == Mode::Json {
            redactor.json(&mut list.json);
            return answer(&json::line(&list.json));
        }
        list.rows.iter_mut().chain(&mut list.below).flatten().for_each(|cell| redactor.sentence(cell));
        self.print_line(&listing(&list, self.caps, self.width))
    }

    /// Writes unified diffs below a list; where that is JSON, they are in it.
    ///
    /// # Errors
    /// When standard output cannot be written.
    pub fn diffs(&self, diffs: &[String]) -> Result<()> {
        if diffs.is_empty() || self.mode == Mode::Json {
            return Ok(());
        }
        let redactor = self.sink.redactor();
        let line = |line: &str| {
            let mut line = line.to_owned();
            redactor.sentence(&mut line);
            diff::line(&line, self.caps)
        };
        let lines: Vec<String> = diffs.iter().flat_map(|diff| diff.lines()).map(line).collect();
        answer(&format!("\n{}", lines.join("\n")))
    }

    /// Writes what `todo status` found.
    ///
    /// # Errors
    /// When standard output cannot be written.
    pub fn status(&self, report: &StatusReport) -> Result<()> {
        let report = self.sink.redactor().value(report);
        let report = report
            .or_fault(Code::InternalError, FaultKind::Internal, || "cannot redact the status".to_owned())?;
        match self.mode {
            Mode::Json => answer(&json::line(&report)),
            _ => self.print_line(&table(&report, self.caps, self.width)),
        }
    }

    /// Writes the new result of `todo status` below or over the previous one. Returns whether the output is still open.
    ///
    /// # Errors
    /// When standard output cannot be written.
    pub fn status_again(&self, view: &mut StatusView, report: &StatusReport) -> Result<bool> {
        let report = self.sink.redactor().value(report);
        let report = report
            .or_fault(Code::InternalError, FaultKind::Internal, || "cannot redact the status".to_owned())?;
        let (width, height) = self.size();
        let Some(text) = (match (self.mode, self.is_terminal) {
            (Mode::Json, _) => view.changed(&report).then(|| json::line(&report) + "\n"),
            (_, true) => Some(view.over(&table(&report, self.caps, width), height)),
            (_, false) => view.lines(&report, &table(&report, self.caps, None)),
        }) else {
            return Ok(true);
        };
        is_read(write(&mut io::stdout().lock(), &self.caps.typed(&text)))
    }

    /// The size of the terminal now: it may have changed.
    fn size(&self) -> (Option<usize>, Option<usize>) {
        let size = self.is_terminal.then(|| console::Term::stdout().size_checked()).flatten();
        (size.map(|(_, columns)| usize::from(columns)), size.map(|(rows, _)| usize::from(rows)))
    }

    fn print_line(&self, text: &str) -> Result<()> {
        answer(&self.ci.inert(&self.caps.typed(text)))
    }

    /// Writes one line of the application's log at once. Returns whether the output is still open.
    ///
    /// # Errors
    /// When standard output cannot be written.
    pub fn log(&self, mut line: LogLine, several: bool) -> Result<bool> {
        self.sink.redactor().quoted(&mut line.text);
        let reader = logs::LogReader { caps: self.caps, is_terminal: self.is_terminal };
        let text = logs::shown(&line, several, self.mode, reader);
        let mut text = self.ci.inert(&text).into_owned();
        text.push('\n');
        is_read(write(&mut io::stdout().lock(), &text))
    }

    /// Reports the end of a failed run; where its events are not printed, the end is the answer.
    ///
    /// # Errors
    /// When standard output cannot be written.
    pub fn failed(&self, fault: &Fault, is_answer: bool) -> Result<()> {
        let failed = self.sink.covered(super::failed(self.sink.elapsed_ms(), fault));
        let written = if is_answer { answer(&json::line(&failed)) } else { Ok(()) };
        self.sink.emit(failed);
        written
    }

    /// Asks a question on standard error; only `y` and `yes` mean yes. Without an answer, no.
    #[must_use]
    pub fn confirm(&self, question: &str) -> bool {
        let mut question = question.to_owned();
        self.sink.redactor().sentence(&mut question);
        if prompt(&self.report_caps.typed(&format!("{} [y/N] ", clean(&question)))).is_err() {
            return false;
        }
        let mut line = String::new();
        let read = io::stdin().lock().take(LONGEST).read_line(&mut line);
        read.is_ok() && matches!(line.trim().to_lowercase().as_str(), "y" | "yes")
    }

    /// Writes a finding to standard error, when the events of the run have ended.
    pub fn warning(&self, finding: &Finding) {
        let page = FaultStyle { caps: self.report_caps, width: None, source: None };
        self.report(&fault::finding(page, &self.sink.covered_finding(finding.clone())));
    }

    /// A failure to write the report is not an error.
    fn report(&self, lines: &[String]) {
        let text = lines.join("\n") + "\n";
        let text = self.report_caps.typed(&text);
        let text = self.ci.inert(&text);
        let _ = write(&mut io::stderr().lock(), &text);
    }

    /// Writes a fault to standard error, when the events of the run have ended.
    pub fn fault(&self, fault: &Fault) {
        let findings: Vec<Finding> =
            fault.findings.iter().map(|finding| self.sink.covered_finding(finding.clone())).collect();
        let redacted = |mut text: String| {
            self.sink.redactor().sentence(&mut text);
            text
        };
        let causes: Vec<String> = fault.causes().into_iter().map(redacted).collect();
        let hints: Vec<String> = fault.hints.iter().cloned().map(redacted).collect();
        self.report(&fault::lines(
            FaultStyle { caps: self.report_caps, width: None, source: None },
            fault.code,
            &causes,
            &findings,
            &hints,
        ));
    }
}

/// Writes clap's message on the arguments: help and the version to standard output, mistakes to standard error.
///
/// # Errors
/// When help or the version cannot be written.
pub fn arguments(error: &clap::Error) -> Result<()> {
    let written = error.print().and_then(|()| io::stdout().flush());
    if error.use_stderr() { Ok(()) } else { is_read(written).map(drop) }
}

/// Writes what another program reads to standard output, byte for byte.
///
/// # Errors
/// When it cannot be written.
pub fn raw(bytes: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(bytes).and_then(|()| out.flush())
}

/// Writes a question of a run to standard error; the answer follows on its last line.
///
/// # Errors
/// When it cannot be written.
pub fn question(text: &str) -> io::Result<()> {
    prompt(&text.split('\n').map(clean).collect::<Vec<_>>().join("\n"))
}

/// Writes `text` to standard error as it is.
pub(super) fn prompt(text: &str) -> io::Result<()> {
    write(&mut io::stderr().lock(), text)
}

/// The stream for the report of a run.
pub(super) fn stderr() -> io::Stderr {
    io::stderr()
}

/// The stream for the events of a run that a program reads.
pub(super) fn stdout() -> io::Stdout {
    io::stdout()
}

/// Standard output for bytes that are passed on as they are: those of a command in a container.
pub fn bytes() -> Blocking<io::Stdout> {
    Blocking(io::stdout())
}

/// Standard error for the same.
pub fn error_bytes() -> Blocking<io::Stderr> {
    Blocking(io::stderr())
}

/// A stream that is written at once: who reads it decides how fast the rest comes.
#[derive(Debug)]
pub struct Blocking<W>(W);

impl<W: Write + Unpin> AsyncWrite for Blocking<W> {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(self.0.write(data))
    }

    fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.0.flush())
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(cx)
    }
}

/// The fault of an answer that could not be written; `None` if only its reader has left.
pub(super) fn write_fault(error: io::Error) -> Option<Fault> {
    (!file::has_no_reader(&error)).then(|| {
        Code::OutputNotWritable
            .caused_by(FaultKind::Internal, error)
            .context("cannot write to standard output")
            .hint("the output is incomplete: check that the file or device can be written, and run the command again")
    })
}

fn answer(text: &str) -> Result<()> {
    let text = format!("{}\n", text.trim_end_matches('\n'));
    is_read(write(&mut io::stdout().lock(), &text)).map(drop)
}

fn write(out: &mut impl Write, text: &str) -> io::Result<()> {
    out.write_all(text.as_bytes()).and_then(|()| out.flush())
}

fn is_read(written: io::Result<()>) -> Result<bool> {
    match written {
        Ok(()) => Ok(true),
        Err(error) => write_fault(error).map_or(Ok(false), Err),
    }
}
