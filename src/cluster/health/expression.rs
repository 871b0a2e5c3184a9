//! `todo.dev/ready`: the user's own word on when an object is ready.
//!
//! Two languages that people know: what `kubectl wait --for` takes (`condition=Ready`, `jsonpath={.status.phase}=Done`)
//! and the part of CEL that such rules use: fields, indices, `has()`, `size()`, comparisons, `&&`, `||`, `!`. Not all of
//! CEL: no macros, no arithmetic. A field that is not there makes a comparison false, because right after a write most
//! of a status is not there.

use crate::cluster::live;
use serde_json::Value;

/// The annotation that holds the expression.
pub const ANNOTATION: &str = "todo.dev/ready";

/// Whether `object` is ready by `expression`; an error says what cannot be read in it.
pub fn holds(expression: &str, object: &Value) -> Result<bool, String> {
    let text = expression.trim();
    if let Some(condition) = text.strip_prefix("condition=") {
        let (kind, wanted) = condition.split_once('=').unwrap_or((condition, "True"));
        let status = live::condition(object, kind).map_or("", |condition| condition.status);
        return Ok(status.eq_ignore_ascii_case(wanted));
    }
    let path = text.strip_prefix("jsonpath=").unwrap_or(text).trim_start_matches(['\'', '"']);
    if let Some(path) = path.strip_prefix('{') {
        let (path, rest) = path.split_once('}').ok_or("the `{` of its path is not closed")?;
        let wanted =
            rest.trim_matches(['\'', '"']).strip_prefix('=').map(|wanted| wanted.trim_matches(['\'', '"']));
        let value = Reader { rest: path.trim().trim_start_matches('.'), object }.whole(Reader::operand)?;
        return Ok(match wanted {
            Some(wanted) => as_text(&value) == wanted,
            None => !value.is_null(),
        });
    }
    let value = Reader { rest: text, object }.whole(Reader::either)?;
    value.as_bool().ok_or_else(|| format!("it is `{}`, not true or false", as_text(&value)))
}

fn as_text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

struct Reader<'a> {
    rest: &'a str,
    object: &'a Value,
}

type Read = Result<Value, String>;

impl<'a> Reader<'a> {
    fn whole(mut self, part: impl FnOnce(&mut Self) -> Read) -> Read {
        let value = part(&mut self)?;
        if self.rest.trim().is_empty() {
            Ok(value)
        } else {
            Err(format!("`{}` cannot be read", self.rest.trim()))
        }
    }

    fn take(&mut self, sign: &str) -> bool {
        let rest = self.rest.trim_start();
        let found = rest.strip_prefix(sign);
        self.rest = found.unwrap_or(rest);
        found.is_some()
    }

    fn either(&mut self) -> Read {
        let mut value = self.both()?;
        while self.take("||") {
            let other = self.both()?;
            value = (truth(&value) || truth(&other)).into();
        }
        Ok(value)
    }

    fn both(&mut self) -> Read {
        let mut value = self.comparison()?;
        while self.take("&&") {
            let other = self.comparison()?;
            value = (truth(&value) && truth(&other)).into();
        }
        Ok(value)
    }

    fn comparison(&mut self) -> Read {
        let left = self.operand()?;
        for sign in ["==", "!=", "<=", ">=", "<", ">"] {
            if self.take(sign) {
                let right = self.operand()?;
                return Ok(compare(sign, &left, &right).into());
            }
        }
        Ok(left)
    }

    fn operand(&mut self) -> Read {
        if self.take("!") {
            let value = self.operand()?;
            return Ok((!truth(&value)).into());
        }
        if self.take("(") {
            let value = self.either()?;
            return if self.take(")") { Ok(value) } else { Err("a `)` is missing".to_owned()) };
        }
        if self.take("has(") {
            let value = self.operand()?;
            return if self.take(")") {
                Ok((!value.is_null()).into())
            } else {
                Err("a `)` is missing".to_owned())
            };
        }
        let rest = self.rest.trim_start();
        match rest.chars().next() {
            Some(quote @ ('\'' | '"')) => {
                let end = rest[1..].find(quote).ok_or("a quote is not closed")? + 1;
                self.rest = &rest[end + 1..];
                Ok(rest[1..end].into())
            }
            Some(first) if first.is_ascii_digit() || first == '-' => {
                let end = rest[1..]
                    .find(|c: char| !c.is_ascii_digit() && c != '.')
                    .map_or(rest.len(), |end| end + 1);
                self.rest = &rest[end..];
                rest[..end]
                    .parse::<f64>()
                    .map(Value::from)
                    .map_err(|_| format!("`{}` is not a number", &rest[..end]))
            }
            Some(first) if first.is_alphabetic() || first == '_' => self.path(),
            _ => Err(format!("`{rest}` cannot be read")),
        }
    }

