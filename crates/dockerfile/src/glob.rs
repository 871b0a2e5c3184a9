//! One pattern of a `.dockerignore`, with the meaning that BuildKit gives it.
//!
//! Not a glob library's idea of globs: `moby/patternmatcher` (`Pattern.compile`) turns a pattern into a Go regular
//! expression character by character, and what falls out is the rule, also where it is odd: `[^b]` matches `/`, `|` in a
//! pattern with a wildcard is an alternation, `**x` is a suffix test. So the same expression is made here, and put into
//! Rust's syntax.

mod expression;
mod syntax;

use expression::to_rust;
use regex::Regex;
use syntax::check;

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

/// Whether a path matches a source of `COPY` as Go's `path/filepath.Match` has it, which is not what a `.dockerignore` means.
pub fn go_match(pattern: &str, path: &str) -> Result<bool, Malformed> {
    let chars = |text: &str| text.chars().collect::<Vec<char>>();
    syntax::go_match(&chars(pattern), &chars(path))
}

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

    /// Whether the path or a directory above it matches.
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
