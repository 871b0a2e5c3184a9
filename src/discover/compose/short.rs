//! The short forms of a compose file: ports, volumes, command lines, times and variables as people write them in one line.

use super::Volume;
use crate::discover::tree::join;
use serde_json::Value;

/// `KEY: value` or `- KEY=value`.
pub(super) fn pairs(value: &Value) -> Vec<(String, Option<String>)> {
    match value {
        Value::Object(fields) => fields.iter().map(|(key, value)| (key.clone(), text(value))).collect(),
        Value::Array(items) => items
            .iter()
            .filter_map(Value::as_str)
            .map(|pair| match pair.split_once('=') {
                Some((key, value)) => (key.to_owned(), Some(value.to_owned())),
                None => (pair.to_owned(), None),
            })
            .collect(),
        _ => Vec::new(),
    }
}

pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

/// `8080:80`, `127.0.0.1:8080:80/tcp`, `80`, `{published: 8080, target: 80}`.
pub(super) fn port(value: &Value) -> Option<(Option<u16>, u16)> {
    if let Some(target) = value["target"].as_u64() {
        return Some((
            text(&value["published"]).and_then(|port| port.parse().ok()),
            u16::try_from(target).ok()?,
        ));
    }
    let written = default_of(&text(value)?);
    let (written, protocol) = written.split_once('/').unwrap_or((&written, "tcp"));
    let mut parts = written.rsplit(':');
    let target = parts.next()?.split('-').next()?.parse().ok()?;
    let published = parts.next().and_then(|port| port.split('-').next()?.parse().ok());
    (protocol == "tcp").then_some((published, target))
}

pub(super) fn volume(folder: &str, value: &Value) -> Option<Volume> {
    let (source, at) = match value.as_str() {
        Some(written) => {
            let mut parts = written.splitn(3, ':');
            match (parts.next()?, parts.next()) {
                (source, Some(at)) => (source.to_owned(), at.to_owned()),
                (at, None) => (String::new(), at.to_owned()),
            }
        }
        None if value["type"] == "tmpfs" => return None,
        None => {
            (value["source"].as_str().unwrap_or_default().to_owned(), value["target"].as_str()?.to_owned())
        }
    };
    let is_path = source.starts_with(['.', '/', '~', '$']) || source.contains('/');
    Some(if is_path {
        Volume::Bind { source: join(folder, &source), at }
    } else {
        Volume::Data { name: source, at }
    })
}

pub(super) fn command(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::String(line) => Some(words(line)),
        Value::Array(items) => Some(items.iter().filter_map(text).collect()),
        _ => None,
    }
}

/// The words of a command line; quotes hold together.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let (mut word, mut open, mut quote) = (String::new(), false, None);
    for letter in line.chars() {
        match (quote, letter) {
            (Some(end), letter) if letter == end => quote = None,
            (None, '"' | '\'') => (quote, open) = (Some(letter), true),
            (None, letter) if letter.is_whitespace() => {
                if open || !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                open = false;
            }
            (_, letter) => word.push(letter),
        }
    }
    if open || !word.is_empty() {
        words.push(word);
    }
    words
}

/// `1m30s`, `10s`, `500ms` → seconds, at least one.
pub(super) fn seconds(value: &Value) -> Option<u64> {
    let written = text(value)?;
    let (mut whole, mut number) = (0, String::new());
    let mut letters = written.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '0'..='9' => number.push(letter),
            'h' => whole += 3600 * std::mem::take(&mut number).parse::<u64>().ok()?,
            'm' if letters.peek() == Some(&'s') => number.clear(),
            'm' => whole += 60 * std::mem::take(&mut number).parse::<u64>().ok()?,
            's' => whole += std::mem::take(&mut number).parse::<u64>().unwrap_or(0),
            _ => number.clear(),
        }
    }
    Some(whole.max(1))
}

/// `${NAME:-default}` → `default`, everywhere in the text; what has no default stays.
#[must_use]
pub fn default_of(text: &str) -> String {
    let mut whole = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        whole.push_str(&rest[..at]);
        let Some(end) = rest[at..].find('}') else { break };
        let inside = &rest[at + 2..at + end];
        match inside.split_once(":-").or_else(|| inside.split_once('-')) {
            Some((_, default)) => whole.push_str(default),
            None => whole.push_str(&rest[at..=at + end]),
        }
        rest = &rest[at + end + 1..];
    }
    whole.push_str(rest);
    whole
}
