//! A Dockerfile's text → its instructions, each with its lines (`buildkit: frontend/dockerfile/parser`).
//!
//! Not their meaning. The traps are comments and empty lines inside of a continued instruction, here-documents, and the
//! escape directive that makes `` ` `` continue a line.

use std::sync::LazyLock;

use regex::Regex;

/// One instruction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instruction {
    /// `FROM`, `COPY`, …, in capitals.
    pub keyword: String,
    /// Its flags: `--from=builder`.
    pub flags: Vec<String>,
    /// What follows, continued lines joined, here-documents left out.
    pub rest: String,
    /// Its first line, from 1.
    pub first: usize,
    /// Its last line, that of a here-document's end included.
    pub last: usize,
}

impl Instruction {
    /// The words of an instruction that takes a JSON list or words between blanks: `COPY`, `ADD`, `FROM`, `VOLUME`, `CMD`.
    #[must_use]
    pub fn list(&self) -> Vec<String> {
        list(&self.rest)
    }

    /// The names of `ARG`, `ENV` or `LABEL` with their values, quotes kept; `escape` is [`Dockerfile::escape`].
    ///
    /// [`Dockerfile::escape`]: crate::Dockerfile::escape
    #[must_use]
    pub fn pairs(&self, escape: char) -> Vec<(String, Option<String>)> {
        pairs(&self.rest, escape)
    }
}

/// A line that BuildKit would refuse, or that cannot work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// The line, from 1; 0 for the file.
    pub line: usize,
    /// The error.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
}

impl Wrong {
    /// Something wrong at a line.
    pub(crate) fn at(line: usize, message: impl Into<String>) -> Wrong {
        Wrong { line, message: message.into(), help: None }
    }

    /// Adds the help text.
    pub(crate) fn help(mut self, help: impl Into<String>) -> Wrong {
        self.help = Some(help.into());
        self
    }
}

/// The lines of a text, before they are interpreted.
#[derive(Debug, Clone)]
pub(crate) struct Lines {
    pub(crate) instructions: Vec<Instruction>,
    pub(crate) escape: char,
    /// `# syntax=`: the reference and its line.
    pub(crate) syntax: Option<(String, usize)>,
    pub(crate) wrong: Vec<Wrong>,
}

/// Go's `\s`: blanks of ASCII alone.
static DIRECTIVE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"^#[\t\f\r ]*([a-zA-Z][a-zA-Z0-9]*)[\t\f\r ]*=[\t\f\r ]*(.+?)[\t\f\r ]*$").ok()
});
static HEREDOC: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"^\d*<<(-?)\s*([^<]+)$").ok());

/// Reads the lines of a Dockerfile.
pub(crate) fn parse(text: &str) -> Lines {
    let mut lines = Lines { instructions: Vec::new(), escape: '\\', syntax: None, wrong: Vec::new() };
    let text = text.trim_start_matches('\u{feff}');
    let mut source = text.lines().map(|line| line.trim_end_matches('\r')).enumerate();
    let mut directives = true;
    while let Some((index, line)) = source.next() {
        let line = line.trim_start();
        directives = directives && lines.directive(line, index + 1);
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (part, mut more) = continued(line, lines.escape);
        let mut whole = part.to_owned();
        let mut last = index + 1;
        while more {
            let Some((index, line)) = source.next() else { break };
            last = index + 1;
            let start = line.trim_start();
            if start.is_empty() || start.starts_with('#') {
                continue;
            }
            let part;
            (part, more) = continued(line, lines.escape);
            whole.push_str(part);
        }
        let mut instruction = split(&whole, lines.escape, index + 1);
        for (name, tabs) in heredocs(&instruction, &whole) {
            let end =
                source.find(|(_, line)| (if tabs { line.trim_start_matches('\t') } else { line }) == name);
            match end {
                Some((index, _)) => last = index + 1,
                None => lines.wrong.push(
                    Wrong::at(index + 1, format!("the here-document `{name}` has no end"))
                        .help(format!("end it with a line that is just `{name}`")),
                ),
            }
        }
        instruction.last = last;
        lines.instructions.push(instruction);
    }
    lines
}

