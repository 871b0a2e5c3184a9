//! The actions of a chart's templates: which functions are called where.
//!
//! Not a template engine: whether a branch is taken is not looked at. A definition that nothing includes is passed over,
//! because charts carry whole libraries of them.

use crate::file;
use crate::manifest::glob;
use std::collections::BTreeSet;
use std::path::Path;
use std::path::PathBuf;

/// A word of an action: a function, a variable or a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) word: String,
    pub(crate) file: PathBuf,
    pub(crate) line: usize,
}

/// An action, `{{ … }}`.
struct Action {
    line: usize,
    words: Vec<String>,
    /// The texts in it.
    texts: Vec<String>,
    /// The definition that it is part of.
    inside: Option<String>,
}

/// The words of all actions that are reached, of a chart and of those in its `charts/`. A chart's notes for users,
/// and its tests, do not count.
pub(crate) fn calls(chart: &Path) -> Vec<Call> {
    let files = glob::below(chart).into_iter().filter(|file| is_template(chart, file));
    let all: Vec<(PathBuf, Action)> = files
        .flat_map(|file| {
            let text = file::read_text(&file, file::OBJECTS).unwrap_or_default();
            actions(&text).into_iter().map(move |action| (file.clone(), action))
        })
        .collect();
    let reached = reached(&all);
    let is_reached =
        |action: &Action| action.inside.as_ref().is_none_or(|name| reached.contains(name.as_str()));
    let calls = all.iter().filter(|(_, action)| is_reached(action)).flat_map(|(file, action)| {
        action.words.iter().map(|word| Call { word: word.clone(), file: file.clone(), line: action.line })
    });
    calls.collect()
}

fn is_template(chart: &Path, file: &Path) -> bool {
    let inside = file.strip_prefix(chart).unwrap_or(file);
    let parts: Vec<_> = inside.components().map(|part| part.as_os_str().to_string_lossy()).collect();
    let at = parts.iter().rposition(|part| part == "templates");
    at.is_some_and(|at| {
        let of_chart = at == 0 || at >= 2 && parts[at - 2] == "charts";
        of_chart && parts.get(at + 1).is_none_or(|part| part != "tests") && !inside.ends_with("NOTES.txt")
    })
}

/// The definitions that are included from outside of all definitions, and from those.
fn reached(all: &[(PathBuf, Action)]) -> BTreeSet<&str> {
    let mut reached = BTreeSet::new();
    loop {
        let before = reached.len();
        for (_, action) in all {
            let includes = action
                .words
                .iter()
                .any(|word| matches!(word.as_str(), "include" | "template" | "tpl" | "block"));
            let counts = action.inside.as_ref().is_none_or(|name| reached.contains(name.as_str()));
            if includes && counts {
                reached.extend(action.texts.iter().map(String::as_str));
            }
        }
        if reached.len() == before {
            return reached;
        }
    }
}

fn actions(text: &str) -> Vec<Action> {
    let (mut found, mut open): (Vec<Action>, Vec<Option<String>>) = (Vec::new(), Vec::new());
    let (mut at, mut line) = (0, 1);
    while let Some(start) = text[at..].find("{{").map(|start| at + start) {
        line += text[at..start].matches('\n').count();
        let body = &text[start + 2..];
        let comment = body.trim_start_matches('-').trim_start().starts_with("/*");
        let end = if comment {
            body.find("*/").and_then(|end| Some(end + body[end..].find("}}")?))
        } else {
            close(body)
        };
        let end = end.unwrap_or(body.len());
        if !comment {
            let (words, texts) = words(&body[..end]);
            match words.first().map(String::as_str) {
                Some("define" | "block") => open.push(texts.first().cloned()),
                Some("if" | "with" | "range") => open.push(None),
                Some("end") => drop(open.pop()),
                _ => {}
            }
            let inside = open.iter().rev().find_map(Clone::clone);
            found.push(Action { line, words, texts, inside });
        }
        line += body[..end].matches('\n').count();
        at = start + 2 + end;
    }
    found
}

/// Where an action ends: at the first `}}` outside of its texts.
fn close(body: &str) -> Option<usize> {
    let mut quote = None;
    let mut letters = body.char_indices();
    while let Some((at, letter)) = letters.next() {
        match quote {
            None if letter == '"' || letter == '`' => quote = Some(letter),
            None if body[at..].starts_with("}}") => return Some(at),
            Some('"') if letter == '\\' => drop(letters.next()),
            Some(open) if open == letter => quote = None,
            _ => {}
        }
    }
    None
}

/// The words of an action and its texts, which are none.
fn words(body: &str) -> (Vec<String>, Vec<String>) {
    let (mut words, mut texts) = (Vec::new(), Vec::new());
    let mut rest = body;
    while let Some(quote) = rest.find(['"', '`']) {
        words.extend(plain(&rest[..quote]));
        let letter = &rest[quote..=quote];
        let inner = &rest[quote + 1..];
        let end = inner.find(letter).unwrap_or(inner.len());
        texts.push(inner[..end].to_owned());
        rest = inner.get(end + 1..).unwrap_or_default();
    }
    words.extend(plain(rest));
    (words, texts)
}

fn plain(text: &str) -> impl Iterator<Item = String> {
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && !"._$".contains(letter));
    words.filter(|word| !word.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::calls;

    #[test]
    fn calls_are_found_where_they_are_reached() {
        let chart = tempfile::tempdir().unwrap();
        for (name, text) in [
            (
                "templates/a.yaml",
                "# now is a word here\na: {{ now | quote }}\nb: {{ .Values.now }} {{ \"now\" }}\n{{/* randInt\n now */}}\nc: {{ include \"used\" . }}\n{{- if .x }}\nd: {{ htpasswd \"a\" \"}}\" }}{{ uuidv4 }}\n{{ end }}\n",
            ),
            (
                "templates/_helpers.tpl",
                "{{ define \"used\" }}{{ if .x }}{{ include \"deep\" . }}{{ end }}{{ end }}\n{{ define \"deep\" }}\n{{ randAlpha 4 }}{{ end }}\n{{ define \"unused\" }}{{ shuffle \"x\" }}{{ end }}\n",
            ),
            ("templates/NOTES.txt", "{{ bcrypt \"x\" }}"),
            ("templates/tests/t.yaml", "{{ genCA \"x\" 1 }}"),
            ("charts/sub/templates/b.yaml", "\nr: {{ randInt 1 9 }}\n"),
            ("files/templates/c.yaml", "{{ randBytes 3 }}"),
        ] {
            let path = chart.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let wanted =
            ["now", "htpasswd", "uuidv4", "randAlpha", "shuffle", "bcrypt", "genCA", "randInt", "randBytes"];
        let mut found: Vec<String> = calls(chart.path())
            .iter()
            .filter(|call| wanted.contains(&call.word.as_str()))
            .map(|call| {
                format!("{}:{} {}", call.file.file_name().unwrap().to_string_lossy(), call.line, call.word)
            })
            .collect();
        found.sort();
        assert_eq!(
            found,
            [
                "_helpers.tpl:3 randAlpha",
                "a.yaml:2 now",
                "a.yaml:8 htpasswd",
                "a.yaml:8 uuidv4",
                "b.yaml:2 randInt"
            ]
        );
    }
}