    fn word(&mut self) -> &'a str {
        let end =
            self.rest.find(|c: char| !c.is_alphanumeric() && c != '_' && c != '-').unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word
    }

    fn path(&mut self) -> Read {
        self.rest = self.rest.trim_start();
        let mut value = match self.word() {
            "true" => return Ok(true.into()),
            "false" => return Ok(false.into()),
            "null" => return Ok(Value::Null),
            "self" | "object" => self.object.clone(),
            field => self.object.get(field).cloned().unwrap_or_default(),
        };
        loop {
            if let Some(rest) = self.rest.strip_prefix('.') {
                self.rest = rest;
                let field = self.word();
                if field == "size" && self.take("()") {
                    let size = value.as_array().map_or_else(|| value.as_str().map_or(0, str::len), Vec::len);
                    value = size.into();
                } else {
                    value = value.get(field).cloned().unwrap_or_default();
                }
            } else if let Some(rest) = self.rest.strip_prefix('[') {
                let (index, rest) = rest.split_once(']').ok_or("a `]` is missing")?;
                self.rest = rest;
                let index = index.trim();
                value = match index.parse::<usize>() {
                    Ok(number) => value.get(number).cloned().unwrap_or_default(),
                    Err(_) => value.get(index.trim_matches(['\'', '"'])).cloned().unwrap_or_default(),
                };
            } else {
                return Ok(value);
            }
        }
    }
}

fn truth(value: &Value) -> bool {
    value.as_bool().unwrap_or(false)
}

fn compare(sign: &str, left: &Value, right: &Value) -> bool {
    let order = match (left.as_f64(), right.as_f64()) {
        (Some(left), Some(right)) => left.partial_cmp(&right),
        _ => left.as_str().zip(right.as_str()).map(|(left, right)| left.cmp(right)),
    };
    match (sign, order) {
        ("==", Some(order)) => order.is_eq(),
        ("!=", Some(order)) => order.is_ne(),
        ("<", Some(order)) => order.is_lt(),
        (">", Some(order)) => order.is_gt(),
        ("<=", Some(order)) => order.is_le(),
        (">=", Some(order)) => order.is_ge(),
        ("==", None) => left == right,
        ("!=", None) => !left.is_null() && left != right,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::holds;
    use serde_json::json;

    #[test]
    fn what_people_write() {
        let object = json!({"spec": {"replicas": 2}, "status": {"phase": "Running", "ready": true, "nodes": [{"up": 3}],
            "conditions": [{"type": "Synced", "status": "True"}]}});
        for (expression, wanted) in [
            ("status.phase == 'Running'", true),
            ("self.status.phase != \"Running\"", false),
            ("status.ready && status.nodes[0].up >= spec.replicas", true),
            ("!(status.ready) || status.nodes.size() == 0", false),
            ("has(status.absent)", false),
            ("status.absent == 'x' || status.ready", true),
            ("status.absent != 'x'", false),
            ("condition=Synced", true),
            ("condition=Synced=False", false),
            ("jsonpath={.status.phase}=Running", true),
            ("jsonpath='{.status.phase}'=Done", false),
            ("{.status.nodes[0].up}=3", true),
            ("jsonpath={.status.absent}", false),
        ] {
            assert_eq!(holds(expression, &object), Ok(wanted), "{expression}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_said() {
        for expression in
            ["", "status.phase ==", "status.phase = 'x'", "(status.ready", "status.phase", "{.status", "'x"]
        {
            assert!(holds(expression, &json!({"status": {"phase": "x"}})).is_err(), "{expression}");
        }
    }
}
