//! One pattern of a `.dockerignore`, with the meaning that BuildKit gives it.
//!
//! Not a glob library's idea of globs: `moby/patternmatcher` (`Pattern.compile`) turns a pattern into a Go regular
//! expression character by character, and what falls out is the rule, also where it is odd: `[^b]` matches `/`, `|` in a
//! pattern with a wildcard is an alternation, `**x` is a suffix test. So the same expression is made here, and put into
//! Rust's syntax.

use regex::Regex;
use std::fmt::Write;

/// A pattern that paths are matched against: relative, `/`-separated, without a leading `!`.
#[derive(Debug, Clone)]
pub struct Glob {
    matcher: Matcher,
    fixed: String,
}

#[derive(Debug, Clone)]
enum Matcher {
    Exact(String),
    Prefix(String),
    Suffix(String),
    Regex(Box<Regex>),
}

/// Why a pattern means nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed(pub &'static str);

const OPEN: Malformed = Malformed("has a `[` without its `]`");

impl Glob {
    /// Compiles a cleaned pattern.
    pub fn compile(pattern: &str) -> Result<Glob, Malformed> {
        let chars: Vec<char> = pattern.chars().collect();
        check(&chars)?;
        let (kind, expression) = to_go(&chars);
        let matcher = match kind {
            Kind::Exact => Matcher::Exact(pattern.to_owned()),
            Kind::Prefix => Matcher::Prefix(pattern[..pattern.len() - 2].to_owned()),
            Kind::Suffix => Matcher::Suffix(pattern[2..].to_owned()),
            Kind::Regex => {
                let out = to_rust(&expression.chars().collect::<Vec<char>>())?;
                let regex = Regex::new(&out).map_err(|_| Malformed("is not a pattern that can match"))?;
                Matcher::Regex(Box::new(regex))
            }
        };
        Ok(Glob { fixed: fixed_part(kind, pattern), matcher })
    }

    /// Whether the path itself matches; its parents are the caller's business.
    #[must_use]
    pub fn matches(&self, path: &str) -> bool {
        match &self.matcher {
            Matcher::Exact(text) => path == text,
            Matcher::Prefix(start) => path.starts_with(start.as_str()),
            Matcher::Suffix(end) => {
                path.ends_with(end.as_str()) || end.strip_prefix('/').is_some_and(|name| path == name)
            }
            Matcher::Regex(regex) => regex.is_match(path),
        }
    }

    /// Whether the path or a folder above it matches.
    #[must_use]
    pub fn matches_or_parent(&self, path: &str) -> bool {
        self.matches(path) || path.match_indices('/').any(|(end, _)| self.matches(&path[..end]))
    }

    /// Whether something below `folder` could match: a guess on the safe side, from the part before any wildcard.
    #[must_use]
    pub fn may_match_below(&self, folder: &str) -> bool {
        let shared = self.fixed.len().min(folder.len());
        if self.fixed.as_bytes()[..shared] != folder.as_bytes()[..shared] {
            return false;
        }
        match &self.matcher {
            Matcher::Exact(text) => text.as_bytes().get(folder.len()) == Some(&b'/'),
            _ => self.fixed.len() <= folder.len() || self.fixed.as_bytes()[folder.len()] == b'/',
        }
    }
}

/// What every match begins with.
fn fixed_part(kind: Kind, pattern: &str) -> String {
    match kind {
        Kind::Exact => pattern.to_owned(),
        Kind::Prefix => pattern[..pattern.len() - 2].to_owned(),
        Kind::Suffix => String::new(),
        Kind::Regex if pattern.contains(['|', '{', '\u{feff}']) => String::new(),
        Kind::Regex => {
            pattern[..pattern.find(['*', '?', '[', ']', '\\', '^']).unwrap_or(pattern.len())].to_owned()
        }
    }
}

/// What BuildKit asks first: Go's `path/filepath.Match(pattern, ".")`, for its error only. It stops at the first part
/// between stars that does not match, so it does not see every mistake.
fn check(pattern: &[char]) -> Result<(), Malformed> {
    let (mut rest, mut name): (&[char], &[char]) = (pattern, &['.']);
    'parts: while !rest.is_empty() {
        let (star, part, after) = next_part(rest);
        rest = after;
        if star && part.is_empty() {
            return Ok(());
        }
        let last = rest.is_empty();
        for skipped in 0..=if star { name.len() } else { 0 } {
            match match_part(part, &name[skipped..])? {
                Some(left) if left.is_empty() || !last => {
                    name = left;
                    continue 'parts;
                }
                _ => {}
            }
        }
        return Ok(());
    }
    Ok(())
}

