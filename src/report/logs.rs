//! A line of the application's log for standard output: as it was printed, behind its pod's name where there are several,
//! or as JSON. A line that is a JSON object itself stays whole where a program reads it: `todo logs | jq` works.
//!
//! A terminal gets of it the text and the colours alone: whatever else an application prints would be obeyed there.

use crate::answer::log::LogLine;
use crate::report::Mode;
use crate::report::json;
use crate::report::style::TerminalCaps;
use crate::report::style::clean;
use crate::report::style::coloured;
use serde::de::IgnoredAny;

/// Who reads standard output.
#[derive(Debug, Clone, Copy)]
pub struct LogReader {
    /// What it can show.
    pub caps: TerminalCaps,
    /// Whether it obeys what it is sent.
    pub is_terminal: bool,
}

/// A line of the application among those of `todo watch`: for a terminal.
pub(super) fn printed(pod: &str, container: &str, text: &str, caps: TerminalCaps) -> String {
    let line = LogLine {
        time: None,
        namespace: String::new(),
        pod: pod.to_owned(),
        container: container.to_owned(),
        init: false,
        text: text.to_owned(),
    };
    shown(&line, true, Mode::Plain, LogReader { caps, is_terminal: true })
}

/// The line as `reader` gets it.
pub(super) fn shown(line: &LogLine, several: bool, mode: Mode, reader: LogReader) -> String {
    if mode == Mode::Json {
        return json::line(line);
    }
    let LogLine { pod, container, init, text, .. } = line;
    let caps = reader.caps;
    let text = match (reader.is_terminal, caps.colour) {
        (false, _) => text.clone(),
        (true, true) => coloured(text),
        (true, false) => clean(text),
    };
    match (init, several) {
        _ if !reader.is_terminal && is_object(&text) => text,
        (true, _) => format!("{} {text}", caps.paint_as(pod, &format!("{pod}/{container} |"))),
        (false, true) => format!("{} {text}", caps.paint_as(pod, &format!("{pod} |"))),
        (false, false) => text,
    }
}

fn is_object(text: &str) -> bool {
    text.starts_with('{') && serde_json::from_str::<IgnoredAny>(text).is_ok()
}

#[cfg(test)]
mod tests {
    use super::LogLine;
    use super::LogReader;
    use super::shown;
    use crate::report::Mode;
    use crate::report::style::TerminalCaps;

    fn line(text: &str) -> LogLine {
        let [namespace, pod, container] = ["shop", "web-1-a", "web"].map(str::to_owned);
        LogLine { time: None, namespace, pod, container, init: false, text: text.to_owned() }
    }

    #[test]
    fn a_line_says_whose_it_is_where_it_could_be_anothers() {
        let mut line = LogLine { time: "2026-01-01T10:00:01Z".parse().ok(), ..line("ready") };
        let file = LogReader { caps: TerminalCaps::BARE, is_terminal: false };
        let describe = |line: &LogLine, several, mode| shown(line, several, mode, file);
        assert_eq!(describe(&line, false, Mode::Plain), "ready");
        assert_eq!(describe(&line, true, Mode::Bars), "web-1-a | ready");
        assert_eq!(
            describe(&line, false, Mode::Json),
            r#"{"time":"2026-01-01T10:00:01Z","namespace":"shop","pod":"web-1-a","container":"web","text":"ready"}"#
        );
        line.init = true;
        assert_eq!(describe(&line, false, Mode::Plain), "web-1-a/web | ready");
    }

    #[test]
    fn a_line_that_is_json_stays_whole_where_a_program_reads_it() {
        let of = |text: &str, is_terminal| {
            let line = line(text);
            shown(&line, true, Mode::Plain, LogReader { caps: TerminalCaps::BARE, is_terminal })
        };
        assert_eq!(of(r#"{"level":"info"}"#, false), r#"{"level":"info"}"#);
        assert_eq!(of(r#"{"level":"info"}"#, true), r#"web-1-a | {"level":"info"}"#);
        assert_eq!(of("{not json}", false), "web-1-a | {not json}");
    }

    #[test]
    fn pods_have_colours_of_their_own() {
        let caps = TerminalCaps { colour: true, unicode: true };
        let painted: std::collections::BTreeSet<String> =
            ["web-1", "web-2", "api-1", "db-0", "db-1"].map(|pod| caps.paint_as(pod, "|")).into();
        assert!(painted.len() > 2, "{painted:?}");
        assert_eq!(caps.paint_as("web-1", "|"), caps.paint_as("web-1", "|"));
        assert_eq!(TerminalCaps::BARE.paint_as("web-1", "|"), "|");
    }

    #[test]
    fn a_terminal_gets_no_more_of_a_line_than_text_and_colours() {
        let line = line("\x1b]52;c;eA==\x07\x1b[31mready\x1b[2J");
        let describe = |colour, is_terminal| {
            shown(
                &line,
                false,
                Mode::Plain,
                LogReader { caps: TerminalCaps { colour, unicode: true }, is_terminal },
            )
        };
        assert_eq!(describe(true, true), "\x1b[31mready\x1b[0m");
        assert_eq!(describe(false, true), "ready");
        assert_eq!(describe(false, false), line.text, "a file gets what was printed");
        let file = LogReader { caps: TerminalCaps::BARE, is_terminal: true };
        let json = shown(&line, false, Mode::Json, file);
        assert!(!json.contains('\x1b') && json.contains("ready"), "{json}");
    }
}
