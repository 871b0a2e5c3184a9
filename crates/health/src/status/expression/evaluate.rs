//! An [`Expr`] of an object → its value. What does not fit is `null`, and `null` is not true; what takes more steps than
//! [`Budget`] has is an error.
//!
//! Values are borrowed from the object as long as they can be: a rule may name a large one in every turn of a loop.

use crate::status::expression::budget::Budget;
use crate::status::expression::budget::TooExpensive;
use crate::status::expression::budget::weight;
use crate::status::expression::cel::Each;
use crate::status::expression::cel::Expr;
use crate::status::expression::cel::Function;
use crate::status::expression::cel::Pattern;
use crate::status::expression::cel::Sign;
use serde_json::Value;
use std::borrow::Cow;
use std::cmp::Ordering;

type Evaluated<'a> = Result<Cow<'a, Value>, TooExpensive>;

/// Whether `expr` is true for `object`.
pub(super) fn holds(expr: &Expr, object: &Value) -> Result<bool, TooExpensive> {
    let budget = Budget::new();
    value(expr, &Scope { object, item: None, budget: &budget }).map(|value| truth(&value))
}

/// The names that are known: the object's fields, and the items of the macros around it.
#[derive(Clone, Copy)]
struct Scope<'a> {
    object: &'a Value,
    item: Option<(&'a str, &'a Value, &'a Scope<'a>)>,
    budget: &'a Budget,
}

impl<'a> Scope<'a> {
    fn named(&self, name: &str) -> Cow<'a, Value> {
        match self.item {
            Some((item, value, _)) if item == name => Cow::Borrowed(value),
            Some((.., outer)) => outer.named(name),
            None if matches!(name, "self" | "object") => Cow::Borrowed(self.object),
            None => or_null(self.object.get(name)),
        }
    }

    /// A value of its own, which costs what is copied.
    fn owned(&self, value: Cow<'_, Value>) -> Result<Value, TooExpensive> {
        match value {
            Cow::Owned(value) => Ok(value),
            Cow::Borrowed(value) => {
                self.budget.charge(weight(value))?;
                Ok(value.clone())
            }
        }
    }

    fn equal(&self, left: &Value, right: &Value) -> Result<bool, TooExpensive> {
        match (left, right) {
            (Value::String(left), Value::String(right)) => self.budget.text(left.len().min(right.len()))?,
            (Value::Array(_), Value::Array(_)) | (Value::Object(_), Value::Object(_)) => {
                self.budget.charge(weight(left))?;
            }
            _ => {}
        }
        Ok(equal(left, right))
    }
}

fn value<'a>(expr: &'a Expr, scope: &Scope<'a>) -> Evaluated<'a> {
    scope.budget.charge(1)?;
    Ok(match expr {
        Expr::Literal(value) => Cow::Borrowed(value),
        Expr::List(items) => {
            let items = items.iter().map(|item| scope.owned(value(item, scope)?));
            Cow::Owned(Value::Array(items.collect::<Result<_, _>>()?))
        }
        Expr::Name(name) => scope.named(name),
        Expr::Field(of, name) => field(value(of, scope)?, name),
        Expr::Index(of, index) => {
            let of = value(of, scope)?;
            match &*value(index, scope)? {
                Value::String(key) => field(of, key),
                index => item(of, index.as_u64().and_then(|index| usize::try_from(index).ok())),
            }
        }
        Expr::Has(field) => made(!value(field, scope)?.is_null()),
        Expr::Not(of) => made(!truth(value(of, scope)?.as_ref())),
        Expr::Negative(of) => Cow::Owned(number(value(of, scope)?.as_f64().map(|number| -number))),
        Expr::Two(sign, left, right) => Cow::Owned(two(*sign, left, right, scope)?),
        Expr::Choice(asked, then, otherwise) => {
            value(if truth(value(asked, scope)?.as_ref()) { then } else { otherwise }, scope)?
        }
        Expr::Matches(of, pattern) => made(matches(value(of, scope)?.as_ref(), pattern, scope.budget)?),
        Expr::Call(function, arguments) => {
            let arguments = arguments.iter().map(|argument| value(argument, scope));
            Cow::Owned(call(*function, &arguments.collect::<Result<Vec<_>, _>>()?, scope.budget)?)
        }
        Expr::Each(kind, list, item, rule) => {
            let list = value(list, scope)?;
            Cow::Owned(each(*kind, &list, item, rule, scope)?)
        }
    })
}

/// A macro over the items of `list`.
fn each<'a>(
    each: Each,
    list: &'a Value,
    name: &'a str,
    rule: &'a Expr,
    scope: &'a Scope<'a>,
) -> Result<Value, TooExpensive> {
    let items = list.as_array().map_or(&[][..], Vec::as_slice);
    let of = |item: &'a Value| value(rule, &Scope { item: Some((name, item, scope)), ..*scope });
    let (mut held, mut kept) = (0, Vec::new());
    for item in items {
        let found = of(item)?;
        let holds = truth(&found);
        held += usize::from(holds);
        match each {
            Each::All if !holds => return Ok(false.into()),
            Each::Exists if holds => return Ok(true.into()),
            Each::Filter if holds => kept.push(scope.owned(Cow::Borrowed(item))?),
            Each::Map => kept.push(scope.owned(found)?),
            _ => {}
        }
    }
    Ok(match each {
        Each::All => list.is_array().into(),
        Each::Exists => false.into(),
        Each::ExistsOne => (held == 1).into(),
        Each::Filter | Each::Map => kept.into(),
    })
}

