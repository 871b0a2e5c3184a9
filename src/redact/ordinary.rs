//! Values that are never secrets: words, numbers, switches, addresses. Hiding them would tear text apart,
//! and reveal more than it hides. docs/security.md lists the rules.

/// A word or number of this length is not a name.
const LONG: usize = 16;

/// Whether `value` is too ordinary to be hidden.
pub(super) fn is_ordinary(value: &str) -> bool {
    value.len() < LONG && (is_word(value) || is_quantity(value)) || is_address(value)
}

/// `postgres`, `Production`.
fn is_word(value: &str) -> bool {
    let rest = value.strip_prefix(|first: char| first.is_ascii_uppercase()).unwrap_or(value);
    !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_lowercase())
}

/// A quantity with a unit is not longer than this.
const SHORT: usize = 7;

/// `5432`, `0.25`, `1.36.1`, `30s`, `512Mi`, `127.0.0.1`.
fn is_quantity(value: &str) -> bool {
    if value.bytes().all(|byte| byte.is_ascii_digit()) || value.parse::<std::net::IpAddr>().is_ok() {
        return true;
    }
    let number = value.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    value.len() <= SHORT
        && value.len() - number.len() <= 2
        && number.starts_with(|first: char| first.is_ascii_digit())
        && number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
}

/// A host with a port, or a URL of nothing else: `redis://cache:6379`, `https://api.example.com/`, `cache:6379`. A path may be
/// a secret (webhooks), a user name or a query, too.
fn is_address(value: &str) -> bool {
    let (scheme, host) = value.split_once("://").unwrap_or(("", value));
    let host = host.strip_suffix('/').unwrap_or(host);
    let (name, port) = host.rsplit_once(':').unwrap_or((host, ""));
    let is_name = name.split('.').all(|label| {
        !label.is_empty()
            && label.len() <= 40
            && label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    });
    let is_port = port.len() <= 5 && port.bytes().all(|byte| byte.is_ascii_digit());
    let says_so = !scheme.is_empty() || !port.is_empty() || name.ends_with(".svc.cluster.local");
    is_name && is_port && says_so && scheme.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'+')
}
