//! Variables in a Dockerfile's words, as BuildKit's lexer expands them (`buildkit: frontend/dockerfile/shell/lex.go`).
//!
//! Not a shell: no commands, no arithmetic, no word splitting. Needed because the base image of a build is part of its
//! key, and bases are often written `${BASE}:${TAG:-1}`.

use regex::Regex;
use std::collections::BTreeMap;
use std::iter::Peekable;
use std::str::Chars;

/// Why a word cannot be expanded, as the end of a sentence that names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotExpanded(pub String);

/// A word without its quotes and variables, and the names in it that have no value.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Expanded {
    /// The word.
    pub text: String,
    /// Variables without a value, which count as empty.
    pub unset: Vec<String>,
}

/// Expands `word`; `escape` is the Dockerfile's escape character.
pub fn expand(
    word: &str,
    variables: &BTreeMap<String, String>,
    escape: char,
) -> Result<Expanded, NotExpanded> {
    let mut lexer = Lexer { chars: word.chars().peekable(), variables, escape, unset: Vec::new() };
    let text = lexer.until(None, false)?;
    Ok(Expanded { text, unset: lexer.unset })
}

struct Lexer<'a> {
    chars: Peekable<Chars<'a>>,
    variables: &'a BTreeMap<String, String>,
    escape: char,
    unset: Vec<String>,
}

fn wrong(what: impl Into<String>) -> NotExpanded {
    NotExpanded(what.into())
}

impl Lexer<'_> {
    fn until(&mut self, end: Option<char>, raw_escapes: bool) -> Result<String, NotExpanded> {
        let mut text = String::new();
        while let Some(&next) = self.chars.peek() {
            if Some(next) == end {
                self.chars.next();
                return Ok(text);
            }
            match next {
                '\'' => self.single_quoted(&mut text)?,
                '"' => self.double_quoted(&mut text, raw_escapes)?,
                '$' => text.push_str(&self.variable()?),
                _ => {
                    self.chars.next();
                    if next == self.escape {
                        if raw_escapes {
                            text.push(next);
                        }
                        text.extend(self.chars.next());
                    } else {
                        text.push(next);
                    }
                }
            }
        }
        match end {
            None => Ok(text),
            Some(end) => Err(wrong(format!("has a `${{` without its `{end}`"))),
        }
    }

    fn single_quoted(&mut self, text: &mut String) -> Result<(), NotExpanded> {
        self.chars.next();
        for char in self.chars.by_ref() {
            if char == '\'' {
                return Ok(());
            }
            text.push(char);
        }
        Err(wrong("has a `'` without its pair"))
    }

    fn double_quoted(&mut self, text: &mut String, raw_escapes: bool) -> Result<(), NotExpanded> {
        self.chars.next();
        while let Some(&next) = self.chars.peek() {
            if next == '$' {
                text.push_str(&self.variable()?);
                continue;
            }
            self.chars.next();
            if next == '"' {
                return Ok(());
            }
            if next != self.escape {
                text.push(next);
                continue;
            }
            match self.chars.peek() {
                None => {}
                Some(&escaped) if escaped == '"' || escaped == '$' || escaped == self.escape => {
                    if raw_escapes {
                        text.push(next);
                    }
                    text.push(escaped);
                    self.chars.next();
                }
                Some(_) => text.push(next),
            }
        }
        Err(wrong("has a `\"` without its pair"))
    }

    fn variable(&mut self) -> Result<String, NotExpanded> {
        self.chars.next();
        if self.chars.peek() != Some(&'{') {
            let name = self.name();
            return Ok(if name.is_empty() { "$".to_owned() } else { self.value(&name).unwrap_or_default() });
        }
        self.chars.next();
        if matches!(self.chars.peek(), None | Some('{' | '}' | ':')) {
            return Err(wrong("has a `${` without a name"));
        }
        let name = self.name();
        let (mut modifier, mut empty_is_unset) = (self.chars.next(), false);
        if modifier == Some(':') {
            empty_is_unset = true;
            modifier = self.chars.next();
        }
        match modifier {
            Some('}') if !empty_is_unset => Ok(self.value(&name).unwrap_or_default()),
            Some(modifier @ ('-' | '+' | '?')) => {
                let word = self.until(Some('}'), false)?;
                let value =
                    self.variables.get(&name).filter(|value| !(empty_is_unset && value.is_empty())).cloned();
                match (modifier, value) {
                    ('-', value) => Ok(value.unwrap_or(word)),
                    ('+', value) => Ok(value.map(|_| word).unwrap_or_default()),
                    (_, Some(value)) => Ok(value),
                    (_, None) if word.is_empty() => Err(wrong(format!("needs a value of `{name}`"))),
                    (_, None) => Err(wrong(format!("needs a value of `{name}`: {word}"))),
                }
            }
            Some(side @ ('#' | '%')) if !empty_is_unset => {
                let word = self.until(Some('}'), true)?;
                let value = self.value(&name).unwrap_or_default();
                let (pattern, longest) =
                    word.strip_prefix(side).map_or((word.as_str(), false), |word| (word, true));
                trim(&value, pattern, side == '%', longest)
            }
            Some('/') if !empty_is_unset => {
                let all = self.chars.next_if_eq(&'/').is_some();
                let pattern = self.until(Some('/'), true)?;
                let replacement = self.until(Some('}'), true)?;
                let value = self.value(&name).unwrap_or_default();
                let found = regex(&glob(&pattern)?)?;
                let replacement = regex::NoExpand(&replacement);
                let limit = usize::from(!all);
                Ok(found.replacen(&value, limit, replacement).into_owned())
            }
            None => Err(wrong("has a `${` without its `}`")),
            _ => Err(wrong(format!("has a `${{{name}…}}` that is not understood"))),
        }
    }

    fn value(&mut self, name: &str) -> Option<String> {
        let value = self.variables.get(name).cloned();
        if value.is_none() && !self.unset.iter().any(|unset| unset == name) {
            self.unset.push(name.to_owned());
        }
        value
    }

    fn name(&mut self) -> String {
        let mut name = String::new();
        while let Some(&next) = self.chars.peek() {
            let first = name.is_empty();
            if first && "@*#?-$!0".contains(next) {
                self.chars.next();
                return next.to_string();
            }
            let all_digits = name.chars().all(char::is_numeric) && !first;
            if !(next.is_alphanumeric() || next == '_') || all_digits && !next.is_numeric() {
                break;
            }
            name.push(next);
            self.chars.next();
        }
        name
    }
}

