//! The text of a compose file → values with their places, merge keys and anchors resolved.
//!
//! Each value keeps the scope that it was written in: the directory at which its relative paths begin and the variables of
//! its file, because `include` and `extends` bring values of other directories.

use super::scalar;
use super::scalar::Scalar;
use super::template::Template;
use crate::event::Code;
use crate::event::Finding;
use crate::event::Place;
use granit_parser::Event;
use granit_parser::Parser;
use granit_parser::ScalarStyle;
use std::collections::BTreeMap;
use std::collections::HashMap;
use std::path::Path;
use std::rc::Rc;

/// How many values a file may have.
const VALUES: usize = 100_000;
/// How deep they may nest.
const NESTED: usize = 200;

/// Where relative paths begin, and what `${NAME}` stands for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Scope {
    /// The directory, as a path in the tree.
    pub(super) folder: String,
    /// The variables.
    pub(super) values: BTreeMap<String, String>,
}

/// A value.
#[derive(Debug, Clone)]
pub(super) struct Node {
    /// Where it is written.
    pub(super) place: Place,
    /// What it was written in.
    pub(super) scope: Rc<Scope>,
    /// `!reset` or `!override`.
    pub(super) tag: Tag,
    /// The value.
    pub(super) body: Body,
}

/// How it is merged with what came before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tag {
    /// By the rule of its key.
    None,
    /// It removes what came before.
    Reset,
    /// It replaces what came before.
    Override,
}

/// What a value is.
#[derive(Debug, Clone)]
pub(super) enum Body {
    /// A scalar, variables not resolved.
    Scalar(Scalar),
    /// A list.
    List(Vec<Rc<Node>>),
    /// A mapping, in the order of the file.
    Map(Vec<MapEntry>),
}

/// A key and its value.
#[derive(Debug, Clone)]
pub(super) struct MapEntry {
    /// The key.
    pub(super) key: String,
    /// Where the key stands.
    pub(super) place: Place,
    /// The value.
    pub(super) node: Rc<Node>,
}

impl Node {
    /// The value of a key that has one.
    pub(super) fn get(&self, key: &str) -> Option<&Rc<Node>> {
        self.entries()
            .iter()
            .find(|entry| entry.key == key)
            .map(|entry| &entry.node)
            .filter(|node| !node.is_null())
    }

    /// The entries of a mapping; none for anything else.
    pub(super) fn entries(&self) -> &[MapEntry] {
        match &self.body {
            Body::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The items of a list; none for anything else.
    pub(super) fn items(&self) -> &[Rc<Node>] {
        match &self.body {
            Body::List(items) => items,
            _ => &[],
        }
    }

    /// Whether nothing is written there.
    pub(super) fn is_null(&self) -> bool {
        matches!(self.body, Body::Scalar(Scalar::Null))
    }

    /// A scalar as it is written, numbers as compose prints them.
    pub(super) fn raw(&self) -> Option<String> {
        match &self.body {
            Body::Scalar(Scalar::Text(text) | Scalar::Number(text, _)) => Some(text.clone()),
            Body::Scalar(Scalar::Bool(flag)) => Some(flag.to_string()),
            _ => None,
        }
    }

    /// A text, variables resolved.
    pub(super) fn text(&self) -> Option<String> {
        self.template().map(|template| template.text())
    }

    /// A text with its variables.
    pub(super) fn template(&self) -> Option<Template> {
        let raw = self.raw()?;
        Some(Template::parse(&raw, &self.scope.values).unwrap_or_else(|_| Template::plain(&raw)))
    }

    /// A switch; compose casts the words of YAML 1.1 where a variable gave one.
    pub(super) fn flag(&self) -> Option<bool> {
        match &self.body {
            Body::Scalar(Scalar::Bool(flag)) => Some(*flag),
            Body::Scalar(_) => match self.text()?.to_ascii_lowercase().as_str() {
                "true" | "y" | "yes" | "on" => Some(true),
                "false" | "n" | "no" | "off" => Some(false),
                _ => None,
            },
            _ => None,
        }
    }

    /// A value of the same place and scope.
    pub(super) fn beside(&self, body: Body) -> Rc<Node> {
        Rc::new(Node { place: self.place.clone(), scope: Rc::clone(&self.scope), tag: Tag::None, body })
    }

    /// A text of the same place and scope.
    pub(super) fn beside_text(&self, text: &str) -> Rc<Node> {
        self.beside(Body::Scalar(Scalar::Text(text.to_owned())))
    }
}

/// The documents of a file.
pub(super) fn documents(
    text: &str,
    file: &str,
    scope: &Rc<Scope>,
    wrong: &mut Vec<Finding>,
) -> Vec<Rc<Node>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = NodeReader {
        file: Path::new(file),
        scope,
        wrong,
        open: Vec::new(),
        anchors: HashMap::new(),
        root: None,
        read: Vec::new(),
        values: 0,
    };
    for next in Parser::new_from_str_with_options(text, granit_parser::options! { emit_comments: false }) {
        match next {
            Ok((event, span)) => {
                reader.values += 1;
                if reader.values > VALUES || reader.open.len() > NESTED {
                    reader.complain(
                        span.start.line(),
                        "this has too many values for a compose file".to_owned(),
                    );
                    break;
                }
                reader.event(event, span.start.line());
            }
            Err(error) => {
                reader.complain(error.marker().line(), format!("this is not YAML: {}", error.kind()));
                break;
            }
        }
    }
    reader.read
}

struct NodeReader<'a> {
    file: &'a Path,
    scope: &'a Rc<Scope>,
    wrong: &'a mut Vec<Finding>,
    open: Vec<Open>,
    anchors: HashMap<usize, Rc<Node>>,
    root: Option<Rc<Node>>,
    read: Vec<Rc<Node>>,
    values: usize,
}

