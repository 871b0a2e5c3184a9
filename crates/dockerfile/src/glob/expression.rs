//! Go's regular expressions in Rust's syntax.

use crate::glob::Malformed;
use crate::glob::OPEN;
use std::fmt::Write;

/// Puts an expression as Go reads it (`regexp/syntax`, Perl flags) into Rust's syntax.
pub(super) fn to_rust(go: &[char]) -> Result<String, Malformed> {
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
