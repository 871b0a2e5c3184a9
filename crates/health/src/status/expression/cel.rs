//! The part of CEL that readiness rules need: text → [`Expr`].
//!
//! Grammar and precedence are the language's (`google/cel-spec: doc/langdef.md`). Unknown syntax is rejected here,
//! so that a rule which was read can always be evaluated.

use regex::Regex;
use regex::RegexBuilder;
use serde_json::Value;

/// So deep may a rule be nested.
const DEEPEST: usize = 64;

/// The maximum of operators, fields, calls and indices: each may nest what is before it, and evaluating is recursive.
const MOST: usize = 256;

/// What a regular expression may take once it is compiled, in bytes; `\w{1000}` is short only as it is written.
const COMPILED: usize = 256 << 10;

/// A regular expression.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    pub(super) regex: Regex,
    /// How long it is as it is written.
    pub(super) written: usize,
}

/// A rule, read.
#[derive(Debug, Clone)]
pub(super) enum Expr {
    Literal(Value),
    List(Vec<Expr>),
    Name(String),
    Field(Box<Expr>, String),
    Index(Box<Expr>, Box<Expr>),
    Has(Box<Expr>),
    Not(Box<Expr>),
    Negative(Box<Expr>),
    Two(Sign, Box<Expr>, Box<Expr>),
    Choice(Box<Expr>, Box<Expr>, Box<Expr>),
    Matches(Box<Expr>, Pattern),
    Call(Function, Vec<Expr>),
    Each(Each, Box<Expr>, String, Box<Expr>),
}

/// An operator between two values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    Or,
    And,
    Equal,
    Unequal,
    AtMost,
    AtLeast,
    Less,
    More,
    In,
    Plus,
    Minus,
    Times,
    By,
    Rest,
}

/// A function; its receiver comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    Size,
    StartsWith,
    EndsWith,
    Contains,
    LowerAscii,
    Int,
    Text,
}

/// A macro over a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Each {
    All,
    Exists,
    ExistsOne,
    Filter,
    Map,
}

type Read<T = Expr> = Result<T, String>;

/// Reads a whole rule.
pub(super) fn parse(text: &str) -> Read {
    let mut reader = CelReader { rest: text, depth: 0, parts: 0 };
    let expr = reader.choice()?;
    let rest = reader.rest.trim();
    if rest.starts_with('=') {
        return Err(format!("`{rest}` cannot be read; equality is `==`"));
    }
    if !rest.is_empty() {
        return Err(format!("`{rest}` cannot be read"));
    }
    match &expr {
        Expr::Literal(Value::String(_)) => Err("it is a text, and neither true nor false".to_owned()),
        Expr::Literal(Value::Number(_))
        | Expr::Negative(_)
        | Expr::Two(Sign::Plus | Sign::Minus | Sign::Times | Sign::By | Sign::Rest, ..)
        | Expr::Call(Function::Size | Function::Int, _) => {
            Err("it is a number, and neither true nor false".to_owned())
        }
        _ => Ok(expr),
    }
}

struct CelReader<'a> {
    rest: &'a str,
    depth: usize,
    parts: usize,
}

impl<'a> CelReader<'a> {
    fn take(&mut self, sign: &str) -> bool {
        let rest = self.rest.trim_start();
        let found = rest.strip_prefix(sign);
        self.rest = found.unwrap_or(rest);
        found.is_some()
    }

    fn must(&mut self, sign: &str) -> Read<()> {
        if self.take(sign) {
            return Ok(());
        }
        let place = if self.rest.is_empty() { "the end".to_owned() } else { format!("`{}`", self.rest) };
        Err(format!("a `{sign}` is missing at {place}"))
    }

    fn part(&mut self) -> Read<()> {
        self.parts += 1;
        if self.parts > MOST { Err(format!("it has more than {MOST} parts")) } else { Ok(()) }
    }

    fn deeper<T>(&mut self, part: impl FnOnce(&mut Self) -> Read<T>) -> Read<T> {
        if self.depth == DEEPEST {
            return Err("it is nested too deeply".to_owned());
        }
        self.depth += 1;
        let read = part(self);
        self.depth -= 1;
        read
    }

