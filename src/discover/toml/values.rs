//! Texts, lists and tables as TOML has them.

use std::collections::BTreeMap;
use std::fmt::Write;

pub(super) fn list(values: &[String]) -> String {
    let values: Vec<String> = values.iter().map(|value| quoted(value)).collect();
    format!("[{}]", values.join(", "))
}

/// Values that a script passes to `--set`, typed as by Helm: numbers and booleans are not strings.
pub(super) fn typed(pairs: &BTreeMap<String, String>) -> String {
    let value = |text: &str| match text {
        "true" | "false" => text.to_owned(),
        _ if text.parse::<i64>().is_ok_and(|number| number.to_string() == text) => text.to_owned(),
        _ => quoted(text),
    };
    let pairs: Vec<String> =
        pairs.iter().map(|(name, text)| format!("{} = {}", key(name), value(text))).collect();
    format!("{{ {} }}", pairs.join(", "))
}

pub(super) fn table(pairs: &BTreeMap<String, String>) -> String {
    let pairs: Vec<String> =
        pairs.iter().map(|(name, value)| format!("{} = {}", key(name), quoted(value))).collect();
    format!("{{ {} }}", pairs.join(", "))
}

pub(super) fn capital(text: &str) -> String {
    // Paths and names stay as they are.
    let word = text.split(' ').next().unwrap_or_default();
    let plain = word.chars().all(|letter| letter.is_ascii_lowercase());
    match text.chars().next() {
        Some(first) if plain => format!("{}{}", first.to_uppercase(), &text[first.len_utf8()..]),
        _ => text.to_owned(),
    }
}

/// A key as TOML has it: bare where it may be.
pub(super) fn key(name: &str) -> String {
    let bare = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    if bare { name.to_owned() } else { quoted(name) }
}

/// A text as TOML has it.
pub(super) fn quoted(text: &str) -> String {
    let mut whole = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' => whole.push_str("\\\""),
            '\\' => whole.push_str("\\\\"),
            '\n' => whole.push_str("\\n"),
            '\t' => whole.push_str("\\t"),
            letter if letter.is_control() => {
                let _ = write!(whole, "\\u{:04X}", u32::from(letter));
            }
            letter => whole.push(letter),
        }
    }
    whole.push('"');
    whole
}
