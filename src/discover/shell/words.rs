//! One command's text → its words, as a shell makes them: quotes removed, variables and the simple substitutions put in.
//!
//! An unknown value keeps its `$`, so that the reader of a word can see that it is unknown.

use super::Dialect;
use super::PLACE;
use super::Variables;
use crate::discover::tree::join;
use crate::discover::tree::parent;

/// Separates the words of an array.
pub(super) const BETWEEN: char = '\u{3}';

/// The words of a command.
pub(super) fn words(text: &str, variables: &Variables<'_>) -> Vec<String> {
    let mut reader =
        WordReader { letters: text.chars().collect(), at: 0, variables, words: Vec::new(), word: None };
    reader.read();
    reader.words
}

/// One text with its variables put in, as it stands in quotes.
pub(super) fn expand(text: &str, variables: &Variables<'_>) -> String {
    let mut reader =
        WordReader { letters: text.chars().collect(), at: 0, variables, words: Vec::new(), word: None };
    let mut whole = String::new();
    while reader.at < reader.letters.len() {
        whole.push_str(&reader.letter_or_variable());
    }
    whole
}

struct WordReader<'a> {
    letters: Vec<char>,
    at: usize,
    variables: &'a Variables<'a>,
    words: Vec<String>,
    word: Option<String>,
}

impl WordReader<'_> {
    fn read(&mut self) {
        let dialect = self.variables.dialect;
        while let Some(letter) = self.letters.get(self.at).copied() {
            match letter {
                ' ' | '\t' | '\n' => {
                    self.at += 1;
                    self.end();
                }
                '\'' if dialect != Dialect::Batch => {
                    self.at += 1;
                    let text = self.until('\'');
                    self.word.get_or_insert_default().push_str(&text);
                }
                '"' => self.quoted(),
                '\\' if dialect == Dialect::Sh => {
                    self.at += 1;
                    let next = self.letters.get(self.at).copied().unwrap_or('\\');
                    self.word.get_or_insert_default().push(next);
                    self.at += 1;
                }
                '`' if dialect == Dialect::Sh => {
                    let text = self.letter_or_variable();
                    self.word.get_or_insert_default().push_str(&text);
                }
                '$' | '%' => {
                    let text = self.letter_or_variable();
                    // A variable outside of quotes is as many words as its value has.
                    let several = dialect == Dialect::Sh && letter == '$' && !text.starts_with('$');
                    self.put(&text, several);
                }
                letter => {
                    self.word.get_or_insert_default().push(letter);
                    self.at += 1;
                }
            }
        }
        self.end();
    }

    fn put(&mut self, text: &str, several: bool) {
        let mut parts = text.split(|c: char| c == BETWEEN || several && c.is_whitespace());
        if let Some(first) = parts.next().filter(|first| !first.is_empty()) {
            self.word.get_or_insert_default().push_str(first);
        }
        for part in parts {
            self.end();
            self.word = (!part.is_empty()).then(|| part.to_owned());
        }
    }

    fn end(&mut self) {
        self.words.extend(self.word.take());
    }

    fn until(&mut self, end: char) -> String {
        let rest = &self.letters[self.at..];
        let count = rest.iter().position(|letter| *letter == end).unwrap_or(rest.len());
        let text = rest[..count].iter().collect();
        self.at += count + 1;
        text
    }

    fn quoted(&mut self) {
        self.at += 1;
        self.word.get_or_insert_default();
        while let Some(letter) = self.letters.get(self.at).copied() {
            match letter {
                '"' => {
                    self.at += 1;
                    return;
                }
                '\\' if self.variables.dialect == Dialect::Sh
                    && self.letters.get(self.at + 1).is_some_and(|next| "\"\\$`".contains(*next)) =>
                {
                    self.word.get_or_insert_default().push(self.letters[self.at + 1]);
                    self.at += 2;
                }
                _ => {
                    let text = self.letter_or_variable();
                    self.put(&text, false);
                }
            }
        }
    }

    /// The next letter, or the value of a variable or a substitution that begins here.
    fn letter_or_variable(&mut self) -> String {
        let letter = self.letters[self.at];
        let rest: String = self.letters[self.at..].iter().collect();
        let dialect = self.variables.dialect;
        if letter == '%' && dialect == Dialect::Batch {
            return self.percent(&rest);
        }
        if letter == '`' && dialect == Dialect::Sh {
            self.at += 1;
            let inside = self.until('`');
            return substitute(&inside, self.variables).unwrap_or_else(|| format!("$({inside})"));
        }
        if letter != '$' || dialect == Dialect::Batch {
            self.at += 1;
            return letter.to_string();
        }
        if rest.starts_with("$(") {
            let (inside, width) = enclosed(&rest[1..], '(', ')');
            self.at += 1 + width;
            return substitute(&inside, self.variables).unwrap_or_else(|| format!("$({inside})"));
        }
        if rest.starts_with("${") {
            let (inside, width) = enclosed(&rest[1..], '{', '}');
            self.at += 1 + width;
            return parameter(&inside, self.variables).unwrap_or_else(|| format!("${{{inside}}}"));
        }
        let env = rest.strip_prefix("$env:").or_else(|| rest.strip_prefix("$Env:"));
        let (from, skip) = match env {
            Some(rest) if dialect == Dialect::PowerShell => (rest, 5),
            _ => (&rest[1..], 1),
        };
        let mut name: String = from.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
        if name.starts_with(|c: char| c.is_ascii_digit()) {
            name.truncate(1);
        }
        self.at += skip + name.chars().count();
        self.variables.get(&name).unwrap_or_else(|| rest.chars().take(skip + name.chars().count()).collect())
    }

    fn percent(&mut self, rest: &str) -> String {
        let small = rest.to_ascii_lowercase();
        if small.starts_with("%~dp0") {
            self.at += 5;
            return format!("{PLACE}{}/", parent(self.variables.path));
        }
        if small.starts_with("%cd%") {
            self.at += 4;
            return self.variables.folder();
        }
        let inside: String = rest[1..].chars().take_while(|c| *c != '%' && !c.is_whitespace()).collect();
        let closed = rest[1 + inside.len()..].starts_with('%') && !inside.is_empty();
        self.at += 1;
        match self.variables.get(&inside).filter(|_| closed) {
            Some(value) => {
                self.at += inside.chars().count() + 1;
                value
            }
            None => "%".to_owned(),
        }
    }
}