/// `scanChunk`: whether a star comes first, what follows up to the next star outside of `[…]`, and the rest.
fn next_part(pattern: &[char]) -> (bool, &[char], &[char]) {
    let stars = pattern.iter().take_while(|char| **char == '*').count();
    let pattern = &pattern[stars..];
    let (mut at, mut in_class) = (0, false);
    while at < pattern.len() {
        match pattern[at] {
            '\\' => at += 1,
            '[' => in_class = true,
            ']' => in_class = false,
            '*' if !in_class => break,
            _ => {}
        }
        at += 1;
    }
    let (part, rest) = pattern.split_at(at.min(pattern.len()));
    (stars > 0, part, rest)
}

/// `matchChunk`: what is left of `name` if it begins with the part.
fn match_part<'a>(mut part: &[char], mut name: &'a [char]) -> Result<Option<&'a [char]>, Malformed> {
    let mut failed = false;
    while let Some((&first, after)) = part.split_first() {
        part = after;
        failed |= name.is_empty();
        let read = if failed { None } else { name.first().copied() };
        let mut literal = first;
        match first {
            '[' => {
                let (hit, after) = match_class(part, read)?;
                failed |= !hit;
                part = after;
            }
            '?' => failed |= read == Some('/'),
            _ => {
                if first == '\\' {
                    let (&escaped, after) = part.split_first().ok_or(Malformed("ends with a `\\`"))?;
                    (literal, part) = (escaped, after);
                }
                failed |= read != Some(literal);
            }
        }
        name = name.get(1..).unwrap_or_default();
    }
    Ok((!failed).then_some(name))
}

/// What `[…]` says of a character, from after its `[`.
fn match_class(mut rest: &[char], read: Option<char>) -> Result<(bool, &[char]), Malformed> {
    let negated = rest.first() == Some(&'^');
    rest = rest.strip_prefix(&['^']).unwrap_or(rest);
    let (mut hit, mut ranges) = (false, 0);
    while ranges == 0 || rest.first() != Some(&']') {
        let low;
        (low, rest) = checked_char(rest)?;
        let mut high = low;
        if rest.first() == Some(&'-') {
            (high, rest) = checked_char(&rest[1..])?;
        }
        hit |= read.is_some_and(|read| (low..=high).contains(&read));
        ranges += 1;
    }
    Ok((hit != negated, &rest[1..]))
}

fn checked_char(rest: &[char]) -> Result<(char, &[char]), Malformed> {
    let (char, rest) = match rest.split_first() {
        None => return Err(OPEN),
        Some(('-' | ']', _)) => return Err(Malformed("has a `-` or `]` where `[…]` needs a character")),
        Some(('\\', after)) => after.split_first().ok_or(OPEN)?,
        Some(split) => split,
    };
    if rest.is_empty() { Err(OPEN) } else { Ok((*char, rest)) }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Exact,
    Prefix,
    Suffix,
    Regex,
}

/// `Pattern.compile` of moby/patternmatcher, up to the expression as Go would read it.
fn to_go(pattern: &[char]) -> (Kind, String) {
    let mut kind = Kind::Exact;
    let mut go = String::from("^");
    // Go's text scanner drops a byte order mark at its very beginning.
    let mut rest = pattern.strip_prefix(&['\u{feff}']).unwrap_or(pattern);
    let mut first = true;
    while let Some((&char, after)) = rest.split_first() {
        rest = after;
        match char {
            '*' if rest.first() == Some(&'*') => {
                rest = &rest[1..];
                rest = rest.strip_prefix(&['/']).unwrap_or(rest);
                if !rest.is_empty() {
                    go.push_str("(.*/)?");
                    kind = Kind::Regex;
                } else if kind == Kind::Exact {
                    kind = Kind::Prefix;
                } else {
                    go.push_str(".*");
                    kind = Kind::Regex;
                }
                if first {
                    kind = Kind::Suffix;
                }
            }
            '*' => {
                go.push_str("[^/]*");
                kind = Kind::Regex;
            }
            '?' => {
                go.push_str("[^/]");
                kind = Kind::Regex;
            }
            // Upstream means to escape `{|}` too, but its table has room for codes below 64 only (v0.6.1).
            '.' | '+' | '(' | ')' | '$' => go.extend(['\\', char]),
            '\\' => {
                go.push('\\');
                if let Some((&escaped, after)) = rest.split_first() {
                    go.push(escaped);
                    rest = after;
                    kind = Kind::Regex;
                }
            }
            '[' | ']' => {
                go.push(char);
                kind = Kind::Regex;
            }
            _ => go.push(char),
        }
        first = false;
    }
    go.push('$');
    (kind, go)
}

