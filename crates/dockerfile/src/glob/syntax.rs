//! Whether a pattern is one at all, as Go's `path/filepath.Match` has it.

use crate::glob::Malformed;
use crate::glob::OPEN;

/// BuildKit's first check: Go's `path/filepath.Match(pattern, ".")`, for its error only. It stops at the first part
/// between stars that does not match, so it does not see every mistake.
pub(super) fn check(pattern: &[char]) -> Result<(), Malformed> {
    go_match(pattern, &['.']).map(drop)
}

/// Go's `path/filepath.Match`: whether all of `name` matches the pattern.
pub(super) fn go_match(pattern: &[char], name: &[char]) -> Result<bool, Malformed> {
    let (mut rest, mut name) = (pattern, name);
    'parts: while !rest.is_empty() {
        let (star, part, after) = next_part(rest);
        rest = after;
        if star && part.is_empty() {
            return Ok(!name.contains(&'/'));
        }
        let last = rest.is_empty();
        let skips = if star { name.iter().take_while(|char| **char != '/').count() } else { 0 };
        for skipped in 0..=skips {
            match match_part(part, &name[skipped..])? {
                Some(left) if left.is_empty() || !last => {
                    name = left;
                    continue 'parts;
                }
                _ => {}
            }
        }
        return Ok(false);
    }
    Ok(name.is_empty())
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

/// `matchChunk`: the rest of `name` if it begins with the part.
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

/// Whether `[…]` matches a character; the text starts after its `[`.
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
