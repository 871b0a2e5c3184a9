//! YAML or JSON text → documents: values as kubectl reads them, and where each part of them is written.
//!
//! Not a general reader: what JSON cannot represent (a mapping as a key, an infinite number) is a mistake here, and so
//! is a key written twice, of which kubectl silently takes the last and the API server never sees the first.
//! Built on parser events instead of a deserialiser, because no deserialiser returns the places.

mod advice;
mod json;

use crate::event::Code;
use crate::event::Finding;
use crate::event::Place;
use crate::event::Severity;
use crate::manifest::scalar;
use crate::manifest::tree::Body;
use crate::manifest::tree::Node;
use crate::manifest::tree::Position;
use crate::manifest::tree::TreeEntry;
use advice::advice;
use granit_parser::ErrorKind;
use granit_parser::Event;
use granit_parser::Marker;
use granit_parser::Parser;
use granit_parser::ScalarStyle;
use granit_parser::ScanError;
use granit_parser::StructureStyle;
use json::json_parts;
use serde_json::Value;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::collections::HashMap;
use std::path::Path;
use std::rc::Rc;

/// How many values one text may hold. Each takes some hundred bytes once its place is known, and a short line may hold
/// many of them: without a limit of its own, a file of the size that is read would take gigabytes.
const VALUES: usize = 1_000_000;

/// How deep the collections of a text may nest; what is deeper than an object can be is not kept (`tree`).
const NESTED: usize = 1_000;

/// One document that is not empty.
#[derive(Debug, Clone)]
pub struct Document {
    /// The value.
    pub value: Value,
    /// Where it begins.
    pub place: Place,
    /// Where its parts are written, by JSON pointer (RFC 6901). A collection in block style is at its key, everything
    /// else is at its value; the parts of an alias are where the anchor has them.
    pub places: BTreeMap<String, Place>,
}

/// All documents of `text`, and everything that is wrong with the others: an error in one does not hide the next.
///
/// `file` is only what the places name. Empty documents are left out.
#[must_use]
pub fn documents(text: &str, file: &Path) -> (Vec<Document>, Vec<Finding>) {
    parse(text, file, Severity::Error)
}

/// [`documents`] for what Helm reads or has rendered: a key that is written twice is a warning, and the last one counts,
/// as it does for Helm (`sigs.k8s.io/yaml: Unmarshal`, not strict).
#[must_use]
pub fn rendered(text: &str, file: &Path) -> (Vec<Document>, Vec<Finding>) {
    parse(text, file, Severity::Warning)
}

fn parse(text: &str, file: &Path, repeats: Severity) -> (Vec<Document>, Vec<Finding>) {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut text = Cow::Borrowed(text);
    let (mut again, mut last) = (AGAIN, 0);
    loop {
        let reader = read_once(&text, file, repeats);
        again = again.saturating_sub(text.len() + 1);
        match reader.shallow {
            Some(line) if again > 0 && line > last => {
                text = Cow::Owned(deeper(&text, line));
                last = line;
            }
            _ => return (reader.read, reader.found),
        }
    }
}

/// How many bytes are read again because of quoted texts that go on at the indentation of their key.
const AGAIN: usize = 64 << 20;

/// `text` with more blanks before a line. Inside of quotes they mean nothing (YAML 1.2: 7.3.1, line folding).
fn deeper(text: &str, line: usize) -> String {
    let lines = text.split_inclusive('\n').enumerate();
    lines
        .map(|(index, part)| if index + 1 == line { format!("{:64}{part}", "") } else { part.to_owned() })
        .collect()
}

fn read_once<'a>(text: &str, file: &'a Path, repeats: Severity) -> YamlReader<'a> {
    let mut reader = YamlReader::new(file, repeats);
    let named_json = file.extension().is_some_and(|end| end == "json");
    if named_json || text.trim_start().starts_with('{') {
        match json_parts(text) {
            Ok(parts) => {
                for (origin, part) in parts {
                    reader.origin = origin;
                    // YAML's rules for tabs are not JSON's; a blank keeps the columns, and no string has a raw tab.
                    reader.read(&part.replace('\t', " "));
                }
                return reader;
            }
            Err(error) if named_json => {
                let message = error.to_string();
                let message = message.split(" at line ").next().unwrap_or_default();
                reader.complain(
                    Position { line: error.line(), column: error.column() },
                    format!("invalid JSON: {message}"),
                    "fix it, or name the file `.yaml` if it is YAML",
                );
                return reader;
            }
            // A flow mapping of YAML that is not JSON.
            Err(_) => {}
        }
    }
    reader.read(text);
    reader
}

