//! A run in a terminal: finished steps stay as lines, the running ones are drawn below them.
//!
//! indicatif moves the cursor; what stands in the lines is made here, all of it at once and already as wide as the
//! terminal, so that a frame can be looked at without one. Nothing is drawn in the first quarter of a second, so a run
//! with nothing to do does not flicker.

mod ended;
mod figures;
mod reflowed;
#[cfg(test)]
mod tests;
mod unfilled;

use super::Expected;
use super::Live;
use super::Renderer;
use super::fault;
use super::fault::FaultStyle;
use super::fold::RunState;
use super::logs;
use super::source::Source;
use super::steps::Activity;
use super::steps::ItemState;
use super::steps::StepState;
use super::style::Symbol;
use super::style::TerminalCaps;
use super::style::TextStyle;
use super::style::clean;
use super::style::columns;
use super::style::wrap;
use super::trace::Screen;
use super::watching;
use super::words;
use crate::answer::usual::Usual;
use crate::event::Event;
use crate::event::EventKind;
use crate::event::Outcome;
use crate::event::Step;
use crate::event::ViewKey;
use ended::failure;
use figures::duration;
use figures::gauge;
use figures::names;
use indicatif::MultiProgress;
use indicatif::ProgressBar;
use indicatif::ProgressDrawTarget;
use indicatif::ProgressStyle;
use indicatif::TermLike;
use reflowed::Reflowed;
use unfilled::Unfilled;

/// Frames a second.
const HZ: u8 = 15;

/// Milliseconds between two frames.
const FRAME: u64 = 1_000 / HZ as u64;

/// How long a run, and each of its steps, must last to be drawn, in milliseconds.
const FIRST: u64 = 250;

/// How many lines may live at once.
const LIVE: usize = 12;

/// From which width on a progress gets a gauge.
const WIDE: usize = 80;

type Size = Box<dyn Fn() -> (usize, usize) + Send>;

/// Draws a run in a terminal.
pub(super) struct Bars {
    caps: TerminalCaps,
    source: Option<Source>,
    run_state: RunState,
    screen: MultiProgress,
    live: Option<ProgressBar>,
    size: Size,
    /// Where else lines come from that stay.
    log: Screen,
    expected: Expected,
    /// How long steps take mostly.
    usual: Usual,
    /// Leaves the terminal to others.
    end: Box<dyn Fn() + Send>,
    /// Clears the screen.
    wipe: Box<dyn Fn() + Send>,
    drawn_ms: u64,
    drawn_size: (usize, usize),
}

impl Bars {
    pub(super) fn on_stderr(caps: TerminalCaps, source: Option<Source>, live: Live<'_>) -> Self {
        let terminal = console::Term::buffered_stderr();
        let Live { screen, expected } = live;
        let shown = Bars::in_terminal(caps, terminal, reflowed::wraps());
        let bars = Bars { source, log: screen.clone(), expected, ..shown };
        screen.set(Some(bars.screen.clone()));
        bars
    }

    #[cfg(test)]
    pub(super) fn on(caps: TerminalCaps, terminal: &indicatif::InMemoryTerm) -> Self {
        Bars::in_terminal(caps, terminal.clone(), true)
    }

    fn in_terminal(caps: TerminalCaps, terminal: impl TermLike + Clone + 'static, wraps: bool) -> Self {
        let terminal = Unfilled::new(terminal);
        let reflowed = Reflowed::new(terminal.clone(), wraps);
        let target = ProgressDrawTarget::term_like_with_hz(Box::new(reflowed), HZ);
        let sized = terminal.clone();
        let size = move || (usize::from(sized.width()), usize::from(sized.height()));
        let wiped = terminal.clone();
        Bars {
            caps,
            source: None,
            run_state: RunState::default(),
            screen: MultiProgress::with_draw_target(target),
            live: None,
            size: Box::new(size),
            log: Screen::default(),
            expected: Box::new(|_| Usual::default()),
            usual: Usual::default(),
            end: Box::new(move || terminal.close()),
            wipe: Box::new(move || wiped.wipe()),
            drawn_ms: 0,
            drawn_size: (0, 0),
        }
    }

    /// Lines that stay.
    fn keep(&mut self, lines: &[String]) {
        if !lines.is_empty() {
            // A closed terminal must not stop the deployment.
            let _ = self.screen.println(lines.join("\n"));
        }
    }

    fn draw(&mut self, now: u64) {
        let (width, height) = (self.size)();
        self.drawn_size = (width, height);
        let lines = frame(&self.run_state, &self.usual, self.caps, now, width, height);
        if lines.is_empty() {
            self.clear();
            return;
        }
        let screen = &self.screen;
        let live = self.live.get_or_insert_with(|| {
            let bar = screen.add(ProgressBar::no_length());
            if let Ok(style) = ProgressStyle::with_template("{msg}") {
                bar.set_style(style);
            }
            bar
        });
        live.set_message(lines.join("\n"));
        live.force_draw();
        self.drawn_ms = now;
    }