/// The text between `open` and its matching `close`, and the width of all. `text` begins with `open`.
fn enclosed(text: &str, open: char, close: char) -> (String, usize) {
    let (mut depth, mut quote) = (0, None);
    for (at, letter) in text.chars().enumerate() {
        match (quote, letter) {
            (Some(end), letter) if letter == end => quote = None,
            (None, '\'') => quote = Some('\''),
            (None, letter) if letter == open => depth += 1,
            (None, letter) if letter == close => {
                depth -= 1;
                if depth == 0 {
                    return (text.chars().skip(1).take(at - 1).collect(), at + 1);
                }
            }
            _ => {}
        }
    }
    (text.chars().skip(1).collect(), text.chars().count())
}

/// `${NAME}`, `${NAME:-default}`, `${1:-default}`, `${NAME[@]}`; of what changes a text, only the ends that are cut off.
fn parameter(inside: &str, variables: &Variables<'_>) -> Option<String> {
    let end = inside.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(inside.len());
    let (name, rest) = inside.split_at(end);
    let known = variables.get(name);
    if rest.is_empty() || rest == "[@]" || rest == "[*]" || rest == "[0]" {
        return known;
    }
    for operator in [":-", ":=", "-", "="] {
        if let Some(default) = rest.strip_prefix(operator) {
            return known
                .filter(|known| !known.is_empty())
                .or_else(|| Some(expand(default.trim_matches('"'), variables)));
        }
    }
    if rest.starts_with(":?") || rest.starts_with('?') {
        return known;
    }
    if rest.starts_with("%/*") {
        return known.map(|known| up(&known));
    }
    None
}

/// What `$(…)` prints, where that follows from the script alone.
fn substitute(inside: &str, variables: &Variables<'_>) -> Option<String> {
    let pieces = super::split::pieces(inside, variables.dialect);
    let mut folder: Option<String> = None;
    for piece in &pieces {
        let words = words(&piece.text, variables);
        let words: Vec<&str> = words.iter().map(String::as_str).filter(|word| !word.contains('>')).collect();
        let at = |word: &str| match &folder {
            Some(folder) => below(folder, word),
            None => word.to_owned(),
        };
        match words[..] {
            ["cd" | "pushd", to] | ["cd", "--" | "-P", to] => folder = Some(at(to)),
            ["pwd", ..] => return Some(folder.unwrap_or_else(|| variables.folder())),
            ["dirname", "--", of] | ["dirname", of] => return Some(up(of)),
            ["realpath" | "readlink", .., of] => return Some(at(of)),
            ["git", .., "rev-parse", "--show-toplevel"] => return Some(PLACE.to_string()),
            ["basename", of] => return Some(of.rsplit('/').next()?.to_owned()),
            ["echo", of] if !of.contains('$') => return Some(of.to_owned()),
            ["Split-Path", "-Parent", of] | ["Split-Path", of] | ["Split-Path", of, "-Parent"] => {
                return Some(up(of));
            }
            ["Join-Path", of, part] | ["Join-Path", "-Path", of, "-ChildPath", part] => {
                return Some(below(of, part));
            }
            ["Resolve-Path" | "Get-Item", of] => return Some(of.to_owned()),
            _ => {}
        }
    }
    None
}

/// The directory of a path of a script.
fn up(path: &str) -> String {
    match path.rsplit_once(PLACE) {
        Some((_, place)) => format!("{PLACE}{}", join("", &format!("{}/..", place.trim_matches('/')))),
        None if path.contains('/') => parent(path.trim_end_matches('/')).to_owned(),
        None => ".".to_owned(),
    }
}

/// `part` as seen from `folder`.
fn below(folder: &str, part: &str) -> String {
    if part.contains(PLACE) {
        return part.to_owned();
    }
    match folder.rsplit_once(PLACE) {
        Some((_, place)) => format!("{PLACE}{}", join(place.trim_matches('/'), part)),
        None => join(folder, part),
    }
}