struct YamlReader<'a> {
    file: &'a Path,
    /// What a key is that is written twice.
    repeats: Severity,
    origin: Position,
    read: Vec<Document>,
    found: Vec<Finding>,
    open: Vec<Open>,
    anchors: HashMap<usize, Rc<Node>>,
    root: Option<Rc<Node>>,
    /// How many values there were in all documents.
    values: usize,
    /// A line inside of quotes that is indented no deeper than the key: kubectl's reader takes it (`goyaml: scannerc.go:
    /// yaml_parser_scan_flow_scalar`), this reader does not.
    shallow: Option<usize>,
    /// How many findings there were when the document began: more of them now mean that it is broken.
    sound: usize,
}

/// A collection whose end has not come yet.
enum Open {
    Sequence {
        at: Position,
        block: bool,
        anchor: usize,
        items: Vec<Rc<Node>>,
    },
    Mapping {
        at: Position,
        block: bool,
        anchor: usize,
        entries: Vec<TreeEntry>,
        key: Option<Key>,
        keys: HashMap<String, Position>,
    },
}

struct Key {
    at: Position,
    name: String,
    merges: bool,
}

impl<'a> YamlReader<'a> {
    fn new(file: &'a Path, repeats: Severity) -> YamlReader<'a> {
        YamlReader {
            file,
            repeats,
            origin: Position { line: 1, column: 1 },
            read: Vec::new(),
            found: Vec::new(),
            open: Vec::new(),
            anchors: HashMap::new(),
            root: None,
            values: 0,
            shallow: None,
            sound: 0,
        }
    }

    fn read(&mut self, text: &str) {
        let options = granit_parser::options! {
            emit_comments: false,
            emit_unresolved_aliases: true,
            // JSON has no limit for a key.
            simple_key_max_lookahead: 1 << 16,
        };
        let mut parser = Parser::new_from_str_with_options(text, options);
        while let Some(next) = parser.next_event() {
            match next {
                Ok((event, span)) => {
                    let at = self.at(&span.start);
                    if let Some(message) = self.too_much() {
                        self.begin();
                        self.complain(at, message, "split it into several files, if it is one of objects");
                        return;
                    }
                    let end = self.at(&span.end);
                    self.event(event, at, end);
                }
                Err(error) => {
                    if matches!(error.kind(), ErrorKind::InvalidQuotedScalarIndent) {
                        self.shallow.get_or_insert(error.marker().line());
                    }
                    self.syntax(&error, text);
                    self.begin();
                    if !parser.proceed_next_document().unwrap_or(false) {
                        return;
                    }
                }
            }
        }
    }

    fn too_much(&self) -> Option<String> {
        if self.values > VALUES {
            Some(format!("this has more than {VALUES} values"))
        } else if self.open.len() > NESTED {
            Some("nested too deeply".to_owned())
        } else {
            None
        }
    }

    fn at(&self, mark: &Marker) -> Position {
        let first = mark.line() <= 1;
        Position {
            line: self.origin.line + mark.line().max(1) - 1,
            column: if first { self.origin.column + mark.col() } else { mark.col() + 1 },
        }
    }

    fn begin(&mut self) {
        self.open.clear();
        self.anchors.clear();
        self.root = None;
        self.sound = self.found.len();
    }

    fn event(&mut self, event: Event<'_>, at: Position, end: Position) {
        match event {
            Event::DocumentStart(..) => self.begin(),
            Event::DocumentEnd => self.finish(),
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain;
                let merges = plain && text == "<<" && tag.is_none();
                let written = at != end || !plain;
                match scalar::resolve(&text, plain, tag.as_deref()) {
                    Ok(value) => {
                        self.node(Node { at, block: !written, body: Body::Scalar(value) }, anchor, merges);
                    }
                    Err(wrong) => {
                        self.complain(at, format!("this {wrong}"), "quote it if it is meant as text");
                        self.node(Node { at, block: false, body: Body::Scalar(Value::Null) }, anchor, false);
                    }
                }
            }
            Event::SequenceStart(style, anchor, _) => {
                let block = style == StructureStyle::Block;
                self.open.push(Open::Sequence { at, block, anchor, items: Vec::new() });
            }
            Event::MappingStart(style, anchor, _) => {
                let block = style == StructureStyle::Block;
                let (entries, keys) = (Vec::new(), HashMap::new());
                self.open.push(Open::Mapping { at, block, anchor, entries, key: None, keys });
            }
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(Open::Sequence { at, block, anchor, items }) => {
                    self.node(Node { at, block, body: Body::Sequence(items) }, anchor, false);
                }
                Some(Open::Mapping { at, block, anchor, entries, .. }) => {
                    self.node(Node { at, block, body: Body::Mapping(entries) }, anchor, false);
                }
                None => {}
            },
            Event::Alias(id) => {
                let body = if let Some(node) = self.anchors.get(&id) {
                    Body::Alias(Rc::clone(node))
                } else {
                    self.complain(at, "this alias stands inside its own anchor", "write the value out");
                    Body::Scalar(Value::Null)
                };
                self.node(Node { at, block: false, body }, 0, false);
            }
            Event::UnresolvedAlias(name) => {
                let message =
                    format!("the alias `*{name}` has no anchor `&{name}` before it in this document");
                self.complain(
                    at,
                    message,
                    format!("write the anchor first, or quote the value if `*{name}` is text"),
                );
                self.node(Node { at, block: false, body: Body::Scalar(Value::Null) }, 0, false);
            }
            _ => {}
        }
    }

    /// Puts a finished node where it belongs: into the open collection, as its next key, or as the whole document.
    fn node(&mut self, node: Node, anchor: usize, merges: bool) {
        self.values += 1;
        let node = Rc::new(node);
        if anchor != 0 {
            self.anchors.insert(anchor, Rc::clone(&node));
        }
        let mut wrong = None;
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Open::Sequence { items, .. }) => items.push(node),
            Some(Open::Mapping { entries, key, keys, .. }) => match key.take() {
                Some(Key { at, name, merges }) => {
                    entries.push(TreeEntry { at, key: name, merges, value: node });
                }
                None => match node.as_key() {
                    Ok(name) => {
                        if !merges && let Some(first) = keys.insert(name.clone(), node.at) {
                            let message = format!(
                                "`{name}` is written twice in one mapping, first in line {}",
                                first.line
                            );
                            wrong = Some((
                                self.repeats,
                                message,
                                "keep one of them: which one counts differs between programs",
                            ));
                        }
                        *key = Some(Key { at: node.at, name, merges });
                    }
                    Err(message) => {
                        let help = if node.is_collection() {
                            "quote the value if it is text; if the file is a Helm template, name its chart with `chart = …`"
                        } else {
                            "put the key in quotes"
                        };
                        wrong = Some((Severity::Error, message.to_owned(), help));
                        *key = Some(Key { at: node.at, name: String::new(), merges: false });
                    }
                },
            },
        }
        if let Some((severity, message, help)) = wrong {
            let at = match self.open.last() {
                Some(Open::Mapping { key: Some(key), .. }) => key.at,
                _ => self.origin,
            };
            self.complain(at, message, help);
            if let Some(finding) = self.found.last_mut() {
                finding.severity = severity;
            }
        }
    }

    fn finish(&mut self) {
        let Some(root) = self.root.take() else { return };
        if self.found[self.sound..].iter().any(|finding| finding.severity == Severity::Error) {
            return;
        }
        match root.flatten(self.file) {
            Ok((Value::Null, _)) => {}
            Ok((value, places)) => {
                self.read.push(Document { value, place: root.at.in_file(self.file), places });
            }
            Err(wrong) => self.complain(wrong.at, wrong.message, wrong.help),
        }
    }

    fn complain(&mut self, at: Position, message: impl Into<String>, help: impl Into<String>) {
        self.found.push(Code::YamlSyntax.error(message).at(at.in_file(self.file)).help(help));
    }

    fn syntax(&mut self, error: &ScanError, text: &str) {
        let line = text.lines().nth(error.marker().line().saturating_sub(1)).unwrap_or_default();
        let help = if line.contains("{{") {
            "this is a template, not YAML: name its chart with `chart = …` instead of `path = …`"
        } else {
            advice(error.kind())
        };
        self.complain(self.at(error.marker()), format!("invalid YAML: {}", error.kind()), help);
    }
}

#[cfg(test)]
mod tests;
