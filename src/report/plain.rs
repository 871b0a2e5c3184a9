//! A run as lines for CI logs and pipes: one fact a line, nothing that moves.
//!
//! Not every event: unchanged, instant and repeated items are omitted without `--verbose`. A reason for waiting is
//! printed once it has lasted a second, and again every ten, so that a log without progress explains why.

use super::Renderer;
use super::ci::Ci;
use super::fault;
use super::fault::FaultStyle;
use super::fold::RunState;
use super::logs;
use super::steps::Activity;
use super::steps::ItemState;
use super::steps::StepState;
use super::style::TerminalCaps;
use super::style::TextStyle;
use super::style::clean;
use super::watching;
use super::words;
use crate::event::Code;
use crate::event::Event;
use crate::event::EventKind;
use crate::event::Finding;
use crate::event::Outcome;
use crate::event::Step;
use crate::event::ViewKey;
use crate::fault::FaultKind;
use std::collections::BTreeMap;
use std::io::Write;

/// How long a reason must last to be printed, in milliseconds.
const SETTLED: u64 = 1_000;

/// After how many milliseconds without output a step reports that it is still running.
const HEARTBEAT: u64 = 10_000;

/// How many items a heartbeat names.
const NAMED: usize = 3;

/// Writes a run as lines.
pub(super) struct Plain<W> {
    caps: TerminalCaps,
    ci: Ci,
    verbose: bool,
    out: W,
    run_state: RunState,
    /// The last printed reason of an item, so that it is printed once.
    last_reason: BTreeMap<(Step, String), String>,
    /// When a line was last written for a step.
    spoke: BTreeMap<Step, u64>,
}

impl<W: Write> Plain<W> {
    pub(super) fn new(caps: TerminalCaps, verbose: bool, out: W) -> Self {
        let (ci, run_state) = (Ci::default(), RunState::default());
        Plain { caps, ci, verbose, out, run_state, last_reason: BTreeMap::new(), spoke: BTreeMap::new() }
    }

    /// With what `ci` makes of the log.
    pub(super) fn within(self, ci: Ci) -> Self {
        Plain { ci, ..self }
    }

    fn raw(&mut self, text: &str) {
        let _ = self.out.write_all(text.as_bytes());
    }

    /// What follows is not folded.
    fn unfolded(&mut self, at: u64) {
        let end = self.ci.close(at);
        self.raw(&end);
    }

    /// A closed log must not stop the deployment.
    fn line(&mut self, line: &str) {
        let _ = writeln!(self.out, "{}", self.ci.inert(&self.caps.typed(line)));
    }

    fn printed(&mut self, pod: &str, container: &str, line: &str) {
        self.line(&logs::printed(pod, container, line, self.caps));
    }

    /// A line about the progress of a step.
    fn write_line(&mut self, step: Step, at: u64, text: &str) {
        let begin = self.ci.open(words::step(step), at);
        self.raw(&begin);
        self.conclude(step, at, text);
    }

    /// A line about how a step ended.
    fn conclude(&mut self, step: Step, at: u64, text: &str) {
        self.spoke.insert(step, at);
        let label = self.caps.paint(TextStyle::Strong, &format!("{}:", words::step(step)));
        self.line(&format!("{label} {text}"));
    }

