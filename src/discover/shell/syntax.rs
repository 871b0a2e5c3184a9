//! The block syntax of a command's text: functions, loops, brackets, and where they end.

use super::split::Piece;

pub(super) fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty()
            && !name.starts_with(|c: char| c.is_ascii_digit())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    })
}

/// `name() {` and `function name {`: the name, and the text after the brace.
pub(super) fn function(text: &str) -> Option<(String, String)> {
    let (named, text) = match text.strip_prefix("function ") {
        Some(text) => (true, text.trim_start()),
        None => (false, text),
    };
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && !"_-:".contains(c)).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let rest = rest.trim_start();
    let behind = match rest.strip_prefix("()") {
        Some(rest) => rest,
        None if named => rest,
        None => return None,
    };
    let behind = behind.trim_start();
    (!name.is_empty())
        .then(|| (name.to_owned(), behind.strip_prefix('{').unwrap_or(behind).trim().to_owned()))
}

/// `NAME in a b c`.
pub(super) fn loop_head(text: &str) -> Option<(String, String)> {
    let (name, list) = text.split_once(" in ")?;
    Some((name.trim().to_owned(), list.trim().to_owned()))
}

/// The index of the command that closes the one at `at`, or the end.
pub(super) fn closing(pieces: &[Piece], at: usize, open: &str, close: &str) -> usize {
    let mut depth = 0_usize;
    for (index, piece) in pieces.iter().enumerate().skip(at) {
        let mut text = piece.text.as_str();
        while let Some(rest) = ["do ", "then ", "else ", "{ "]
            .iter()
            .find_map(|word| text.strip_prefix(word))
            .filter(|_| open != "{")
        {
            text = rest.trim_start();
        }
        let first = text.split_whitespace().next().unwrap_or_default();
        let opens = match open {
            "{" => first == "{" || text.ends_with('{') || index == at && text.contains('{'),
            "for" => matches!(first, "for" | "while" | "until"),
            other => first == other,
        };
        if opens {
            depth += 1;
        }
        if first == close || (open == "{" && text.ends_with("; }")) {
            depth = depth.saturating_sub(1);
            if depth == 0 {
                return index;
            }
        }
    }
    pieces.len()
}

/// Whether a `)` of it belongs to a `(` before it.
pub(super) fn is_unbalanced(text: &str) -> bool {
    if !text.trim_end().ends_with(')') {
        return false;
    }
    let (mut depth, mut quote) = (0_i32, None);
    for letter in text.chars() {
        match (quote, letter) {
            (Some(end), letter) if end == letter => quote = None,
            (Some('\''), _) => {}
            (_, '(') => depth += 1,
            (_, ')') => depth -= 1,
            (None, '"' | '\'') => quote = Some(letter),
            _ => {}
        }
    }
    depth < 0
}
