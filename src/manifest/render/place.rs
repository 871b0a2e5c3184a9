//! Where what was rendered comes from: the template or file of an object, and the line in what a program complains of.

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

/// The objects of what was rendered, each at the template or file it comes from.
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

/// `backend/templates/web.yaml`, which begins with the chart's name, as a file of the chart's folder.
fn template(chart: &Path, named: &str) -> PathBuf {
    named.trim().split_once('/').map_or_else(|| chart.to_owned(), |(_, inside)| chart.join(inside))
}

pub(super) fn folder(source: &Source) -> &Path {
    match &source.kind {
        SourceKind::Path(path) | SourceKind::Kustomize(path) => path,
        SourceKind::Chart(chart) => &chart.folder,
    }
}

/// What a program said, at the place it names.
pub(super) fn told(error: &ExecError, root: &Path, source: &Source) -> Finding {
    let lines: Vec<&str> = error.stderr.lines().filter(|line| !line.trim().is_empty()).collect();
    let said = lines.iter().rev().find_map(|line| {
        let logged = line.split_once("err=\"").map(|(_, said)| said.trim_end_matches('"'));
        logged.or_else(|| line.strip_prefix("Error: ")).or_else(|| line.strip_prefix("error: "))
    });
    let said = said.or(lines.last().copied()).map_or("it says nothing", str::trim);
    let place = place_in(said, root, source).unwrap_or_else(|| source.place.clone());
    let help = format!("see it whole with `{}`", error.command);
    Code::ManifestsUnrenderable
        .error(format!("cannot render {}: {said}", what(root, source)))
        .at(place)
        .help(help)
}

/// The file, line and column in Helm's messages (`template: web/templates/a.yaml:12:20: …`, `parse error at
/// (web/templates/a.yaml:12): …`, the innermost last) and the file and line in kustomize's (`MalformedYAMLError: yaml:
/// line 3: … in File: a.yaml`). Helm's `YAML parse error on …: line 12` counts lines of what is rendered: then it is
/// the file as a whole.
fn place_in(said: &str, root: &Path, source: &Source) -> Option<Place> {
    let is_file = |word: &&str| {
        let file = word.split(':').next().unwrap_or_default();
        [".yaml", ".yml", ".tpl", ".txt", ".json"].iter().any(|end| file.ends_with(end))
    };
    let words: Vec<&str> = said.split([' ', '(', ')', '"', '\'', ',']).filter(is_file).collect();
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
    // Whoever reads a file as YAML counts its own lines; templates are counted by their engine.
    let of_file = !file.starts_with(folder.join("templates"));
    if !chart || of_file && line.is_none() {
        let told = said.split_once("yaml: line ").and_then(|(_, rest)| rest.split(':').next());
        line = told.and_then(|number| number.parse().ok());
    }
    Some(Place {
        file: PathBuf::from(shown(root, &file)),
        line: line.unwrap_or(0),
        column: column.unwrap_or(0),
    })
}