    fn apply(&mut self, event: &Event) {
        let at = event.at_ms;
        match &event.kind {
            EventKind::RunStarted {
                version,
                command,
                project,
                namespace,
                profile,
                target,
                rehearsal,
                ..
            } => {
                let place = match target {
                    Some(target) => format!("target {target}"),
                    None => format!("profile {profile}"),
                };
                self.line(&format!("todo {version}: {command} {project}, namespace {namespace}, {place}"));
                if *rehearsal {
                    self.line(words::REHEARSAL);
                }
            }
            EventKind::StepStarted { step } if self.verbose => self.write_line(*step, at, "begins"),
            EventKind::ItemStarted { step, item } if self.verbose => {
                self.write_line(*step, at, &format!("{} begins", clean(item)));
            }
            EventKind::Progress { step, item, doing, .. } => {
                // The handful of steps of a cluster that starts are facts; a build's hundreds are details.
                if self.verbose || *step == Step::Minikube {
                    self.reason(*step, item, at, doing);
                }
            }
            EventKind::Waiting { step, item, why } if self.verbose => self.reason(*step, item, at, why),
            EventKind::Log { step, item, line } if self.verbose => {
                self.write_line(*step, at, &format!("{} | {}", clean(item), clean(line)));
            }
            EventKind::Warned { finding } => {
                for line in fault::finding(self.page(), finding) {
                    self.line(&line);
                }
                if let Some(annotation) = self.ci.finding(finding) {
                    self.raw(&(annotation + "\n"));
                }
            }
            EventKind::ItemFinished { step, item, outcome, took_ms, detail } => {
                self.last_reason.remove(&(*step, item.clone()));
                let dull = match outcome {
                    Outcome::Unchanged | Outcome::Skipped | Outcome::Done => true,
                    Outcome::Ready => *took_ms < SETTLED,
                    _ => false,
                };
                if self.verbose || !dull {
                    let text = format!("{} {}", clean(item), words::outcome(*outcome));
                    self.write_line(*step, at, &with(text, detail.as_deref(), *took_ms, SETTLED));
                }
            }
            EventKind::StepFinished { step, took_ms, outcome, .. } => {
                self.unfolded(at);
                if let Some(text) = self.ended(*step, *outcome) {
                    self.conclude(*step, at, &with(text, None, *took_ms, 0));
                }
                // What a removal keeps had a line when it was kept.
                let state = self.run_state.newest(*step).filter(|_| *step != Step::Remove);
                for (name, detail) in state.map(StepState::answers).unwrap_or_default() {
                    self.conclude(*step, at, &format!("{}: {}", clean(&name), clean(&detail)));
                }
            }
            EventKind::RoundStarted { changed } => {
                self.unfolded(at);
                self.last_reason.clear();
                if !changed.is_empty() {
                    self.line(&format!("changed: {}", clean(&words::changed(changed))));
                }
            }
            EventKind::KeyPressed { key } => self.press(*key),
            EventKind::Printed { pod, container, line } => self.printed(pod, container, line),
            EventKind::RoundSuperseded { .. } => self.line(words::SUPERSEDED),
            EventKind::RoundFinished { took_ms, files, url } => {
                let text = words::closing(&self.run_state).unwrap_or_default();
                self.line(&with(text, url.as_deref(), *took_ms, 0));
                self.line(&words::watching(*files));
            }
            EventKind::RoundFailed { kind, reason, causes, findings, hints, files, .. } => {
                self.failed(at, (*kind, *reason), causes, findings, hints);
                self.line(&words::watching(*files));
            }
            EventKind::RunFinished { took_ms, .. } => {
                if let Some(text) = words::closing(&self.run_state) {
                    self.line(&with(text, None, *took_ms, 0));
                }
            }
            EventKind::RunFailed { kind, reason, causes, findings, hints, .. } => {
                self.failed(at, (*kind, *reason), causes, findings, hints);
            }
            EventKind::StepStarted { .. }
            | EventKind::ItemStarted { .. }
            | EventKind::StepFailed { .. }
            | EventKind::Waiting { .. }
            | EventKind::Forwarded { .. }
            | EventKind::KeysRead {}
            | EventKind::Log { .. } => {}
        }
    }

    fn press(&mut self, key: ViewKey) {
        for line in watching::lines_for(&self.run_state.watched, key) {
            self.line(&line);
        }
    }

    fn ended(&self, step: Step, outcome: Outcome) -> Option<String> {
        let state = self.run_state.newest(step)?;
        let end = state.end.as_ref()?;
        let silent = outcome == Outcome::Skipped && end.detail.is_none();
        (!silent || self.verbose).then(|| clean(&words::ended(state, end)))
    }

    fn reason(&mut self, step: Step, item: &str, at: u64, reason: &str) {
        let key = (step, item.to_owned());
        if reason.is_empty() || self.last_reason.get(&key).is_some_and(|last| last == reason) {
            return;
        }
        self.last_reason.insert(key, reason.to_owned());
        let named = if item == words::step(step) { String::new() } else { format!("{}: ", clean(item)) };
        self.write_line(step, at, &format!("{named}{}", clean(reason)));
    }

