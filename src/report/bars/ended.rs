//! What stays on the screen at the end of a round of `todo watch`, and of a run that failed.

use super::line;
use crate::event::Code;
use crate::event::Finding;
use crate::fault::FaultKind;
use crate::report::fault;
use crate::report::fault::FaultStyle;
use crate::report::fold::RunState;
use crate::report::style::Symbol;
use crate::report::style::TerminalCaps;
use crate::report::words;

/// The steps that failed, and why.
pub(super) fn failure(
    run_state: &RunState,
    page: FaultStyle<'_>,
    width: usize,
    (kind, reason): (FaultKind, Code),
    causes: &[String],
    findings: &[Finding],
    hints: &[String],
) -> Vec<String> {
    let mut lines = failed_lines(run_state, kind, page.caps, width);
    if !findings.is_empty() && !lines.is_empty() {
        lines.push(String::new());
    }
    lines.extend(fault::lines(page, reason, causes, findings, hints));
    lines
}

fn failed_lines(run_state: &RunState, kind: FaultKind, caps: TerminalCaps, width: usize) -> Vec<String> {
    run_state
        .failed()
        .map(|(step, end)| {
            let stopped = words::failed(kind);
            let counts = run_state.newest(step).map(words::counts).unwrap_or_default();
            let text = if counts.is_empty() || stopped != "failed" { stopped } else { &counts };
            line(Symbol::Bad, step, text, end.took_ms, caps, width)
        })
        .collect()
}
