//! Deploy scripts → the commands in them: bash, cmd and PowerShell, as far as their command lines look alike.
//!
//! Not a shell: no branch is taken and nothing is run. Variables that are set to plain texts are put in, because scripts
//! write `NAMESPACE=todo` above and `-n "$NAMESPACE"` below; what is computed stays unknown, and so does its command's argument.

use super::tree::ends;
use super::tree::join;
use super::tree::parent;
use std::collections::BTreeMap;

/// A command of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Its words, quotes removed and variables put in.
    pub words: Vec<String>,
    /// Its line, from 1.
    pub line: usize,
    /// The folder that the script has gone to, where it has.
    pub folder: Option<String>,
}

/// What stands for a place of the tree in a variable: the script's own folder and what is reached from there.
const PLACE: char = '\u{1}';

/// The commands of `text`, the script at `path`.
#[must_use]
pub fn calls(text: &str, path: &str) -> Vec<Call> {
    let mut calls = Vec::new();
    let mut variables: BTreeMap<String, String> = BTreeMap::new();
    let mut folder: Option<String> = None;
    let mut before: Vec<Option<String>> = Vec::new();
    // On Windows a backslash is part of a path.
    let escapes = !ends(path, &["bat", "cmd", "ps1"]);
    for (line, text) in lines(text, path) {
        let text = text.trim().trim_start_matches('@').trim_start();
        if let Some((name, value)) = assignment(text) {
            let value = match place(&value, path, &variables) {
                Some(place) => format!("{PLACE}{place}"),
                None => expand(&value, &variables),
            };
            variables.insert(name.to_ascii_uppercase(), value);
            continue;
        }
        for words in commands(text, escapes) {
            let words: Vec<String> = words.iter().map(|word| expand(word, &variables)).collect();
            match (words.first().map(String::as_str), words.get(1).map(String::as_str)) {
                (Some("cd" | "pushd" | "Set-Location" | "Push-Location"), Some(to)) => {
                    let to = if to == "/d" { words.get(2).map_or("", String::as_str) } else { to };
                    before.push(folder.clone());
                    folder = match to {
                        "-" => before.pop().flatten(),
                        to if to.contains(['$', '%']) => folder,
                        to => Some(to.strip_prefix(PLACE).map_or_else(
                            || join(folder.as_deref().unwrap_or_default(), to),
                            |place| join("", place),
                        )),
                    };
                }
                (Some("popd" | "Pop-Location"), _) => folder = before.pop().flatten(),
                (Some(_), _) => {
                    let words = words.into_iter().map(|word| word.replace(PLACE, "//")).collect();
                    calls.push(Call { words, line, folder: folder.clone() });
                }
                (None, _) => {}
            }
        }
    }
    calls
}

/// The lines without comments, continued ones joined; each with the number of its first.
fn lines(text: &str, path: &str) -> Vec<(usize, String)> {
    let windows = ends(path, &["bat", "cmd"]);
    let continues = if windows {
        '^'
    } else if ends(path, &["ps1"]) {
        '`'
    } else {
        '\\'
    };
    let mut lines: Vec<(usize, String)> = Vec::new();
    let mut open = false;
    for (index, line) in text.lines().enumerate() {
        let line = line.trim_end();
        let start = line.trim_start();
        let small = start.to_ascii_lowercase();
        if start.starts_with('#') || start.starts_with("::") || (windows && small.starts_with("rem ")) {
            continue;
        }
        let (line, more) = match line.strip_suffix(continues) {
            Some(line) => (line, true),
            None => (line, false),
        };
        match lines.last_mut() {
            Some((_, last)) if open => {
                last.push(' ');
                last.push_str(line.trim_start());
            }
            _ => lines.push((index + 1, line.to_owned())),
        }
        open = more;
    }
    lines
}

