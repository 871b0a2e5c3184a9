//! What `todo watch` shows between two rounds: the failure that is not fixed yet, the last change and its result,
//! the URL, and the keys.

use super::fold::Idle;
use super::fold::RunState;
use super::steps::StepState;
use super::style::Symbol;
use super::style::TerminalCaps;
use super::style::TextStyle;
use super::style::clean;
use super::style::columns;
use super::watched::Failure;
use super::watched::LastChange;
use super::watched::Watched;
use super::words;
use crate::event::Outcome;
use crate::event::Step;
use crate::event::ViewKey;

/// `index.html → web, 1 file copied to 2 containers, 80 ms`.
fn last(change: &LastChange) -> String {
    let came_of = if change.failed { "failed".to_owned() } else { came_of(&change.steps) };
    format!("{} → {came_of}, {}", words::changed(&change.files), words::duration(change.took_ms))
}

/// `web, 1 file copied to 2 containers`, `web built`, or the written objects where no image changed.
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

/// The line of the failure that is not fixed yet.
pub(super) fn failed(run_state: &RunState, caps: TerminalCaps, width: usize) -> Option<String> {
    let Failure { code, cause } = run_state.watched.failure.as_ref()?;
    let code = caps.paint(TextStyle::Strong, code.as_str());
    Some(caps.fit(&format!("{} {code}  {}", caps.sign(Symbol::Bad), clean(cause)), width))
}

/// What the keys do.
const KEYS: [(&str, &str); 8] = [
    ("r, f", "run the whole `todo up`"),
    ("l", "show or hide the application's logs"),
    ("o", "open the URL in a browser"),
    ("u", "print the URL"),
    ("c", "clear the screen"),
    ("h, ?", "this list"),
    ("q", "end; the application keeps running"),
    ("Ctrl-Z", "stop for a while; `fg` continues"),
];

/// The lines that answer a key.
pub(super) fn lines_for(watched: &Watched, key: ViewKey) -> Vec<String> {
    match key {
        ViewKey::Help => KEYS.iter().map(|(key, what)| format!("  {key:6}  {what}")).collect(),
        ViewKey::Url => vec![watched.url.clone().unwrap_or_else(|| "no URL has answered yet".to_owned())],
        ViewKey::Clear => Vec::new(),
    }
}

/// The lines that stay between two rounds.
pub(super) fn idle(
    run_state: &RunState,
    idle: &Idle,
    caps: TerminalCaps,
    width: usize,
    height: usize,
) -> Vec<String> {
    let watched = &run_state.watched;
    let arrow = |text: String| if caps.unicode { text } else { text.replace('→', "->") };
    let last = watched.last.as_ref().map(|change| caps.fit(&clean(&arrow(last(change))), width));
    // It is copied: it is not cut.
    let url = watched.url.clone().filter(|url| !idle.failed && columns(url) <= width);
    let keys = if watched.keys { "r rebuild, l logs, q quit, h help" } else { "Ctrl-C ends" };
    let keys = if caps.unicode { keys.replace(", ", " · ") } else { keys.to_owned() };
    let parts = [words::watching(idle.files), keys].join(if caps.unicode { " · " } else { ", " });
    let keys = caps.fit(&caps.paint(TextStyle::Quiet, &parts), width);
    let lines = [failed(run_state, caps, width), last, url, Some(keys)];
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
    use crate::fault::FaultKind;
    use crate::report::fold::RunState;
    use crate::report::style::TerminalCaps;
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
            kind: FaultKind::Image,
            reason: Code::ProjectInvalid,
            causes: vec!["the project is invalid".to_owned()],
            findings: vec![finding],
            hints: Vec::new(),
        }
    }

    fn after(events: impl IntoIterator<Item = EventKind>) -> RunState {
        let mut run_state = RunState::default();
        for kind in events {
            run_state.apply(&Event { at_ms: 0, kind });
        }
        run_state
    }

    fn shown(run_state: &RunState, width: usize, height: usize) -> Vec<String> {
        idle(
            run_state,
            run_state.idle.as_ref().unwrap(),
            TerminalCaps { colour: false, unicode: true },
            width,
            height,
        )
    }

    #[test]
    fn the_last_change_and_the_url_stay_and_a_failure_until_it_is_fixed() {
        let run_state = after([EventKind::KeysRead {}, finished(Some("http://web/"))]);
        assert_eq!(shown(&run_state, 79, 24).len(), 2);
        let run_state =
            after([finished(Some("http://web/")), started("index.html"), copied("web"), finished(None)]);
        let lines = shown(&run_state, 79, 24);
        assert_eq!(lines[0], "index.html → web, 1 file copied to 2 containers, 80 ms");
        assert_eq!(lines[1], "http://web/", "copying proves no URL, and the last one still holds");
        assert!(!lines[2].contains("quit"), "no keys are read");

        let broken = [finished(Some("http://web/")), started("Dockerfile"), failed()];
        let run_state = after(broken.clone());
        let lines = shown(&run_state, 79, 24);
        assert!(lines[0].contains("dockerfile-invalid") && lines[0].contains("COPPY"), "{lines:?}");
        assert!(!lines.iter().any(|line| line.contains("http://")), "{lines:?}");
        let running = after(broken.clone().into_iter().chain([started("other")]));
        assert!(running.watched.failure.is_some(), "it is not fixed before a round succeeds");
        let fixed = after(broken.into_iter().chain([started("Dockerfile"), finished(None)]));
        assert!(fixed.watched.failure.is_none());
        assert_eq!(shown(&fixed, 79, 24)[0], "Dockerfile → nothing to do, 80 ms");
    }

    #[test]
    fn no_line_is_wider_than_the_terminal_and_none_is_hidden_by_its_height() {
        let url = "http://192.168.49.2:30080/a/rather/long/path/of/an/application";
        let run_state = after([
            EventKind::KeysRead {},
            finished(Some(url)),
            started("some/very/long/path.html"),
            failed(),
        ]);
        for (width, height) in [(10, 2), (20, 3), (59, 24), (59, 3), (200, 80)] {
            let lines = shown(&run_state, width, height);
            assert!(!lines.is_empty() && lines.len() < height, "{width} {height}: {lines:#?}");
            assert!(lines.iter().all(|line| columns(line) <= width), "{lines:#?}");
        }
        assert!(
            shown(&run_state, 59, 24).last().unwrap().ends_with("h help"),
            "all keys fit into 60 columns"
        );
    }
}
