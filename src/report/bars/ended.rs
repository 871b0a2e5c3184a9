//! What stays on the screen at the end of a round of `todo watch`, and of a run that failed.

use super::line;
use crate::event::Code;
use crate::event::Finding;
use crate::fault::Kind;
use crate::report::fault;
use crate::report::fault::Page;
use crate::report::fold::Idle;
use crate::report::fold::Story;
use crate::report::style::Look;
use crate::report::style::Sign;
use crate::report::style::Tone;
use crate::report::style::clean;
use crate::report::words;

/// The steps that failed, and why.
pub(super) fn failure(
    story: &Story,
    page: Page<'_>,
    width: usize,
    (kind, reason): (Kind, Code),
    causes: &[String],
    findings: &[Finding],
    hints: &[String],
) -> Vec<String> {
    let mut lines = failed_lines(story, kind, page.look, width);
    if !findings.is_empty() && !lines.is_empty() {
        lines.push(String::new());
    }
    lines.extend(fault::lines(page, reason, causes, findings, hints));
    lines
}

/// `watching 312 files · main.py: 2.1 s · Ctrl-C ends`: the line that stays between two rounds of `todo watch`.
pub(super) fn waiting(story: &Story, idle: &Idle, look: Look, width: usize) -> String {
    let last = (!story.changed.is_empty()).then(|| {
        let how = if idle.failed { "failed".to_owned() } else { words::duration(idle.took_ms) };
        format!("{}: {how}", clean(&words::changed(&story.changed)))
    });
    let parts = [Some(words::watching(idle.files)), last, Some("Ctrl-C ends".to_owned())];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    look.fit(&look.paint(Tone::Quiet, &parts.join(if look.unicode { " · " } else { ", " })), width)
}

fn failed_lines(story: &Story, kind: Kind, look: Look, width: usize) -> Vec<String> {
    story
        .failed()
        .map(|(step, end)| {
            let stopped = words::failed(kind);
            let counts = story.newest(step).map(words::counts).unwrap_or_default();
            let text = if counts.is_empty() || stopped != "failed" { stopped } else { &counts };
            line(Sign::Bad, step, text, end.took_ms, look, width)
        })
        .collect()
}