    fn failed(
        &mut self,
        at: u64,
        (kind, code): (FaultKind, Code),
        causes: &[String],
        findings: &[Finding],
        hints: &[String],
    ) {
        self.unfolded(at);
        self.failed_steps(kind, at);
        let lines = fault::lines(self.page(), code, causes, findings, hints);
        for line in lines {
            self.line(&line);
        }
        for annotation in self.ci.fault(code, causes, findings) {
            self.raw(&(annotation + "\n"));
        }
    }

    fn failed_steps(&mut self, kind: FaultKind, at: u64) {
        let failed: Vec<(Step, u64)> =
            self.run_state.failed().map(|(step, end)| (step, end.took_ms)).collect();
        for (step, took_ms) in failed {
            let text = self.caps.paint(TextStyle::Bad, words::failed(kind));
            self.conclude(step, at, &with(text, None, took_ms, 0));
        }
    }

    fn page(&self) -> FaultStyle<'static> {
        FaultStyle { caps: self.caps, width: None, source: None }
    }

    /// Reasons that have lasted long enough to be printed.
    fn flush_due(&mut self, now: u64) {
        let settled: Vec<(Step, String, String)> = self
            .run_state
            .running()
            .flat_map(|state| state.running().map(move |item| (state.step, item)))
            .filter(|(_, item)| now.saturating_sub(item.since_ms) >= SETTLED)
            .filter_map(|(step, item)| match &item.now {
                Activity::Waiting(why) => Some((step, item.name.clone(), why.clone())),
                _ => None,
            })
            .collect();
        for (step, item, why) in settled {
            self.reason(step, &item, now, &why);
        }
    }

    fn heartbeat(&mut self, now: u64) {
        let silent: Vec<(Step, String)> = self
            .run_state
            .running()
            .filter(|state| {
                let spoke = self.spoke.get(&state.step).copied().unwrap_or_default().max(state.began_ms);
                now.saturating_sub(spoke) >= HEARTBEAT
            })
            .map(|state| (state.step, still(state, now)))
            .collect();
        for (step, text) in silent {
            self.write_line(step, now, &text);
        }
    }
}

impl<W: Write + Send> Renderer for Plain<W> {
    fn event(&mut self, event: &Event) {
        if self.run_state.apply(event) {
            self.apply(event);
        }
    }

    fn tick(&mut self, now_ms: u64) {
        self.flush_due(now_ms);
        self.heartbeat(now_ms);
        let _ = self.out.flush();
    }

    fn close(&mut self) -> &RunState {
        self.unfolded(self.run_state.at_ms);
        let _ = self.out.flush();
        &self.run_state
    }
}

/// `still running after 20 s: Deployment/web (1 of 2 replicas ready), … and 12 more`.
fn still(state: &StepState, now: u64) -> String {
    let running: Vec<&ItemState> = state.running().collect();
    let mut text = format!("still running after {}", words::elapsed(now.saturating_sub(state.began_ms)));
    for (number, item) in running.iter().take(NAMED).enumerate() {
        text.push_str(if number == 0 { ": " } else { ", " });
        text.push_str(&clean(&item.name));
        match &item.now {
            Activity::Begun => {}
            Activity::Waiting(why) => parenthesis(&mut text, &clean(why)),
            Activity::Doing(doing, None) => parenthesis(&mut text, &clean(doing)),
            Activity::Doing(doing, Some(amount)) => {
                parenthesis(&mut text, &format!("{}, {}", clean(doing), words::amount(*amount)));
            }
        }
    }
    if running.len() > NAMED {
        let more = format!(" and {} more", running.len() - NAMED);
        text.push_str(&more);
    }
    text
}

fn parenthesis(text: &mut String, aside: &str) {
    text.push_str(" (");
    text.push_str(aside);
    text.push(')');
}

/// The text, its detail, and how long it took if that is worth telling.
fn with(mut text: String, detail: Option<&str>, took_ms: u64, from_ms: u64) -> String {
    if let Some(detail) = detail.filter(|detail| !detail.is_empty()) {
        text.push_str(", ");
        text.push_str(&clean(detail));
    }
    if took_ms >= from_ms {
        parenthesis(&mut text, &words::duration(took_ms));
    }
    text
}