    fn choice(&mut self) -> Read {
        self.deeper(|this| {
            let asked = this.level(0)?;
            if !this.take("?") {
                return Ok(asked);
            }
            let then = this.choice()?;
            this.must(":")?;
            let otherwise = this.choice()?;
            Ok(Expr::Choice(Box::new(asked), Box::new(then), Box::new(otherwise)))
        })
    }

    /// Signs of one precedence, which bind from left to right.
    fn level(&mut self, level: usize) -> Read {
        let Some(signs) = LEVELS.get(level) else { return self.unary() };
        let mut left = self.level(level + 1)?;
        while let Some((_, sign)) = signs.iter().find(|(text, _)| self.takes_sign(text)) {
            self.part()?;
            let right = self.level(level + 1)?;
            left = Expr::Two(*sign, Box::new(left), Box::new(right));
        }
        Ok(left)
    }

    fn takes_sign(&mut self, text: &str) -> bool {
        let after = self.rest.trim_start().strip_prefix(text);
        let ends = after.is_some_and(|after| text != "in" || !after.starts_with(is_word));
        ends && self.take(text)
    }

    fn unary(&mut self) -> Read {
        if self.take("!") {
            return Ok(Expr::Not(Box::new(self.deeper(Self::unary)?)));
        }
        if self.take("-") {
            return Ok(Expr::Negative(Box::new(self.deeper(Self::unary)?)));
        }
        let mut value = self.primary()?;
        loop {
            if self.take(".") {
                self.part()?;
                let name = self.word();
                if name.is_empty() {
                    return Err(format!("a field's name is missing at `{}`", self.rest));
                }
                value = if self.take("(") {
                    self.call(name, Some(value))?
                } else {
                    Expr::Field(Box::new(value), name.to_owned())
                };
            } else if self.take("[") {
                self.part()?;
                let index = self.choice()?;
                self.must("]")?;
                value = Expr::Index(Box::new(value), Box::new(index));
            } else {
                return Ok(value);
            }
        }
    }

    fn primary(&mut self) -> Read {
        if self.take("(") {
            let value = self.choice()?;
            self.must(")")?;
            return Ok(value);
        }
        if self.take("[") {
            return Ok(Expr::List(self.list("]")?));
        }
        let rest = self.rest.trim_start();
        let raw = ["r'", "r\""].iter().any(|start| rest.starts_with(start));
        match rest.chars().next() {
            None => Err("nothing is written where a value belongs".to_owned()),
            Some('\'' | '"') => self.text(false),
            Some('r') if raw => self.text(true),
            Some(first) if first.is_ascii_digit() => self.number(),
            Some(first) if is_word(first) => Ok(match self.word() {
                "true" => Expr::Literal(true.into()),
                "false" => Expr::Literal(false.into()),
                "null" => Expr::Literal(Value::Null),
                name if self.take("(") => self.call(name, None)?,
                name => Expr::Name(name.to_owned()),
            }),
            Some(_) => Err(format!("`{rest}` cannot be read")),
        }
    }

    fn list(&mut self, end: &str) -> Read<Vec<Expr>> {
        let mut items = Vec::new();
        while !self.take(end) {
            if !items.is_empty() {
                self.must(",")?;
            }
            items.push(self.choice()?);
        }
        Ok(items)
    }

