//! What `todo watch` shows between two rounds: the failure that is not fixed yet, the last change and what came of it,
//! the URL, and the keys.

use super::fold::Idle;
use super::fold::StepState;
use super::fold::Story;
use super::style::Look;
use super::style::Sign;
use super::style::Tone;
use super::style::clean;
use super::style::columns;
use super::words;
use crate::event::Code;
use crate::event::Event;
use crate::event::EventKind;
use crate::event::Finding;
use crate::event::Outcome;
use crate::event::Step;

/// What lasts from one round to the next.
#[derive(Debug, Clone, Default)]
pub struct Watching {
    /// Whether keys are read.
    pub keys: bool,
    /// The URL that answered last.
    pub url: Option<String>,
    /// The failure of the last round, if it failed.
    pub failure: Option<Failure>,
    /// What the last change led to.
    pub last: Option<String>,
}

/// A round that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What the failure is called.
    pub code: Code,
    /// Its cause, in one line.
    pub cause: String,
}

impl Watching {
    /// Adds an event, after it was added to `story`.
    pub(super) fn tell(&mut self, event: &Event, changed: &[String], steps: &[StepState]) {
        match &event.kind {
            EventKind::KeysRead {} => self.keys = true,
            EventKind::RoundFinished { took_ms, url, .. } => {
                self.failure = None;
                self.url = url.clone().or_else(|| self.url.take());
                self.changed(changed, &came_of(steps), *took_ms);
            }
            EventKind::RoundFailed { took_ms, reason, causes, findings, .. } => {
                self.failure = Some(failure(*reason, causes, findings));
                self.changed(changed, "failed", *took_ms);
            }
            _ => {}
        }
    }

    fn changed(&mut self, changed: &[String], came_of: &str, took_ms: u64) {
        if !changed.is_empty() {
            let took = words::duration(took_ms);
            self.last = Some(format!("{} → {came_of}, {took}", words::changed(changed)));
        }
    }
}

/// `web, 1 file copied to 2 containers`, `web built`, or what was written where no image changed.
fn came_of(steps: &[StepState]) -> String {
    let images = steps.iter().filter(|state| state.step == Step::Image).flat_map(|state| &state.items);
    let parts = images.filter_map(|item| {
        let end = item.end.as_ref()?;
        match (end.outcome, &end.detail) {
            (Outcome::Changed, Some(detail)) => Some(format!("{}, {detail}", item.name)),
            (Outcome::Built, _) => Some(format!("{} built", item.name)),
            _ => None,
        }
    });
    let parts: Vec<String> = parts.collect();
    if !parts.is_empty() {
        return parts.join("; ");
    }
    let written = steps
        .iter()
        .filter(|state| matches!(state.step, Step::Apply | Step::Remove))
        .flat_map(|state| &state.items);
    let written = written.filter_map(|item| item.end.as_ref());
    match written
        .filter(|end| !matches!(end.outcome, Outcome::Unchanged | Outcome::Kept | Outcome::Skipped))
        .count()
    {
        0 => "nothing to do".to_owned(),
        1 => "1 object changed".to_owned(),
        count => format!("{count} objects changed"),
    }
}

fn failure(reason: Code, causes: &[String], findings: &[Finding]) -> Failure {
    // The first finding is the cause of what the run says of itself.
    match findings.first() {
        Some(finding) => {
            let subject = finding.subject.as_ref().map(|subject| format!("{subject}: ")).unwrap_or_default();
            Failure { code: finding.code, cause: format!("{subject}{}", finding.message) }
        }
        None => Failure { code: reason, cause: causes.last().cloned().unwrap_or_default() },
    }
}

/// The line of the failure that is not fixed yet.
pub(super) fn failed(story: &Story, look: Look, width: usize) -> Option<String> {
    let Failure { code, cause } = story.watching.failure.as_ref()?;
    let code = look.paint(Tone::Strong, code.as_str());
    Some(look.fit(&format!("{} {code}  {}", look.sign(Sign::Bad), clean(cause)), width))
}

/// The lines that stay between two rounds.
pub(super) fn idle(story: &Story, idle: &Idle, look: Look, width: usize, height: usize) -> Vec<String> {
    let watching = &story.watching;
    let arrow = |text: &String| if look.unicode { text.clone() } else { text.replace('→', "->") };
    let last = watching.last.as_ref().map(|last| look.fit(&clean(&arrow(last)), width));
    // It is copied: it is not cut.
    let url = watching.url.clone().filter(|url| !idle.failed && columns(url) <= width);
    let keys = if watching.keys { "r rebuild, l logs, o open, q quit" } else { "Ctrl-C ends" };
    let keys = if look.unicode { keys.replace(", ", " · ") } else { keys.to_owned() };
    let parts = [words::watching(idle.files), keys].join(if look.unicode { " · " } else { ", " });
    let keys = look.fit(&look.paint(Tone::Quiet, &parts), width);
    let lines = [failed(story, look, width), last, url, Some(keys)];
    let mut lines: Vec<String> = lines.into_iter().flatten().collect();
    let excess = lines.len().saturating_sub(height.saturating_sub(1).max(1));
    lines.drain(..excess);
    lines
}