/// `${name#pattern}` and its relatives.
fn trim(value: &str, pattern: &str, at_end: bool, longest: bool) -> Result<String, NotExpanded> {
    let whole = regex(&format!("^(?:{})$", glob(pattern)?))?;
    let mut cuts: Vec<usize> = value.char_indices().map(|(at, _)| at).chain([value.len()]).collect();
    if at_end != longest {
        cuts.reverse();
    }
    let hit =
        cuts.into_iter().find(|&cut| whole.is_match(if at_end { &value[cut..] } else { &value[..cut] }));
    Ok(match hit {
        None => value.to_owned(),
        Some(cut) if at_end => value[..cut].to_owned(),
        Some(cut) => value[cut..].to_owned(),
    })
}

/// `convertShellPatternToRegex`: `*` and `?`, no classes.
fn glob(pattern: &str) -> Result<String, NotExpanded> {
    let mut regex = String::new();
    let mut chars = pattern.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '*' => regex.push_str(".*"),
            '?' => regex.push('.'),
            '\\' => match chars.peek() {
                Some('}' | '/') => {}
                Some('*' | '?' | '\\') => {
                    regex.push_str(&regex::escape(&chars.next().map(String::from).unwrap_or_default()));
                }
                _ => return Err(wrong("has a `\\` in a pattern before a character that needs none")),
            },
            _ => regex.push_str(&regex::escape(char.encode_utf8(&mut [0; 4]))),
        }
    }
    Ok(regex)
}

fn regex(text: &str) -> Result<Regex, NotExpanded> {
    Regex::new(text).map_err(|_| wrong("has a pattern that is not understood"))
}

#[cfg(test)]
mod tests {
    use super::expand;
    use std::collections::BTreeMap;

    #[test]
    fn words_are_expanded_as_buildkit_does() {
        let variables = [("A", "1.2.3"), ("EMPTY", ""), ("IMG", "ghcr.io/x/y")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        let variables = BTreeMap::from(variables);
        for (word, expected) in [
            ("python:$A", "python:1.2.3"),
            ("python:${A}-slim", "python:1.2.3-slim"),
            ("$NONE", ""),
            ("${NONE:-x}", "x"),
            ("${EMPTY:-x}", "x"),
            ("${EMPTY-x}", ""),
            ("${NONE-$A}", "1.2.3"),
            ("${A:+yes}${NONE:+no}", "yes"),
            ("'$A'", "$A"),
            ("\"$A\"", "1.2.3"),
            ("\\$A", "$A"),
            ("a$", "a$"),
            ("$A_", ""),
            ("${A%.*}", "1.2"),
            ("${A%%.*}", "1"),
            ("${A#*.}", "2.3"),
            ("${A##*.}", "3"),
            ("${IMG/ghcr.io/mirror}", "mirror/x/y"),
            ("${A//./-}", "1-2-3"),
        ] {
            assert_eq!(expand(word, &variables, '\\').unwrap().text, expected, "{word}");
        }
        for word in ["${A", "${}", "${NONE:?needed}", "${A:#x}", "'a", "\"a", "${A@U}"] {
            assert!(expand(word, &variables, '\\').is_err(), "{word}");
        }
        assert_eq!(expand("$B$B${C:-x}", &variables, '\\').unwrap().unset, ["B"]);
    }
}
