//! A text as a reader would take it: without escape sequences and control letters, and with quoted text decoded.
//!
//! Each byte of a view knows the part of the text that it stands for, so a match in a view is replaced in the text.

mod decode;

use std::borrow::Cow;
use std::ops::Range;

/// Encodings within encodings: JSON in JSON, percent signs in JSON.
const DEEPEST: usize = 3;

/// A text of thousands of backslashes must not cost more than this many searches.
const MOST: usize = 16;

/// A text in one way of reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct View<'a> {
    pub(super) bytes: Cow<'a, [u8]>,
    /// The part of the text that each byte stands for; `None` where the view is the text.
    spans: Option<Vec<Range<usize>>>,
}

impl<'a> View<'a> {
    fn new(text: &'a str) -> View<'a> {
        View { bytes: Cow::Borrowed(text.as_bytes()), spans: None }
    }

    /// The part of the text that these bytes of the view stand for.
    pub(super) fn in_text(&self, range: Range<usize>) -> Range<usize> {
        match &self.spans {
            None => range,
            Some(spans) if range.is_empty() => {
                let at = spans.get(range.start).map_or(0, |span| span.start);
                at..at
            }
            Some(spans) => spans[range.start].start..spans[range.end - 1].end,
        }
    }
}

/// A view that is being made from another.
struct Builder<'v, 'a> {
    from: &'v View<'a>,
    bytes: Vec<u8>,
    spans: Vec<Range<usize>>,
    changed: bool,
}

impl<'v, 'a> Builder<'v, 'a> {
    fn new(from: &'v View<'a>) -> Builder<'v, 'a> {
        let size = from.bytes.len();
        Builder { from, bytes: Vec::with_capacity(size), spans: Vec::with_capacity(size), changed: false }
    }

    /// Takes the bytes of the other view over.
    fn keep(&mut self, range: Range<usize>) {
        for at in range {
            self.bytes.push(self.from.bytes[at]);
            let span = self.from.in_text(at..at + 1);
            self.spans.push(span);
        }
    }

    /// Writes `bytes` for a range of the other view.
    fn write(&mut self, bytes: &[u8], range: Range<usize>) {
        self.changed = true;
        let span = self.from.in_text(range);
        self.bytes.extend_from_slice(bytes);
        self.spans.extend(std::iter::repeat_n(span, bytes.len()));
    }

    fn finish(self) -> Option<View<'a>> {
        self.changed.then_some(View { bytes: Cow::Owned(self.bytes), spans: Some(self.spans) })
    }
}

/// Every way of reading `text`.
pub(super) fn views(text: &str) -> Vec<View<'_>> {
    let mut decoded = vec![View::new(text)];
    let mut begin = 0;
    for _ in 0..DEEPEST {
        let end = decoded.len();
        for at in begin..end {
            for decode in decode::ALL {
                if let Some(view) = decode(&decoded[at]).filter(|view| !contains(&decoded, view)) {
                    decoded.push(view);
                }
                if decoded.len() >= MOST {
                    return decoded.into_iter().flat_map(visible).collect();
                }
            }
        }
        begin = end;
    }
    decoded.into_iter().flat_map(visible).collect()
}

fn contains(views: &[View<'_>], view: &View<'_>) -> bool {
    views.iter().any(|known| known.bytes == view.bytes)
}

/// The text that a screen shows; and the same with the content of escape sequences, which JSON shows.
fn visible(view: View<'_>) -> Vec<View<'_>> {
    let without = without_controls(&view, false);
    let sequences = view.bytes.contains(&0x1b).then(|| without_controls(&view, true)).flatten();
    [Some(without.unwrap_or(view)), sequences].into_iter().flatten().collect()
}

/// Without letters that a terminal does not show, without the blanks that follow a line's end (folded lines are moved in),
/// and, if asked, without escape sequences.
fn without_controls<'a>(view: &View<'a>, sequences: bool) -> Option<View<'a>> {
    let bytes = &view.bytes;
    if !bytes.iter().any(|byte| byte.is_ascii_control() || matches!(byte, 0xc2 | 0xd8 | 0xe2 | 0xef)) {
        return None;
    }
    let mut made = Builder::new(view);
    let mut at = 0;
    let mut folded = false;
    while at < bytes.len() {
        let (letter, size) = letter(&bytes[at..]);
        if sequences && letter == Some('\u{1b}') {
            at += sequence(&bytes[at..]);
            made.changed = true;
            continue;
        }
        let ends_line = letter.is_some_and(|letter| "\n\u{2028}\u{2029}".contains(letter));
        let is_shown = !letter.is_some_and(|letter| is_deceptive(letter) || is_invisible(letter));
        if is_shown && !(folded && letter == Some(' ')) {
            made.keep(at..at + size);
            folded = false;
        } else {
            made.changed = true;
            folded |= ends_line;
        }
        at += size;
    }
    made.finish()
}

/// The first letter and how many bytes it has; a byte that begins none stands for itself.
fn letter(bytes: &[u8]) -> (Option<char>, usize) {
    if bytes[0].is_ascii() {
        return (Some(char::from(bytes[0])), 1);
    }
    let whole = (2..=4).find_map(|size| std::str::from_utf8(bytes.get(..size)?).ok());
    whole.and_then(|text| text.chars().next()).map_or((None, 1), |letter| (Some(letter), letter.len_utf8()))
}

/// How many bytes the escape sequence has that begins here (ECMA-48, 5.3 to 5.6).
fn sequence(bytes: &[u8]) -> usize {
    let until = |from: usize, is_end: fn(&u8) -> bool| {
        bytes[from..].iter().position(is_end).map_or(bytes.len(), |end| from + end + 1)
    };
    match bytes.get(1) {
        Some(b'[') => until(2, |byte| (0x40..=0x7e).contains(byte)),
        // A string that nothing ends is shown by most terminals from its line's end on: only its start is taken away.
        Some(b']' | b'P' | b'_' | b'^' | b'X') => {
            let end = bytes.iter().skip(2).position(|byte| matches!(byte, 0x07 | 0x1b));
            match end.map(|end| end + 2) {
                Some(end) if bytes[end] == 0x1b => (end + 2).min(bytes.len()),
                Some(end) => end + 1,
                None => 2,
            }
        }
        Some(b' '..=b'/') => until(2, |byte| (0x30..=0x7e).contains(byte)),
        Some(0x30..=0x7e) => 2,
        _ => 1,
    }
}

/// Whether a terminal obeys the letter instead of showing it, or shows what follows in another order (UAX #9).
pub(crate) fn is_deceptive(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Letters without width, which a reader does not see in a value.
fn is_invisible(letter: char) -> bool {
    matches!(letter, '\u{ad}' | '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}')
}

/// `bytes` as every view shows them.
pub(super) fn normalised(bytes: &[u8]) -> Vec<u8> {
    let view = View { bytes: Cow::Borrowed(bytes), spans: None };
    without_controls(&view, false).map_or_else(|| bytes.to_vec(), |view| view.bytes.into_owned())
}