/// `NAME=value`, `export NAME="value"`, `set NAME=value`, `$name = "value"`.
fn assignment(text: &str) -> Option<(String, String)> {
    let text = ["export ", "readonly ", "local ", "set ", "SET ", "$env:", "$"]
        .iter()
        .find_map(|prefix| text.strip_prefix(prefix))
        .unwrap_or(text)
        .trim_start_matches('"');
    let (name, value) = text.split_once('=')?;
    let name = name.trim_end();
    let plain = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let value = value.split(" #").next().unwrap_or(value).trim();
    let quoted = value.starts_with(['"', '\'']) || value.contains("$(") || value.contains("${");
    // `NAME=value command` is a command.
    (plain && (quoted || !value.contains(' '))).then(|| {
        let value = value.trim_end_matches(';').trim();
        (name.to_owned(), value.trim_matches(['"', '\'']).to_owned())
    })
}

/// The folder that `$(cd "$(dirname "$0")/.." && pwd)` and its like stand for.
fn place(value: &str, path: &str, variables: &BTreeMap<String, String>) -> Option<String> {
    let own = ["BASH_SOURCE", "$0", "%~dp0", "$PSScriptRoot", "$MyInvocation"]
        .iter()
        .any(|word| value.contains(word));
    let ups = value.matches("..").count();
    if own {
        let below = value.strip_prefix("%~dp0").or_else(|| value.strip_prefix("$PSScriptRoot"));
        let below = below.unwrap_or_default().trim_start_matches(['/', '\\']);
        return Some(if below.is_empty() {
            join(parent(path), &"../".repeat(ups))
        } else {
            join(parent(path), below)
        });
    }
    let (_, known) =
        variables.iter().find(|(name, known)| known.starts_with(PLACE) && mentions(value, name))?;
    let known = known.trim_start_matches(PLACE);
    if value.contains("dirname") || value.contains("Split-Path") {
        return Some(join(known, &"../".repeat(ups.max(1))));
    }
    let rest = value.rsplit_once('}').map_or(value, |(_, rest)| rest).split(['"', ')', ' ']).next()?;
    Some(join(known, rest.trim_start_matches(|c: char| c != '/' && c != '.').trim_start_matches('/')))
}

fn mentions(value: &str, name: &str) -> bool {
    let value = value.to_ascii_uppercase();
    value.contains(&format!("${name}"))
        || value.contains(&format!("${{{name}"))
        || value.contains(&format!("%{name}%"))
}

/// What may stand before a command.
const BEFORE: [&str; 13] =
    ["sudo", "if", "!", "then", "else", "do", "call", "exec", "time", "command", "not", "-", "{"];

/// The commands of one line, each as its words.
fn commands(line: &str, escapes: bool) -> Vec<Vec<String>> {
    let mut all: Vec<Vec<String>> = vec![Vec::new()];
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut letters = line.chars().peekable();
    while let Some(letter) = letters.next() {
        match (quote, letter) {
            (Some(open), letter) if letter == open => quote = None,
            (None, '"' | '\'') => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (None, ' ' | '\t') => {
                let words = all.last_mut();
                words.zip(word.take()).map(|(words, word)| words.push(word)).unwrap_or_default();
            }
            (None, '#') if word.is_none() => break,
            (None, ';' | '|' | '&') if word.as_deref() != Some("2>") && word.as_deref() != Some(">") => {
                let words = all.last_mut();
                words.zip(word.take()).map(|(words, word)| words.push(word)).unwrap_or_default();
                all.push(Vec::new());
            }
            (None, '(' | ')') if word.is_none() => {}
            (None, '\\') if escapes => word.get_or_insert_default().push(letters.next().unwrap_or('\\')),
            (_, letter) => word.get_or_insert_default().push(letter),
        }
    }
    let words = all.last_mut();
    words.zip(word).map(|(words, word)| words.push(word)).unwrap_or_default();
    for words in &mut all {
        while words.first().is_some_and(|word| BEFORE.contains(&word.as_str()) || word.starts_with('@')) {
            words.remove(0);
        }
    }
    all.retain(|words| !words.is_empty());
    all
}

