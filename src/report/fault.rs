//! A fault and its findings as text: what we were doing, why it failed, where, what shows it, what to do.
//!
//! The same words in a terminal and in a CI log; only the colours differ, and that a terminal's width breaks the prose.
//! Nothing is cut, and what people copy (commands, evidence) is not broken.

use super::style::Look;
use super::style::Tone;
use super::style::clean;
use super::style::wrap;
use crate::event::Finding;
use crate::event::Severity;

/// How a fault is written.
#[derive(Debug, Clone, Copy)]
pub struct Page {
    /// Its colours.
    pub look: Look,
    /// Where prose is broken; `None` for logs, which are not.
    pub width: Option<usize>,
}

/// The lines of a fault.
#[must_use]
pub fn lines(page: Page, causes: &[String], findings: &[Finding], hints: &[String]) -> Vec<String> {
    let look = page.look;
    let mut causes = causes.iter();
    let head = causes.next().map_or("the run failed", String::as_str);
    let mut lines = page.prose(&look.paint(Tone::Bad, "error:"), Some(Tone::Strong), head, "", "  ");
    for cause in causes {
        lines.extend(page.prose("caused by:", None, cause, "  ", "    "));
    }
    for found in findings {
        lines.push(String::new());
        lines.extend(finding(page, found));
    }
    if !hints.is_empty() && !findings.is_empty() {
        lines.push(String::new());
    }
    let mut told: Vec<&String> = Vec::new();
    for hint in hints {
        if !told.contains(&hint) {
            told.push(hint);
            lines.extend(page.prose(&look.paint(Tone::Good, "hint:"), None, hint, "", "      "));
        }
    }
    lines
}

/// The lines of one finding.
#[must_use]
pub fn finding(page: Page, finding: &Finding) -> Vec<String> {
    let look = page.look;
    let (tone, word) = match finding.severity {
        Severity::Error => (Tone::Bad, "error:"),
        Severity::Warning => (Tone::Doubtful, "warning:"),
        Severity::Note => (Tone::Strong, "note:"),
    };
    let subject = finding.subject.as_ref().map(|subject| format!("{subject}: ")).unwrap_or_default();
    let message = format!("{subject}{}", finding.message);
    let mut lines = page.prose(&look.paint(tone, word), Some(Tone::Strong), &message, "", "  ");
    if let Some(place) = &finding.place {
        lines.push(format!("  {} {}", look.paint(Tone::Live, "-->"), clean(&place.to_string())));
    }
    let gutter = look.paint(Tone::Live, "|");
    for line in finding.evidence.iter().flat_map(|text| text.lines().chain(text.is_empty().then_some(""))) {
        lines.push(format!("  {gutter} {}", clean(line)).trim_end().to_owned());
    }
    if let Some(mend) = &finding.mend {
        lines.extend(page.prose(&look.paint(Tone::Good, "mend:"), None, mend, "  ", "        "));
    }
    lines
}

impl Page {
    /// `lead` and the text after it, the lines that follow moved in by `hanging`.
    fn prose(self, lead: &str, tone: Option<Tone>, text: &str, indent: &str, hanging: &str) -> Vec<String> {
        let lead_columns = indent.len() + super::style::columns(lead) + 1;
        let mut written = Vec::new();
        for line in text.lines() {
            let line = clean(line);
            // The first line of all is shorter by what its lead takes; a blank of that width stands in for it.
            let blank = if written.is_empty() {
                "\u{a0}".repeat(lead_columns.saturating_sub(hanging.len()))
            } else {
                String::new()
            };
            let width = self.width.map(|width| width.saturating_sub(hanging.len()).max(20));
            for piece in wrap(&format!("{blank}{line}"), width) {
                let piece = piece.trim_start_matches('\u{a0}');
                let piece = tone.map_or_else(|| piece.to_owned(), |tone| self.look.paint(tone, piece));
                let before = if written.is_empty() { format!("{indent}{lead} ") } else { hanging.to_owned() };
                written.push(format!("{before}{piece}"));
            }
        }
        if written.is_empty() {
            written.push(format!("{indent}{lead}"));
        }
        written
    }
}

#[cfg(test)]
mod tests {
    use super::Page;
    use super::lines;
    use crate::event::Finding;
    use crate::event::Place;
    use crate::report::style::Look;

    const LOG: Page = Page { look: Look::BARE, width: None };

    #[test]
    fn a_fault_is_read_from_top_to_bottom() {
        let findings = [
            Finding::error("container `web` ended with exit code 1 twice")
                .about("Deployment/web")
                .at(Place { file: "manifests/web.yaml".into(), line: 12, column: 9 })
                .evidence([
                    "  File \"/app/main.py\", line 3".to_owned(),
                    "\x1b[31mSyntaxError\x1b[0m".to_owned(),
                ])
                .mend("look at `todo logs web`,\nthen mend the code"),
            Finding::warning("no requests are set").about("Deployment/api"),
        ];
        let causes =
            ["cannot roll out todo-chatbot".to_owned(), "1 of 2 workloads cannot become ready".to_owned()];
        let hints = ["run `todo up` again".to_owned(), "run `todo up` again".to_owned()];
        insta::assert_snapshot!(lines(LOG, &causes, &findings, &hints).join("\n"), @r#"
        error: cannot roll out todo-chatbot
          caused by: 1 of 2 workloads cannot become ready

        error: Deployment/web: container `web` ended with exit code 1 twice
          --> manifests/web.yaml:12:9
          |   File "/app/main.py", line 3
          | SyntaxError
          mend: look at `todo logs web`,
                then mend the code

        warning: Deployment/api: no requests are set

        hint: run `todo up` again
        "#);
    }

    #[test]
    fn a_terminal_breaks_the_prose_where_words_end() {
        let hints =
            ["what ran before still runs: `todo status` shows it, `todo rollback` goes back to it"
                .to_owned()];
        let causes = ["cannot roll out the application that is called todo-chatbot".to_owned()];
        let page = Page { look: Look::BARE, width: Some(40) };
        insta::assert_snapshot!(lines(page, &causes, &[], &hints).join("\n"), @r"
        error: cannot roll out the application
          that is called todo-chatbot
        hint: what ran before still runs:
              `todo status` shows it,
              `todo rollback` goes back to it
        ");
    }

    #[test]
    fn a_fault_without_causes_still_says_that_it_is_one() {
        assert_eq!(lines(LOG, &[], &[], &[]), ["error: the run failed"]);
    }
}
