//! A script's text → its simple commands, in order: continued lines joined, comments dropped, here-documents kept as text.
//!
//! Keywords (`if`, `for`, `{`) stay at the beginning of a command; what they mean is `shell`'s.

use super::Dialect;

/// The operator after a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    /// A new command: a line's end, `;` or `&`.
    Next,
    /// `|`.
    Pipe,
    /// `&&`.
    And,
    /// `||`.
    Or,
}

/// A simple command as it is written.
#[derive(Debug, Clone)]
pub(super) struct Piece {
    /// Its text, quotes and variables as they are; `;;` where a branch of a `case` ends.
    pub text: String,
    /// Its line, from 1.
    pub line: usize,
    /// The operator after it.
    pub then: Then,
    /// The here-document that it reads.
    pub document: Option<String>,
}

/// How many lines a quoted text may have; one that is not closed by then is an apostrophe.
const LONGEST_TEXT: usize = 60;

/// The commands of a script.
pub(super) fn pieces(text: &str, dialect: Dialect) -> Vec<Piece> {
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    let mut pieces = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let (whole, next) = logical(&lines, at, dialect);
        let mut split = commands(&whole, at + 1, dialect);
        at = next;
        if dialect == Dialect::Sh {
            for piece in &mut split {
                if let Some((end, tabs)) = here_document(&piece.text) {
                    let (document, after) = document(&lines, at, &end, tabs);
                    piece.document = Some(document);
                    at = after;
                }
            }
        }
        pieces.extend(split);
    }
    pieces
}

/// A line with those that continue it, and the index of the one after them.
fn logical(lines: &[&str], first: usize, dialect: Dialect) -> (String, usize) {
    let mut whole = String::new();
    let mut at = first;
    while at < lines.len() {
        let line = lines[at];
        at += 1;
        if is_comment(line, dialect) {
            if whole.is_empty() {
                break;
            }
            continue;
        }
        let continued = line.strip_suffix(dialect.continues()).filter(|rest| !rest.ends_with('\\'));
        whole.push_str(continued.unwrap_or(line));
        if continued.is_some() {
            whole.push(' ');
            continue;
        }
        if dialect == Dialect::PowerShell && (whole.ends_with("@\"") || whole.ends_with("@'")) {
            let close = if whole.ends_with('"') { "\"@" } else { "'@" };
            at += lines[at..].iter().position(|line| line.starts_with(close)).map_or(0, |end| end + 1);
            break;
        }
        if dialect != Dialect::Sh || !is_open(&whole) || at - first > LONGEST_TEXT {
            break;
        }
        whole.push('\n');
    }
    if dialect == Dialect::Sh && is_open(&whole) {
        // Nothing closes it: an apostrophe of a text, not a quote.
        return (lines[first].to_owned(), first + 1);
    }
    (whole, at)
}

fn is_comment(line: &str, dialect: Dialect) -> bool {
    let start = line.trim_start();
    start.starts_with('#')
        || dialect == Dialect::Batch
            && (start.starts_with("::") || start.to_ascii_lowercase().starts_with("rem "))
}

/// Whether a quote or `$(` is open at the end.
fn is_open(text: &str) -> bool {
    let mut scan = Scan::new(Dialect::Sh);
    let mut before = ' ';
    for letter in text.chars() {
        if scan.is_plain() && letter == '#' && before.is_whitespace() {
            scan.comment = true;
        }
        if letter == '\n' {
            scan.comment = false;
        }
        scan.step(letter);
        before = letter;
    }
    !scan.comment && !scan.is_plain()
}

/// Where a scan stands: in which quotes, and how deep in `$( )`.
struct Scan {
    quotes: Vec<char>,
    escaped: bool,
    dollar: bool,
    comment: bool,
    dialect: Dialect,
}

impl Scan {
    fn new(dialect: Dialect) -> Scan {
        Scan { quotes: Vec::new(), escaped: false, dollar: false, comment: false, dialect }
    }

    fn is_plain(&self) -> bool {
        self.quotes.is_empty()
    }

