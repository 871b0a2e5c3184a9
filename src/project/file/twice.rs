//! A name that is defined twice in a TOML text: which, and its first place, determined by lines. Pure.
//!
//! The parser only reports that a key is a duplicate. It reads on as if the second table went on with the first, and so
//! finds each key of the second again: those are not separate mistakes.

use std::ops::Range;

/// A name that is defined twice.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Twice {
    /// The name, with the brackets of a table.
    pub(super) name: String,
    /// Where it begins first.
    pub(super) first: Option<usize>,
    /// What to do.
    pub(super) help: String,
}

/// What stands at `span` and stood before; `None` for a consequence of another.
pub(super) fn twice(text: &str, span: &Range<usize>) -> Option<Twice> {
    let start = text[..span.start].rfind('\n').map_or(0, |end| end + 1);
    let line = text[start..].lines().next().unwrap_or_default();
    let mut before = Vec::new();
    let mut at = 0;
    for line in text[..start].split_inclusive('\n') {
        before.push((at + line.len() - line.trim_start().len(), line));
        at += line.len();
    }
    if let Some(name) = header(line) {
        let first = before.iter().find(|(_, line)| header(line).as_ref() == Some(&name));
        let help = format!("write all of its keys below one `[{name}]`, or give the other another name");
        return Some(Twice { name: format!("[{name}]"), first: first.map(|(at, _)| *at), help });
    }
    let name = plain(&text[span.clone()]);
    let own = before.iter().rev().take_while(|(_, line)| header(line).is_none());
    let same = |line: &str| line.split_once('=').is_some_and(|(key, _)| plain(key) == name);
    let first = own.filter(|(_, line)| same(line)).last().map(|(at, _)| *at);
    let of_its_own_line = text[start..span.start].trim().is_empty();
    (first.is_some() || !of_its_own_line).then(|| Twice { name, first, help: "keep one of them".to_owned() })
}

/// The name in a line `[name]` or `[[name]]`, however it is spaced and quoted.
fn header(line: &str) -> Option<String> {
    let rest = line.trim_start().strip_prefix('[')?;
    let name = rest.strip_prefix('[').unwrap_or(rest).split_once(']')?.0;
    Some(name.split('.').map(plain).collect::<Vec<_>>().join("."))
}

/// A key without the quotes that it may have.
fn plain(key: &str) -> String {
    key.trim().trim_matches(['"', '\'']).to_owned()
}