#[cfg(test)]
mod tests {
    use super::idle;
    use crate::event::Code;
    use crate::event::Event;
    use crate::event::EventKind;
    use crate::event::Outcome;
    use crate::event::Step;
    use crate::fault::Kind;
    use crate::report::fold::Story;
    use crate::report::style::Look;
    use crate::report::style::columns;

    fn started(file: &str) -> EventKind {
        EventKind::RoundStarted { changed: vec![file.to_owned()] }
    }

    fn copied(image: &str) -> EventKind {
        let detail = Some("1 file copied to 2 containers".to_owned());
        let (step, item, outcome) = (Step::Image, image.to_owned(), Outcome::Changed);
        EventKind::ItemFinished { step, item, outcome, took_ms: 5, detail }
    }

    fn finished(url: Option<&str>) -> EventKind {
        EventKind::RoundFinished { took_ms: 80, files: 12, url: url.map(str::to_owned) }
    }

    fn failed() -> EventKind {
        let finding = Code::DockerfileInvalid.error("unknown instruction COPPY").about("web");
        EventKind::RoundFailed {
            took_ms: 9,
            files: 12,
            kind: Kind::Image,
            reason: Code::ProjectInvalid,
            causes: vec!["the project is invalid".to_owned()],
            findings: vec![finding],
            hints: Vec::new(),
        }
    }

    fn told(events: impl IntoIterator<Item = EventKind>) -> Story {
        let mut story = Story::default();
        for kind in events {
            story.tell(&Event { at_ms: 0, kind });
        }
        story
    }

    fn shown(story: &Story, width: usize, height: usize) -> Vec<String> {
        idle(story, story.idle.as_ref().unwrap(), Look { colour: false, unicode: true }, width, height)
    }

    #[test]
    fn the_last_change_and_the_url_stay_and_a_failure_until_it_is_fixed() {
        let story = told([EventKind::KeysRead {}, finished(Some("http://web/"))]);
        assert_eq!(shown(&story, 79, 24).len(), 2);
        let story =
            told([finished(Some("http://web/")), started("index.html"), copied("web"), finished(None)]);
        let lines = shown(&story, 79, 24);
        assert_eq!(lines[0], "index.html → web, 1 file copied to 2 containers, 80 ms");
        assert_eq!(lines[1], "http://web/", "copying proves no URL, and the last one still holds");
        assert!(!lines[2].contains("quit"), "no keys are read");

        let broken = [finished(Some("http://web/")), started("Dockerfile"), failed()];
        let story = told(broken.clone());
        let lines = shown(&story, 79, 24);
        assert!(lines[0].contains("dockerfile-invalid") && lines[0].contains("COPPY"), "{lines:?}");
        assert!(!lines.iter().any(|line| line.contains("http://")), "{lines:?}");
        let running = told(broken.clone().into_iter().chain([started("other")]));
        assert!(running.watching.failure.is_some(), "it is not fixed before a round succeeds");
        let fixed = told(broken.into_iter().chain([started("Dockerfile"), finished(None)]));
        assert!(fixed.watching.failure.is_none());
        assert_eq!(shown(&fixed, 79, 24)[0], "Dockerfile → nothing to do, 80 ms");
    }

    #[test]
    fn no_line_is_wider_than_the_terminal_and_none_is_hidden_by_its_height() {
        let url = "http://192.168.49.2:30080/a/rather/long/path/of/an/application";
        let story = told([
            EventKind::KeysRead {},
            finished(Some(url)),
            started("some/very/long/path.html"),
            failed(),
        ]);
        for (width, height) in [(10, 2), (20, 3), (59, 24), (59, 3), (200, 80)] {
            let lines = shown(&story, width, height);
            assert!(!lines.is_empty() && lines.len() < height, "{width} {height}: {lines:#?}");
            assert!(lines.iter().all(|line| columns(line) <= width), "{lines:#?}");
        }
        assert!(shown(&story, 59, 24).last().unwrap().ends_with("q quit"), "all keys fit into 60 columns");
    }
}