    fn step(&mut self, letter: char) {
        if self.comment {
            return;
        }
        let dollar = std::mem::take(&mut self.dollar);
        if std::mem::take(&mut self.escaped) {
            return;
        }
        let open = self.quotes.last().copied();
        match (open, letter) {
            (Some('\''), '\'')
            | (Some('"'), '"')
            | (Some('`'), '`')
            | (Some(')'), ')')
            | (Some('}'), '}') => {
                self.quotes.pop();
            }
            (Some('\''), _) | (Some('"'), '\'') => {}
            (_, '\\') if self.dialect == Dialect::Sh => self.escaped = true,
            (_, '$') => self.dollar = true,
            (_, '(') if dollar || open == Some(')') => self.quotes.push(')'),
            (_, '{') if dollar => self.quotes.push('}'),
            (_, '\'') if self.dialect != Dialect::Batch => self.quotes.push('\''),
            (_, '"') => self.quotes.push('"'),
            (_, '`') if self.dialect == Dialect::Sh => self.quotes.push('`'),
            _ => {}
        }
    }
}

/// The commands of one logical line.
fn commands(text: &str, first: usize, dialect: Dialect) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut scan = Scan::new(dialect);
    let (mut word, mut line, mut begun) = (String::new(), first, first);
    let letters: Vec<char> = text.chars().collect();
    let mut at = 0;
    while at < letters.len() {
        let letter = letters[at];
        let next = letters.get(at + 1).copied();
        let before = at.checked_sub(1).map_or(' ', |before| letters[before]);
        if letter == '\n' {
            line += 1;
        }
        if scan.is_plain() && !scan.escaped {
            if letter == '#' && (before.is_whitespace() || before == ';') {
                match letters[at..].iter().position(|letter| *letter == '\n') {
                    Some(end) => {
                        at += end;
                        continue;
                    }
                    None => break,
                }
            }
            // `2>&1` and `&>` are redirections.
            let redirects = letter == '&' && (before == '>' || next == Some('>'));
            let then = match (letter, next) {
                ('|', Some('|')) => Some((Then::Or, 2)),
                ('&', Some('&')) => Some((Then::And, 2)),
                ('|', _) if before != '>' => Some((Then::Pipe, 1)),
                (';', Some(';')) => Some((Then::Next, 2)),
                // PowerShell calls programs with `&`.
                ('&', _) if dialect == Dialect::PowerShell && word.trim().is_empty() => None,
                ('&', _) if !redirects => Some((Then::Next, 1)),
                (';' | '\n', _) => Some((Then::Next, 1)),
                _ => None,
            };
            if let Some((then, width)) = then {
                push(&mut pieces, &mut word, begun, then);
                if letter == ';' && width == 2 {
                    push(&mut pieces, &mut ";;".to_owned(), line, Then::Next);
                }
                begun = line;
                at += width;
                continue;
            }
        }
        scan.step(letter);
        word.push(letter);
        at += 1;
    }
    push(&mut pieces, &mut word, begun, Then::Next);
    pieces
}

fn push(pieces: &mut Vec<Piece>, word: &mut String, line: usize, then: Then) {
    let text = std::mem::take(word).trim().to_owned();
    if !text.is_empty() {
        pieces.push(Piece { text, line, then, document: None });
    } else if let Some(last) = pieces.last_mut().filter(|_| then != Then::Next) {
        last.then = then;
    }
}

/// The word that ends the here-document of a command, and whether tabs before it count for nothing.
fn here_document(text: &str) -> Option<(String, bool)> {
    let mut scan = Scan::new(Dialect::Sh);
    let mut at = None;
    for (index, letter) in text.char_indices() {
        if scan.is_plain() && text[index..].starts_with("<<") && !text[index..].starts_with("<<<") {
            at = Some(index + 2);
            break;
        }
        if scan.is_plain() && text[index..].starts_with("<<<") {
            return None;
        }
        scan.step(letter);
    }
    let rest = &text[at?..];
    let tabs = rest.starts_with('-');
    let rest = rest.trim_start_matches('-').trim_start().trim_start_matches(['"', '\'', '\\']);
    let end: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_' || *c == '-').collect();
    (!end.is_empty()).then_some((end, tabs))
}

/// The lines of a here-document from `first` on, and the index after its end.
fn document(lines: &[&str], first: usize, end: &str, tabs: bool) -> (String, usize) {
    let rest = lines.get(first..).unwrap_or_default();
    let is_end = |line: &&str| if tabs { line.trim_start() == end } else { *line == end };
    let count = rest.iter().position(is_end).unwrap_or(rest.len());
    (rest[..count].join("\n"), (first + count + 1).min(lines.len()))
}