    fn clear(&mut self) {
        if let Some(live) = self.live.take() {
            live.finish_and_clear();
            self.screen.remove(&live);
        }
    }
}

impl Renderer for Bars {
    fn event(&mut self, event: &Event) {
        if !self.run_state.apply(event) {
            return;
        }
        if let (EventKind::RunStarted { .. }, Some(opening)) = (&event.kind, &self.run_state.opening) {
            self.usual = (self.expected)(opening);
        }
        let (width, _) = (self.size)();
        let page = FaultStyle { caps: self.caps, width: Some(width), source: self.source.as_ref() };
        let lines = kept(&self.run_state, page, event, width);
        if matches!(event.kind, EventKind::KeyPressed { key: ViewKey::Clear }) {
            self.clear();
            (self.wipe)();
            self.drawn_ms = 0;
            return;
        }
        if matches!(event.kind, EventKind::RunFinished { .. } | EventKind::RunFailed { .. }) {
            self.clear();
        } else if !lines.is_empty() && self.live.is_some() {
            // The line that stays and the one that moved until now change places in one frame.
            self.draw(event.at_ms);
        }
        self.keep(&lines);
    }

    fn tick(&mut self, now_ms: u64) {
        let due = now_ms >= FIRST && now_ms.saturating_sub(self.drawn_ms) >= FRAME;
        // Nothing moves while files are waited for.
        let stands = |since: u64| self.drawn_ms > since && self.drawn_size == (self.size)();
        if self.run_state.idle.as_ref().is_some_and(|idle| stands(idle.at_ms)) {
            return;
        }
        if due && self.run_state.end.is_none() {
            self.draw(now_ms);
        }
    }

    fn close(&mut self) -> &RunState {
        self.clear();
        self.log.set(None);
        (self.end)();
        &self.run_state
    }
}

/// The lines that an event leaves behind.
fn kept(run_state: &RunState, page: FaultStyle<'_>, event: &Event, width: usize) -> Vec<String> {
    let caps = page.caps;
    match &event.kind {
        EventKind::RunStarted { rehearsal: true, .. } => {
            wrap(&caps.paint(TextStyle::Quiet, words::REHEARSAL), Some(width))
        }
        EventKind::Warned { finding } => fault::finding(page, finding),
        EventKind::KeyPressed { key } => watching::lines_for(&run_state.watched, *key),
        EventKind::Printed { pod, container, line } => vec![logs::printed(pod, container, line, caps)],
        EventKind::RoundStarted { changed } if !changed.is_empty() => {
            let label = caps.paint(TextStyle::Strong, "changed");
            vec![caps.fit(&format!("{label}  {}", clean(&words::changed(changed))), width)]
        }
        EventKind::RoundSuperseded { .. } => {
            wrap(&caps.paint(TextStyle::Quiet, words::SUPERSEDED), Some(width))
        }
        EventKind::RoundFinished { took_ms, url, .. } => {
            let text = caps.paint(TextStyle::Strong, &words::closing(run_state).unwrap_or_default());
            let (url, took) = (url.as_deref().unwrap_or_default(), words::duration(*took_ms));
            let parts = [text.as_str(), url, &caps.paint(TextStyle::Quiet, &took)];
            let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
            // The URL is copied: it is not cut.
            vec![format!("{} {}", caps.sign(Symbol::Good), parts.join("  "))]
        }
        EventKind::StepFinished { step, .. } => {
            run_state.newest(*step).map(|state| step_line(state, caps, width)).unwrap_or_default()
        }
        EventKind::RunFinished { took_ms, .. } => words::closing(run_state)
            .map(|text| {
                let took = caps.paint(TextStyle::Quiet, &words::duration(*took_ms));
                let text = caps.paint(TextStyle::Strong, &text);
                wrap(&format!("{} {text}  {took}", caps.sign(Symbol::Good)), Some(width))
            })
            .unwrap_or_default(),
        EventKind::RunFailed { kind, reason, causes, findings, hints, .. }
        | EventKind::RoundFailed { kind, reason, causes, findings, hints, .. } => {
            failure(run_state, page, width, (*kind, *reason), causes, findings, hints)
        }
        _ => Vec::new(),
    }
}

/// `✓ images    2 built, 1 unchanged  3.4 s`, or nothing for a step that only looked.
fn step_line(state: &StepState, caps: TerminalCaps, width: usize) -> Vec<String> {
    let Some(end) = &state.end else { return Vec::new() };
    let looked = state.step == Step::Preflight && end.outcome == Outcome::Done;
    let idle = matches!(end.outcome, Outcome::Unchanged | Outcome::Skipped);
    // Every workload was ready before we looked: not worth a line.
    let steady = state.step == Step::Rollout && end.outcome == Outcome::Done && end.took_ms < FIRST;
    if looked && end.took_ms < 1_000 || (idle || steady) && end.took_ms < 10_000 {
        return Vec::new();
    }
    let mut lines = vec![line(Symbol::Good, state.step, &words::ended(state, end), end.took_ms, caps, width)];
    for (name, detail) in state.answers() {
        let pieces = wrap(&format!("{}  {}", clean(&name), clean(&detail)), Some(width.saturating_sub(4)));
        lines.extend(
            pieces
                .iter()
                .enumerate()
                .map(|(number, piece)| format!("{}{piece}", if number == 0 { "  " } else { "    " })),
        );
    }
    lines
}

