//! An [`Expr`] of an object → its value. Total: what does not fit is `null`, and `null` is not true.

use crate::cluster::health::expression::cel::Each;
use crate::cluster::health::expression::cel::Expr;
use crate::cluster::health::expression::cel::Function;
use crate::cluster::health::expression::cel::Sign;
use serde_json::Value;
use std::cmp::Ordering;

/// The value of `expr` for `object`.
pub(super) fn evaluate(expr: &Expr, object: &Value) -> Value {
    value(expr, &Scope { object, item: None })
}

/// The names that are known: the object's fields, and the items of the macros around.
#[derive(Clone, Copy)]
struct Scope<'a> {
    object: &'a Value,
    item: Option<(&'a str, &'a Value, &'a Scope<'a>)>,
}

impl Scope<'_> {
    fn named(&self, name: &str) -> Value {
        match self.item {
            Some((item, value, _)) if item == name => value.clone(),
            Some((.., outer)) => outer.named(name),
            None if matches!(name, "self" | "object") => self.object.clone(),
            None => self.object.get(name).cloned().unwrap_or_default(),
        }
    }
}

fn value(expr: &Expr, scope: &Scope<'_>) -> Value {
    match expr {
        Expr::Literal(value) => value.clone(),
        Expr::List(items) => items.iter().map(|item| value(item, scope)).collect(),
        Expr::Name(name) => scope.named(name),
        Expr::Field(of, name) => value(of, scope).get(name).cloned().unwrap_or_default(),
        Expr::Index(of, index) => at(&value(of, scope), &value(index, scope)),
        Expr::Has(field) => (!value(field, scope).is_null()).into(),
        Expr::Not(of) => (!truth(&value(of, scope))).into(),
        Expr::Negative(of) => number(value(of, scope).as_f64().map(|number| -number)),
        Expr::Two(sign, left, right) => two(*sign, left, right, scope),
        Expr::Choice(asked, then, otherwise) => {
            value(if truth(&value(asked, scope)) { then } else { otherwise }, scope)
        }
        Expr::Matches(of, pattern) => {
            value(of, scope).as_str().is_some_and(|text| pattern.is_match(text)).into()
        }
        Expr::Call(function, arguments) => {
            let arguments: Vec<Value> = arguments.iter().map(|argument| value(argument, scope)).collect();
            call(*function, &arguments)
        }
        Expr::Each(each, list, item, rule) => {
            let list = value(list, scope);
            let items = list.as_array().map_or(&[][..], Vec::as_slice);
            let of = |of: &Value| value(rule, &Scope { object: scope.object, item: Some((item, of, scope)) });
            let holds = |item: &&Value| truth(&of(item));
            match each {
                Each::All => (list.is_array() && items.iter().all(|item| holds(&item))).into(),
                Each::Exists => items.iter().any(|item| holds(&item)).into(),
                Each::ExistsOne => (items.iter().filter(holds).count() == 1).into(),
                Each::Filter => items.iter().filter(holds).cloned().collect(),
                Each::Map => items.iter().map(of).collect(),
            }
        }
    }
}

fn at(of: &Value, index: &Value) -> Value {
    let found = match index {
        Value::String(key) => of.get(key),
        _ => index.as_u64().and_then(|index| usize::try_from(index).ok()).and_then(|index| of.get(index)),
    };
    found.cloned().unwrap_or_default()
}

