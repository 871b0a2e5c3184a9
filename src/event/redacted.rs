//! Which texts of events are redacted, and how: output of other programs, and sentences of todo.

use crate::event::EventKind;
use crate::event::Finding;
use crate::redact::Redactor;

/// Hides secret values in what an event shows.
pub(super) fn event(redactor: &Redactor, kind: &mut EventKind) {
    let ours = |text: &mut String| redactor.sentence(text);
    let others = |text: &mut String| redactor.quoted(text);
    match kind {
        // URLs and addresses are made of the cluster's address and of deploy.toml; scripts open them.
        EventKind::RunStarted { .. }
        | EventKind::StepStarted { .. }
        | EventKind::StepFailed { .. }
        | EventKind::Forwarded { .. }
        | EventKind::KeysRead {}
        | EventKind::KeyPressed { .. }
        | EventKind::RoundSuperseded { .. }
        | EventKind::RoundFinished { .. }
        | EventKind::RunFinished { .. } => {}
        EventKind::ItemStarted { item, .. } => ours(item),
        EventKind::Progress { item, doing, .. } => {
            ours(item);
            others(doing);
        }
        EventKind::Waiting { item, why, .. } => {
            ours(item);
            ours(why);
        }
        EventKind::Log { item, line, .. } => {
            ours(item);
            others(line);
        }
        EventKind::Printed { line, .. } => others(line),
        EventKind::Warned { finding: warned } => finding(redactor, warned),
        EventKind::ItemFinished { item, detail, .. } => {
            ours(item);
            detail.as_mut().map(ours);
        }
        EventKind::StepFinished { detail, .. } => {
            detail.as_mut().map(ours);
        }
        EventKind::RoundStarted { changed } => changed.iter_mut().for_each(ours),
        EventKind::RunFailed { causes, findings, hints, .. }
        | EventKind::RoundFailed { causes, findings, hints, .. } => {
            causes.iter_mut().chain(hints).for_each(ours);
            for found in findings {
                finding(redactor, found);
            }
        }
    }
}

/// Hides secret values in a finding.
pub(super) fn finding(redactor: &Redactor, finding: &mut Finding) {
    let Finding { code: _, severity: _, place, subject, message, evidence, help, data } = finding;
    for line in evidence {
        redactor.quoted(line);
    }
    data.each_text(&mut |text| redactor.sentence(text));
    subject.iter_mut().chain(help).chain([message]).for_each(|text| redactor.sentence(text));
    if let Some(place) = place {
        // A path that is not UTF-8 is shown with signs in its place, and cannot be put together again.
        let mut file = place.file.to_string_lossy().into_owned();
        redactor.sentence(&mut file);
        if file != place.file.to_string_lossy() {
            place.file = file.into();
        }
    }
}
