//! A run as JSON on standard output, one event a line: the interface for programs.
//!
//! Nothing is left out, combined or reworded: a line is [`Event`] as serde writes it, so a recorded stream can be
//! read back and shown by any other renderer. The first line is `run-started` and carries `schema`; within one schema
//! events and fields are only added, so readers skip what they do not know. The last line is exactly one of
//! `run-finished` and `run-failed`, whatever happens to the run; nothing follows it.
//!
//! `todo schema events` prints the JSON Schema of a line. Every line has `at_ms` (milliseconds since the run began) and `event`. Fields marked `?` may be null.
//!
//! | `event` | fields |
//! |---|---|
//! | `run-started` | `schema`, `version`, `command`, `project`, `namespace`, `profile`, `target?`, `rehearsal?`: `true` of a run of which nothing is real |
//! | `step-started` | `step` |
//! | `item-started` | `step`, `item` |
//! | `progress` | `step`, `item`, `doing`, `amount`?: `{done, total?, unit}` |
//! | `waiting` | `step`, `item`, `why` |
//! | `log` | `step`, `item`, `line` |
//! | `warned` | `finding` |
//! | `forwarded` | `service`, `port`, `address`, `pid`, `detached`, `reused`: a port of localhost is forwarded to a
//! Service; its process outlives the run if `detached`, and an earlier run started it if `reused` |
//! | `item-finished` | `step`, `item`, `outcome`, `took_ms`, `detail`? |
//! | `step-finished` | `step`, `took_ms`, `outcome`, `detail`? |
//! | `step-failed` | `step`, `took_ms` |
//! | `keys-read` | none: `todo watch` reads keys |
//! | `key-pressed` | `key`: `help`, `url` or `clear`, which the view answers |
//! | `printed` | `pod`, `container`, `line`: what the application printed, while `todo watch` shows its logs |
//! | `round-started` | `changed`: the files whose change begins this round of `todo watch`, relative to the directory of deploy.toml; empty for the first round, and for one that a key asked for |
//! | `round-superseded` | `took_ms`: files changed before anything was written, so this round was given up; `round-started` follows |
//! | `round-finished` | `took_ms`, `files`: how many are watched, `url`? |
//! | `round-failed` | `took_ms`, `files`, `kind`, `reason`, `causes`, `findings`, `hints`: the run continues with the next change |
//! | `run-finished` | `took_ms`, `code`, `url`? |
//! | `run-failed` | `took_ms`, `kind`, `reason`, `code`, `causes`, `findings`, `hints` |
//!
//! `step`: `preflight`, `minikube`, `image`, `apply`, `rollout`, `service`, `check`, `remove`. `check` may come twice:
//! before `apply` and after `service`. `outcome`: `done`, `unchanged`, `skipped`, `created`, `changed`, `recreated`,
//! `built`, `removed`, `kept`, `ready`, `stopped`, `failed`. `unit`: `bytes`, `steps`, `replicas`, `percent`. `kind`:
//! `internal`, `usage`, `prerequisite`, `minikube`, `image`, `apply`, `rollout`, `service`, `locked`, `interrupted`,
//! `terminated`. `reason` of a failure and `code` of a finding: one of the words of docs/findings.md. `code` of
//! `run-finished` and `run-failed` is the exit code. `finding` and each of `findings`: `{code, severity, place?: {file,
//! line, column}, subject?, message, evidence, help?, data?}` with `severity` one of `error`, `warning`, `note`; `line`
//! and `column` count from 1, 0 means the file or the line as a whole; `evidence` is a list of lines. `causes` begins
//! with the attempted action and ends with why it failed; `hints` are next steps, commands in backticks.

use super::Renderer;
use super::fold::RunState;
use crate::event::Code;
use crate::event::Event;
use crate::event::EventKind;
use crate::fault::FaultKind;
use crate::redact::is_deceptive;
use serde::Serialize;
use std::fmt::Write as _;
use std::io;
use std::io::Write;

/// `value` as one line of JSON. Control characters of terminals are written as `\uXXXX`, which means the same: users
/// read JSON, too.
#[must_use]
pub fn line(value: &impl Serialize) -> String {
    let text = serde_json::to_string(value).unwrap_or_default();
    // GitHub's runner takes what follows it for a command.
    let text = text.replace("##[", r"##\u005b");
    if !text.contains(is_deceptive) {
        return text;
    }
    let mut units = [0; 2];
    text.chars().fold(String::with_capacity(text.len() + 16), |mut line, letter| {
        if is_deceptive(letter) {
            for unit in letter.encode_utf16(&mut units) {
                let _ = write!(line, "\\u{unit:04x}");
            }
        } else {
            line.push(letter);
        }
        line
    })
}

/// Writes a run as JSON lines.
pub(super) struct Json<W> {
    out: W,
    run_state: RunState,
    ended: bool,
    /// The first reason why an event could not be written.
    lost: Option<io::Error>,
}

impl<W: Write> Json<W> {
    pub(super) fn new(out: W) -> Self {
        Json { out, run_state: RunState::default(), ended: false, lost: None }
    }

    fn line(&mut self, event: &Event) {
        if self.ended {
            return;
        }
        self.ended = matches!(event.kind, EventKind::RunFinished { .. } | EventKind::RunFailed { .. });
        let written = self.out.write_all((line(event) + "\n").as_bytes()).and_then(|()| self.out.flush());
        // The run continues, and its end reports that its events are incomplete.
        if let Err(error) = written {
            self.lost.get_or_insert(error);
        }
    }
}

