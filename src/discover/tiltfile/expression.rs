//! The expressions of a Tiltfile that are written out: texts, lists, mappings, names, calls, `+` and `%`.

use std::collections::BTreeMap;

/// What an expression is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    /// A text or a number.
    Text(String),
    /// A list or a tuple.
    List(Vec<Value>),
    /// A mapping.
    Map(Vec<(String, Value)>),
    /// A call of a function that is not understood here.
    Call(String, Arguments),
    /// Something that is computed.
    Unknown,
}

impl Value {
    /// The text, where it is one.
    pub(super) fn text(&self) -> Option<String> {
        match self {
            Value::Text(text) => Some(text.clone()),
            _ => None,
        }
    }
}

/// What a call is given.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Arguments {
    listed: Vec<Value>,
    named: BTreeMap<String, Value>,
}

impl Arguments {
    /// The argument by its place or by its name.
    pub(super) fn get(&self, at: usize, name: &str) -> Option<&Value> {
        self.named.get(name).or_else(|| self.listed.get(at))
    }

    /// Likewise, where it is a text.
    pub(super) fn text(&self, at: usize, name: &str) -> Option<String> {
        self.get(at, name)?.text()
    }
}

/// An expression that stands alone.
pub(super) struct Statement {
    /// Its line, from 1.
    pub line: usize,
    /// The value.
    pub value: Value,
}

/// Every expression that stands alone, loops over written lists unrolled.
pub(super) fn statements(text: &str) -> Vec<Statement> {
    let lines = logical(text);
    let mut found = Vec::new();
    run(&lines, &mut BTreeMap::new(), &mut found);
    found
}

/// A line with those that its brackets take in: its number, its indentation, its text.
type Line = (usize, usize, String);

fn logical(text: &str) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    let (mut depth, mut quote) = (0_i32, None::<String>);
    for (index, line) in text.lines().enumerate() {
        let open = depth > 0 || quote.is_some();
        let mut kept = String::new();
        let mut rest = line;
        while let Some(letter) = rest.chars().next() {
            let triple = ["\"\"\"", "'''"].into_iter().find(|marks| rest.starts_with(marks));
            let mark = triple.unwrap_or(&rest[..letter.len_utf8()]);
            match &quote {
                Some(end) if mark == end => quote = None,
                Some(end) if rest.starts_with(end.as_str()) => quote = None,
                Some(_) if letter == '\\' => {
                    let width = rest.chars().take(2).map(char::len_utf8).sum();
                    kept.push_str(&rest[..width]);
                    rest = &rest[width..];
                    continue;
                }
                None if letter == '#' => break,
                None if mark.starts_with(['"', '\'']) => quote = Some(mark.to_owned()),
                None if "([{".contains(letter) => depth += 1,
                None if ")]}".contains(letter) => depth -= 1,
                _ => {}
            }
            kept.push_str(mark);
            rest = &rest[mark.len()..];
        }
        // A text in single marks ends with its line.
        if quote.as_ref().is_some_and(|marks| marks.len() == 1) {
            quote = None;
        }
        match lines.last_mut().filter(|_| open) {
            Some((_, _, whole)) => {
                whole.push('\n');
                whole.push_str(&kept);
            }
            None if kept.trim().is_empty() => {}
            None => lines.push((index + 1, kept.len() - kept.trim_start().len(), kept.trim().to_owned())),
        }
    }
    lines
}

fn run(lines: &[Line], names: &mut BTreeMap<String, Value>, found: &mut Vec<Statement>) {
    let mut at = 0;
    while at < lines.len() {
        let (line, indent, text) = &lines[at];
        at += 1;
        if let Some((name, list)) = text.strip_prefix("for ").and_then(|head| head.split_once(" in ")) {
            let body = lines[at..].iter().take_while(|(_, inner, _)| inner > indent).count();
            let list = evaluate(list.trim_end().trim_end_matches(':'), names);
            let values = if let Value::List(values) = list { values } else { vec![Value::Unknown] };
            for value in values.into_iter().take(50) {
                names.insert(name.trim().to_owned(), value);
                run(&lines[at..at + body], names, found);
            }
            at += body;
            continue;
        }
        let assigned = text.split_once('=').filter(|(name, rest)| {
            let plain = name.trim_end().chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            plain && !rest.starts_with('=')
        });
        if let Some((name, value)) = assigned {
            let value = evaluate(value, names);
            names.insert(name.trim().to_owned(), value);
        } else if let value @ Value::Call(..) = evaluate(text, names) {
            found.push(Statement { line: *line, value });
        }
    }
}

fn evaluate(text: &str, names: &BTreeMap<String, Value>) -> Value {
    let mut reader = ExpressionReader { rest: text, names, depth: 0 };
    reader.sum()
}

struct ExpressionReader<'a> {
    rest: &'a str,
    names: &'a BTreeMap<String, Value>,
    depth: usize,
}