impl Lines {
    /// Takes a parser directive in; false once there can be no more of them.
    fn directive(&mut self, line: &str, number: usize) -> bool {
        if !line.starts_with('#') {
            return false;
        }
        let Some(found) = DIRECTIVE.as_ref().and_then(|directive| directive.captures(line)) else {
            return false;
        };
        match (found[1].to_lowercase().as_str(), &found[2]) {
            ("syntax", value) => {
                let reference = value.split(' ').next().unwrap_or_default();
                self.syntax.get_or_insert((reference.to_owned(), number));
            }
            ("escape", "\\") => self.escape = '\\',
            ("escape", "`") => self.escape = '`',
            ("escape", value) => self.wrong.push(
                Wrong::at(number, format!("`{value}` cannot be the escape character"))
                    .help("use `# escape=\\` or `` # escape=` ``"),
            ),
            ("check", _) => {}
            _ => return false,
        }
        true
    }
}

/// A line without its continuation character, and whether it had one; a doubled one does not count.
fn continued(line: &str, escape: char) -> (&str, bool) {
    match line.trim_end_matches([' ', '\t']).strip_suffix(escape) {
        Some(part) if !part.ends_with(escape) => (part, true),
        _ => (line, false),
    }
}

fn split(whole: &str, escape: char, first: usize) -> Instruction {
    let whole = whole.trim();
    let end = whole.find(['\t', '\u{b}', '\u{c}', '\r', ' ']).unwrap_or(whole.len());
    let (flags, rest) = flags(&whole[end..], escape);
    let keyword = whole[..end].to_uppercase();
    Instruction { keyword, flags, rest: rest.trim().to_owned(), first, last: first }
}

/// The words at the beginning that start with `--`, without their quotes, and what follows.
fn flags(text: &str, escape: char) -> (Vec<String>, &str) {
    let mut flags = Vec::new();
    let mut rest = text.trim_start();
    while rest.starts_with("--") {
        let (mut word, mut quote, mut end) = (String::new(), None, rest.len());
        let mut chars = rest.char_indices();
        while let Some((at, char)) = chars.next() {
            match quote {
                None if char.is_whitespace() => {
                    end = at;
                    break;
                }
                None if char == '\'' || char == '"' => quote = Some(char),
                Some(open) if open == char => quote = None,
                _ if char == escape => word.extend(chars.next().map(|(_, char)| char)),
                _ => word.push(char),
            }
        }
        rest = rest[end..].trim_start();
        if word == "--" {
            break;
        }
        flags.push(word);
    }
    (flags, rest)
}

/// The here-documents that an instruction opens: the word that ends each, and whether tabs before it are dropped.
fn heredocs(instruction: &Instruction, whole: &str) -> Vec<(String, bool)> {
    let takes = |keyword: &str| matches!(keyword, "ADD" | "COPY" | "RUN");
    let rest = if instruction.keyword == "ONBUILD" {
        let inner = split(&instruction.rest, '\\', 0);
        if takes(&inner.keyword) { inner.rest } else { return Vec::new() }
    } else if takes(&instruction.keyword) {
        instruction.rest.clone()
    } else {
        return Vec::new();
    };
    if !whole.contains("<<") || is_list(&rest) {
        return Vec::new();
    }
    let Some(pattern) = HEREDOC.as_ref() else { return Vec::new() };
    shell_words(whole)
        .iter()
        .filter_map(|word| pattern.captures(word))
        .map(|found| (found[2].replace(['"', '\''], ""), !found[1].is_empty()))
        .collect()
}

/// Whether the text is a JSON list.
fn is_list(text: &str) -> bool {
    text.starts_with('[') && serde_json::from_str::<Vec<serde_json::Value>>(text).is_ok()
}

