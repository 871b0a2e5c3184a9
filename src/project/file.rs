//! deploy.toml, or another file of todo, as written: a tree with the place of each part, and typed access to it.
//!
//! Not serde: it stops at the first mistake, and the promise is all of them at once. A read that finds the wrong
//! type notes that and returns as if the key were absent, so the reading continues; a key that was never read is a
//! mistake when its section is closed, and the read keys are the possible corrections.

mod section;
mod twice;

use crate::event::Code;
use crate::event::Finding;
use crate::event::Place;
pub use section::Section;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ops::Range;
use std::path::PathBuf;
use toml::Spanned;
use toml::de::DeTable;

/// A value and where it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located<T> {
    /// The value.
    pub value: T,
    /// Where it is written.
    pub place: Place,
}

/// A single value of a table of single values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scalar {
    /// A text in quotes.
    Text(String),
    /// A number or a truth value, as it is written.
    Plain(String),
}

/// A file that is being read, and the mistakes found in it so far.
#[derive(Debug)]
pub struct Reading<'a> {
    file: PathBuf,
    text: &'a str,
    /// Where each line begins, in bytes.
    lines: Vec<usize>,
    mistakes: RefCell<Vec<Finding>>,
    /// The sections that were read, by the line they begin in.
    sections: RefCell<BTreeSet<(usize, String)>>,
    /// Where the text is not TOML; what the parser made up there is not judged again.
    broken: BTreeSet<Place>,
    /// The keys that were read in each section.
    #[cfg(test)]
    pub(super) known: RefCell<BTreeSet<(String, &'static str)>>,
}

impl<'a> Reading<'a> {
    /// Begins to read `text`, which findings call `file`. Invalid TOML is noted, and the rest is read all the same.
    pub fn begin(file: impl Into<PathBuf>, text: &'a str) -> (Reading<'a>, Spanned<DeTable<'a>>) {
        let (root, errors) = DeTable::parse_recoverable(text);
        let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(end, _)| end + 1)).collect();
        let (mistakes, sections, broken) = Default::default();
        let mut reading = Reading {
            file: file.into(),
            text,
            lines,
            mistakes,
            sections,
            broken,
            #[cfg(test)]
            known: RefCell::default(),
        };
        for error in errors {
            let place = error.span().map_or_else(|| Place::file(&reading.file), |span| reading.place(&span));
            reading.broken.insert(place.clone());
            let twice = error.span().filter(|_| error.message().contains("duplicate key"));
            let mistake = match twice {
                None => Code::DeployTomlSyntax.error(error.message().trim().replace('\n', ", ")),
                Some(span) => match twice::twice(text, &span) {
                    None => continue,
                    Some(twice) => {
                        let first = twice.first.map(|at| format!(": first at {}", reading.place(&(at..at))));
                        let message =
                            format!("`{}` is defined twice{}", twice.name, first.unwrap_or_default());
                        Code::DeployTomlSyntax.error(message).help(twice.help)
                    }
                },
            };
            reading.mistakes.get_mut().push(mistake.at(place));
        }
        (reading, root)
    }

    /// Notes a mistake.
    pub fn note(&self, mistake: Finding) {
        if !mistake.place.as_ref().is_some_and(|place| self.broken.contains(place)) {
            self.mistakes.borrow_mut().push(mistake);
        }
    }

    /// Every mistake, in the order of the file.
    pub fn end(self) -> Vec<Finding> {
        let mut mistakes = self.mistakes.into_inner();
        mistakes.sort_by(|a, b| a.place.cmp(&b.place));
        mistakes
    }

    /// Whether nothing is wrong in the section that begins at `place`, nor in those below it.
    pub fn is_sound(&self, place: &Place) -> bool {
        let sections = self.sections.borrow();
        let Some((_, name)) = sections.iter().find(|(line, _)| *line == place.line) else { return true };
        let below = format!("{name}.");
        let mut after = sections.range((place.line + 1, String::new())..);
        let end = after.find(|(_, other)| !other.starts_with(&below)).map(|(line, _)| *line);
        let within = |line: usize| line >= place.line && end.is_none_or(|end| line < end);
        let mistakes = self.mistakes.borrow();
        !mistakes.iter().filter_map(|mistake| mistake.place.as_ref()).any(|at| within(at.line))
    }

    /// The whole file as a section.
    pub fn root<'r>(&'r self, table: &'r DeTable<'a>) -> Section<'r, 'a> {
        let known = table.keys().map(|key| (self.place(&key.span()).line, key.get_ref().to_string()));
        self.sections.borrow_mut().extend(known);
        Section {
            reading: self,
            name: String::new(),
            place: Place::file(&self.file),
            table: Some(table),
            asked: RefCell::default(),
        }
    }

    fn place(&self, span: &Range<usize>) -> Place {
        let at = span.start.min(self.text.len());
        let line = self.lines.partition_point(|begin| *begin <= at);
        let column = self.text[self.lines[line - 1]..at].chars().count() + 1;
        Place { file: self.file.clone(), line, column }
    }
}