/// Puts an expression as Go reads it (`regexp/syntax`, Perl flags) into Rust's syntax.
fn to_rust(go: &[char]) -> Result<String, Malformed> {
    let mut out = String::new();
    let mut rest = go;
    let mut repeated = false;
    while let Some((&char, after)) = rest.split_first() {
        let was_repeated = std::mem::take(&mut repeated);
        match char {
            '[' => rest = class(after, &mut out)?,
            '\\' => rest = escape(after, &mut out)?,
            '*' | '?' => {
                out.push(char);
                rest = after;
                repeated = true;
            }
            '{' => match repeat(after)? {
                None => {
                    out.push_str("\\{");
                    rest = after;
                }
                Some(_) if was_repeated => return Err(Malformed("repeats a repetition with `{…}`")),
                Some(length) => {
                    out.push('{');
                    out.extend(&after[..length]);
                    rest = &after[length..];
                    repeated = true;
                }
            },
            '(' | ')' | '.' | '|' | '^' | '$' => {
                out.push(char);
                rest = after;
            }
            _ => {
                push_literal(&mut out, char);
                rest = after;
            }
        }
    }
    Ok(out)
}

fn push_literal(out: &mut String, char: char) {
    out.push_str(&regex::escape(char.encode_utf8(&mut [0; 4])));
}

/// The length of `n}`, `n,}` or `n,m}`; anything else is a plain `{`.
fn repeat(rest: &[char]) -> Result<Option<usize>, Malformed> {
    fn number(rest: &[char]) -> Option<(u32, &[char])> {
        let digits = rest.iter().take_while(|char| char.is_ascii_digit()).count();
        if digits == 0 || digits > 1 && rest[0] == '0' {
            return None;
        }
        let text: String = rest[..digits].iter().collect();
        Some((text.parse().unwrap_or(u32::MAX), &rest[digits..]))
    }
    let Some((least, after)) = number(rest) else { return Ok(None) };
    let (most, after) = match after.strip_prefix(&[',']) {
        None => (least, after),
        Some(after) if after.first() == Some(&'}') => (least, after),
        Some(after) => match number(after) {
            Some((most, after)) => (most, after),
            None => return Ok(None),
        },
    };
    if after.first() != Some(&'}') {
        return Ok(None);
    }
    if least > 1000 || most > 1000 || least > most {
        return Err(Malformed("has a repetition `{…}` out of range"));
    }
    Ok(Some(rest.len() - after.len() + 1))
}

/// A `[…]` from after its `[`.
fn class<'a>(mut rest: &'a [char], out: &mut String) -> Result<&'a [char], Malformed> {
    out.push('[');
    if let Some(after) = rest.strip_prefix(&['^']) {
        out.push('^');
        rest = after;
    }
    let mut first = true;
    while first || rest.first() != Some(&']') {
        first = false;
        if let Some(after) = named_class(rest, out)? {
            rest = after;
            continue;
        }
        if let [backslash, letter, ..] = rest
            && *backslash == '\\'
        {
            if let Some(set) = perl_class(*letter) {
                out.push_str(set);
                rest = &rest[2..];
                continue;
            }
            if matches!(letter, 'p' | 'P') {
                rest = unicode_class(rest, out)?;
                continue;
            }
        }
        let (low, after) = class_char(rest)?;
        rest = after;
        let mut high = low;
        if rest.len() >= 2 && rest[0] == '-' && rest[1] != ']' {
            (high, rest) = class_char(&rest[1..])?;
        }
        if high < low {
            return Err(Malformed("has a range `[…-…]` that runs backwards"));
        }
        let _ = write!(out, "\\x{{{:x}}}-\\x{{{:x}}}", u32::from(low), u32::from(high));
    }
    out.push(']');
    Ok(&rest[1..])
}

fn class_char(rest: &[char]) -> Result<(char, &[char]), Malformed> {
    match rest.split_first() {
        None => Err(OPEN),
        Some(('\\', after)) => escaped_char(after),
        Some((char, after)) => Ok((*char, after)),
    }
}