/// `$NAME`, `${NAME}`, `${NAME:-default}` and `%NAME%`, put in where they are known or have a default.
fn expand(text: &str, variables: &BTreeMap<String, String>) -> String {
    let mut whole = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['$', '%']) {
        whole.push_str(&rest[..at]);
        let tail = &rest[at..];
        let known =
            |name: &str| variables.get(&name.to_ascii_uppercase()).filter(|value| !value.contains("$("));
        if let Some((inside, after)) = tail.strip_prefix("${").and_then(|tail| tail.split_once('}')) {
            let (name, default) = match inside.split_once(":-").or_else(|| inside.split_once('-')) {
                Some((name, default)) => (name, Some(default)),
                None => (inside, None),
            };
            match known(name).map(String::as_str).or(default) {
                Some(value) => whole.push_str(value),
                None => whole.push_str(&tail[..inside.len() + 3]),
            }
            rest = after;
            continue;
        }
        if let Some((name, after)) = tail.strip_prefix('%').and_then(|tail| tail.split_once('%'))
            && let Some(value) = known(name)
        {
            whole.push_str(value);
            rest = after;
            continue;
        }
        let name: String =
            tail[1..].chars().take_while(|letter| letter.is_ascii_alphanumeric() || *letter == '_').collect();
        match known(&name) {
            Some(value) if tail.starts_with('$') && !name.is_empty() => {
                whole.push_str(value);
                rest = &tail[1 + name.len()..];
            }
            _ => {
                whole.push_str(&tail[..1]);
                rest = &tail[1..];
            }
        }
    }
    whole.push_str(rest);
    whole
}

#[cfg(test)]
mod tests {
    use super::calls;

    fn words(text: &str, path: &str) -> Vec<String> {
        calls(text, path).into_iter().map(|call| call.words.join(" ")).collect()
    }

    #[test]
    fn variables_continued_lines_and_quotes_are_understood() {
        let text = "#!/bin/bash\nset -e\nNS=\"${NAMESPACE:-todo}\"\nTAG=latest # newest\nif ! docker build \\\n  -t \"web:$TAG\" ./web; then exit 1; fi\nkubectl apply -f k8s/ -n \"${NS}\" > /dev/null 2>&1\n";
        let words = words(text, "deploy.sh");
        assert!(words.contains(&"docker build -t web:latest ./web".to_owned()), "{words:?}");
        assert!(words.iter().any(|word| word.starts_with("kubectl apply -f k8s/ -n todo")), "{words:?}");
    }

    #[test]
    fn windows_scripts_are_read_alike() {
        let text =
            "@echo off\r\nset TAG=v1\r\nREM docker build old\r\ndocker build -t web:%TAG% ^\r\n  web\r\n";
        assert!(words(text, "deploy.bat").contains(&"docker build -t web:v1 web".to_owned()));
        let text = "$tag = \"v2\"\r\n& docker build -t \"web:$tag\" `\r\n  .\\web\r\n";
        assert!(words(text, "deploy.ps1").contains(&"docker build -t web:v2 .\\web".to_owned()));
    }

    #[test]
    fn the_scripts_own_folder_is_known() {
        let text = "DIR=\"$(cd \"$(dirname \"${BASH_SOURCE[0]}\")\" && pwd)\"\nROOT=\"$(dirname \"$DIR\")\"\ndocker build -f \"$DIR/docker/Dockerfile\" \"$ROOT\"\ncd \"$ROOT/web\" && docker build .\n";
        let calls = calls(text, "phase-4/scripts/build.sh");
        assert_eq!(calls[0].words.join(" "), "docker build -f //phase-4/scripts/docker/Dockerfile //phase-4");
        assert_eq!(calls[1].folder.as_deref(), Some("phase-4/web"));
    }
}