fn line(sign: Symbol, step: Step, text: &str, took_ms: u64, caps: TerminalCaps, width: usize) -> String {
    let label = caps.paint(TextStyle::Strong, &caps.pad(words::step(step), words::LABEL));
    let took = words::duration(took_ms);
    let room = width.saturating_sub(2 + words::LABEL + 2 + 2 + took.len());
    let text = caps.fit(&clean(text), room);
    caps.fit(&format!("{} {label}  {text}  {}", caps.sign(sign), caps.paint(TextStyle::Quiet, &took)), width)
}

/// Everything that lives, top to bottom, each line at most `width` columns.
fn frame(
    run_state: &RunState,
    usual: &Usual,
    caps: TerminalCaps,
    now: u64,
    width: usize,
    height: usize,
) -> Vec<String> {
    // The last column stays free: some terminals wrap when it is written.
    let width = width.saturating_sub(1).max(10);
    if let Some(idle) = &run_state.idle {
        return watching::idle(run_state, idle, caps, width, height);
    }
    let steps: Vec<&StepState> =
        run_state.running().filter(|state| now.saturating_sub(state.began_ms) >= FIRST).collect();
    let room = LIVE.min(height.saturating_sub(2)).saturating_sub(steps.len());
    let own = |item: &&ItemState, step: Step| item.name != words::step(step);
    let running: usize =
        steps.iter().map(|state| state.running().filter(|item| own(item, state.step)).count()).sum();
    let mut left = if running > room { room.saturating_sub(1) } else { room };
    let mut lines = Vec::new();
    for state in steps {
        if let Some(item) =
            state.items.iter().find(|item| item.end.is_none() && item.name == words::step(state.step))
        {
            let label = caps.paint(TextStyle::Strong, &caps.pad(words::step(state.step), words::LABEL));
            let lead = format!("{} {label}", caps.sign(Symbol::Live(now / 100)));
            lines.push(live(item, &lead, usual.took(state.step, Some(&item.name)), caps, now, width));
            continue;
        }
        lines.push(head(state, usual.took(state.step, None), caps, now, width));
        let items: Vec<&ItemState> = state.running().take(left).collect();
        left -= items.len();
        let names = names(items.iter().map(|item| item.name.as_str()), caps, width * 2 / 5);
        lines.extend(items.iter().zip(names).map(|(item, name)| {
            let usual = usual.took(state.step, Some(&item.name));
            live(item, &format!("  {name}"), usual, caps, now, width)
        }));
    }
    if running > room && room > 0 {
        let shown = room - 1;
        lines
            .push(caps.fit(&caps.paint(TextStyle::Quiet, &format!("  and {} more", running - shown)), width));
    }
    if lines.len() + 1 < height {
        lines.extend(watching::failed(run_state, caps, width));
    }
    lines
}

fn head(state: &StepState, usual: Option<u64>, caps: TerminalCaps, now: u64, width: usize) -> String {
    let sign = caps.sign(Symbol::Live(now / 100));
    let label = caps.paint(TextStyle::Strong, &caps.pad(words::step(state.step), words::LABEL));
    let counts = words::counts(state);
    let lasted = now.saturating_sub(state.began_ms);
    let lasted = if lasted < 1_000 {
        String::new()
    } else {
        caps.paint(TextStyle::Quiet, &duration(lasted, usual, width))
    };
    let parts: Vec<String> = [counts, lasted].into_iter().filter(|part| !part.is_empty()).collect();
    caps.fit(format!("{sign} {label}  {}", parts.join("  ")).trim_end(), width)
}

/// `  todo-backend  RUN pip install -r requirements.txt  3/9  10 s`.
fn live(
    item: &ItemState,
    lead: &str,
    usual: Option<u64>,
    caps: TerminalCaps,
    now: u64,
    width: usize,
) -> String {
    let amount = match item.now {
        Activity::Doing(_, amount) => amount,
        _ => None,
    };
    let mut right = String::new();
    if let Some(amount) = amount {
        if let Some(gauge) = gauge(amount, caps).filter(|_| width + 1 >= WIDE) {
            right.push_str("  ");
            right.push_str(&gauge);
        }
        right.push_str("  ");
        right.push_str(&words::amount(amount));
    }
    let lasted = now.saturating_sub(item.began_ms);
    if lasted >= 1_000 {
        right.push_str("  ");
        right.push_str(&caps.paint(TextStyle::Quiet, &duration(lasted, usual, width)));
    }
    let room = width.saturating_sub(columns(lead) + 2 + columns(&right));
    let text = caps.fit(&clean(item.now.text()), room);
    let gap = if text.is_empty() { "" } else { "  " };
    caps.fit(format!("{lead}{gap}{text}{right}").trim_end(), width)
}
