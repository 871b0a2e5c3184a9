//! Prints only warnings, errors and requested output of a run: `--quiet`.

use super::Renderer;
use super::ci::Ci;
use super::fault;
use super::fault::FaultStyle;
use super::fold::RunState;
use super::logs;
use super::style::TerminalCaps;
use crate::event::Event;
use crate::event::EventKind;
use crate::event::Severity;
use std::io::Write;

/// Writes the warnings and errors of a run.
pub(super) struct Quiet<W> {
    caps: TerminalCaps,
    ci: Ci,
    out: W,
    run_state: RunState,
}

impl<W: Write> Quiet<W> {
    pub(super) fn new(caps: TerminalCaps, ci: Ci, out: W) -> Self {
        Quiet { caps, ci, out, run_state: RunState::default() }
    }

    fn lines(&mut self, lines: &[String]) {
        for line in lines {
            let _ = writeln!(self.out, "{}", self.ci.inert(&self.caps.typed(line)));
        }
        let _ = self.out.flush();
    }

    fn annotations(&mut self, lines: impl IntoIterator<Item = String>) {
        for line in lines {
            let _ = writeln!(self.out, "{line}");
        }
        let _ = self.out.flush();
    }
}

impl<W: Write + Send> Renderer for Quiet<W> {
    fn event(&mut self, event: &Event) {
        // A repeated finding is printed once.
        if !self.run_state.apply(event) {
            return;
        }
        let page = FaultStyle { caps: self.caps, width: None, source: None };
        match &event.kind {
            EventKind::Warned { finding } if finding.severity != Severity::Note => {
                self.lines(&fault::finding(page, finding));
                self.annotations(self.ci.finding(finding));
            }
            EventKind::RunFailed { reason, causes, findings, hints, .. }
            | EventKind::RoundFailed { reason, causes, findings, hints, .. } => {
                self.lines(&fault::lines(page, *reason, causes, findings, hints));
                self.annotations(self.ci.fault(*reason, causes, findings));
            }
            // `todo watch --logs` requests them.
            EventKind::Printed { pod, container, line } => {
                self.lines(&[logs::printed(pod, container, line, self.caps)]);
            }
            _ => {}
        }
    }

    fn tick(&mut self, _now_ms: u64) {}

    fn close(&mut self) -> &RunState {
        &self.run_state
    }
}

#[cfg(test)]
mod tests {
    use super::Quiet;
    use crate::event::Code;
    use crate::event::Event;
    use crate::event::EventKind;
    use crate::event::Outcome;
    use crate::event::Step;
    use crate::fault::FaultKind;
    use crate::report::Renderer;
    use crate::report::ci::Ci;
    use crate::report::style::TerminalCaps;

    #[test]
    fn only_warnings_and_errors_are_told() {
        let mut out = Vec::new();
        let mut quiet = Quiet::new(TerminalCaps::BARE, Ci::default(), &mut out);
        for kind in [
            EventKind::StepStarted { step: Step::Apply },
            EventKind::Warned { finding: Code::ImageTagMutable.note("a note") },
            EventKind::Warned { finding: Code::ImageTagMutable.warning("a warning") },
            EventKind::StepFinished {
                step: Step::Apply,
                took_ms: 9_000,
                outcome: Outcome::Done,
                detail: None,
            },
            EventKind::RunFailed {
                took_ms: 9_000,
                kind: FaultKind::Rollout,
                reason: Code::CrashLoop,
                code: 50,
                causes: vec!["a cause".to_owned()],
                findings: Vec::new(),
                hints: Vec::new(),
            },
        ] {
            quiet.event(&Event { at_ms: 1, kind });
        }
        quiet.close();
        let text = String::from_utf8(out).unwrap();
        let labels: Vec<&str> =
            text.lines().filter_map(|line| line.split_once('[').map(|(label, _)| label)).collect();
        assert_eq!(labels, ["warning", "error"], "{text}");
    }
}
