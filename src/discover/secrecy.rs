//! Whether a value is a secret by its form, whatever its key is called (`keys` judges the key). Never because it equals another.

use super::keys::words;
use crate::project::clear;
use crate::project::clear::Clear;
use crate::project::clear::detect;

/// Whether a value is a secret by its form, under whatever key.
#[must_use]
pub fn looks_secret(key: &str, value: &str) -> bool {
    if password(value).is_some() || detect("", value) == Some(Clear::Secret) {
        return true;
    }
    let weak = words(key).iter().any(|word| matches!(word.as_str(), "key" | "auth" | "access" | "client"));
    let dense = value.len() >= 20 && value.chars().all(|c| c.is_ascii_alphanumeric() || "+/=_-".contains(c));
    weak && dense && entropy(value) >= 3.5
}

fn entropy(value: &str) -> f64 {
    let mut counts = std::collections::BTreeMap::new();
    for letter in value.chars() {
        *counts.entry(letter).or_insert(0u32) += 1;
    }
    let all = f64::from(u32::try_from(value.chars().count()).unwrap_or(u32::MAX));
    counts.values().map(|count| f64::from(*count) / all).map(|part| -part * part.log2()).sum()
}

/// Whether a value is a placeholder.
#[must_use]
pub fn is_placeholder(value: &str) -> bool {
    const BEGINS: [&str; 4] = ["replace", "todo", "dummy", "example"];
    let small = value.trim().to_ascii_lowercase();
    small.is_empty()
        || clear::is_placeholder(value.as_bytes())
        || BEGINS.iter().any(|start| small.starts_with(start))
        || small.starts_with('<') && small.ends_with('>')
        || small.starts_with("{{")
}

/// Where the password stands in a URL or a connection string: `scheme://user:PASS@host`, `?password=PASS`, `;Password=PASS`.
#[must_use]
pub fn password(text: &str) -> Option<(usize, usize)> {
    in_authority(text).or_else(|| in_fields(text))
}

fn in_authority(text: &str) -> Option<(usize, usize)> {
    let begin = text.find("://")? + 3;
    let authority = &text[begin..begin + text[begin..].find(['/', '?', '#']).unwrap_or(text.len() - begin)];
    let (user, _) = authority.rsplit_once('@')?;
    let (name, password) = user.split_once(':')?;
    let start = begin + name.len() + 1;
    (!password.is_empty()).then_some((start, start + password.len()))
}

fn in_fields(text: &str) -> Option<(usize, usize)> {
    let small = text.to_ascii_lowercase();
    // A text with one field is a text; a connection string has several.
    if !small.contains("://") && small.matches('=').count() < 2 {
        return None;
    }
    ["password=", "pwd="].iter().find_map(|key| {
        let at = small
            .match_indices(key)
            .map(|(at, _)| at)
            .find(|at| *at == 0 || text[..*at].ends_with(['?', '&', ';', ' ']))?;
        let start = at + key.len();
        let length = text[start..].find(['&', ';', ' ']).unwrap_or(text.len() - start);
        (length > 0).then_some((start, start + length))
    })
}

/// The host and the user of a URL with an authority.
#[must_use]
pub fn host_and_user(text: &str) -> Option<(&str, &str)> {
    let begin = text.find("://")? + 3;
    let authority = &text[begin..begin + text[begin..].find(['/', '?', '#']).unwrap_or(text.len() - begin)];
    let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
    let host = host.split([':', ',']).next().unwrap_or(host);
    Some((host, user.split(':').next().unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::is_placeholder;
    use super::looks_secret;
    use super::password;

    #[test]
    fn values_are_judged_by_their_form() {
        for (key, value) in [
            ("A", "postgres://u:p@db/x"),
            ("A", "jdbc:mysql://db/x?user=u&password=p"),
            ("A", "Server=db;User=u;Password=p"),
            ("A", "ghp_0123456789abcdefghij0123456789abcdef"),
            ("AUTH", "Zm9vYmFyQmF6UXV4MTIzNDU2"),
            ("A", "eyJhbGciOi.eyJzdWIiOi.c2lnbmF0dXJlLW9mLWEtdG9rZW4"),
        ] {
            assert!(looks_secret(key, value), "{value}");
        }
        for (key, value) in [
            ("A", "http://db:80/x"),
            ("A", "password=x"),
            ("KEY", "short"),
            ("A", "shop"),
            ("U", "redis://cache:6379/0"),
        ] {
            assert!(!looks_secret(key, value), "{value}");
        }
        assert_eq!(
            password("postgres://u:pa%40ss@db/x").map(|(a, b)| &"postgres://u:pa%40ss@db/x"[a..b]),
            Some("pa%40ss")
        );
        for value in ["", "changeme", "your-key", "<token>", "xxx", "put-it-here"] {
            assert!(is_placeholder(value), "{value}");
        }
        assert!(!is_placeholder("hunter2"));
    }
}