/// `[:alpha:]` and its like inside a class.
fn named_class<'a>(rest: &'a [char], out: &mut String) -> Result<Option<&'a [char]>, Malformed> {
    const NAMES: [&str; 14] = [
        "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space",
        "upper", "word", "xdigit",
    ];
    let Some(after) = rest.strip_prefix(&['[', ':']) else { return Ok(None) };
    let Some(end) = after.windows(2).position(|pair| pair == [':', ']']) else { return Ok(None) };
    let name: String = after[..end].iter().collect();
    if !NAMES.contains(&name.trim_start_matches('^')) {
        return Err(Malformed("names a class `[:…:]` that does not exist"));
    }
    let _ = write!(out, "[:{name}:]");
    Ok(Some(&after[end + 2..]))
}

/// Go's Perl classes are ASCII; Rust's are not.
fn perl_class(letter: char) -> Option<&'static str> {
    Some(match letter {
        'd' => "[0-9]",
        'D' => "[^0-9]",
        's' => "[\\t\\n\\x0C\\r ]",
        'S' => "[^\\t\\n\\x0C\\r ]",
        'w' => "[0-9A-Za-z_]",
        'W' => "[^0-9A-Za-z_]",
        _ => return None,
    })
}

/// `\pL`, `\p{Greek}` and their negations, from the backslash on.
fn unicode_class<'a>(rest: &'a [char], out: &mut String) -> Result<&'a [char], Malformed> {
    let length = match rest.get(2) {
        Some('{') => rest.iter().position(|char| *char == '}').map(|end| end + 1),
        Some(_) => Some(3),
        None => None,
    };
    let length = length.ok_or(Malformed("has a `\\p` without its class"))?;
    out.extend(&rest[..length]);
    Ok(&rest[length..])
}

/// A `\…` outside of a class, from after its backslash.
fn escape<'a>(rest: &'a [char], out: &mut String) -> Result<&'a [char], Malformed> {
    match rest.first() {
        Some('A') => out.push_str("\\A"),
        Some('z') => out.push_str("\\z"),
        Some('b') => out.push_str("(?-u:\\b)"),
        Some('B') => out.push_str("\\B"),
        Some('Q') => {
            let mut rest = &rest[1..];
            while let Some((&char, after)) = rest.split_first() {
                if let Some(after) = rest.strip_prefix(&['\\', 'E']) {
                    return Ok(after);
                }
                push_literal(out, char);
                rest = after;
            }
            return Ok(rest);
        }
        Some('p' | 'P') => {
            let whole: Vec<char> = std::iter::once('\\').chain(rest.iter().copied()).collect();
            let left = unicode_class(&whole, out)?.len();
            return Ok(&rest[rest.len() - left..]);
        }
        Some(letter) if perl_class(*letter).is_some() => {
            out.push_str(perl_class(*letter).unwrap_or_default());
        }
        _ => {
            let (char, rest) = escaped_char(rest)?;
            push_literal(out, char);
            return Ok(rest);
        }
    }
    Ok(&rest[1..])
}

/// The character that an escape stands for (`regexp/syntax: parseEscape`), from after its backslash.
fn escaped_char(rest: &[char]) -> Result<(char, &[char]), Malformed> {
    const UNKNOWN: Malformed = Malformed("escapes a letter or digit with `\\`, which has no meaning");
    let (&char, after) = rest.split_first().ok_or(Malformed("ends with a `\\`"))?;
    let octal = |char: &char| ('0'..='7').contains(char);
    match char {
        '1'..='7' if !after.first().is_some_and(octal) => Err(UNKNOWN),
        '0'..='7' => {
            let length = 1 + after.iter().take(2).take_while(|char| octal(char)).count();
            let code = rest[..length]
                .iter()
                .filter_map(|char| char.to_digit(8))
                .fold(0, |code, digit| code * 8 + digit);
            Ok((char::from_u32(code).ok_or(UNKNOWN)?, &rest[length..]))
        }
        'x' => {
            let (digits, after) = match after.strip_prefix(&['{']) {
                Some(after) => {
                    let end = after.iter().position(|char| *char == '}').ok_or(UNKNOWN)?;
                    (&after[..end], &after[end + 1..])
                }
                None => (after.get(..2).ok_or(UNKNOWN)?, &after[2..]),
            };
            let code = u32::from_str_radix(&digits.iter().collect::<String>(), 16).map_err(|_| UNKNOWN)?;
            Ok((char::from_u32(code).ok_or(UNKNOWN)?, after))
        }
        'a' => Ok(('\x07', after)),
        'f' => Ok(('\x0c', after)),
        'n' => Ok(('\n', after)),
        'r' => Ok(('\r', after)),
        't' => Ok(('\t', after)),
        'v' => Ok(('\x0b', after)),
        _ if char.is_ascii() && !char.is_ascii_alphanumeric() => Ok((char, after)),
        _ => Err(UNKNOWN),
    }
}
