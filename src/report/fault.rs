//! A fault and its findings as text: what we were doing, why it failed, where, what shows it, what to do.
//!
//! The same lines in a terminal and in a CI log; only the colours differ. Nothing is cut or wrapped: these are the
//! lines that people copy.

use super::style::Look;
use super::style::Tone;
use super::style::clean;
use crate::event::Finding;
use crate::event::Severity;

/// The lines of a fault.
#[must_use]
pub fn lines(look: Look, causes: &[String], findings: &[Finding], hints: &[String]) -> Vec<String> {
    let mut lines = Vec::new();
    let mut causes = causes.iter();
    let mut head = causes.next().map_or("the run failed", String::as_str).lines();
    let first = look.paint(Tone::Strong, &clean(head.next().unwrap_or_default()));
    lines.push(format!("{} {first}", look.paint(Tone::Bad, "error:")));
    lines.extend(head.map(|line| format!("  {}", clean(line))));
    for cause in causes {
        for (number, line) in cause.lines().enumerate() {
            let lead = if number == 0 { "  caused by: " } else { "             " };
            lines.push(format!("{lead}{}", clean(line)));
        }
    }
    for found in findings {
        lines.push(String::new());
        lines.extend(finding(look, found));
    }
    if !hints.is_empty() && !findings.is_empty() {
        lines.push(String::new());
    }
    let mut told: Vec<&String> = Vec::new();
    for hint in hints {
        if !told.contains(&hint) {
            told.push(hint);
            lines.extend(advice(look, "hint:", hint, ""));
        }
    }
    lines
}

/// The lines of one finding.
#[must_use]
pub fn finding(look: Look, finding: &Finding) -> Vec<String> {
    let (tone, word) = match finding.severity {
        Severity::Error => (Tone::Bad, "error:"),
        Severity::Warning => (Tone::Doubtful, "warning:"),
        Severity::Note => (Tone::Strong, "note:"),
    };
    let mut message = finding.message.lines();
    let subject = finding.subject.as_ref().map(|subject| format!("{}: ", clean(subject))).unwrap_or_default();
    let mut lines = vec![format!(
        "{} {}",
        look.paint(tone, word),
        look.paint(Tone::Strong, &format!("{subject}{}", clean(message.next().unwrap_or_default())))
    )];
    lines.extend(message.map(|line| format!("  {}", clean(line))));
    if let Some(place) = &finding.place {
        lines.push(format!("  {} {}", look.paint(Tone::Live, "-->"), clean(&place.to_string())));
    }
    let gutter = look.paint(Tone::Live, "|");
    for line in finding.evidence.iter().flat_map(|text| text.lines().chain(text.is_empty().then_some(""))) {
        lines.push(format!("  {gutter} {}", clean(line)).trim_end().to_owned());
    }
    if let Some(mend) = &finding.mend {
        lines.extend(advice(look, "mend:", mend, "  "));
    }
    lines
}

fn advice(look: Look, word: &str, text: &str, indent: &str) -> Vec<String> {
    let hanging = " ".repeat(word.len());
    text.lines()
        .enumerate()
        .map(|(number, line)| {
            let lead = if number == 0 { look.paint(Tone::Good, word) } else { hanging.clone() };
            format!("{indent}{lead} {}", clean(line))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::lines;
    use crate::event::Finding;
    use crate::event::Place;
    use crate::report::style::Look;

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
        insta::assert_snapshot!(lines(Look::BARE, &causes, &findings, &hints).join("\n"), @r#"
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
    fn a_fault_without_causes_still_says_that_it_is_one() {
        assert_eq!(lines(Look::BARE, &[], &[], &[]), ["error: the run failed"]);
    }
}
