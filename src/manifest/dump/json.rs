//! JSON, entry by entry.

use super::DEPTH;
use super::Ending;
use super::Part;
use super::VALUES;
use serde::de::DeserializeSeed;
use serde::de::Deserializer;
use serde::de::Error;
use serde::de::IgnoredAny;
use serde::de::MapAccess;
use serde::de::SeqAccess;
use serde::de::Visitor;
use serde_json::Map;
use serde_json::Value;
use std::cell::Cell;
use std::fmt;

/// The text is not JSON.
pub(super) struct Wrong {
    /// Whether parts of it were passed on before that was detected.
    pub(super) handed_out: bool,
}

/// Reads the values that follow one another in `text`.
pub(super) fn parse(text: &str, take: &mut dyn FnMut(Part)) -> Result<Ending, Wrong> {
    let count = Cell::new(0);
    let mut handed_out = false;
    let mut rest = text.trim_start();
    let mut take = |part| {
        handed_out = true;
        take(part);
    };
    while !rest.is_empty() {
        let mut one = serde_json::Deserializer::from_str(rest);
        match (Root { count: &count, take: &mut take }).deserialize(&mut one) {
            Ok(()) => {
                let used = one.into_iter::<IgnoredAny>().byte_offset();
                rest = rest[used..].trim_start();
            }
            Err(error) if error.is_eof() => return Ok(Ending::CutOff),
            Err(_) => return Err(Wrong { handed_out }),
        }
    }
    Ok(Ending::Whole)
}

/// A document: a list, whose entries are passed on as they are parsed, or an object.
struct Root<'a, 'f> {
    count: &'a Cell<usize>,
    take: &'a mut (dyn FnMut(Part) + 'f),
}

impl<'de> DeserializeSeed<'de> for Root<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Root<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut fields = Map::new();
        let mut is_list = false;
        while let Some(key) = map.next_key::<String>()? {
            if key == "items" {
                is_list = true;
                map.next_value_seed(Items { count: self.count, take: &mut *self.take })?;
            } else {
                fields.insert(key, map.next_value_seed(Any { count: self.count, depth: 0 })?);
            }
        }
        let part = if is_list { Part::List(fields) } else { Part::Object(Value::Object(fields)) };
        (self.take)(part);
        Ok(())
    }
}

struct Items<'a, 'f> {
    count: &'a Cell<usize>,
    take: &'a mut (dyn FnMut(Part) + 'f),
}

impl<'de> DeserializeSeed<'de> for Items<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Items<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of objects")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while let Some(item) = items.next_element_seed(Any { count: self.count, depth: 0 })? {
            (self.take)(Part::Item(item));
        }
        Ok(())
    }
}

/// A value, counted.
#[derive(Clone, Copy)]
struct Any<'a> {
    count: &'a Cell<usize>,
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for Any<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        self.count.set(self.count.get() + 1);
        if self.count.get() > VALUES || self.depth > DEPTH {
            return Err(D::Error::custom("too much"));
        }
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Any<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        let inner = Any { depth: self.depth + 1, ..self };
        while let Some(item) = items.next_element_seed(inner)? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut fields = Map::new();
        let inner = Any { depth: self.depth + 1, ..self };
        while let Some(key) = map.next_key::<String>()? {
            fields.insert(key, map.next_value_seed(inner)?);
        }
        Ok(Value::Object(fields))
    }
}
