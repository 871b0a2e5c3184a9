//! The formats that hold shell commands, each as a text in which the commands stand in the lines that they have there.

use super::super::shell::Dialect;
use super::Rank;
use super::distance;
use crate::discover::dockerfile::is_aside;
use crate::discover::tree::Tree;
use crate::discover::tree::ends;
use crate::discover::tree::file_name;
use crate::manifest::yaml::documents;
use crate::pointer;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

mod prose;

/// A text of commands.
pub(super) struct Text {
    /// The file.
    pub path: String,
    /// How much it counts.
    pub rank: Rank,
    /// How much its target differs from this machine.
    pub distance: usize,
    /// The offset from a line of the text to the line of the file.
    pub first: usize,
    /// The commands.
    pub commands: String,
    /// How it is written.
    pub dialect: Dialect,
    /// The variables known before its first line.
    pub variables: BTreeMap<String, String>,
}

impl Text {
    fn new(path: &str, text: String) -> Text {
        Text {
            path: path.to_owned(),
            rank: rank_of(path),
            distance: distance(path),
            first: 0,
            commands: text,
            dialect: Dialect::from_path(path),
            variables: BTreeMap::new(),
        }
    }
}

/// Every text of a tree.
pub(super) fn all(tree: &Tree) -> Vec<Text> {
    let mut texts = Vec::new();
    for path in tree.texts.keys().filter(|path| !path.starts_with("..") && !is_clean_up(path)) {
        let text = tree.text(path).unwrap_or_default();
        let name = file_name(path).to_ascii_lowercase();
        match () {
            () if ends(path, &["sh", "bash", "bat", "cmd", "ps1"]) => {
                texts.push(Text::new(path, text.to_owned()));
            }
            () if name == "makefile" || ends(path, &["mk"]) => texts.extend(makefile(path, text)),
            () if name == "justfile" || name == ".justfile" => texts.push(Text::new(path, justfile(text))),
            () if matches!(name.as_str(), "taskfile.yml" | "taskfile.yaml") => {
                texts.extend(taskfile(path, text));
            }
            () if name == "package.json" => texts.extend(package(path, text)),
            () if path.contains(".github/workflows/") => texts.extend(workflow(path, text)),
            () if prose::is_prose(path) => texts.extend(prose::read(path, text)),
            () => {}
        }
    }
    texts
}

/// How much a file counts that commands stand in.
#[must_use]
pub fn rank_of(path: &str) -> Rank {
    match () {
        () if prose::is_prose(path) && !is_aside(&path.replace("docs/", "").replace("doc/", "")) => {
            Rank::Docs
        }
        () if is_aside(path) => Rank::Aside,
        () => Rank::Script,
    }
}

/// A script that deletes a deployment does not show how it is created.
fn is_clean_up(path: &str) -> bool {
    const WORDS: [&str; 9] =
        ["cleanup", "clean", "delete", "destroy", "teardown", "undeploy", "uninstall", "down", "rollback"];
    let name = file_name(path).to_ascii_lowercase();
    !prose::is_prose(path) && name.split(['.', '-', '_']).any(|word| WORDS.contains(&word))
}

/// A text for each target: all assignments, and its recipe. `$(NAME)` is a variable, `$$` a dollar, each line a shell of its own.
fn makefile(path: &str, text: &str) -> Vec<Text> {
    let mut targets: Vec<(String, Vec<String>)> = Vec::new();
    let mut assignments: Vec<String> = Vec::new();
    let mut continues = false;
    for (index, line) in text.lines().enumerate() {
        // `@`, `-` and `+` are make's at the beginning of a command, and belong to a flag on its further lines.
        let marks: &[char] = if continues { &[' '] } else { &['@', '-', '+', ' '] };
        continues = line.ends_with('\\');
        let recipe = line.strip_prefix('\t').map(|line| line.trim_start_matches(marks));
        assignments.push(String::new());
        match (recipe, assignment(line), target(line)) {
            (Some(recipe), ..) => {
                if let Some((_, lines)) = targets.last_mut() {
                    lines.resize(index, String::new());
                    lines.push(dollars(recipe));
                }
            }
            (None, Some((name, value)), _) => assignments[index] = dollars(&format!("{name}=\"{value}\"")),
            (None, None, Some(name)) => targets.push((name.to_owned(), Vec::new())),
            _ => {}
        }
    }
    let of_target = |(name, lines): (String, Vec<String>)| {
        let own = |(index, line): (usize, &String)| {
            lines.get(index).filter(|own| !own.is_empty()).unwrap_or(line).clone()
        };
        let commands: Vec<String> = assignments.iter().enumerate().map(own).collect();
        let mut text = Text::new(path, commands.join("\n") + "\n");
        text.distance = text.distance.max(distance(&name));
        text
    };
    targets.into_iter().filter(|(_, lines)| !lines.is_empty()).map(of_target).collect()
}

/// `name: prerequisites`.
fn target(line: &str) -> Option<&str> {
    let (name, rest) = line.split_once(':')?;
    (!rest.starts_with('=') && !line.starts_with(['#', ' ', '.'])).then(|| name.trim())
}

fn assignment(line: &str) -> Option<(&str, &str)> {
    let line = line.strip_prefix("export ").unwrap_or(line);
    let (name, value) = line.split_once('=')?;
    let name = name.trim_end_matches([':', '?', '+', '!']).trim();
    let plain = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c));
    plain.then(|| (name, value.split(" #").next().unwrap_or(value).trim()))
}

