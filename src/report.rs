//! Events → people and programs: the only room that writes to the terminal.
//!
//! Nothing here decides anything about the run, and nothing that happens here (a slow terminal, a closed pipe) reaches
//! it: one thread folds the events and draws them. Standard output is the answer, standard error the telling, except
//! that with `--output json` the events are the answer.

pub mod ask;
pub mod fault;
pub mod fold;
pub mod json;
pub mod listing;
pub mod logs;
pub mod status;
pub mod style;
pub mod table;
pub mod words;

mod bars;
mod plain;

use crate::event::Event;
use crate::event::EventKind;
use crate::event::Finding;
use crate::fault::Fault;
use crate::world::World;
use bars::Bars;
use fault::Page;
use fold::Story;
use fold::Summary;
use json::Json;
use plain::Plain;
use std::io;
use std::io::BufRead;
use std::io::Read;
use std::io::Write;
use std::thread::JoinHandle;
use std::time::Duration;
use std::time::Instant;
use style::Look;
use tokio::sync::mpsc;

/// How often a renderer is asked to draw what time alone has changed: 15 Hz.
const TICK: Duration = Duration::from_millis(66);

/// How many events are taken at once.
const AT_ONCE: usize = 256;

/// How long events may gather: a run of many objects tells hundreds of them at once, and each would wake this thread.
const BREATH: Duration = Duration::from_millis(2);

/// `--output`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum OutputFlag {
    /// Live lines, in a terminal.
    Bars,
    /// One line a fact, for logs.
    Plain,
    /// One event a line on standard output, for programs.
    Json,
}

/// How a run is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Live lines on standard error.
    Bars,
    /// One line a fact on standard error.
    Plain,
    /// JSON lines on standard output, nothing on standard error.
    Json,
}

/// Decides how a run is shown. Live lines need a terminal that can move its cursor, whoever asks for them.
#[must_use]
pub fn pick(world: &World, asked: Option<OutputFlag>, verbose: bool) -> Mode {
    let terminal = world.stderr_is_terminal && world.var("TERM") != Some("dumb");
    match asked {
        Some(OutputFlag::Json) => Mode::Json,
        Some(OutputFlag::Bars) if terminal => Mode::Bars,
        None if terminal && world.var_os("CI").is_none() && !verbose => Mode::Bars,
        Some(OutputFlag::Bars | OutputFlag::Plain) | None => Mode::Plain,
    }
}

/// Draws what it is told.
trait Renderer: Send {
    /// Something happened.
    fn event(&mut self, event: &Event);
    /// Time went by; `now_ms` is on the clock of the run.
    fn tick(&mut self, now_ms: u64);
    /// Nothing follows: whatever moves is cleared away.
    fn close(&mut self) -> &Story;
}

/// The thread that draws.
#[derive(Debug)]
pub struct Reporter {
    thread: Option<JoinHandle<Summary>>,
}

/// Begins to draw the events of a run; `look` is that of standard error. Returns at once.
///
/// The run ends with its last event, or with the last sender dropped; see [`Reporter::finish`].
pub fn start(mode: Mode, look: Look, verbose: bool, events: mpsc::UnboundedReceiver<Event>) -> Reporter {
    let renderer: Box<dyn Renderer> = match mode {
        Mode::Bars => Box::new(Bars::on_stderr(look)),
        Mode::Plain => Box::new(Plain::new(look, verbose, io::stderr())),
        Mode::Json => Box::new(Json::new(io::stdout())),
    };
    let thread = std::thread::Builder::new().name("report".to_owned()).spawn(move || draw(renderer, events));
    Reporter { thread: thread.ok() }
}

impl Reporter {
    /// Waits until the run's last event is drawn, or every [`crate::event::Sink`] dropped, and the live lines are gone.
    #[must_use]
    pub fn finish(self) -> Summary {
        self.thread.and_then(|thread| thread.join().ok()).unwrap_or_default()
    }
}

fn draw(mut renderer: Box<dyn Renderer>, mut events: mpsc::UnboundedReceiver<Event>) -> Summary {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_time().build() else {
        while let Some(event) = events.blocking_recv() {
            renderer.event(&event);
        }
        return renderer.close().summary();
    };
    runtime.block_on(async {
        // The run's own clock began a little before ours; the first event tells by how much.
        let began = Instant::now();
        let mut ahead = 0;
        let now =
            |ahead: u64| u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX).saturating_add(ahead);
        let mut heard = Vec::new();
        'run: loop {
            if let Ok(0) = tokio::time::timeout(TICK, events.recv_many(&mut heard, AT_ONCE)).await {
                break;
            }
            for event in heard.drain(..) {
                ahead += event.at_ms.saturating_sub(now(ahead));
                renderer.event(&event);
                // Nothing follows it, whoever still holds a sink.
                if matches!(event.kind, EventKind::RunFinished { .. } | EventKind::RunFailed { .. }) {
                    break 'run;
                }
            }
            renderer.tick(now(ahead));
            tokio::time::sleep(BREATH).await;
        }
        renderer.close().summary()
    })
}

/// Writes the answer of a command (a URL, a table) to standard output. A reader who has left is no error.
pub fn answer(text: &str) -> io::Result<()> {
    lines(&mut io::stdout().lock(), std::iter::once(text.trim_end_matches('\n')))
}

/// Asks a question on standard error; only `y` and `yes` mean yes. Where nobody answers, no.
pub fn ask(question: &str) -> io::Result<bool> {
    let mut err = io::stderr().lock();
    write!(err, "{} [y/N] ", style::clean(question)).and_then(|()| err.flush())?;
    let mut line = String::new();
    io::stdin().lock().take(ask::LONGEST).read_line(&mut line)?;
    Ok(matches!(line.trim().to_lowercase().as_str(), "y" | "yes"))
}

/// Writes a finding to standard error, when the run's own telling has ended.
pub fn warning(page: Page, finding: &Finding) -> io::Result<()> {
    let text = fault::finding(page, finding);
    lines(&mut io::stderr().lock(), text.iter().map(String::as_str))
}

/// Writes a fault to standard error, for failures before there are events.
pub fn error(page: Page, fault: &Fault) -> io::Result<()> {
    let text = fault::lines(page, &fault.causes(), &fault.findings, &fault.hints);
    lines(&mut io::stderr().lock(), text.iter().map(String::as_str))
}

/// How wide the terminal of standard output is, or `None` if it is none: for [`table::table`].
#[must_use]
pub fn width(world: &World) -> Option<usize> {
    let size = || console::Term::stdout().size_checked();
    world.stdout_is_terminal.then(size).flatten().map(|(_, columns)| usize::from(columns))
}

/// The last event of a run that failed.
#[must_use]
pub fn failed(took_ms: u64, fault: &Fault) -> EventKind {
    EventKind::RunFailed {
        took_ms,
        kind: fault.kind,
        code: fault.kind.exit_code(),
        causes: fault.causes(),
        findings: fault.findings.clone(),
        hints: fault.hints.clone(),
    }
}

fn lines<'a>(out: &mut impl Write, text: impl IntoIterator<Item = &'a str>) -> io::Result<()> {
    let written = text.into_iter().try_for_each(|line| writeln!(out, "{line}")).and_then(|()| out.flush());
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests;
