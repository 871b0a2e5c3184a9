//! `TODO_LOG`: what the program asks, starts and decides, as lines on standard error.
//!
//! Only lines of this program: kube's and hyper's are left out, because they quote what a server sent, such as another
//! project's Secret, which no redaction can know. Live lines stay below: while they are drawn, a line is printed by
//! their renderer.

use super::ci::Ci;
use super::output;
use super::style::TerminalCaps;
use super::style::clean;
use crate::event::Code;
use crate::event::Sink;
use crate::fault::FaultKind;
use crate::fault::Result;
use crate::world::World;
use indicatif::MultiProgress;
use std::fmt;
use std::fmt::Write;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use tracing::Event;
use tracing::Level;
use tracing::Metadata;
use tracing::Subscriber;
use tracing::field::Field;
use tracing::field::Visit;
use tracing::level_filters::LevelFilter;
use tracing::span;
use tracing_subscriber::filter::Targets;

/// The variable.
pub const VARIABLE: &str = "TODO_LOG";

/// What draws live lines, while there are some. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Screen(Arc<Mutex<Option<MultiProgress>>>);

impl Screen {
    /// Lines go above what `screen` draws; without one they are written as they are.
    pub(super) fn set(&self, screen: Option<MultiProgress>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = screen;
    }

    fn line(&self, line: &str) {
        let screen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A failure to write the log is not an error.
        let _ = match &*screen {
            Some(screen) => screen.println(line),
            None => output::prompt(&format!("{line}\n")),
        };
    }
}

/// From now on writes what `TODO_LOG` asks for; nothing where it is not set.
///
/// # Errors
/// When it is not a filter, or one for another program's lines.
pub fn start(world: &World, sink: &Sink, caps: TerminalCaps, screen: &Screen) -> Result<()> {
    let Some(text) = world.var_os(VARIABLE) else { return Ok(()) };
    let text = text.to_string_lossy();
    let wanted = wanted(&text).map_err(|problem| {
        Code::ArgumentInvalid
            .fault(FaultKind::Usage, format!("{VARIABLE} is `{text}`: {problem}"))
            .hint(format!("use a level (error, warn, info, debug or trace): `{VARIABLE}=debug`"))
            .hint(format!("or filters by module: `{VARIABLE}=info,todo::cluster=debug`"))
    })?;
    let ci = Ci::detect(world, None);
    let lines = Lines { wanted, sink: sink.clone(), caps, ci, screen: screen.clone() };
    // A subscriber that is already set is kept.
    let _ = tracing::subscriber::set_global_default(lines);
    Ok(())
}

fn wanted(text: &str) -> Result<Targets, String> {
    let wanted: Targets = text.parse().map_err(|error| format!("{error}"))?;
    match wanted.iter().find(|(target, _)| !is_ours(target)) {
        Some((target, _)) => Err(format!("`{target}` is neither a level nor a module of todo")),
        None => Ok(wanted),
    }
}

fn is_ours(target: &str) -> bool {
    target == "todo" || target.starts_with("todo::")
}

struct Lines {
    wanted: Targets,
    sink: Sink,
    caps: TerminalCaps,
    ci: Ci,
    screen: Screen,
}

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let (target, level) = (metadata.target(), metadata.level());
        !metadata.is_span() && is_ours(target) && self.wanted.would_enable(target, level)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        self.wanted.iter().map(|(_, level)| level).chain(self.wanted.default_level()).max()
    }

    fn event(&self, event: &Event<'_>) {
        let metadata = event.metadata();
        let mut line = line(self.sink.elapsed_ms(), *metadata.level(), metadata.target(), event);
        self.sink.redactor().quoted(&mut line);
        self.screen.line(&self.ci.inert(&self.caps.typed(&clean(&line))));
    }

    // Spans are not enabled.
    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

/// `DEBUG   1.204 todo::exec: the message took_ms=12`, with the seconds since the run began.
fn line(at_ms: u64, level: Level, target: &str, event: &Event<'_>) -> String {
    let mut line = format!("{level:<5} {:>3}.{:03} {target}:", at_ms / 1000, at_ms % 1000);
    let mut fields = Fields { message: String::new(), others: String::new() };
    event.record(&mut fields);
    for text in [fields.message, fields.others].into_iter().filter(|text| !text.is_empty()) {
        line.push(' ');
        line.push_str(text.trim());
    }
    line
}

struct Fields {
    message: String,
    others: String,
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.others, " {name}={value:?}"),
        };
    }
}

#[cfg(test)]
mod tests;
