//! Finds values in a view: whole, and their beginning or end where a text was cut.

use super::forms::Needle;
use super::ordinary::is_ordinary;
use super::view::View;
use aho_corasick::AhoCorasick;
use std::collections::BTreeSet;
use std::ops::Range;

/// Of a value that is cut off, so many letters are enough to hide them; of a short one, half of it.
const ENOUGH: usize = 8;

/// Shorter matches are ignored.
const LEAST: usize = 6;

/// Which part of a needle a pattern is.
#[derive(Debug, Clone, Copy)]
enum Part {
    Whole,
    Beginning,
    End,
}

/// Searches for all needles at once.
#[derive(Debug)]
pub(super) struct Matcher {
    search: Option<AhoCorasick>,
    patterns: Vec<(usize, Part)>,
    needles: Vec<Needle>,
    names: BTreeSet<String>,
}

impl Matcher {
    pub(super) fn new(needles: &BTreeSet<Needle>, names: &BTreeSet<String>) -> Matcher {
        let is_name =
            |needle: &Needle| std::str::from_utf8(&needle.bytes).is_ok_and(|text| names.contains(text));
        let needles: Vec<Needle> = needles.iter().filter(|needle| !is_name(needle)).cloned().collect();
        let mut texts = Vec::new();
        let mut patterns = Vec::new();
        for (index, needle) in needles.iter().enumerate() {
            texts.push(needle.bytes.as_slice());
            patterns.push((index, Part::Whole));
            let least = least(needle);
            if least < needle.bytes.len() {
                texts.push(&needle.bytes[..least]);
                patterns.push((index, Part::Beginning));
                texts.push(&needle.bytes[needle.bytes.len() - least..]);
                patterns.push((index, Part::End));
            }
        }
        // Too many letters for an automaton (4 GiB) would be the only failure.
        let search = (!texts.is_empty()).then(|| AhoCorasick::new(&texts).ok()).flatten();
        Matcher { search, patterns, needles, names: names.clone() }
    }

    /// Where the values are, as parts of the text; those shorter than `shortest` are passed over.
    pub(super) fn find(&self, view: &View<'_>, shortest: usize) -> Vec<Range<usize>> {
        let Some(search) = &self.search else { return Vec::new() };
        let mut found = Vec::new();
        for hit in search.find_overlapping_iter(&*view.bytes) {
            let (needle, part) = self.patterns[hit.pattern().as_usize()];
            let needle = &self.needles[needle];
            let range = match part {
                _ if needle.bytes.len() < shortest => None,
                Part::Whole if needle.is_base64 => Some(hit.start()..end_of_base64(&view.bytes, hit.end())),
                Part::Whole => Some(hit.range()),
                Part::Beginning => self.beginning(&view.bytes, &needle.bytes, hit.start()),
                Part::End => self.end(&view.bytes, &needle.bytes, hit.end()),
            };
            found.extend(range.map(|range| view.in_text(range)));
        }
        found
    }

    /// The beginning of a value at `start`, if the text is cut after it.
    fn beginning(&self, bytes: &[u8], needle: &[u8], start: usize) -> Option<Range<usize>> {
        let same = bytes[start..].iter().zip(needle).take_while(|(one, other)| one == other).count();
        let range = start..start + same;
        (same < needle.len() && is_cut_after(&bytes[range.end..]) && self.tells(&bytes[range.clone()]))
            .then_some(range)
    }

    /// The end of a value that ends at `end`, if the text is cut before it.
    fn end(&self, bytes: &[u8], needle: &[u8], end: usize) -> Option<Range<usize>> {
        let pairs = bytes[..end].iter().rev().zip(needle.iter().rev());
        let same = pairs.take_while(|(one, other)| one == other).count();
        let range = end - same..end;
        (same < needle.len() && is_cut_before(&bytes[..range.start]) && self.tells(&bytes[range.clone()]))
            .then_some(range)
    }

    /// Whether a part of a value is more than a word or a name.
    fn tells(&self, part: &[u8]) -> bool {
        let Ok(text) = std::str::from_utf8(part) else { return true };
        let text = text.trim_matches(|letter: char| !letter.is_alphanumeric());
        !is_ordinary(text) && !text.is_empty() && !self.names.contains(text) && !text.ends_with("://")
    }
}

fn least(needle: &Needle) -> usize {
    needle.bytes.len().div_ceil(2).clamp(LEAST, ENOUGH)
}

/// The rest of a base64 text is hidden with its hidden part.
fn end_of_base64(bytes: &[u8], from: usize) -> usize {
    let is_one = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/-_".contains(byte);
    let letters = bytes[from..].iter().take_while(|byte| is_one(byte)).count();
    let padding = bytes[from + letters..].iter().take(2).take_while(|byte| **byte == b'=').count();
    from + letters + padding
}

const CUTS: [&[u8]; 5] = ["…".as_bytes(), b"...", b"[trunc", b"(trunc", b"<trunc"];

fn is_cut_after(rest: &[u8]) -> bool {
    let is_bracket = |byte: &u8| b" \"'`)]}>\\".contains(byte);
    let rest = &rest[rest.iter().take_while(|byte| is_bracket(byte)).count()..];
    rest.is_empty() || CUTS.iter().any(|cut| rest.starts_with(cut))
}

fn is_cut_before(before: &[u8]) -> bool {
    let is_bracket = |byte: &u8| b" \"'`([{<\\".contains(byte);
    let brackets = before.iter().rev().take_while(|byte| is_bracket(byte)).count();
    let before = &before[..before.len() - brackets];
    before.is_empty() || before.ends_with("…".as_bytes()) || before.ends_with(b"...")
}