struct Open {
    line: usize,
    anchor: usize,
    tag: Tag,
    body: Collecting,
}

enum Collecting {
    List(Vec<Rc<Node>>),
    Map { entries: Vec<MapEntry>, merged: Vec<Rc<Node>>, key: Option<(String, usize, bool)> },
}

impl NodeReader<'_> {
    fn place(&self, line: usize) -> Place {
        Place { file: self.file.to_owned(), line: line.max(1), column: 0 }
    }

    fn complain(&mut self, line: usize, message: String) {
        self.wrong.push(
            Code::ComposeInvalid.error(message).at(self.place(line)).help("docker compose refuses it, too"),
        );
    }

    fn event(&mut self, event: Event<'_>, line: usize) {
        match event {
            Event::DocumentStart(..) => {
                self.anchors.clear();
                self.root = None;
            }
            Event::DocumentEnd => self.read.extend(self.root.take().filter(|root| !root.is_null())),
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain;
                let merges = plain && text == "<<";
                let named = tag.as_ref().map(|tag| tag.suffix().to_owned()).unwrap_or_default();
                let read = match (plain, named.as_str()) {
                    (true, "str") | (false, _) => Ok(Scalar::Text(text.to_string())),
                    (true, _) => scalar::plain(&text),
                };
                let read = read.unwrap_or_else(|message| {
                    self.complain(line, message);
                    Scalar::Null
                });
                self.finish(line, anchor, mark(&named), Body::Scalar(read), merges);
            }
            Event::SequenceStart(_, anchor, tag) => {
                let tag = tag.map_or(Tag::None, |tag| mark(tag.suffix()));
                self.open.push(Open { line, anchor, tag, body: Collecting::List(Vec::new()) });
            }
            Event::MappingStart(_, anchor, tag) => {
                let tag = tag.map_or(Tag::None, |tag| mark(tag.suffix()));
                let body = Collecting::Map { entries: Vec::new(), merged: Vec::new(), key: None };
                self.open.push(Open { line, anchor, tag, body });
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(open) = self.open.pop() else { return };
                let body = match open.body {
                    Collecting::List(items) => Body::List(items),
                    Collecting::Map { entries, merged, .. } => Body::Map(with_merged(entries, &merged)),
                };
                self.finish(open.line, open.anchor, open.tag, body, false);
            }
            Event::Alias(id) => match self.anchors.get(&id) {
                Some(node) => {
                    let node = Rc::clone(node);
                    self.put(line, node, false);
                }
                None => self.complain(line, "this alias has no anchor before it".to_owned()),
            },
            _ => {}
        }
    }

    fn finish(&mut self, line: usize, anchor: usize, tag: Tag, body: Body, merges: bool) {
        let node = Rc::new(Node { place: self.place(line), scope: Rc::clone(self.scope), tag, body });
        if anchor != 0 {
            self.anchors.insert(anchor, Rc::clone(&node));
        }
        self.put(line, node, merges);
    }

    /// Puts a value where it belongs: into the open list, as the next key or its value, or as the whole document.
    fn put(&mut self, line: usize, node: Rc<Node>, merges: bool) {
        let place = self.place(line);
        let mut wrong = None;
        match self.open.last_mut().map(|open| &mut open.body) {
            None => self.root = Some(node),
            Some(Collecting::List(items)) => items.push(node),
            Some(Collecting::Map { entries, merged, key }) => match key.take() {
                None => match &node.body {
                    Body::Scalar(Scalar::Text(name) | Scalar::Number(name, _)) => {
                        *key = Some((name.clone(), line, merges));
                    }
                    _ => {
                        wrong = Some("non-string key: put it in quotes".to_owned());
                        *key = Some((String::new(), line, false));
                    }
                },
                Some((_, _, true)) => match &node.body {
                    Body::List(items) => merged.extend(items.iter().cloned()),
                    _ => merged.push(node),
                },
                Some((name, at, false)) => {
                    if let Some(first) = entries.iter().find(|entry| entry.key == name) {
                        wrong =
                            Some(format!("`{name}` is written twice, first in line {}", first.place.line));
                    }
                    entries.push(MapEntry { key: name, place: Place { line: at, ..place }, node });
                }
            },
        }
        if let Some(message) = wrong {
            self.complain(line, message);
        }
    }
}

fn mark(tag: &str) -> Tag {
    match tag {
        "reset" => Tag::Reset,
        "override" => Tag::Override,
        _ => Tag::None,
    }
}

/// The entries of `<<` behind those of the mapping itself; the first that has a key wins.
fn with_merged(mut entries: Vec<MapEntry>, merged: &[Rc<Node>]) -> Vec<MapEntry> {
    for node in merged {
        for entry in node.entries() {
            if !entries.iter().any(|known| known.key == entry.key) {
                entries.push(entry.clone());
            }
        }
    }
    entries
}
