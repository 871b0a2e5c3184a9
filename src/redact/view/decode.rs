//! What programs do to a value when they quote it, taken back.

use super::Builder;
use super::View;

type Decode = for<'v, 'a> fn(&'v View<'a>) -> Option<View<'a>>;

/// Each of them answers `None` where it changes nothing.
pub(super) const ALL: [Decode; 5] = [backslashes, percents, percents_and_plus, doubled_quotes, entities];

/// JSON, Go's `%q`, Python's `repr`, C, `printf %q` and `$'…'` of shells, YAML in double quotes.
fn backslashes<'a>(view: &View<'a>) -> Option<View<'a>> {
    decoded(view, b'\\', backslash)
}

/// RFC 3986, 2.1.
fn percents<'a>(view: &View<'a>) -> Option<View<'a>> {
    decoded(view, b'%', percent)
}

/// `application/x-www-form-urlencoded`: a blank is `+`.
fn percents_and_plus<'a>(view: &View<'a>) -> Option<View<'a>> {
    if !view.bytes.contains(&b'+') {
        return None;
    }
    let plus = decoded(view, b'+', |_| Some((vec![b' '], 1)))?;
    Some(percents(&plus).unwrap_or(plus))
}

/// `''` in YAML and SQL, `""` in CSV, `'\''` and `'"'"'` in shells.
fn doubled_quotes<'a>(view: &View<'a>) -> Option<View<'a>> {
    let bytes = &view.bytes;
    let forms: [(&[u8], &[u8]); 4] = [(br"'\''", b"'"), (br#"'"'"'"#, b"'"), (b"''", b"'"), (b"\"\"", b"\"")];
    if !bytes.windows(2).any(|two| matches!(two, b"''" | b"\"\"" | b"'\\" | b"'\"")) {
        return None;
    }
    replaced(view, &forms)
}

/// XML and HTML.
fn entities<'a>(view: &View<'a>) -> Option<View<'a>> {
    let forms: [(&[u8], &[u8]); 9] = [
        (b"&quot;", b"\""),
        (b"&#34;", b"\""),
        (b"&apos;", b"'"),
        (b"&#39;", b"'"),
        (b"&#x27;", b"'"),
        (b"&lt;", b"<"),
        (b"&gt;", b">"),
        (b"&#43;", b"+"),
        (b"&amp;", b"&"),
    ];
    if !view.bytes.contains(&b'&') {
        return None;
    }
    replaced(view, &forms)
}

fn replaced<'a>(view: &View<'a>, forms: &[(&[u8], &[u8])]) -> Option<View<'a>> {
    let mut made = Builder::new(view);
    let mut at = 0;
    while at < view.bytes.len() {
        match forms.iter().find(|(form, _)| view.bytes[at..].starts_with(form)) {
            Some((form, means)) => {
                made.write(means, at..at + form.len());
                at += form.len();
            }
            None => {
                made.keep(at..at + 1);
                at += 1;
            }
        }
    }
    made.finish()
}

/// `view` with what begins with `mark` decoded: `decode` returns the bytes, and how many it has read.
fn decoded<'a>(
    view: &View<'a>,
    mark: u8,
    decode: impl Fn(&[u8]) -> Option<(Vec<u8>, usize)>,
) -> Option<View<'a>> {
    if !view.bytes.contains(&mark) {
        return None;
    }
    let mut made = Builder::new(view);
    let mut at = 0;
    while at < view.bytes.len() {
        let found = (view.bytes[at] == mark).then(|| decode(&view.bytes[at..])).flatten();
        match found {
            Some((bytes, size)) => {
                made.write(&bytes, at..at + size);
                at += size;
            }
            None => {
                made.keep(at..at + 1);
                at += 1;
            }
        }
    }
    made.finish()
}

fn percent(bytes: &[u8]) -> Option<(Vec<u8>, usize)> {
    let byte = u8::try_from(number(bytes.get(1..3)?, 16)?).ok()?;
    Some((vec![byte], 3))
}

fn backslash(bytes: &[u8]) -> Option<(Vec<u8>, usize)> {
    let next = *bytes.get(1)?;
    match next {
        // Control letters, which no view shows.
        b'n' => Some((vec![b'\n'], 2)),
        b'e' | b'E' => Some((vec![0x1b], 2)),
        b'a' | b'b' | b'f' | b'r' | b't' | b'v' => Some((vec![0x07], 2)),
        b'x' => Some((vec![u8::try_from(number(bytes.get(2..4)?, 16)?).ok()?], 4)),
        b'u' if bytes.get(2) == Some(&b'{') => {
            let end = bytes.iter().take(11).position(|byte| *byte == b'}')?;
            Some((text(number(&bytes[3..end], 16)?)?, end + 1))
        }
        b'u' => unicode(bytes),
        b'U' => Some((text(number(bytes.get(2..10)?, 16)?)?, 10)),
        b'0'..=b'3' if bytes.get(2..4).is_some_and(|rest| number(rest, 8).is_some()) => {
            Some((vec![u8::try_from(number(bytes.get(1..4)?, 8)?).ok()?], 4))
        }
        b'0' => Some((vec![0], 2)),
        next if next.is_ascii_punctuation() || next == b' ' => Some((vec![next], 2)),
        _ => None,
    }
}

/// `\uXXXX`; a code point beyond 16 bits is a surrogate pair (RFC 8259, 7).
fn unicode(bytes: &[u8]) -> Option<(Vec<u8>, usize)> {
    let first = number(bytes.get(2..6)?, 16)?;
    if !(0xd800..0xdc00).contains(&first) {
        return Some((text(first)?, 6));
    }
    let second = number(bytes.get(6..)?.strip_prefix(b"\\u")?.get(..4)?, 16)?;
    let second = second.checked_sub(0xdc00).filter(|second| *second < 0x400)?;
    Some((text(0x10000 + ((first - 0xd800) << 10) + second)?, 12))
}

fn text(letter: u32) -> Option<Vec<u8>> {
    char::from_u32(letter).map(|letter| letter.to_string().into_bytes())
}

fn number(digits: &[u8], base: u32) -> Option<u32> {
    let is_one = !digits.is_empty() && digits.iter().all(|digit| char::from(*digit).is_digit(base));
    is_one.then(|| u32::from_str_radix(std::str::from_utf8(digits).ok()?, base).ok()).flatten()
}
