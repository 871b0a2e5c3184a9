//! Passwords in URLs (`scheme://user:password@host`): hidden wherever one stands, whether or not the value is known.

use super::view::View;
use std::ops::Range;

/// The passwords of URLs in `text`, as they are written and with percent signs decoded.
pub(super) fn passwords(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for range in ranges(text.as_bytes()) {
        let Some(password) = text.get(range) else { continue };
        found.push(password.to_owned());
        let decoded: Vec<String> = super::view::views(password)
            .iter()
            .filter_map(|view| String::from_utf8(view.bytes.to_vec()).ok())
            .filter(|decoded| password.contains('%') && decoded != password)
            .collect();
        found.extend(decoded);
    }
    found
}

/// Where a view has passwords of URLs, as parts of the text.
pub(super) fn find<'v>(view: &'v View<'_>) -> impl Iterator<Item = Range<usize>> + use<'v> {
    ranges(&view.bytes).into_iter().map(|range| view.in_text(range))
}

fn ranges(bytes: &[u8]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(at) = bytes[from..].windows(3).position(|three| three == b"://") {
        let begin = from + at + 3;
        from = begin;
        let has_scheme = begin > 3 && bytes[begin - 4].is_ascii_alphanumeric();
        if let Some(range) = password(bytes, begin).filter(|_| has_scheme) {
            from = range.end;
            found.push(range);
        }
    }
    found
}

/// The password of the authority that begins at `begin` (RFC 3986, 3.2.1). Many write one that holds `/`, `?` or `#`, so it
/// ends with the last `@` before what cannot be part of a URL.
fn password(bytes: &[u8], begin: usize) -> Option<Range<usize>> {
    let is_end =
        |byte: &u8| byte.is_ascii_whitespace() || byte.is_ascii_control() || b"\"'`<>".contains(byte);
    let end = bytes[begin..].iter().position(is_end).map_or(bytes.len(), |end| begin + end);
    let authority =
        bytes[begin..end].iter().position(|byte| b"/?#".contains(byte)).map_or(end, |at| begin + at);
    let at = |end: usize| bytes[begin..end].iter().rposition(|byte| *byte == b'@').map(|at| begin + at);
    let colon = bytes[begin..authority].iter().position(|byte| *byte == b':')? + begin;
    let last = at(authority).or_else(|| {
        // `host:8080/@handle` has a port and no password.
        let port = bytes[colon + 1..authority].iter().all(u8::is_ascii_digit);
        at(end).filter(|_| !port)
    })?;
    let password = &bytes[(colon + 1).min(last)..last];
    let is_reference = password.starts_with(b"$") || password.starts_with(b"{") || password.starts_with(b"*");
    (colon < last && !password.is_empty() && !is_reference).then_some(colon + 1..last)
}
