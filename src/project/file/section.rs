//! The questions that can be asked of a table.

use super::Located;
use super::Reading;
use super::Scalar;
use crate::event::Code;
use crate::event::Place;
use nearest::nearest;
use std::cell::RefCell;
use std::fmt;
use std::ops::RangeInclusive;
use toml::Spanned;
use toml::de::DeTable;
use toml::de::DeValue;

/// A table of the file.
#[derive(Debug)]
pub struct Section<'r, 'a> {
    pub(super) reading: &'r Reading<'a>,
    pub(super) name: String,
    /// Where it begins.
    pub place: Place,
    pub(super) table: Option<&'r DeTable<'a>>,
    pub(super) asked: RefCell<Vec<&'static str>>,
}

impl<'r, 'a> Section<'r, 'a> {
    /// Notes that `key` of this section is wrong.
    pub fn wrong(&self, place: &Place, key: &str, why: impl fmt::Display) {
        self.reading.note(
            Code::DeployTomlInvalidValue.error(format!("`{}` {why}", self.path(key))).at(place.clone()),
        );
    }

    /// Notes a mistake about the section as a whole, with what to do.
    pub fn lacks(&self, what: impl fmt::Display, help: impl Into<String>) {
        let subject = if self.name.is_empty() { "the file".to_owned() } else { format!("`[{}]`", self.name) };
        self.reading.note(
            Code::DeployTomlIncomplete.error(format!("{subject} {what}")).at(self.place.clone()).help(help),
        );
    }

