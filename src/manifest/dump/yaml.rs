//! YAML, entry by entry.

use super::DEPTH;
use super::Ending;
use super::Part;
use super::VALUES;
use crate::manifest::scalar;
use granit_parser::Event;
use granit_parser::Parser;
use granit_parser::ScalarStyle;
use serde_json::Map;
use serde_json::Value;
use std::collections::HashMap;

/// The text is not YAML, or holds too much.
pub(super) struct Wrong;

/// Reads all documents of `text`.
pub(super) fn parse(text: &str, take: &mut dyn FnMut(Part)) -> Result<Ending, Wrong> {
    let options = granit_parser::options! {
        emit_comments: false,
        emit_unresolved_aliases: true,
        simple_key_max_lookahead: 1 << 16,
    };
    let mut parser = Parser::new_from_str_with_options(text, options);
    let mut reader = DumpReader {
        take,
        open: Vec::new(),
        anchors: HashMap::new(),
        values: 0,
        whole: None,
        ends_with_items: false,
    };
    while let Some(next) = parser.next_event() {
        match next {
            Ok((event, _)) => {
                if let Some(ending) = reader.event(event)? {
                    return Ok(ending);
                }
            }
            Err(error) => {
                // An object that ends too early is a dump that was cut off; anything else is not YAML.
                let line = error.marker().line();
                let last = text.trim_end().lines().count();
                return if reader.in_items() && line + 1 >= last { Ok(reader.cut_off()) } else { Err(Wrong) };
            }
        }
    }
    Ok(Ending::Whole)
}

struct DumpReader<'a, 'f> {
    take: &'a mut (dyn FnMut(Part) + 'f),
    open: Vec<Open>,
    /// What anchors stand for, and how many values that is.
    anchors: HashMap<usize, (Value, usize)>,
    values: usize,
    /// The entry that was read last. It is held back until something follows it: the last of a text that was cut off
    /// may lack its end.
    whole: Option<Value>,
    /// Whether `items` is the last key of the document so far.
    ends_with_items: bool,
}

enum Open {
    Sequence {
        anchor: usize,
        items: Vec<Value>,
        began: usize,
    },
    Mapping {
        anchor: usize,
        fields: Map<String, Value>,
        key: Option<String>,
        merged: Vec<Value>,
        began: usize,
    },
}

impl DumpReader<'_, '_> {
    /// Whether the entries of a list are being read.
    fn in_items(&self) -> bool {
        matches!(self.open.first(), Some(Open::Mapping { key: Some(key), .. }) if key == "items")
            && matches!(self.open.get(1), Some(Open::Sequence { .. }))
    }

    fn cut_off(&mut self) -> Ending {
        // The entry that was open is lost; the one before it is whole.
        if self.open.len() > 2 {
            self.hand_out();
        }
        (self.take)(Part::List(Map::new()));
        Ending::CutOff
    }

    fn hand_out(&mut self) {
        if let Some(item) = self.whole.take() {
            (self.take)(Part::Item(item));
        }
    }

    fn event(&mut self, event: Event<'_>) -> Result<Option<Ending>, Wrong> {
        if self.values > VALUES || self.open.len() > DEPTH {
            return Err(Wrong);
        }
        match event {
            Event::DocumentStart(..) => {
                self.open.clear();
                self.anchors.clear();
            }
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain;
                if plain && text == "<<" && tag.is_none() && self.wants_key() {
                    self.key("<<".to_owned());
                    return Ok(None);
                }
                let value = scalar::resolve(&text, plain, tag.as_deref()).map_err(|_| Wrong)?;
                return self.value(value, anchor, self.values);
            }
            Event::SequenceStart(_, anchor, _) => {
                self.begins();
                self.open.push(Open::Sequence { anchor, items: Vec::new(), began: self.values });
            }
            Event::MappingStart(_, anchor, _) => {
                self.begins();
                let (fields, merged) = (Map::new(), Vec::new());
                self.open.push(Open::Mapping { anchor, fields, key: None, merged, began: self.values });
            }
            Event::SequenceEnd | Event::MappingEnd => return self.ends(),
            Event::Alias(id) => {
                let Some((value, size)) = self.anchors.get(&id).cloned() else { return Err(Wrong) };
                self.values += size;
                if self.values > VALUES {
                    return Err(Wrong);
                }
                return self.value(value, 0, self.values);
            }
            Event::UnresolvedAlias(_) => return Err(Wrong),
            _ => {}
        }
        Ok(None)
    }

    fn begins(&mut self) {
        if self.in_items() && self.open.len() == 2 {
            self.hand_out();
        }
    }

    fn ends(&mut self) -> Result<Option<Ending>, Wrong> {
        match self.open.pop() {
            Some(Open::Sequence { anchor, items, began }) => self.value(Value::Array(items), anchor, began),
            Some(Open::Mapping { anchor, mut fields, merged, began, .. }) => {
                for value in merged {
                    merge(&mut fields, value);
                }
                self.value(Value::Object(fields), anchor, began)
            }
            None => Ok(None),
        }
    }

    fn wants_key(&self) -> bool {
        matches!(self.open.last(), Some(Open::Mapping { key: None, .. }))
    }

    fn key(&mut self, name: String) {
        if let Some(Open::Mapping { key, .. }) = self.open.last_mut() {
            *key = Some(name);
        }
    }

    /// Puts a finished value where it belongs.
    fn value(&mut self, value: Value, anchor: usize, began: usize) -> Result<Option<Ending>, Wrong> {
        self.values += 1;
        if anchor != 0 {
            self.anchors.insert(anchor, (value.clone(), self.values - began));
        }
        if self.open.len() == 2 && self.in_items() {
            self.hand_out();
            self.whole = Some(value);
            return Ok(None);
        }
        let top = self.open.len() == 1;
        match self.open.last_mut() {
            None => return Ok(self.document(value)),
            Some(Open::Sequence { items, .. }) => items.push(value),
            Some(Open::Mapping { fields, key, merged, .. }) => match key.take() {
                None => *key = Some(as_key(&value)?),
                Some(name) if name == "<<" => merged.push(value),
                Some(name) => {
                    if top {
                        self.ends_with_items = name == "items";
                    }
                    fields.insert(name, value);
                }
            },
        }
        Ok(None)
    }

    fn document(&mut self, value: Value) -> Option<Ending> {
        match value {
            Value::Object(mut fields) if fields.contains_key("items") => {
                fields.remove("items");
                // kubectl writes the keys of a list in alphabetical order, so `kind` stands at the end.
                if self.ends_with_items && !fields.contains_key("kind") {
                    self.whole = None;
                    (self.take)(Part::List(fields));
                    return Some(Ending::CutOff);
                }
                self.hand_out();
                (self.take)(Part::List(fields));
            }
            Value::Null => {}
            other => (self.take)(Part::Object(other)),
        }
        None
    }
}

fn as_key(value: &Value) -> Result<String, Wrong> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Bool(value) => Ok(value.to_string()),
        Value::Number(number) => Ok(number.to_string()),
        _ => Err(Wrong),
    }
}

/// Explicit keys take precedence, then the first merged mapping.
fn merge(fields: &mut Map<String, Value>, value: Value) {
    match value {
        Value::Object(more) => {
            for (key, value) in more {
                fields.entry(key).or_insert(value);
            }
        }
        Value::Array(list) => list.into_iter().for_each(|item| merge(fields, item)),
        _ => {}
    }
}
