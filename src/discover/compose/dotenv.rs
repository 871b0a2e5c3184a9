//! `.env` as compose reads it for `${NAME}`: the last of two lines counts, and what is not in single quotes is expanded.
//!
//! Not the file of a Secret: that one is read when it is needed (`project::dotenv`).

use super::template::Template;
use std::collections::BTreeMap;

/// The values of a `.env` file; `outer` are known before it, and win.
pub(super) fn values(text: &str, outer: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let text = text.replace("\r\n", "\n");
    let mut rest = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let mut own = BTreeMap::new();
    while !rest.is_empty() {
        let (line, after) = rest.split_once('\n').unwrap_or((rest, ""));
        let trimmed = line.trim_start();
        let Some(at) = line.find(['=', ':']).filter(|_| !trimmed.starts_with('#')) else {
            rest = after;
            continue;
        };
        let key = line[..at].trim();
        let key = key.strip_prefix("export ").unwrap_or(key).trim().to_owned();
        let value = rest[at + 1..].trim_start_matches([' ', '\t']);
        let (value, after) = one(value, after, &own, outer);
        rest = after;
        if !key.is_empty() && !key.contains(char::is_whitespace) {
            own.insert(key, value);
        }
    }
    for (key, value) in outer {
        own.insert(key.clone(), value.clone());
    }
    own
}

/// The value that begins `text`, and what follows its line.
fn one<'t>(
    text: &'t str,
    after: &'t str,
    own: &BTreeMap<String, String>,
    outer: &BTreeMap<String, String>,
) -> (String, &'t str) {
    let expanded = |raw: &str| {
        let mut known = own.clone();
        known.extend(outer.iter().map(|(key, value)| (key.clone(), value.clone())));
        Template::parse(raw, &known).map_or_else(|_| raw.to_owned(), |template| template.text())
    };
    if let Some(quote) = text.chars().next().filter(|first| matches!(first, '"' | '\''))
        && let Some(end) = closing(&text[1..], quote)
    {
        let inside = &text[1..=end];
        let after = text[end + 2..].split_once('\n').map_or("", |(_, after)| after);
        return (if quote == '\'' { inside.to_owned() } else { expanded(&unescaped(inside)) }, after);
    }
    let line = text.split('\n').next().unwrap_or_default();
    let line = match line.find(" #") {
        Some(at) => &line[..at],
        None if line.starts_with('#') => "",
        None => line,
    };
    (expanded(line.trim_end()), after)
}

fn closing(text: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    for (at, letter) in text.char_indices() {
        match letter {
            _ if escaped => escaped = false,
            '\\' if quote == '"' => escaped = true,
            letter if letter == quote => return Some(at),
            _ => {}
        }
    }
    None
}

/// `\n` and its like; `\$` stays a `$` that is not expanded.
fn unescaped(text: &str) -> String {
    let mut whole = String::new();
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        if letter != '\\' {
            whole.push(letter);
            continue;
        }
        match letters.next() {
            Some('n') => whole.push('\n'),
            Some('r') => whole.push('\r'),
            Some('t') => whole.push('\t'),
            Some('$') => whole.push_str("$$"),
            Some(other @ ('"' | '\\')) => whole.push(other),
            Some(other) => whole.extend(['\\', other]),
            None => whole.push('\\'),
        }
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::values;
    use std::collections::BTreeMap;

    #[test]
    fn lines_are_read_as_compose_reads_them() {
        let text = "\u{feff}A=b # c\r\nB=b#c\nC='x$A'\nD=\"y$A\\n\"\nE=\"two\nlines\"\nexport F = 1\nG: 2\nH=1\nH=2\nI=a\\nb\nJ=${A}!\n# K=1\nL=\nM=outer\n";
        let outer = BTreeMap::from([("M".to_owned(), "wins".to_owned())]);
        let read = values(text, &outer);
        for (key, value) in [
            ("A", "b"),
            ("B", "b#c"),
            ("C", "x$A"),
            ("D", "yb\n"),
            ("E", "two\nlines"),
            ("F", "1"),
            ("G", "2"),
            ("H", "2"),
            ("I", "a\\nb"),
            ("J", "b!"),
            ("L", ""),
            ("M", "wins"),
        ] {
            assert_eq!(read.get(key).map(String::as_str), Some(value), "{key}");
        }
        assert!(!read.contains_key("K"));
    }
}
