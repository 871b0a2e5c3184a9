//! A line of the application's log on standard output: as it was printed, behind its pod's name where there are several,
//! or as JSON.

use crate::report::Mode;
use crate::report::style::Look;
use crate::report::style::Tone;
use jiff::Timestamp;
use serde::Serialize;
use std::io;
use std::io::Write;

/// A line of a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogLine {
    /// When it was printed, as the node's engine noted it.
    pub time: Option<Timestamp>,
    /// The pod's namespace.
    pub namespace: String,
    /// The pod.
    pub pod: String,
    /// The container in it.
    pub container: String,
    /// Whether that is an init container.
    #[serde(skip)]
    pub init: bool,
    /// What it printed.
    pub text: String,
}

/// Writes one line at once. A reader who has left is an error, so that nobody reads on for him.
pub fn tell(line: &LogLine, several: bool, mode: Mode, look: Look) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{}", shown(line, several, mode, look))?;
    out.flush()
}

fn shown(line: &LogLine, several: bool, mode: Mode, look: Look) -> String {
    if mode == Mode::Json {
        return serde_json::to_string(line).unwrap_or_default();
    }
    let LogLine { pod, container, init, text, .. } = line;
    match (init, several) {
        (true, _) => format!("{} {text}", look.paint(Tone::Quiet, &format!("{pod}/{container} |"))),
        (false, true) => format!("{} {text}", look.paint(Tone::Quiet, &format!("{pod} |"))),
        (false, false) => text.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::LogLine;
    use super::shown;
    use crate::report::Mode;
    use crate::report::style::Look;

    #[test]
    fn a_line_says_whose_it_is_where_it_could_be_anothers() {
        let mut line = LogLine {
            time: "2026-01-01T10:00:01Z".parse().ok(),
            namespace: "shop".to_owned(),
            pod: "web-1-a".to_owned(),
            container: "web".to_owned(),
            init: false,
            text: "ready".to_owned(),
        };
        let told = |line: &LogLine, several, mode| shown(line, several, mode, Look::BARE);
        assert_eq!(told(&line, false, Mode::Plain), "ready");
        assert_eq!(told(&line, true, Mode::Bars), "web-1-a | ready");
        assert_eq!(
            told(&line, false, Mode::Json),
            r#"{"time":"2026-01-01T10:00:01Z","namespace":"shop","pod":"web-1-a","container":"web","text":"ready"}"#
        );
        line.init = true;
        assert_eq!(told(&line, false, Mode::Plain), "web-1-a/web | ready");
    }
}
