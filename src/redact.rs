//! Redaction: secret values are replaced in everything that is printed, in whatever form they are quoted.
//!
//! `project::secret::Secret` keeps our own texts clean, but programs print what they were given (a crash with its database
//! URL), and servers quote what they refuse. A value is found as it is, in base64, and behind escape sequences, backslashes,
//! percent signs and quotes (`view`): matching decoded text covers every mixture of them, which a list of written forms
//! would not. Values that are too common to be hidden are defined in `ordinary`.

mod forms;
mod matcher;
mod ordinary;
mod url;
mod view;

use forms::Needle;
use matcher::Matcher;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::PoisonError;
use std::sync::RwLock;

pub(crate) use view::is_deceptive;

/// Replaces a value.
const MARK: &str = "***";

/// The shortest value that is hidden in text of programs and servers.
const IN_QUOTED_TEXT: usize = 4;

/// The shortest value that is hidden in sentences of our own: a shorter one is more likely part of a word or name.
const IN_SENTENCES: usize = 6;

/// The values that must not be shown. Cheap to clone; all clones know the same values.
#[derive(Debug, Clone, Default)]
pub struct Redactor {
    known: Arc<RwLock<KnownSecrets>>,
}

#[derive(Default)]
struct KnownSecrets {
    needles: BTreeSet<Needle>,
    names: BTreeSet<String>,
    /// Built when it is needed first after a change.
    matcher: Option<Arc<Matcher>>,
}

impl std::fmt::Debug for KnownSecrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Known(…)")
    }
}

impl Redactor {
    /// Hides a value from now on: each of its lines, its base64, and the passwords that are in it.
    pub fn hide(&self, value: &[u8]) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let before = known.needles.len();
        forms::needles(value, &mut known.needles);
        if known.needles.len() != before {
            known.matcher = None;
        }
    }

    /// Hides the password of a URL such as `tcp://user:password@host`; other text is not hidden.
    pub fn hide_password_of(&self, text: &str) {
        for password in url::passwords(text) {
            self.hide(password.as_bytes());
        }
    }

    /// Never hides these names: the names of a project, its objects and images are not secret, even where a value
    /// equals it.
    pub fn keep<'a>(&self, names: impl IntoIterator<Item = &'a str>) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        for name in names {
            if !known.names.contains(name) {
                known.names.insert(name.to_owned());
                known.matcher = None;
            }
        }
    }

    /// Redacts text of a program or a server: a log line, an error message that is quoted.
    pub fn quoted(&self, text: &mut String) {
        self.redact(text, IN_QUOTED_TEXT);
    }

    /// Redacts a sentence of our own, which names things and may quote others.
    pub fn sentence(&self, text: &mut String) {
        self.redact(text, IN_SENTENCES);
    }

    /// Redacts every string of a JSON value, keys included.
    pub fn json(&self, value: &mut Value) {
        match value {
            Value::String(text) => self.sentence(text),
            Value::Array(values) => values.iter_mut().for_each(|value| self.json(value)),
            Value::Object(fields) => {
                for (mut key, mut value) in std::mem::take(fields) {
                    self.sentence(&mut key);
                    self.json(&mut value);
                    fields.insert(key, value);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// A copy of `value` in which every string is redacted.
    ///
    /// # Errors
    /// When it does not come back from JSON, which a redacted name of a variant would not.
    pub fn value<T: Serialize + DeserializeOwned>(&self, value: &T) -> serde_json::Result<T> {
        let mut value = serde_json::to_value(value)?;
        self.json(&mut value);
        serde_json::from_value(value)
    }

    fn redact(&self, text: &mut String, shortest: usize) {
        let matcher = self.matcher();
        let mut found = Vec::new();
        for view in view::views(text) {
            found.extend(matcher.find(&view, shortest));
            found.extend(url::find(&view));
        }
        if !found.is_empty() {
            *text = replaced(text, found);
        }
    }

    fn matcher(&self) -> Arc<Matcher> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(matcher) = &known.matcher {
            return Arc::clone(matcher);
        }
        drop(known);
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let matcher = Arc::new(Matcher::new(&known.needles, &known.names));
        known.matcher = Some(Arc::clone(&matcher));
        matcher
    }
}

/// `text` with a mark for each of the ranges, and one for those that touch.
fn replaced(text: &str, mut ranges: Vec<std::ops::Range<usize>>) -> String {
    ranges.sort_by_key(|range| (range.start, range.end));
    let mut shown = String::with_capacity(text.len());
    let mut at = 0;
    let mut last_end = None;
    for range in ranges {
        // A part of a value may end within a letter.
        let start = (0..=range.start).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        let end = (range.end..text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
        let range = start..end;
        if last_end.is_none_or(|end| range.start > end) {
            shown.push_str(&text[at..range.start]);
            shown.push_str(MARK);
        }
        at = at.max(range.end);
        last_end = Some(at);
    }
    shown.push_str(&text[at..]);
    shown
}

#[cfg(test)]
mod tests;