fn two(sign: Sign, left: &Expr, right: &Expr, scope: &Scope<'_>) -> Value {
    let for_null = [left, right].iter().any(|expr| matches!(expr, Expr::Literal(Value::Null)));
    let left = value(left, scope);
    match sign {
        Sign::Or => return (truth(&left) || truth(&value(right, scope))).into(),
        Sign::And => return (truth(&left) && truth(&value(right, scope))).into(),
        _ => {}
    }
    let right = value(right, scope);
    let numbers = left.as_f64().zip(right.as_f64());
    let whole = left.is_i64() && right.is_i64();
    match sign {
        Sign::Or | Sign::And => Value::Null,
        Sign::Equal => equal(&left, &right).into(),
        // What is not there is not known to differ.
        Sign::Unequal => ((for_null || !(left.is_null() || right.is_null())) && !equal(&left, &right)).into(),
        Sign::Less => is(&left, &right, Ordering::is_lt),
        Sign::More => is(&left, &right, Ordering::is_gt),
        Sign::AtMost => is(&left, &right, Ordering::is_le),
        Sign::AtLeast => is(&left, &right, Ordering::is_ge),
        Sign::In => match &right {
            Value::Array(items) => items.iter().any(|item| equal(item, &left)).into(),
            Value::Object(fields) => left.as_str().is_some_and(|key| fields.contains_key(key)).into(),
            _ => false.into(),
        },
        Sign::Plus => match (&left, &right) {
            (Value::String(left), Value::String(right)) => format!("{left}{right}").into(),
            (Value::Array(left), Value::Array(right)) => left.iter().chain(right).cloned().collect(),
            _ => number(numbers.map(|(left, right)| left + right)),
        },
        Sign::Minus => number(numbers.map(|(left, right)| left - right)),
        Sign::Times => number(numbers.map(|(left, right)| left * right)),
        Sign::By if whole => number(numbers.map(|(left, right)| (left / right).trunc())),
        Sign::By => number(numbers.map(|(left, right)| left / right)),
        Sign::Rest => number(numbers.map(|(left, right)| left % right)),
    }
}

fn call(function: Function, arguments: &[Value]) -> Value {
    let text = |index: usize| arguments.get(index).and_then(Value::as_str);
    let both = |how: fn(&str, &str) -> bool| {
        text(0).zip(text(1)).is_some_and(|(left, right)| how(left, right)).into()
    };
    match function {
        Function::Size => match arguments.first() {
            Some(Value::Array(items)) => items.len().into(),
            Some(Value::Object(fields)) => fields.len().into(),
            Some(Value::String(text)) => text.chars().count().into(),
            _ => 0.into(),
        },
        Function::StartsWith => both(|text, start| text.starts_with(start)),
        Function::EndsWith => both(|text, end| text.ends_with(end)),
        Function::Contains => both(|text, part| text.contains(part)),
        Function::LowerAscii => text(0).map(str::to_ascii_lowercase).into(),
        Function::Int => match arguments.first() {
            Some(Value::String(text)) => text.trim().parse::<i64>().ok().into(),
            Some(other) => number(other.as_f64().map(f64::trunc)),
            None => Value::Null,
        },
        Function::Text => match arguments.first() {
            None | Some(Value::Null) => Value::Null,
            Some(Value::String(text)) => text.clone().into(),
            Some(other) => other.to_string().into(),
        },
    }
}

fn truth(value: &Value) -> bool {
    value.as_bool().unwrap_or(false)
}

/// A number as JSON would write it: whole if it is.
fn number(number: Option<f64>) -> Value {
    #[expect(clippy::cast_possible_truncation, reason = "it is whole and small enough, as asked before")]
    match number {
        Some(number) if number.fract() == 0.0 && number.abs() < 9e15 => (number as i64).into(),
        Some(number) => number.into(),
        None => Value::Null,
    }
}

fn equal(left: &Value, right: &Value) -> bool {
    match order(left, right) {
        Some(order) => order.is_eq(),
        None => left == right,
    }
}

fn order(left: &Value, right: &Value) -> Option<Ordering> {
    match (left.as_f64(), right.as_f64()) {
        (Some(left), Some(right)) => left.partial_cmp(&right),
        _ => left.as_str().zip(right.as_str()).map(|(left, right)| left.cmp(right)),
    }
}

fn is(left: &Value, right: &Value, wanted: fn(Ordering) -> bool) -> Value {
    order(left, right).is_some_and(wanted).into()
}
