//! A YAML document as it is written, aliases and merge keys unresolved, and its way to a value with places.
//!
//! Not kept: it lives from the first event of a document to its last. Aliases are expanded here and only here, under a
//! budget, because ten short lines of them can stand for a billion values.

use crate::event::Place;
use crate::pointer;
use serde_json::Map;
use serde_json::Value;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;

/// How many values the aliases of one document may stand for.
const EXPANDED: usize = 20_000;

/// How deep a document may nest; the API server takes far less.
const DEPTH: usize = 300;

/// A line and a column, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

impl Position {
    pub(crate) fn in_file(self, file: &Path) -> Place {
        Place { file: file.to_owned(), line: self.line, column: self.column }
    }
}

#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) at: Position,
    /// Whether its place is that of its key: a collection in block style, or nothing at all after the colon.
    pub(crate) block: bool,
    pub(crate) body: Body,
}

#[derive(Debug)]
pub(crate) enum Body {
    Scalar(Value),
    Sequence(Vec<Rc<Node>>),
    Mapping(Vec<TreeEntry>),
    Alias(Rc<Node>),
}

#[derive(Debug)]
pub(crate) struct TreeEntry {
    pub(crate) at: Position,
    pub(crate) key: String,
    /// Whether the key is `<<`: the value's entries belong to this mapping.
    pub(crate) merges: bool,
    pub(crate) value: Rc<Node>,
}

/// Why a document has no value.
#[derive(Debug)]
pub(crate) struct Wrong {
    pub(crate) at: Position,
    pub(crate) message: Cow<'static, str>,
    pub(crate) help: &'static str,
}

impl Node {
    pub(crate) fn is_collection(&self) -> bool {
        matches!(self.target().body, Body::Sequence(_) | Body::Mapping(_))
    }

    /// The key that kubectl makes of it.
    pub(crate) fn as_key(&self) -> Result<String, &'static str> {
        match &self.target().body {
            Body::Scalar(Value::String(text)) => Ok(text.clone()),
            Body::Scalar(Value::Bool(value)) => Ok(value.to_string()),
            Body::Scalar(Value::Number(number)) if number.is_i64() => Ok(number.to_string()),
            Body::Scalar(Value::Number(_)) => Err("this key is a number that no text is sure to match"),
            Body::Scalar(_) => Err("this key is empty"),
            _ => Err("this key is a list or a mapping"),
        }
    }

    /// The value that it stands for, and where its parts are written, by JSON pointer.
    pub(crate) fn flatten(&self, file: &Path) -> Result<(Value, BTreeMap<String, Place>), Wrong> {
        let mut flat = Flattening { file, places: BTreeMap::new(), pointer: String::new(), budget: EXPANDED };
        let value = flat.value(self, 0, false)?;
        Ok((value, flat.places))
    }

    fn target(&self) -> &Node {
        match &self.body {
            Body::Alias(node) => node.target(),
            _ => self,
        }
    }
}

struct Flattening<'a> {
    file: &'a Path,
    places: BTreeMap<String, Place>,
    pointer: String,
    budget: usize,
}

impl Flattening<'_> {
    fn value(&mut self, node: &Node, depth: usize, aliased: bool) -> Result<Value, Wrong> {
        if depth > DEPTH {
            return Err(wrong(node.at, "nested too deeply", "no Kubernetes object is; fix the file"));
        }
        if aliased {
            self.spend(node.at)?;
        }
        match &node.body {
            Body::Scalar(value) => Ok(value.clone()),
            Body::Alias(target) => self.value(target, depth + 1, true),
            Body::Sequence(items) => {
                let mut values = Vec::with_capacity(items.len());
                for (index, item) in items.iter().enumerate() {
                    values.push(self.part(&index.to_string(), item.at, item, depth, aliased)?);
                }
                Ok(Value::Array(values))
            }
            Body::Mapping(entries) => {
                let mut values = Map::new();
                for entry in self.entries(entries, depth)? {
                    let at = if entry.value.block { entry.at } else { entry.value.at };
                    let key = pointer::token(&entry.key);
                    let value = self.part(&key, at, &entry.value, depth, aliased)?;
                    values.insert(entry.key.clone(), value);
                }
                Ok(Value::Object(values))
            }
        }
    }

    fn part(
        &mut self,
        key: &str,
        at: Position,
        node: &Node,
        depth: usize,
        aliased: bool,
    ) -> Result<Value, Wrong> {
        let parent = self.pointer.len();
        self.pointer.push('/');
        self.pointer.push_str(key);
        self.places.insert(self.pointer.clone(), at.in_file(self.file));
        let value = self.value(node, depth + 1, aliased);
        self.pointer.truncate(parent);
        value
    }

    /// The entries of a mapping with those that `<<` brings: explicit keys take precedence, then the first merged
    /// mapping.
    fn entries<'n>(&mut self, entries: &'n [TreeEntry], depth: usize) -> Result<Vec<&'n TreeEntry>, Wrong> {
        let mut all: Vec<&TreeEntry> = entries.iter().filter(|entry| !entry.merges).collect();
        let own = all.len();
        for merge in entries.iter().filter(|entry| entry.merges) {
            let sources = match &merge.value.target().body {
                Body::Mapping(_) => vec![merge.value.target()],
                Body::Sequence(items) => items.iter().map(|item| item.target()).collect(),
                _ => Vec::new(),
            };
            if sources.is_empty() || sources.iter().any(|source| !matches!(source.body, Body::Mapping(_))) {
                let help = "give it an alias of a mapping: `<<: *name`";
                return Err(wrong(merge.at, "`<<` merges a mapping or a list of mappings", help));
            }
            for source in sources {
                let Body::Mapping(merged) = &source.body else { continue };
                if depth > DEPTH {
                    return Err(wrong(merge.at, "this merges too deep", "write the values out"));
                }
                for entry in self.entries(merged, depth + 1)? {
                    self.spend(merge.at)?;
                    match all.iter().position(|known| known.key == entry.key) {
                        None => all.push(entry),
                        Some(known) if known < own && before(all[known].at, merge.at) => {
                            let message =
                                format!("`{}` is written before the `<<` that also defines it", entry.key);
                            let help = "write `<<` first: kubectl takes the last of the two, kustomize the written one";
                            return Err(wrong(all[known].at, message, help));
                        }
                        Some(_) => {}
                    }
                }
            }
        }
        Ok(all)
    }

    fn spend(&mut self, at: Position) -> Result<(), Wrong> {
        self.budget = self.budget.checked_sub(1).ok_or_else(|| {
            let message = format!("the aliases of this document stand for more than {EXPANDED} values");
            wrong(at, message, "write the values out")
        })?;
        Ok(())
    }
}

fn wrong(at: Position, message: impl Into<Cow<'static, str>>, help: &'static str) -> Wrong {
    Wrong { at, message: message.into(), help }
}

fn before(item: Position, other: Position) -> bool {
    (item.line, item.column) < (other.line, other.column)
}
