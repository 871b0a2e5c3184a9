//! JSONPath as `kubectl wait --for=jsonpath=…` takes it: fields, indices, `[*]`, and the filter by one field.

use crate::status::expression::as_text;
use regex::Regex;
use serde_json::Value;
use std::sync::LazyLock;

/// One step into an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    Field(String),
    Index(i64),
    Every,
    Where { field: Vec<String>, is: String },
}

/// Reads `{.path}` or `{.path}=wanted`, with or without quotes round the path.
pub(super) fn parse(text: &str) -> Result<(Vec<Step>, Option<String>), String> {
    let inner =
        text.trim().trim_start_matches(['\'', '"']).strip_prefix('{').ok_or_else(|| {
            format!("`{text}` is not a valid path: write `jsonpath={{.status.phase}}=Running`")
        })?;
    let (path, rest) = inner.rsplit_once('}').ok_or("the `{` of its path is not closed")?;
    let desired = rest.trim_matches(['\'', '"']);
    let desired = match desired.strip_prefix('=') {
        Some(desired) => Some(desired.trim_matches(['\'', '"']).to_owned()),
        None if desired.is_empty() => None,
        None => return Err(format!("`{desired}` cannot be read; a value is written `=value`")),
    };
    Ok((steps(path.trim())?, desired))
}

fn steps(path: &str) -> Result<Vec<Step>, String> {
    let mut steps = Vec::new();
    let mut rest = path.strip_prefix('$').unwrap_or(path);
    while !rest.is_empty() {
        if let Some(inner) = rest.strip_prefix('[') {
            let (index, after) = bracket(inner).ok_or("a `]` is missing")?;
            steps.push(index_step(index)?);
            rest = after;
            continue;
        }
        let (field, after) = field(rest.strip_prefix('.').unwrap_or(rest));
        if field.is_empty() {
            return Err(format!("a field's name is missing at `{rest}`"));
        }
        steps.push(if field == "*" { Step::Every } else { Step::Field(field) });
        rest = after;
    }
    Ok(steps)
}

/// A field's name, in which a backslash takes the next character as it is.
fn field(text: &str) -> (String, &str) {
    let mut name = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => name.extend(characters.next().map(|(_, next)| next)),
            '.' | '[' => return (name, &text[at..]),
            other => name.push(other),
        }
    }
    (name, "")
}

/// The text in a bracket, and the text after it.
fn bracket(text: &str) -> Option<(&str, &str)> {
    let end = if text.starts_with('?') {
        text.find(")]")? + 1
    } else if let Some(quote) = text.chars().next().filter(|first| matches!(first, '\'' | '"')) {
        text[1..].find(quote)? + 2
    } else {
        text.find(']')?
    };
    text[end..].strip_prefix(']').map(|after| (&text[..end], after))
}

fn index_step(index: &str) -> Result<Step, String> {
    if index == "*" {
        return Ok(Step::Every);
    }
    if index.starts_with('?') {
        let found = FILTER.captures(index).ok_or_else(|| {
            format!("`[{index}]` cannot be read; a filter is written `[?(@.type==\"Ready\")]`")
        })?;
        let field = found[1].split('.').map(str::to_owned).collect();
        return Ok(Step::Where { field, is: found[2].trim_matches(['\'', '"']).to_owned() });
    }
    let bare = index.trim_matches(['\'', '"']);
    if bare != index {
        return Ok(Step::Field(bare.to_owned()));
    }
    index.trim().parse().map(Step::Index).map_err(|_| format!("`[{index}]` cannot be read"))
}

#[expect(clippy::expect_used, reason = "a constant of this file; a test uses it")]
static FILTER: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"^\?\(\s*@\.([\w.-]+)\s*==\s*("[^"]*"|'[^']*'|[\w.-]+)\s*\)$"#).expect("a constant pattern")
});

/// Every value that the path points to.
pub(super) fn find<'a>(steps: &[Step], object: &'a Value) -> Vec<&'a Value> {
    steps
        .iter()
        .fold(vec![object], |found, step| found.into_iter().flat_map(|value| next(step, value)).collect())
}

fn next<'a>(step: &Step, value: &'a Value) -> Vec<&'a Value> {
    match step {
        Step::Field(name) => value.get(name).into_iter().collect(),
        Step::Index(index) => {
            let items = value.as_array().map_or(&[][..], Vec::as_slice);
            let length = i64::try_from(items.len()).unwrap_or(i64::MAX);
            let index = if *index < 0 { length.saturating_add(*index) } else { *index };
            usize::try_from(index).ok().and_then(|index| items.get(index)).into_iter().collect()
        }
        Step::Every => match value {
            Value::Array(items) => items.iter().collect(),
            Value::Object(fields) => fields.values().collect(),
            _ => Vec::new(),
        },
        Step::Where { field, is } => {
            let items = value.as_array().map_or(&[][..], Vec::as_slice);
            let holds = |item: &&Value| {
                let found = field.iter().try_fold(*item, |value, name| value.get(name));
                found.is_some_and(|found| as_text(found) == *is)
            };
            items.iter().filter(holds).collect()
        }
    }
}
