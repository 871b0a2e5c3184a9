//! Scripts → the commands in them: sh, cmd and PowerShell, limited to their common command-line syntax.
//!
//! Not a shell: nothing is run and no condition is judged. Variables that are set to plain texts are put in, loops over
//! written lists are unrolled, functions are read where they are called, both branches of an `if` count; what a branch
//! sets never replaces what is set unconditionally. A computed value keeps its `$`.

mod dialect;
mod split;
mod syntax;
mod variables;
mod words;

use super::tree::join;
use super::variant::distance;
pub use dialect::Dialect;
use split::Piece;
use split::Then;
use split::pieces;
use std::cell::RefCell;
use std::collections::BTreeMap;
use syntax::closing;
use syntax::function;
use syntax::is_assignment;
use syntax::is_unbalanced;
use syntax::loop_head;
use variables::Value;
use variables::Variables;
use words::BETWEEN;
use words::expand;
use words::words;

/// A command of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Its words, quotes removed and variables put in.
    pub words: Vec<String>,
    /// Its text as it is written.
    pub text: String,
    /// Its line, from 1.
    pub line: usize,
    /// The directory that the script has gone to, where it has; one that begins with [`PLACE`] is a path of the tree, one that
    /// begins with `/` a path of its author's machine.
    pub folder: Option<String>,
    /// The here-document that it reads.
    pub document: Option<String>,
    /// The command whose output it reads: an index of the calls.
    pub from: Option<usize>,
    /// How far the branch it stands in is from this machine: of `case`, `prod)` is far.
    pub distance: usize,
}

/// Marks the start of a path of the tree in a word: the script's own directory and paths relative to it.
pub const PLACE: char = '\u{1}';

/// How deep functions may call one another.
const DEEPEST: usize = 6;
/// How often a loop's body is read.
const MOST_ROUNDS: usize = 12;
/// How many commands a script may come to.
const MOST_CALLS: usize = 4000;

/// The commands of `text`, the script at `path`.
#[must_use]
pub fn calls(text: &str, path: &str) -> Vec<Call> {
    calls_in(text, path, Dialect::from_path(path), &BTreeMap::new())
}

/// Likewise for a part of a file, with variables that are known before it.
#[must_use]
pub fn calls_in(text: &str, path: &str, dialect: Dialect, known: &BTreeMap<String, String>) -> Vec<Call> {
    let known = known.iter().map(|(name, value)| (name.clone(), Value { text: value.clone(), branch: None }));
    let mut shell = Shell {
        variables: Variables { path, dialect, values: known.collect(), folder: RefCell::default() },
        functions: BTreeMap::new(),
        before: Vec::new(),
        branches: Vec::new(),
        calls: Vec::new(),
        depth: 0,
        ended: false,
    };
    let pieces = pieces(text, dialect);
    shell.run(&pieces);
    // A function that the script does not call may be called by the user.
    let uncalled: Vec<Vec<Piece>> =
        shell.functions.values().filter(|(_, called)| !called).map(|(body, _)| body.clone()).collect();
    for body in uncalled {
        shell.ended = false;
        *shell.variables.folder.borrow_mut() = None;
        shell.run(&body);
    }
    shell.calls
}

struct Shell<'a> {
    variables: Variables<'a>,
    /// Their bodies, and whether something has called them.
    functions: BTreeMap<String, (Vec<Piece>, bool)>,
    before: Vec<Option<String>>,
    /// The branches around this point, each with its distance from this machine.
    branches: Vec<usize>,
    calls: Vec<Call>,
    depth: usize,
    ended: bool,
}

/// What may stand before a command.
const BEFORE: [&str; 17] = [
    "sudo", "if", "elif", "!", "then", "else", "do", "call", "exec", "time", "command", "not", "-", "{",
    "while", "until", "&",
];