    /// A text.
    pub fn text(&self, key: &'static str) -> Option<Located<&'r str>> {
        self.typed(key, "a string", DeValue::as_str)
    }

    /// A text that `parse` accepts; its complaint becomes the mistake.
    pub fn parsed<T, E: fmt::Display>(
        &self,
        key: &'static str,
        parse: impl FnOnce(&'r str) -> Result<T, E>,
    ) -> Option<Located<T>> {
        let Located { value: text, place } = self.text(key)?;
        match parse(text) {
            Ok(value) => Some(Located { value, place }),
            Err(why) => {
                self.wrong(&place, key, format_args!("is `{text}`: {why}"));
                None
            }
        }
    }

    /// A whole number in `range`.
    pub fn integer(&self, key: &'static str, range: RangeInclusive<u32>) -> Option<Located<u32>> {
        let found = self.whole(key)?;
        match u32::try_from(found.value).ok().filter(|number| range.contains(number)) {
            Some(value) => Some(Located { value, place: found.place }),
            None => {
                let (from, to) = (range.start(), range.end());
                let wanted =
                    if *to == u32::MAX { format!("at least {from}") } else { format!("{from} to {to}") };
                self.wrong(&found.place, key, format_args!("is {}, but must be {wanted}", found.value));
                None
            }
        }
    }

    /// A whole number.
    pub fn whole(&self, key: &'static str) -> Option<Located<i64>> {
        self.typed(key, "a whole number", whole)
    }

    /// A number, whole or not.
    pub fn number(&self, key: &'static str) -> Option<Located<f64>> {
        self.typed(key, "a number", |value| match value {
            DeValue::Float(number) => number.as_str().parse().ok(),
            value => whole(value).and_then(|number| number.to_string().parse().ok()),
        })
    }

    /// `true` or `false`.
    pub fn flag(&self, key: &'static str) -> Option<bool> {
        self.typed(key, "true or false", DeValue::as_bool).map(|at| at.value)
    }

    /// A list of texts.
    pub fn texts(&self, key: &'static str) -> Vec<Located<&'r str>> {
        let Some(list) = self.typed(key, "a list of strings", DeValue::as_array) else { return Vec::new() };
        let mut texts = Vec::new();
        for item in list.value {
            let place = self.reading.place(&item.span());
            match item.get_ref().as_str() {
                Some(value) => texts.push(Located { value, place }),
                None => self.wrong(&place, key, "must be a list of strings"),
            }
        }
        texts
    }

    /// The key and the values of a table of texts, such as `args`.
    pub fn pairs(&self, key: &'static str) -> Vec<(Located<&'r str>, Located<&'r str>)> {
        let mut pairs = Vec::new();
        for (name, value) in self.entries(key) {
            let place = self.reading.place(&value.span());
            match value.get_ref().as_str() {
                Some(text) => pairs.push((name, Located { value: text, place })),
                None => self.wrong(&place, &format!("{key}.{}", name.value), "must be a string"),
            }
        }
        pairs
    }

    /// The key and the values of a table of whole numbers, such as `generate`.
    pub fn numbers(&self, key: &'static str) -> Vec<(Located<&'r str>, Located<i64>)> {
        let mut numbers = Vec::new();
        for (name, value) in self.entries(key) {
            let place = self.reading.place(&value.span());
            match whole(value.get_ref()) {
                Some(value) => numbers.push((name, Located { value, place })),
                None => self.wrong(&place, &format!("{key}.{}", name.value), "must be a whole number"),
            }
        }
        numbers
    }

    /// The key and the values of a table of single values, such as `set`: a text, or a number or truth value as text.
    pub fn scalars(&self, key: &'static str) -> Vec<(Located<&'r str>, Located<Scalar>)> {
        let mut scalars = Vec::new();
        for (name, value) in self.entries(key) {
            let place = self.reading.place(&value.span());
            let read = match value.get_ref() {
                DeValue::String(text) => Some(Scalar::Text(text.as_ref().to_owned())),
                DeValue::Boolean(value) => Some(Scalar::Plain(value.to_string())),
                DeValue::Float(number) => Some(Scalar::Plain(number.as_str().to_owned())),
                value => whole(value).map(|number| Scalar::Plain(number.to_string())),
            };
            match read {
                Some(value) => scalars.push((name, Located { value, place })),
                None => {
                    let key = format!("{key}.{}", name.value);
                    self.wrong(&place, &key, "must be a string, a number, true or false");
                }
            }
        }
        scalars
    }

    /// A table whose keys are not checked here.
    pub fn table(&self, key: &'static str) -> Option<Located<&'r DeTable<'a>>> {
        self.typed(key, "a table", DeValue::as_table)
    }

    /// The table `[key]`; an empty one if it is absent.
    #[must_use]
    pub fn section(&self, key: &'static str) -> Section<'r, 'a> {
        let (table, place) =
            self.table(key).map_or((None, self.place.clone()), |at| (Some(at.value), at.place));
        self.inner(self.path(key), place, table)
    }

    /// The tables `[key.NAME]`, in the order of the file.
    pub fn named(&self, key: &'static str) -> Vec<(Located<&'r str>, Section<'r, 'a>)> {
        self.section(key).all()
    }

    /// The tables in this one, by name, in the order of the file.
    pub fn all(self) -> Vec<(Located<&'r str>, Section<'r, 'a>)> {
        let mut sections = Vec::new();
        for (name, value) in self.table.map(|table| self.ordered(table)).unwrap_or_default() {
            let path = self.path(name.value);
            match value.get_ref().as_table() {
                Some(table) => {
                    let section = self.inner(path, name.place.clone(), Some(table));
                    sections.push((name, section));
                }
                None => {
                    let place = self.reading.place(&value.span());
                    self.wrong(&place, name.value, format_args!("must be a table: `[{path}]`"));
                }
            }
        }
        sections
    }

    /// The tables `[[key]]`.
    pub fn list(&self, key: &'static str) -> Vec<Section<'r, 'a>> {
        let what = "a list of tables, each under `[[…]]`";
        let Some(list) = self.typed(key, what, DeValue::as_array) else { return Vec::new() };
        let mut sections = Vec::new();
        for item in list.value {
            let place = self.reading.place(&item.span());
            match item.get_ref().as_table() {
                Some(table) => sections.push(self.inner(self.path(key), place, Some(table))),
                None => self.wrong(&place, key, format_args!("must be {what}")),
            }
        }
        sections
    }

    /// Where `key` has its value; the section's place if it has none.
    pub fn place_of(&self, key: &str) -> Place {
        self.find(key).map_or_else(|| self.place.clone(), |(_, value)| self.reading.place(&value.span()))
    }

    /// Whether `key` is written, whatever its value, without asking for it.
    pub fn has(&self, key: &str) -> bool {
        self.find(key).is_some()
    }

    /// Whether the value of `key` is a table, without asking for it.
    pub fn is_table(&self, key: &str) -> bool {
        self.find(key).is_some_and(|(_, value)| value.get_ref().is_table())
    }

    /// Whether the value of `key` is a list, without asking for it.
    pub fn is_list(&self, key: &str) -> bool {
        self.find(key).is_some_and(|(_, value)| value.get_ref().is_array())
    }

    /// Ends the reading: every key that was not read is a mistake.
    pub fn close(self) {
        let asked = self.asked.borrow();
        #[cfg(test)]
        self.reading.known.borrow_mut().extend(asked.iter().map(|key| (self.name.clone(), *key)));
        for (key, _) in self.table.into_iter().flatten() {
            let written = key.get_ref().as_ref();
            if asked.contains(&written) {
                continue;
            }
            let place = self.reading.place(&key.span());
            let file = self.reading.file.file_name().unwrap_or_default().display();
            let mistake = Code::DeployTomlUnknownKey
                .error(format!("`{}` is not a key of {file}", self.path(written)))
                .at(place);
            self.reading.note(match nearest(written, asked.iter().copied()) {
                Some(meant) => mistake.help(format!("did you mean `{meant}`?")),
                None => mistake.help(format!("known here: {}", asked.join(", "))),
            });
        }
    }

    fn inner(&self, name: String, place: Place, table: Option<&'r DeTable<'a>>) -> Section<'r, 'a> {
        self.reading.sections.borrow_mut().insert((place.line, name.clone()));
        Section { reading: self.reading, name, place, table, asked: RefCell::default() }
    }

    fn path(&self, key: &str) -> String {
        if self.name.is_empty() { key.to_owned() } else { format!("{}.{key}", self.name) }
    }

    fn find(&self, key: &str) -> Option<(&'r Spanned<toml::de::DeString<'a>>, &'r Spanned<DeValue<'a>>)> {
        self.table?.iter().find(|(written, _)| written.get_ref().as_ref() == key)
    }

    fn entries(&self, key: &'static str) -> Vec<(Located<&'r str>, &'r Spanned<DeValue<'a>>)> {
        self.table(key).map(|table| self.ordered(table.value)).unwrap_or_default()
    }

    fn ordered(&self, table: &'r DeTable<'a>) -> Vec<(Located<&'r str>, &'r Spanned<DeValue<'a>>)> {
        let mut entries: Vec<_> = table
            .iter()
            .map(|(name, value)| {
                (Located { value: name.get_ref().as_ref(), place: self.reading.place(&name.span()) }, value)
            })
            .collect();
        entries.sort_by(|a, b| a.0.place.cmp(&b.0.place));
        entries
    }

    fn typed<T>(
        &self,
        key: &'static str,
        wanted: &str,
        read: impl FnOnce(&'r DeValue<'a>) -> Option<T>,
    ) -> Option<Located<T>> {
        self.asked.borrow_mut().push(key);
        let (_, found) = self.find(key)?;
        let place = self.reading.place(&found.span());
        match read(found.get_ref()) {
            Some(value) => Some(Located { value, place }),
            None => {
                self.wrong(
                    &place,
                    key,
                    format_args!("must be {wanted}, but is {}", found.get_ref().type_str()),
                );
                None
            }
        }
    }
}

fn whole(value: &DeValue<'_>) -> Option<i64> {
    let number = value.as_integer()?;
    i64::from_str_radix(number.as_str(), number.radix()).ok()
}