/// `$(NAME)` → `${NAME}`, `$$` → `$`.
fn dollars(line: &str) -> String {
    let mut whole = String::new();
    let mut rest = line;
    while let Some(at) = rest.find('$') {
        whole.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(after) = rest.strip_prefix("$$") {
            whole.push('$');
            rest = after;
            continue;
        }
        let named = rest.strip_prefix("$(").and_then(|inside| inside.split_once(')'));
        match named {
            Some((name, after)) if name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') => {
                let _ = write!(whole, "${{{name}}}");
                rest = after;
            }
            _ => {
                whole.push('$');
                rest = &rest[1..];
            }
        }
    }
    whole.push_str(rest);
    whole
}

/// Recipes are indented, `{{NAME}}` is a variable.
fn justfile(text: &str) -> String {
    let mut whole = String::new();
    for line in text.lines() {
        let indented = line.starts_with([' ', '\t']);
        let line = line.trim();
        let line = match line.split_once(":=") {
            _ if indented => line.trim_start_matches(['@', '-']).to_owned(),
            Some((name, value)) => format!("{}={}", name.trim().trim_start_matches("export "), value.trim()),
            None => String::new(),
        };
        whole.push_str(&braces(&line));
        whole.push('\n');
    }
    whole
}

/// `{{NAME}}`, `{{.NAME}}` → `${NAME}`.
fn braces(line: &str) -> String {
    let mut whole = String::new();
    let mut rest = line;
    while let Some((before, inside, after)) = rest
        .split_once("{{")
        .and_then(|(before, rest)| rest.split_once("}}").map(|(inside, after)| (before, inside, after)))
    {
        let name = inside.trim().trim_start_matches('.');
        whole.push_str(before);
        let _ = write!(whole, "${{{name}}}");
        rest = after;
    }
    whole.push_str(rest);
    whole
}

/// `tasks.*.cmds`, with the variables of the file.
fn taskfile(path: &str, text: &str) -> Vec<Text> {
    let Some(document) = documents(text, Path::new(path)).0.into_iter().next() else { return Vec::new() };
    let value = &document.value;
    let named = value["vars"].as_object().into_iter().flatten();
    let variables: BTreeMap<String, String> =
        named.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect();
    let mut texts = Vec::new();
    for (name, task) in value["tasks"].as_object().into_iter().flatten() {
        let list = if task["cmds"].is_array() { &task["cmds"] } else { task };
        let folder = task["dir"].as_str().map_or(String::new(), |folder| format!("cd {folder}; "));
        for (index, command) in list.as_array().into_iter().flatten().enumerate() {
            let Some(line) = command.as_str().or_else(|| command["cmd"].as_str()) else { continue };
            let key = if task["cmds"].is_array() { "/cmds" } else { "" };
            let pointer = format!("{}{key}/{index}", pointer::below("/tasks", name));
            let at = document.places.get(&pointer).map_or(1, |place| place.line);
            let mut text = Text::new(path, folder.clone() + &braces(line));
            text.first = at.saturating_sub(1);
            text.dialect = Dialect::Sh;
            text.variables.clone_from(&variables);
            texts.push(text);
        }
    }
    texts
}

/// `scripts` of package.json.
fn package(path: &str, text: &str) -> Vec<Text> {
    let Some(document) = documents(text, Path::new(path)).0.into_iter().next() else { return Vec::new() };
    let mut texts = Vec::new();
    for (name, command) in document.value["scripts"].as_object().into_iter().flatten() {
        let Some(command) = command.as_str() else { continue };
        let pointer = pointer::below("/scripts", name);
        let line = document.places.get(&pointer).map_or(1, |place| place.line);
        let mut text = Text::new(path, command.to_owned());
        text.first = line.saturating_sub(1);
        text.dialect = Dialect::Sh;
        texts.push(text);
    }
    texts
}

/// `run:` blocks and `docker/build-push-action` of a workflow, as the commands that they are.
fn workflow(path: &str, text: &str) -> Vec<Text> {
    let Some(document) = documents(text, Path::new(path)).0.into_iter().next() else { return Vec::new() };
    let mut texts = Vec::new();
    for (job, value) in document.value["jobs"].as_object().into_iter().flatten() {
        for (index, step) in value["steps"].as_array().into_iter().flatten().enumerate() {
            let pointer = format!("{}/steps/{index}", pointer::below("/jobs", job));
            let line = document.places.get(&pointer).map_or(1, |place| place.line);
            let command = match (step["run"].as_str(), step["uses"].as_str()) {
                (Some(run), _) => run.replace("${{", "$"),
                (None, Some(uses)) if uses.starts_with("docker/build-push-action") => pushed(&step["with"]),
                _ => continue,
            };
            let mut text = Text::new(path, command);
            text.rank = Rank::Aside;
            text.first = line.saturating_sub(1);
            text.dialect = Dialect::Sh;
            texts.push(text);
        }
    }
    texts
}

fn pushed(with: &Value) -> String {
    let mut command = "docker build".to_owned();
    let text = |key: &str| with[key].as_str().map(|text| text.replace("${{", "$").replace(' ', ""));
    for tag in with["tags"].as_str().into_iter().flat_map(|tags| tags.split([',', '\n'])) {
        let tag = tag.trim().replace("${{", "$").replace(' ', "");
        if !tag.is_empty() {
            let _ = write!(command, " -t '{tag}'");
        }
    }
    for (key, flag) in [("file", "-f"), ("target", "--target")] {
        if let Some(value) = text(key) {
            let _ = write!(command, " {flag} '{value}'");
        }
    }
    command + &format!(" '{}'", text("context").unwrap_or_else(|| ".".to_owned()))
}
