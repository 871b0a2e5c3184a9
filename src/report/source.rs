//! The line of a file that a finding is about, which a terminal shows below its place.
//!
//! A line that may hold a secret is not shown: none of a `.env` file or of a file with a Secret, and none whose key sounds
//! like one. Secret values that are known are redacted in the rest.

use crate::event::Finding;
use crate::event::Place;
use crate::file;
use crate::redact::Redactor;
use std::path::Path;
use std::path::PathBuf;

/// Files whose lines are shown: those that are configuration, and not its values.
const SHOWN: [&str; 4] = [".toml", ".yaml", ".yml", "dockerfile"];

/// What the name of something secret contains.
const SECRET: [&str; 6] = ["pass", "secret", "token", "key", "credential", "auth"];

/// Where files are read from.
#[derive(Debug, Clone)]
pub struct Source {
    folder: PathBuf,
    redactor: Redactor,
}

impl Source {
    /// Places of findings are relative to `folder`.
    #[must_use]
    pub fn new(folder: PathBuf, redactor: Redactor) -> Source {
        Source { folder, redactor }
    }

    /// The line without its indentation, and the characters before the column; `None` if there is none to show.
    pub(super) fn line(&self, finding: &Finding) -> Option<(String, usize)> {
        let Place { file, line, column } = finding.place.as_ref()?;
        let is_secret = ["secret-", "env-"].iter().any(|start| finding.code.as_str().starts_with(start));
        if is_secret || *line == 0 || *column == 0 || !is_shown(file) {
            return None;
        }
        let text = file::read_text(&self.folder.join(file), file::TEXT).ok()?;
        let found = text.lines().nth(line - 1)?;
        let low = found.to_lowercase();
        if has_secret(&text) || SECRET.iter().any(|word| low.contains(word)) {
            return None;
        }
        let trimmed = found.trim();
        let indent = found.chars().count() - found.trim_start().chars().count();
        let before = (column - 1).checked_sub(indent).filter(|before| *before < trimmed.chars().count())?;
        let mut shown = trimmed.to_owned();
        self.redactor.quoted(&mut shown);
        // Where something was redacted the column is another.
        let quoted = finding.evidence.iter().any(|evidence| evidence.contains(trimmed));
        (shown == trimmed && !quoted).then_some((shown, before))
    }
}

fn is_shown(file: &Path) -> bool {
    let name = file.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    SHOWN.iter().any(|end| name.ends_with(end))
}

fn has_secret(text: &str) -> bool {
    text.lines().any(|line| {
        let line: String = line.chars().filter(|c| !c.is_whitespace() && !"\"'{,".contains(*c)).collect();
        line.contains("kind:Secret")
    })
}

#[cfg(test)]
mod tests {
    use super::Source;
    use crate::event::Code;
    use crate::event::Place;
    use crate::redact::Redactor;

    fn shown(code: Code, name: &str, text: &str, line: usize, column: usize) -> Option<(String, usize)> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(name), text).unwrap();
        let redactor = Redactor::default();
        redactor.hide(b"hunter2hunter2");
        let source = Source::new(folder.path().to_owned(), redactor);
        source.line(&code.error("x").at(Place { file: name.into(), line, column }))
    }

    #[test]
    fn the_line_is_shown_without_its_indentation() {
        let line = shown(Code::DeployTomlUnknownKey, "deploy.toml", "a = 1\n  namespce = 'b'\n", 2, 3);
        assert_eq!(line, Some(("namespce = 'b'".to_owned(), 0)));
        let line = shown(Code::FieldUnknown, "web.yaml", "spec:\n    é: {x: 1}\n", 2, 9);
        assert_eq!(line, Some(("é: {x: 1}".to_owned(), 4)));
    }

    #[test]
    fn what_may_be_secret_is_not_shown() {
        for (code, name, text) in [
            (Code::FieldUnknown, ".env", "value"),
            (Code::FieldUnknown, "prod.env", "value"),
            (Code::EnvSyntax, "a.yaml", "value"),
            (Code::SecretNotBase64, "a.yaml", "value"),
            (Code::FieldUnknown, "a.yaml", "value\n---\nkind: Secret\n"),
            (Code::FieldUnknown, "a.yaml", "value\n---\n{\"kind\" : \"Secret\"}\n"),
            (Code::FieldUnknown, "values.yaml", "db_password: value\n"),
            (Code::FieldUnknown, "values.yaml", "url: http://x:hunter2hunter2@y\n"),
        ] {
            assert_eq!(shown(code, name, text, 1, 1), None, "{name}: {text}");
        }
    }

    #[test]
    fn a_place_that_is_not_in_the_file_shows_nothing() {
        for (line, column) in [(0, 0), (1, 0), (2, 1), (1, 40)] {
            assert_eq!(shown(Code::YamlSyntax, "a.yaml", "a: 1\n", line, column), None);
        }
    }
}