    fn word(&mut self) -> &'a str {
        let rest = self.rest.trim_start();
        let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        self.rest = &rest[end..];
        &rest[..end]
    }

    fn number(&mut self) -> Read {
        let rest = self.rest.trim_start();
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (digits, after) = rest.split_at(end);
        self.rest = after;
        let whole = digits.parse::<i64>().map(Value::from);
        whole
            .or_else(|_| digits.parse::<f64>().map(Value::from))
            .map(Expr::Literal)
            .map_err(|_| format!("`{digits}` is not a number"))
    }

    fn text(&mut self, raw: bool) -> Read {
        let rest = self.rest.trim_start();
        let body = &rest[usize::from(raw)..];
        let quote = body.chars().next().unwrap_or_default();
        let mut text = String::new();
        let mut characters = body.char_indices().skip(1);
        while let Some((at, character)) = characters.next() {
            if character == quote {
                self.rest = &body[at + 1..];
                return Ok(Expr::Literal(text.into()));
            }
            match (character, raw) {
                ('\\', false) => match characters.next() {
                    Some((_, 'n')) => text.push('\n'),
                    Some((_, 't')) => text.push('\t'),
                    Some((_, other)) => text.push(other),
                    None => {}
                },
                _ => text.push(character),
            }
        }
        Err(format!("the quote of `{body}` is not closed"))
    }

    fn call(&mut self, name: &str, on: Option<Expr>) -> Read {
        let mut arguments: Vec<Expr> = self.list(")")?;
        if let ("has", None) = (name, &on) {
            return match arguments.as_mut_slice() {
                [Expr::Field(..) | Expr::Index(..) | Expr::Name(_)] => {
                    Ok(Expr::Has(Box::new(arguments.remove(0))))
                }
                _ => Err("`has()` takes a field, such as `has(status.phase)`".to_owned()),
            };
        }
        if let Some((_, each)) = EACH.iter().find(|(known, _)| *known == name && on.is_some()) {
            return match (on, <[Expr; 2]>::try_from(arguments)) {
                (Some(on), Ok([Expr::Name(item), rule])) => {
                    Ok(Expr::Each(*each, Box::new(on), item, Box::new(rule)))
                }
                _ => {
                    Err(format!("`{name}()` takes a name and a rule, such as `{name}(c, c.type == 'Ready')`"))
                }
            };
        }
        arguments.splice(0..0, on);
        if name == "matches" {
            let pattern = match arguments.as_slice() {
                [_, Expr::Literal(Value::String(pattern))] => pattern.clone(),
                _ => return Err("`matches()` takes a regular expression in quotes".to_owned()),
            };
            let regex = regex(&pattern)?;
            let pattern = Pattern { regex, written: pattern.len().max(1) };
            return Ok(Expr::Matches(Box::new(arguments.remove(0)), pattern));
        }
        let Some((_, function, takes)) = FUNCTIONS.iter().find(|(known, ..)| *known == name) else {
            return Err(format!("there is no function `{name}`"));
        };
        if arguments.len() != *takes {
            return Err(format!("`{name}()` does not take {} values", arguments.len()));
        }
        Ok(Expr::Call(*function, arguments))
    }
}

fn regex(pattern: &str) -> Read<Regex> {
    RegexBuilder::new(pattern).size_limit(COMPILED).build().map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => {
            format!(
                "the regular expression `{pattern}` is too large: it takes more than {} KiB",
                COMPILED >> 10
            )
        }
        _ => format!("`{pattern}` is not a valid regular expression"),
    })
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Loosest first. Longer signs before those that they begin with.
const LEVELS: [&[(&str, Sign)]; 5] = [
    &[("||", Sign::Or)],
    &[("&&", Sign::And)],
    &[
        ("==", Sign::Equal),
        ("!=", Sign::Unequal),
        ("<=", Sign::AtMost),
        (">=", Sign::AtLeast),
        ("<", Sign::Less),
        (">", Sign::More),
        ("in", Sign::In),
    ],
    &[("+", Sign::Plus), ("-", Sign::Minus)],
    &[("*", Sign::Times), ("/", Sign::By), ("%", Sign::Rest)],
];

const FUNCTIONS: [(&str, Function, usize); 7] = [
    ("size", Function::Size, 1),
    ("startsWith", Function::StartsWith, 2),
    ("endsWith", Function::EndsWith, 2),
    ("contains", Function::Contains, 2),
    ("lowerAscii", Function::LowerAscii, 1),
    ("int", Function::Int, 1),
    ("string", Function::Text, 1),
];

const EACH: [(&str, Each); 5] = [
    ("all", Each::All),
    ("exists", Each::Exists),
    ("exists_one", Each::ExistsOne),
    ("filter", Each::Filter),
    ("map", Each::Map),
];
