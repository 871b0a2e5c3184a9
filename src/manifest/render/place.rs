//! The sources of rendered output: the template or file of an object, and the line in a program's error message.

use super::shown;
use super::what;
use crate::event::Code;
use crate::event::Finding;
use crate::event::Place;
use crate::exec::ExecError;
use crate::manifest::Object;
use crate::manifest::kustomize;
use crate::manifest::read;
use crate::project::Source;
use crate::project::SourceKind;
use std::path::Path;
use std::path::PathBuf;

/// The rendered objects, each at its template or file.
pub(super) fn placed(text: &str, root: &Path, source: &Source) -> (Vec<Object>, Vec<Finding>) {
    let folder = folder(source);
    let comments: Vec<(usize, PathBuf)> = text
        .lines()
        .enumerate()
        .filter_map(|(index, line)| Some((index + 1, template(folder, line.strip_prefix("# Source: ")?))))
        .collect();
    let origin = |line: usize| {
        let comment = comments.iter().rev().find(|(at, _)| *at <= line);
        Place::file(shown(root, comment.map_or(folder, |(_, path)| path)))
    };
    let (mut objects, mut found) = read::parse_rendered(text, Path::new(&shown(root, folder)));
    for object in &mut objects {
        object.place = origin(object.place.line);
        object.places.clear();
    }
    if matches!(source.kind, SourceKind::Kustomize(_)) {
        kustomize::place(&mut objects, root, folder);
    }
    for finding in &mut found {
        let line = finding.place.as_ref().map_or(0, |place| place.line);
        finding.place = Some(origin(line));
        finding.evidence.push(format!("it is line {line} of what is rendered"));
    }
    (objects, found)
}

/// `backend/templates/web.yaml`, which begins with the chart's name, as a file of the chart's directory.
fn template(chart: &Path, named: &str) -> PathBuf {
    named.trim().split_once('/').map_or_else(|| chart.to_owned(), |(_, inside)| chart.join(inside))
}

pub(super) fn folder(source: &Source) -> &Path {
    match &source.kind {
        SourceKind::Path(path) | SourceKind::Kustomize(path) => path,
        SourceKind::Chart(chart) => &chart.folder,
    }
}

/// A program's error message, at the place it names.
pub(super) fn render_failed(error: &ExecError, root: &Path, source: &Source) -> Finding {
    let ProgramError { message, more } = parse_stderr(&error.stderr);
    if let Some((place, line)) = helmignored(&message, root, source) {
        let message =
            format!("cannot render {}: `{line}` makes Helm ignore its other files", what(root, source));
        let help = "remove that line: to Helm one that begins with `!` ignores all that it does not match";
        return Code::ManifestsUnrenderable.error(message).at(place).help(help);
    }
    let place = place_in(&message, root, source).unwrap_or_else(|| source.place.clone());
    let help = format!("see it whole with `{}`", error.command);
    Code::ManifestsUnrenderable
        .error(format!("cannot render {}: {message}", what(root, source)))
        .at(place)
        .evidence(more)
        .help(help)
}

/// The line of `.helmignore` for which Helm does not see a Chart.yaml that is there (`helm: pkg/ignore/rules.go`).
fn helmignored(message: &str, root: &Path, source: &Source) -> Option<(Place, String)> {
    let file = folder(source).join(".helmignore");
    if !message.contains("Chart.yaml file is missing") || !folder(source).join("Chart.yaml").is_file() {
        return None;
    }
    let text = crate::file::read_utf8(&file, crate::file::TEXT).ok()?;
    let text = String::from_utf8_lossy(&text).into_owned();
    let (index, line) = text.lines().enumerate().find(|(_, line)| line.trim().starts_with('!'))?;
    let place = Place { file: shown(root, &file).into(), line: index + 1, column: 0 };
    Some((place, line.trim().to_owned()))
}

/// A program's error message.
#[derive(Debug, PartialEq, Eq)]
struct ProgramError {
    /// One line.
    message: String,
    /// What else belongs to it.
    more: Vec<String>,
}

/// Lines of what belongs to it that are shown at most.
const MORE: usize = 12;

