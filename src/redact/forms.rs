//! The search patterns of a value: its lines, the passwords and keys that it holds, and all of that in base64.

use super::ordinary::is_ordinary;
use super::url;
use super::view::normalised;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use std::collections::BTreeSet;

/// Shorter values are parts of too many words.
const SHORTEST: usize = 4;

/// The lines of a value of several, such as a configuration file, are ordinary text more often.
const SHORTEST_OF_LINES: usize = 8;

/// Base64 that may stand between other letters must have this many of its own.
const SHORTEST_BASE64: usize = 8;

/// Larger values are found by their lines and their whole base64 alone.
const LARGEST: usize = 16 << 10;

/// The search pattern.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Needle {
    pub(super) bytes: Vec<u8>,
    /// Whether it is the inner part of a base64 text, whose other characters are hidden with it.
    pub(super) is_base64: bool,
}

/// Adds what finds `value`.
pub(super) fn needles(value: &[u8], found: &mut BTreeSet<Needle>) {
    encoded(value, found);
    let Ok(text) = std::str::from_utf8(value) else { return };
    let several = text.trim().lines().nth(1).is_some();
    for line in text.lines().map(str::trim) {
        plain(line, if several { SHORTEST_OF_LINES } else { SHORTEST }, found);
    }
    if value.len() <= LARGEST {
        let mut inner = url::passwords(text);
        inner.extend(text.lines().filter_map(assigned));
        if let Ok(json) = serde_json::from_str::<Value>(text) {
            keys(&json, &mut inner);
        }
        for value in inner.iter().map(|value| value.trim()).filter(|value| *value != text.trim()) {
            encoded(value.as_bytes(), found);
            value.lines().for_each(|line| plain(line.trim(), SHORTEST, found));
        }
    }
}

fn plain(line: &str, shortest: usize, found: &mut BTreeSet<Needle>) {
    let bytes = normalised(line.as_bytes());
    if bytes.len() >= shortest && !is_ordinary(line) {
        found.insert(Needle { bytes, is_base64: false });
    }
}

/// The value in base64, padded or not, of both alphabets (RFC 4648), also behind other bytes: behind `user:` in `Basic`
/// authentication it begins within a group of three. The letters that depend on its neighbours are left out.
fn encoded(value: &[u8], found: &mut BTreeSet<Needle>) {
    if value.len() < SHORTEST {
        return;
    }
    let whole = STANDARD.encode(value);
    if whole.len() <= SHORTEST_BASE64 || value.len() > LARGEST {
        found.insert(Needle { bytes: whole.into_bytes(), is_base64: false });
    }
    if value.len() > LARGEST {
        return;
    }
    // What stands before it moves it by 0, 8 or 16 bits: so many letters are not its own.
    for (before, foreign) in [(0, 0), (1, 2), (2, 3)] {
        let bytes = [&[0; 2][..before], value].concat();
        for text in [STANDARD_NO_PAD.encode(&bytes), URL_SAFE_NO_PAD.encode(&bytes)] {
            // The last letter is shared with what follows unless it ends where a byte does.
            let shared = usize::from(bytes.len() % 3 != 0);
            let own = &text[foreign..text.len() - shared];
            if own.len() >= SHORTEST_BASE64 {
                found.insert(Needle { bytes: own.as_bytes().to_vec(), is_base64: true });
            }
        }
    }
}

/// `password = x` and `password: "x"` of a configuration file that is a Secret's value.
fn assigned(line: &str) -> Option<String> {
    let (name, value) = line.split_once('=').or_else(|| line.split_once(": "))?;
    let value = value.trim().trim_end_matches([',', ';']).trim_matches(['"', '\'']);
    (is_secret_name(name) && value.len() >= SHORTEST).then(|| value.to_owned())
}

/// The strings of a JSON value with names of secrets, as in a registry login or a key file.
fn keys(json: &Value, found: &mut Vec<String>) {
    match json {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(text) if is_secret_name(name) => found.push(text.clone()),
                    other => keys(other, found),
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|value| keys(value, found)),
        Value::String(text) => found.extend(url::passwords(text)),
        _ => {}
    }
}

fn is_secret_name(name: &str) -> bool {
    const PARTS: [&str; 7] = ["passw", "secret", "token", "private_key", "api_key", "apikey", "credential"];
    let name = name.trim().trim_matches(['"', '\'']).to_ascii_lowercase().replace('-', "_");
    name == "auth" || name == "identitytoken" || PARTS.iter().any(|part| name.contains(part))
}