/// Words between unquoted blanks, quotes kept; `<< EOF` is one word. None if a quote is not closed.
fn shell_words(text: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), String::new(), None);
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        match quote {
            None if char.is_whitespace() => {
                if word.ends_with("<<") && matches!(char, ' ' | '\t') {
                    continue;
                }
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                continue;
            }
            None if char == '\'' || char == '"' => quote = Some(char),
            Some(open) if open == char => quote = None,
            _ if char == '\\' && quote != Some('\'') => {
                word.push(char);
                word.extend(chars.next());
                continue;
            }
            _ => {}
        }
        word.push(char);
    }
    if quote.is_some() {
        return Vec::new();
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// The words of an instruction that takes a JSON list or words between blanks.
fn list(rest: &str) -> Vec<String> {
    match serde_json::from_str::<Vec<String>>(rest) {
        Ok(list) if rest.starts_with('[') => list,
        _ => rest
            .split(['\t', '\u{b}', '\u{c}', '\r', ' '])
            .filter(|word| !word.is_empty())
            .map(str::to_owned)
            .collect(),
    }
}

/// The words of `ARG`, `ENV` and `LABEL`, quotes kept (`parseWords`).
fn words(rest: &str, escape: char) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), String::new(), None);
    let mut chars = rest.chars();
    while let Some(char) = chars.next() {
        match quote {
            None if char.is_whitespace() => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                continue;
            }
            None if char == '\'' || char == '"' => quote = Some(char),
            Some(open) if open == char => quote = None,
            _ => {}
        }
        word.push(char);
        if char == escape && quote != Some('\'') {
            word.extend(chars.next());
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

fn pairs(rest: &str, escape: char) -> Vec<(String, Option<String>)> {
    let pair = |word: String| match word.split_once('=') {
        Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
        None => (word, None),
    };
    words(rest, escape).into_iter().map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::parse;
    use super::words;

    fn spans(text: &str) -> Vec<(String, String, usize, usize)> {
        let instructions = parse(text).instructions.into_iter();
        instructions
            .map(|instruction| (instruction.keyword, instruction.rest, instruction.first, instruction.last))
            .collect()
    }

    #[test]
    fn an_instruction_spans_its_continuations_comments_and_documents() {
        let text = "# syntax=docker/dockerfile:1\nFROM a\n\nRUN x \\\n  # why\n\n  && y\nCOPY <<EOF <<-\"B\" /\nRUN no\nEOF\n\t\tB\ncmd [\"<<X\"]\n";
        let expected = [
            ("FROM", "a", 2, 2),
            ("RUN", "x   && y", 4, 7),
            ("COPY", "<<EOF <<-\"B\" /", 8, 11),
            ("CMD", "[\"<<X\"]", 12, 12),
        ]
        .map(|(keyword, rest, first, last)| (keyword.to_owned(), rest.to_owned(), first, last));
        assert_eq!(spans(text), expected);
        assert_eq!(parse(text).syntax, Some(("docker/dockerfile:1".to_owned(), 1)));
    }

    #[test]
    fn the_escape_character_can_be_a_backtick() {
        assert_eq!(spans("# escape=`\r\nRUN a `\r\n b\r\nRUN c \\\r\n").len(), 2);
        assert_eq!(spans("RUN a\\\\\nRUN b").len(), 2);
        assert_eq!(parse("# escape=x\nFROM a").wrong.len(), 1);
    }

    #[test]
    fn what_looks_like_a_document_need_not_be_one() {
        for text in [
            "RUN cat <<<x\nRUN y",
            "RUN [\"a\", \"<<EOF\"]\nRUN y",
            "RUN echo \"<<EOF\"\nRUN y",
            "ENV a=<<EOF\nRUN y",
        ] {
            assert_eq!(spans(text).len(), 2, "{text}");
        }
        assert_eq!(parse("RUN <<EOF\nx").wrong.len(), 1);
        assert_eq!(spans("RUN << EOF cat\nRUN\nEOF\nRUN z").len(), 2);
    }

    #[test]
    fn flags_and_words_keep_to_their_quotes() {
        let lines = parse("COPY --from=a --chown=\"b c\" -- x y");
        assert_eq!(lines.instructions[0].flags, ["--from=a", "--chown=b c"]);
        assert_eq!(lines.instructions[0].rest, "x y");
        assert_eq!(words("A=1 B=\"x y\" C=\\ z", '\\'), ["A=1", "B=\"x y\"", "C=\\ z"]);
    }
}