impl Shell<'_> {
    fn run(&mut self, pieces: &[Piece]) {
        let (mut at, mut from) = (0, None);
        while at < pieces.len() && !self.ended && self.calls.len() < MOST_CALLS {
            let piece = &pieces[at];
            let sh = self.variables.dialect == Dialect::Sh;
            if sh && let Some((name, rest)) = function(&piece.text) {
                let end = closing(pieces, at, "{", "}");
                let mut body: Vec<Piece> = Vec::new();
                if !rest.is_empty() {
                    body.push(Piece { text: rest, ..piece.clone() });
                }
                body.extend_from_slice(&pieces[(at + 1).min(end)..end]);
                self.functions.insert(name, (body, false));
                at = end + 1;
                continue;
            }
            if sh && let Some((name, list)) = piece.text.strip_prefix("for ").and_then(loop_head) {
                let end = closing(pieces, at, "for", "done");
                let body = &pieces[(at + 1).min(end)..end];
                let values: Vec<String> = words(&list, &self.variables);
                // Of `k8s/*.yaml` all files are meant, whichever comes first.
                let known = !values.is_empty() && values.iter().all(|value| !value.contains('$'));
                let rounds = if known { values.len().min(MOST_ROUNDS) } else { 1 };
                for value in values.into_iter().take(rounds) {
                    if known {
                        self.set(&name, value, true);
                    } else {
                        self.variables.values.remove(&name);
                    }
                    self.run(body);
                }
                at = end + 1;
                continue;
            }
            if sh && piece.text.starts_with("case ") {
                let end = closing(pieces, at, "case", "esac");
                self.case(&pieces[at..end]);
                at = end + 1;
                continue;
            }
            let after = self.piece(piece, from.take(), at == 0 || pieces[at - 1].then == Then::Next);
            from = after.filter(|_| piece.then == Then::Pipe);
            at += 1;
        }
    }

    /// The branches of a `case`, each behind its pattern.
    fn case(&mut self, pieces: &[Piece]) {
        let mut branches: Vec<(String, Vec<Piece>)> = Vec::new();
        let (mut is_pattern, mut depth) = (true, 0_usize);
        for (index, piece) in pieces.iter().enumerate() {
            let text = match piece.text.split_once(" in").filter(|_| index == 0) {
                Some((_, rest)) => rest.trim(),
                None => piece.text.as_str(),
            };
            if index > 0 && text.starts_with("case ") {
                depth += 1;
            }
            if text == ";;" && depth == 0 {
                is_pattern = true;
            } else if let Some((pattern, rest)) = text.split_once(')').filter(|_| is_pattern) {
                is_pattern = false;
                let rest = Piece { text: rest.trim().to_owned(), ..piece.clone() };
                let body = if rest.text.is_empty() { Vec::new() } else { vec![rest] };
                branches.push((pattern.trim_start_matches('(').to_owned(), body));
            } else if let Some((_, body)) = branches.last_mut() {
                body.push(piece.clone());
            }
            if text == "esac" {
                depth = depth.saturating_sub(1);
            }
        }
        for (pattern, body) in branches {
            self.branches.push(distance(&pattern));
            self.run(&body);
            self.branches.pop();
        }
    }

    /// One command; the index of its call, where it is one.
    fn piece(&mut self, piece: &Piece, from: Option<usize>, first: bool) -> Option<usize> {
        let mut text = piece.text.trim().trim_start_matches('@').trim_start();
        let mut closes = 0;
        loop {
            let word = text.split_whitespace().next().unwrap_or_default();
            if let Some(inner) = text.strip_prefix('(').filter(|_| self.variables.dialect == Dialect::Sh) {
                self.before.push(self.variables.folder.borrow().clone());
                text = inner.trim_start();
            } else if BEFORE.contains(&word) {
                if word == "if" && self.variables.dialect == Dialect::Sh {
                    self.branches.push(distance(""));
                }
                text = text[word.len()..].trim_start();
            } else {
                break;
            }
        }
        while self.variables.dialect == Dialect::Sh && is_unbalanced(text) {
            text = text.trim_end().strip_suffix(')')?.trim_end();
            closes += 1;
        }
        let word = text.split_whitespace().next().unwrap_or_default();
        match word {
            "fi" => drop(self.branches.pop()),
            "exit"
                if self.branches.is_empty()
                    && first
                    && self.depth == 0
                    && self.variables.dialect == Dialect::Sh =>
            {
                self.ended = true;
            }
            _ => {}
        }
        let call = if self.assign(text) { None } else { self.call(piece, text, from) };
        for _ in 0..closes {
            if let Some(before) = self.before.pop() {
                *self.variables.folder.borrow_mut() = before;
            }
        }
        call
    }

    fn call(&mut self, piece: &Piece, text: &str, from: Option<usize>) -> Option<usize> {
        let words = words(text, &self.variables);
        // `NAME=value command`.
        let skip = words.iter().take_while(|word| is_assignment(word)).count();
        let words = words.get(skip..).filter(|words| !words.is_empty())?.to_vec();
        match (words[0].as_str(), words.get(1).map(String::as_str)) {
            ("cd" | "pushd" | "chdir" | "Set-Location" | "Push-Location" | "sl", Some(to)) => {
                let flag = to.eq_ignore_ascii_case("/d") || to == "-Path" || to == "--";
                let to = if flag { words.get(2).map_or("", String::as_str) } else { to };
                self.go(to);
                return None;
            }
            ("popd" | "Pop-Location", _) => {
                let before = self.before.pop().flatten();
                *self.variables.folder.borrow_mut() = before;
                return None;
            }
            ("read", _) => {
                if let Some(name) = words.last() {
                    self.variables.values.remove(name);
                }
                return None;
            }
            _ => {}
        }
        if self.depth < DEEPEST && self.functions.contains_key(&words[0]) {
            let (body, called) = self.functions.get_mut(&words[0])?;
            *called = true;
            let body = body.clone();
            for number in 1..10 {
                match words.get(number) {
                    Some(word) => self.set(&number.to_string(), word.clone(), true),
                    None => drop(self.variables.values.remove(&number.to_string())),
                }
            }
            self.depth += 1;
            self.run(&body);
            self.depth -= 1;
            return None;
        }
        let distance = self.branches.iter().copied().max().unwrap_or_else(|| distance(""));
        self.calls.push(Call {
            words,
            text: text.to_owned(),
            line: piece.line,
            folder: self.variables.folder.borrow().clone(),
            document: piece.document.clone(),
            from,
            distance,
        });
        Some(self.calls.len() - 1)
    }

    fn go(&mut self, to: &str) {
        let now = self.variables.folder.borrow().clone();
        let next = match to {
            "-" => self.before.pop().flatten(),
            "~" => now.clone(),
            to if to.contains(['$', '%']) => now.clone(),
            to if is_of_an_author(to) => Some(format!("/{}", join("", to))),
            to if !to.contains(PLACE) && now.as_deref().is_some_and(|now| now.starts_with('/')) => {
                Some(format!("/{}", join(now.as_deref().unwrap_or_default(), to)))
            }
            to => {
                Some(match (to.rsplit_once(PLACE), now.as_deref().and_then(|now| now.strip_prefix(PLACE))) {
                    (Some((_, place)), _) => format!("{PLACE}{}", join("", place.trim_matches('/'))),
                    (None, Some(now)) => format!("{PLACE}{}", join(now, to)),
                    (None, None) => join(now.as_deref().unwrap_or_default(), to),
                })
            }
        };
        if to != "-" {
            self.before.push(now);
        }
        *self.variables.folder.borrow_mut() = next;
    }

    /// Whether a command only sets a variable: `NAME=value`, `export NAME="value"`, `set NAME=value`, `$name = "value"`.
    fn assign(&mut self, text: &str) -> bool {
        const WORDS: [&str; 9] =
            ["export ", "readonly ", "local ", "declare ", "set ", "SET ", "$env:", "$Env:", "$"];
        let before = WORDS.iter().find_map(|prefix| text.strip_prefix(prefix));
        let rest = before.unwrap_or(text).trim_start_matches('"');
        let Some((name, value)) = rest.split_once('=') else { return false };
        let (name, adds) = match name.strip_suffix('+') {
            Some(name) => (name, true),
            None => (name.trim_end(), false),
        };
        let name = name.rsplit_once(']').map_or(name, |(_, name)| name);
        let plain = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !plain || name.starts_with(|c: char| c.is_ascii_digit()) {
            return false;
        }
        let value = value.trim();
        if let Some(list) = value.strip_prefix('(').filter(|_| self.variables.dialect == Dialect::Sh) {
            let list = words(list.trim_end_matches(')'), &self.variables).join(&BETWEEN.to_string());
            let known = self.variables.get(name).filter(|known| adds && !known.is_empty());
            let whole = known.map_or(list.clone(), |known| format!("{known}{BETWEEN}{list}"));
            if !adds || self.branches.is_empty() {
                self.set(name, whole, self.branches.is_empty());
            }
            return true;
        }
        let value = match self.variables.dialect {
            Dialect::Sh => {
                let mut parts = words(value, &self.variables);
                // `NAME=value command` is a command.
                if parts.len() > 1 && !value.starts_with(['"', '\'', '$', '`']) {
                    return false;
                }
                if parts.len() > 1 && value.starts_with(['"', '\'']) && !value.contains("$(") {
                    return false;
                }
                if parts.len() > 1 { expand(value, &self.variables) } else { parts.pop().unwrap_or_default() }
            }
            Dialect::Batch => expand(value.trim_matches('"'), &self.variables),
            Dialect::PowerShell => {
                let value = value.strip_prefix('(').map_or(value, |rest| rest.trim_end_matches(')'));
                if value.starts_with(['"', '\'', '$']) || !value.contains(' ') {
                    words(value, &self.variables).join(" ")
                } else {
                    expand(&format!("$({value})"), &self.variables)
                }
            }
        };
        self.set(name, value, self.branches.is_empty());
        true
    }

    fn set(&mut self, name: &str, text: String, always: bool) {
        let branch = if always { None } else { self.branches.iter().copied().max() };
        let name = self.variables.key(name);
        let kept = self.variables.values.get(&name).is_some_and(|known| match (known.branch, branch) {
            (None, Some(_)) => !known.text.is_empty(),
            (Some(known), Some(branch)) => known <= branch,
            _ => false,
        });
        if !kept {
            self.variables.values.insert(name, Value { text, branch });
        }
    }
}

/// Whether a path starts at the root of a user's machine, in directories for projects.
fn is_of_an_author(path: &str) -> bool {
    const HOMES: [&str; 4] = ["/home/", "/Users/", "/mnt/", "/path/to/"];
    let drive = path.as_bytes().get(1) == Some(&b':') && path.starts_with(|c: char| c.is_ascii_alphabetic());
    drive || HOMES.iter().any(|home| path.starts_with(home))
}

#[cfg(test)]
mod tests;