fn made<'a>(value: impl Into<Value>) -> Cow<'a, Value> {
    Cow::Owned(value.into())
}

fn or_null(value: Option<&Value>) -> Cow<'_, Value> {
    value.map_or(Cow::Owned(Value::Null), Cow::Borrowed)
}

fn field<'a>(of: Cow<'a, Value>, key: &str) -> Cow<'a, Value> {
    match of {
        Cow::Borrowed(of) => or_null(of.get(key)),
        Cow::Owned(mut of) => made(of.get_mut(key).map(Value::take)),
    }
}

fn item(of: Cow<'_, Value>, index: Option<usize>) -> Cow<'_, Value> {
    let Some(index) = index else { return Cow::Owned(Value::Null) };
    match of {
        Cow::Borrowed(of) => or_null(of.get(index)),
        Cow::Owned(mut of) => made(of.get_mut(index).map(Value::take)),
    }
}

/// Matching is linear in the text, but the factor is the size of the pattern.
fn matches(of: &Value, pattern: &Pattern, budget: &Budget) -> Result<bool, TooExpensive> {
    let Some(text) = of.as_str() else { return Ok(false) };
    budget.charge(text.len().saturating_mul(pattern.written))?;
    Ok(pattern.regex.is_match(text))
}

fn two(sign: Sign, left: &Expr, right: &Expr, scope: &Scope<'_>) -> Result<Value, TooExpensive> {
    let for_null = [left, right].iter().any(|expr| matches!(expr, Expr::Literal(Value::Null)));
    let left = value(left, scope)?;
    match sign {
        Sign::Or => return Ok((truth(&left) || truth(value(right, scope)?.as_ref())).into()),
        Sign::And => return Ok((truth(&left) && truth(value(right, scope)?.as_ref())).into()),
        _ => {}
    }
    let right = value(right, scope)?;
    let (left, right) = (&*left, &*right);
    let numbers = left.as_f64().zip(right.as_f64());
    let whole = left.is_i64() && right.is_i64();
    Ok(match sign {
        Sign::Or | Sign::And => Value::Null,
        Sign::Equal => scope.equal(left, right)?.into(),
        // A missing field is not known to differ.
        Sign::Unequal => {
            ((for_null || !(left.is_null() || right.is_null())) && !scope.equal(left, right)?).into()
        }
        Sign::Less => is(left, right, Ordering::is_lt),
        Sign::More => is(left, right, Ordering::is_gt),
        Sign::AtMost => is(left, right, Ordering::is_le),
        Sign::AtLeast => is(left, right, Ordering::is_ge),
        Sign::In => is_in(left, right, scope)?.into(),
        Sign::Plus => match (left, right) {
            (Value::String(left), Value::String(right)) => {
                scope.budget.text(left.len() + right.len())?;
                format!("{left}{right}").into()
            }
            (Value::Array(left), Value::Array(right)) => {
                let items = left.iter().chain(right).map(|item| scope.owned(Cow::Borrowed(item)));
                Value::Array(items.collect::<Result<_, _>>()?)
            }
            _ => number(numbers.map(|(left, right)| left + right)),
        },
        Sign::Minus => number(numbers.map(|(left, right)| left - right)),
        Sign::Times => number(numbers.map(|(left, right)| left * right)),
        Sign::By if whole => number(numbers.map(|(left, right)| (left / right).trunc())),
        Sign::By => number(numbers.map(|(left, right)| left / right)),
        Sign::Rest => number(numbers.map(|(left, right)| left % right)),
    })
}

fn is_in(desired: &Value, within: &Value, scope: &Scope<'_>) -> Result<bool, TooExpensive> {
    match within {
        Value::Array(items) => {
            for item in items {
                scope.budget.charge(1)?;
                if scope.equal(item, desired)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        Value::Object(fields) => Ok(desired.as_str().is_some_and(|key| fields.contains_key(key))),
        _ => Ok(false),
    }
}

fn call(function: Function, arguments: &[Cow<'_, Value>], budget: &Budget) -> Result<Value, TooExpensive> {
    let text = |index: usize| arguments.get(index).and_then(|value| value.as_str());
    budget.text(text(0).map_or(0, str::len) + text(1).map_or(0, str::len))?;
    let both = |how: fn(&str, &str) -> bool| {
        text(0).zip(text(1)).is_some_and(|(left, right)| how(left, right)).into()
    };
    let first = arguments.first().map(|value| &**value);
    Ok(match function {
        Function::Size => match first {
            Some(Value::Array(items)) => items.len().into(),
            Some(Value::Object(fields)) => fields.len().into(),
            Some(Value::String(text)) => text.chars().count().into(),
            _ => 0.into(),
        },
        Function::StartsWith => both(|text, start| text.starts_with(start)),
        Function::EndsWith => both(|text, end| text.ends_with(end)),
        Function::Contains => both(|text, part| text.contains(part)),
        Function::LowerAscii => text(0).map(str::to_ascii_lowercase).into(),
        Function::Int => match first {
            Some(Value::String(text)) => text.trim().parse::<i64>().ok().into(),
            Some(other) => number(other.as_f64().map(f64::trunc)),
            None => Value::Null,
        },
        Function::Text => match first {
            None | Some(Value::Null) => Value::Null,
            Some(Value::String(text)) => text.clone().into(),
            Some(other) => {
                budget.charge(weight(other))?;
                other.to_string().into()
            }
        },
    })
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

fn is(left: &Value, right: &Value, desired: fn(Ordering) -> bool) -> Value {
    order(left, right).is_some_and(desired).into()
}