impl ExpressionReader<'_> {
    fn skip(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn eat(&mut self, text: &str) -> bool {
        self.skip();
        let rest = self.rest.strip_prefix(text);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn sum(&mut self) -> Value {
        self.depth += 1;
        if self.depth > 60 {
            self.rest = "";
        }
        let mut left = self.one();
        loop {
            if self.eat("+") {
                left = match (left, self.one()) {
                    (Value::Text(one), Value::Text(other)) => Value::Text(one + &other),
                    (Value::List(one), Value::List(other)) => Value::List([one, other].concat()),
                    _ => Value::Unknown,
                };
            } else if self.eat("%") {
                let right = self.one();
                left = match (left, right) {
                    (Value::Text(one), right) => filled(&one, "%s", &right),
                    _ => Value::Unknown,
                };
            } else if self.eat(".format(") {
                let arguments = self.arguments();
                left = match left {
                    Value::Text(one) => filled(&one, "{}", &Value::List(arguments.listed)),
                    _ => Value::Unknown,
                };
            } else {
                self.depth -= 1;
                return left;
            }
        }
    }

    fn one(&mut self) -> Value {
        self.skip();
        let Some(letter) = self.rest.chars().next() else { return Value::Unknown };
        match letter {
            '"' | '\'' => self.quoted(),
            '[' | '(' => {
                self.rest = &self.rest[1..];
                let arguments = self.until(if letter == '[' { "]" } else { ")" });
                match &arguments.listed[..] {
                    [one] if letter == '(' => one.clone(),
                    _ => Value::List(arguments.listed),
                }
            }
            '{' => self.map(),
            letter if letter.is_ascii_digit() => {
                let end = self.rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(self.rest.len());
                let (number, rest) = self.rest.split_at(end);
                self.rest = rest;
                Value::Text(number.to_owned())
            }
            letter if letter.is_alphabetic() || letter == '_' => self.name(),
            _ => {
                self.rest = &self.rest[letter.len_utf8()..];
                Value::Unknown
            }
        }
    }

    fn quoted(&mut self) -> Value {
        let width = if self.rest.starts_with("\"\"\"") || self.rest.starts_with("'''") { 3 } else { 1 };
        let (marks, rest) = self.rest.split_at(width);
        let end = rest.find(marks).unwrap_or(rest.len());
        self.rest = rest.get(end + width..).unwrap_or("");
        Value::Text(rest[..end].to_owned())
    }

    fn name(&mut self) -> Value {
        let end =
            self.rest.find(|c: char| !c.is_alphanumeric() && c != '_' && c != '.').unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(end);
        self.rest = rest;
        if !self.eat("(") {
            return match name {
                "True" | "False" | "None" => Value::Unknown,
                name => self.names.get(name).cloned().unwrap_or(Value::Unknown),
            };
        }
        let name = name.to_owned();
        let arguments = self.arguments();
        let texts: Option<Vec<String>> = arguments.listed.iter().map(Value::text).collect();
        match (name.as_str(), texts) {
            ("os.path.join", Some(parts)) => Value::Text(parts.join("/")),
            ("str", Some(parts)) => Value::Text(parts.concat()),
            _ => Value::Call(name, arguments),
        }
    }

    fn arguments(&mut self) -> Arguments {
        self.until(")")
    }

    fn until(&mut self, end: &str) -> Arguments {
        let mut arguments = Arguments::default();
        while !self.eat(end) && !self.rest.is_empty() {
            let before = self.rest;
            let word = self.rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(0);
            let named = self.rest[word..].trim_start();
            if word > 0 && named.starts_with('=') && !named.starts_with("==") {
                let name = self.rest[..word].to_owned();
                self.rest = &named[1..];
                let value = self.sum();
                arguments.named.insert(name, value);
            } else {
                let value = self.sum();
                arguments.listed.push(value);
            }
            // Whatever else stands there makes the argument a computed one.
            if !self.eat(",") && !self.rest.trim_start().starts_with(end) {
                if self.rest.len() == before.len() || self.rest.is_empty() {
                    self.rest = self.rest.get(1..).unwrap_or("");
                }
                if let Some(last) = arguments.listed.last_mut() {
                    *last = Value::Unknown;
                }
            }
        }
        arguments
    }

    fn map(&mut self) -> Value {
        self.rest = &self.rest[1..];
        let mut pairs = Vec::new();
        while !self.eat("}") && !self.rest.is_empty() {
            let before = self.rest.len();
            let key = self.sum();
            if self.eat(":") {
                let value = self.sum();
                pairs.extend(key.text().map(|key| (key, value)));
            }
            self.eat(",");
            if self.rest.len() == before {
                self.rest = self.rest.get(1..).unwrap_or("");
            }
        }
        Value::Map(pairs)
    }
}

/// `text` with what is given in the places of `mark`.
fn filled(text: &str, mark: &str, given: &Value) -> Value {
    let given = match given {
        Value::List(values) => values.clone(),
        other => vec![other.clone()],
    };
    let mut whole = text.to_owned();
    for value in given {
        let Some(value) = value.text() else { return Value::Unknown };
        whole = whole.replacen(mark, &value, 1);
    }
    Value::Text(whole)
}