impl<W: Write + Send> Renderer for Json<W> {
    fn event(&mut self, event: &Event) {
        self.run_state.apply(event);
        self.line(event);
    }

    fn tick(&mut self, _now_ms: u64) {}

    fn close(&mut self) -> &RunState {
        if !self.ended {
            let at_ms = self.run_state.at_ms;
            let event = Event {
                at_ms,
                kind: EventKind::RunFailed {
                    took_ms: at_ms,
                    kind: FaultKind::Internal,
                    reason: Code::InternalError,
                    code: FaultKind::Internal.exit_code(),
                    causes: vec!["the run ended without saying how".to_owned()],
                    findings: Vec::new(),
                    hints: vec!["this is a defect of `todo`: please report it with these lines".to_owned()],
                },
            };
            self.event(&event);
        }
        &self.run_state
    }

    fn lost(&mut self) -> Option<io::Error> {
        self.lost.take()
    }
}

#[cfg(test)]
mod tests {
    use super::Json;
    use crate::event::Event;
    use crate::event::EventKind;
    use crate::event::Step;
    use crate::event::samples::samples;
    use crate::fault::FaultKind;
    use crate::report::Renderer;

    /// The name of an event. A variant that is new does not compile until it is here, and with that it must be in
    /// [`samples`], in the snapshot and in the documentation.
    fn name(kind: &EventKind) -> &'static str {
        match kind {
            EventKind::RunStarted { .. } => "run-started",
            EventKind::StepStarted { .. } => "step-started",
            EventKind::ItemStarted { .. } => "item-started",
            EventKind::Progress { .. } => "progress",
            EventKind::Waiting { .. } => "waiting",
            EventKind::Log { .. } => "log",
            EventKind::Warned { .. } => "warned",
            EventKind::Forwarded { .. } => "forwarded",
            EventKind::ItemFinished { .. } => "item-finished",
            EventKind::StepFinished { .. } => "step-finished",
            EventKind::StepFailed { .. } => "step-failed",
            EventKind::KeysRead {} => "keys-read",
            EventKind::KeyPressed { .. } => "key-pressed",
            EventKind::Printed { .. } => "printed",
            EventKind::RoundStarted { .. } => "round-started",
            EventKind::RoundSuperseded { .. } => "round-superseded",
            EventKind::RoundFinished { .. } => "round-finished",
            EventKind::RoundFailed { .. } => "round-failed",
            EventKind::RunFinished { .. } => "run-finished",
            EventKind::RunFailed { .. } => "run-failed",
        }
    }

    const NAMES: usize = 20;

    fn written(kinds: Vec<EventKind>) -> String {
        let mut out = Vec::new();
        let mut json = Json::new(&mut out);
        for kind in kinds {
            json.event(&Event { at_ms: 7, kind });
        }
        json.close();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_event_has_a_sample_a_documented_row_and_comes_back_as_it_was() {
        let mut names: Vec<&str> = samples().iter().map(name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), NAMES);
        let documentation = include_str!("json.rs");
        for kind in samples() {
            let event = Event { at_ms: 7, kind };
            let value = serde_json::to_value(&event).unwrap();
            assert_eq!(value["event"], name(&event.kind));
            let row = documentation
                .lines()
                .find(|line| line.starts_with(&format!("//! | `{}` |", name(&event.kind))))
                .unwrap_or_else(|| panic!("{} has no row", name(&event.kind)));
            for field in value.as_object().unwrap().keys().filter(|key| *key != "event" && *key != "at_ms") {
                assert!(
                    row.contains(&format!("`{field}`")),
                    "{field} is not in the row of {}",
                    name(&event.kind)
                );
            }
            assert_eq!(serde_json::from_value::<Event>(value).unwrap(), event);
        }
    }

    #[test]
    fn what_a_terminal_would_obey_comes_back_and_is_never_in_a_line() {
        let text = "\u{1b}[2J \u{9b}2J \u{7f} \r \u{202e}gpj.exe \u{2066} é";
        let kind = EventKind::Log { step: Step::Rollout, item: "web".to_owned(), line: text.to_owned() };
        let written = written(vec![kind.clone()]);
        let first = written.lines().next().unwrap();
        let obeyed = |c: char| c.is_control() || "\u{202e}\u{2066}".contains(c);
        assert!(!first.contains(obeyed), "{first:?}");
        assert_eq!(serde_json::from_str::<Event>(first).unwrap().kind, kind);
    }

    #[test]
    fn the_lines_are_an_interface() {
        let lines: String = samples()
            .into_iter()
            .map(|kind| serde_json::to_string(&Event { at_ms: 7, kind }).unwrap() + "\n")
            .collect();
        insta::assert_snapshot!("events", lines);
    }

    #[test]
    fn the_stream_ends_in_exactly_one_end() {
        let finished = || EventKind::RunFinished { took_ms: 1, code: 0, url: None };
        let late = EventKind::StepStarted { step: Step::Apply };
        let lines = written(vec![finished(), late.clone(), finished()]);
        assert_eq!(lines.lines().count(), 1);

        let lost = written(vec![late]);
        let end: Event = serde_json::from_str(lost.lines().last().unwrap()).unwrap();
        assert!(matches!(end.kind, EventKind::RunFailed { kind: FaultKind::Internal, code: 1, .. }));
    }
}
