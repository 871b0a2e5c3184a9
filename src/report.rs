//! Events → people and programs: the only room that writes to the terminal.
//!
//! Nothing here decides anything about the run, and nothing that happens here (a slow terminal, a closed pipe) reaches
//! it: one thread folds the events and draws them. Standard output is the answer, standard error the telling, except
//! that with `--output json` the events are the answer.

pub mod ci;
pub mod fault;
pub mod fold;
pub mod json;
pub mod listing;
pub mod logs;
pub mod markdown;
pub mod output;
pub mod record;
pub mod source;
pub mod status_view;
pub mod steps;
pub mod style;
pub mod table;
pub mod timeline;
pub mod trace;
pub mod watched;
pub mod watching;
pub mod words;

mod bars;
mod diff;
mod grid;
mod plain;
mod quiet;

use crate::answer::record::RunRecord;
use crate::answer::usual::Usual;
use crate::event::Event;
use crate::event::EventKind;
use crate::fault::Fault;
use crate::world::World;
use bars::Bars;
use ci::Ci;
use fold::Opening;
use fold::RunState;
use fold::Summary;
use json::Json;
use plain::Plain;
use quiet::Quiet;
use source::Source;
use std::io;
use std::thread::JoinHandle;
use std::time::Duration;
use std::time::Instant;
use style::TerminalCaps;
use tokio::sync::mpsc;
use trace::Screen;

/// How often a renderer draws changes that only depend on time: 15 Hz.
const TICK: Duration = Duration::from_millis(66);

/// How many events are taken at once.
const AT_ONCE: usize = 256;

/// How long events are collected: a run of many objects sends hundreds of them at once, and each would wake this
/// thread.
const BREATH: Duration = Duration::from_millis(2);

/// `--output`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum OutputFlag {
    /// Live lines, in a terminal.
    Bars,
    /// One line per event, for logs.
    Plain,
    /// One JSON object per event on standard output, for programs.
    Json,
}

/// How much is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// Warnings and errors (`--quiet`).
    Least,
    /// What has changed, too.
    Some,
    /// Everything (`--verbose`).
    All,
}

impl Detail {
    /// What the flags ask for; they exclude each other.
    #[must_use]
    pub fn from_flags(verbose: bool, quiet: bool) -> Detail {
        match (verbose, quiet) {
            (true, _) => Detail::All,
            (_, true) => Detail::Least,
            _ => Detail::Some,
        }
    }
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

/// Decides how a run is shown. Live lines need a terminal that can move its cursor, even if requested; `still` requests
/// none.
#[must_use]
pub fn pick(world: &World, asked: Option<OutputFlag>, still: bool) -> Mode {
    let terminal = world.stderr_is_terminal && world.var("TERM") != Some("dumb");
    match asked {
        Some(OutputFlag::Json) => Mode::Json,
        Some(OutputFlag::Bars) if terminal => Mode::Bars,
        None if terminal && world.var_os("CI").is_none() && !still => Mode::Bars,
        Some(OutputFlag::Bars | OutputFlag::Plain) | None => Mode::Plain,
    }
}

/// Draws events.
trait Renderer: Send {
    /// Something happened.
    fn event(&mut self, event: &Event);
    /// Time went by; `now_ms` is on the clock of the run.
    fn tick(&mut self, now_ms: u64);
    /// Nothing follows: whatever moves is cleared away.
    fn close(&mut self) -> &RunState;
    /// Why a part of the answer could not be written, where the events are the answer.
    fn lost(&mut self) -> Option<io::Error> {
        None
    }
}

/// Knows how long the steps of a run take mostly, once it is known which run it is.
pub type Expected = Box<dyn Fn(&Opening) -> Usual + Send>;

/// What only live lines need.
pub struct Live<'a> {
    /// Where lines of the log go above them.
    pub screen: &'a Screen,
    /// The expected duration next to the elapsed one.
    pub expected: Expected,
}

/// The thread that draws.
#[derive(Debug)]
pub struct Reporter {
    thread: Option<JoinHandle<Finished>>,
}

/// Begins to draw the events of a run; `caps` is that of standard error. Returns at once.
///
/// The run ends with its last event, or with the last sender dropped; see [`Reporter::finish`].
pub fn start(
    mode: Mode,
    caps: TerminalCaps,
    detail: Detail,
    source: Option<Source>,
    ci: Ci,
    live: Live<'_>,
    events: mpsc::UnboundedReceiver<Event>,
) -> Reporter {
    let renderer: Box<dyn Renderer> = match mode {
        Mode::Bars | Mode::Plain if detail == Detail::Least => {
            Box::new(Quiet::new(caps, ci, output::stderr()))
        }
        Mode::Bars => Box::new(Bars::on_stderr(caps, source, live)),
        Mode::Plain => Box::new(Plain::new(caps, detail == Detail::All, output::stderr()).within(ci)),
        Mode::Json => Box::new(Json::new(output::stdout())),
    };
    let thread = std::thread::Builder::new().name("report".to_owned()).spawn(move || draw(renderer, events));
    Reporter { thread: thread.ok() }
}

impl Reporter {
    /// Waits until the run's last event is drawn, or every [`crate::event::Sink`] dropped, and the live lines are gone. Returns
    /// the run's summary, its record, and why its events could not be written, where they are the answer.
    pub fn finish(self) -> (Summary, Option<RunRecord>, crate::fault::Result<()>) {
        let ended = self.thread.and_then(|thread| thread.join().ok());
        let Finished { summary, record, lost } = ended.unwrap_or_default();
        (summary, record, lost.and_then(output::write_fault).map_or(Ok(()), Err))
    }
}

/// The result of a run when all is drawn.
#[derive(Debug, Default)]
struct Finished {
    summary: Summary,
    record: Option<RunRecord>,
    lost: Option<io::Error>,
}

fn draw(mut renderer: Box<dyn Renderer>, mut events: mpsc::UnboundedReceiver<Event>) -> Finished {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_time().build() else {
        while let Some(event) = events.blocking_recv() {
            renderer.event(&event);
        }
        return ended(renderer);
    };
    runtime.block_on(async {
        // The run's own clock began a little before this one; the first event shows by how much.
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
                // No event follows it, even if a sink still exists.
                if matches!(event.kind, EventKind::RunFinished { .. } | EventKind::RunFailed { .. }) {
                    break 'run;
                }
            }
            renderer.tick(now(ahead));
            tokio::time::sleep(BREATH).await;
        }
    });
    ended(renderer)
}

fn ended(mut renderer: Box<dyn Renderer>) -> Finished {
    let run_state = renderer.close();
    let (summary, record) = (run_state.summary(), record::record(run_state));
    Finished { summary, record, lost: renderer.lost() }
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
        reason: fault.code,
        code: fault.kind.exit_code(),
        causes: fault.causes(),
        findings: fault.findings.clone(),
        hints: fault.hints.clone(),
    }
}

#[cfg(test)]
mod tests;