/// The error in what kubectl, kustomize or Helm prints: after `Error: `, or in a line of klog, whose values are quoted as
/// in Go, or, if they have several lines, stand between `err=<` and ` >` (`klog: internal/serialize/keyvalues.go`).
fn parse_stderr(stderr: &str) -> ProgramError {
    let lines: Vec<&str> = stderr.lines().map(str::trim_end).filter(|line| !line.trim().is_empty()).collect();
    if let Some(start) = lines.iter().rposition(|line| line.ends_with("err=<")) {
        let block: Vec<&str> =
            lines[start + 1..].iter().copied().take_while(|line| line.trim() != ">").collect();
        let last = block.last().map_or("it says nothing", |line| line.trim());
        // Kustomize quotes the unusable input before the reason.
        let message = last.split_once("`: ").map_or(last, |(_, why)| why).to_owned();
        return ProgramError { message, more: excerpt(&block) };
    }
    if let Some(logged) = lines.iter().rev().find_map(|line| line.split_once("err=\"")) {
        return ProgramError { message: unquoted(logged.1), more: Vec::new() };
    }
    let of_error = |line: &&str| line.starts_with("Error: ") || line.starts_with("error: ");
    match lines.iter().rposition(of_error) {
        Some(at) => {
            let rest = lines[at + 1..].iter().copied().filter(|line| !line.starts_with("Use --debug"));
            let message = lines[at]["Error: ".len()..].trim().to_owned();
            ProgramError { message, more: excerpt(&rest.collect::<Vec<_>>()) }
        }
        None => {
            let last = lines.last().map_or("it says nothing", |line| line.trim());
            ProgramError { message: last.to_owned(), more: Vec::new() }
        }
    }
}

fn excerpt(lines: &[&str]) -> Vec<String> {
    let all = lines.iter().map(|line| line.strip_prefix('\t').unwrap_or(line).to_owned());
    let mut some: Vec<String> = all.take(MORE).collect();
    if lines.len() > MORE {
        some.push(format!("and {} more lines", lines.len() - MORE));
    }
    some
}

/// A text that Go has quoted, up to its closing quote.
fn unquoted(quoted: &str) -> String {
    let mut text = String::new();
    let mut letters = quoted.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '"' => break,
            '\\' => match letters.next() {
                Some('n' | 't') => text.push(' '),
                Some(other) => text.push(other),
                None => {}
            },
            _ => text.push(letter),
        }
    }
    text
}

/// The file, line and column in Helm's messages (`template: web/templates/a.yaml:12:20: …`, `parse error at
/// (web/templates/a.yaml:12): …`, the innermost last) and the file and line in kustomize's (`MalformedYAMLError: yaml:
/// line 3: … in File: a.yaml`). Helm's `YAML parse error on …: line 12` counts lines of the rendered output: then it is
/// the file as a whole.
fn place_in(message: &str, root: &Path, source: &Source) -> Option<Place> {
    let is_file = |word: &&str| {
        let file = word.split(':').next().unwrap_or_default();
        [".yaml", ".yml", ".tpl", ".txt", ".json"].iter().any(|end| file.ends_with(end))
    };
    let words: Vec<&str> = message.split([' ', '(', ')', '"', '\'', ',']).filter(is_file).collect();
    let word = words.iter().rev().find(|word| word.trim_end_matches(':').contains(':')).or(words.last())?;
    let mut parts = word.split(':');
    let (folder, name) = (folder(source), parts.next()?);
    let chart = matches!(source.kind, SourceKind::Chart(_));
    let file = match template(folder, name) {
        file if chart && file.is_file() => file,
        _ => folder.join(name),
    };
    if !file.is_file() {
        return None;
    }
    let mut number = || parts.next().and_then(|part| part.parse().ok());
    let (mut line, column) = (number(), number());
    // A YAML parser counts the lines of the file; templates are counted by their engine.
    let of_file = !file.starts_with(folder.join("templates"));
    if !chart || of_file && line.is_none() {
        let digits = message.split_once("yaml: line ").and_then(|(_, rest)| rest.split(':').next());
        line = digits.and_then(|number| number.parse().ok());
    }
    Some(Place {
        file: PathBuf::from(shown(root, &file)),
        line: line.unwrap_or(0),
        column: column.unwrap_or(0),
    })
}

#[cfg(test)]
mod tests {
    use super::parse_stderr;

    #[test]
    fn the_error_is_found_in_what_programs_print() {
        for (printed, message, more) in [
            (
                "W0101 a warning\nError: no such chart\n\nUse --debug flag to render out invalid YAML\n",
                "no such chart",
                vec![],
            ),
            (
                "Error: values don't meet the specifications:\nweb:\n- (root): port is required\n",
                "values don't meet the specifications:",
                vec!["web:", "- (root): port is required"],
            ),
            (
                "E0101 10:00:00.1 1 run.go:72] \"command failed\" err=\"unknown field \\\"colour\\\"\"\n",
                "unknown field \"colour\"",
                vec![],
            ),
            (
                "E0101 10:00:00.1 1 run.go:72] \"command failed\" err=<\n\ttrouble with config: `\n\tpatch: x\n\t`: unable to parse the patch\n >\n",
                "unable to parse the patch",
                vec!["trouble with config: `", "patch: x", "`: unable to parse the patch"],
            ),
            ("something else\n", "something else", vec![]),
            ("", "it says nothing", vec![]),
        ] {
            let found = parse_stderr(printed);
            assert_eq!(
                (found.message.as_str(), found.more),
                (message, more.into_iter().map(str::to_owned).collect()),
                "{printed}"
            );
        }
    }
}
