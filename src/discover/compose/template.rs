//! `${NAME:-default}` in the values of a compose file, as compose-go's `template` package reads it.
//!
//! The parts are kept, because a variable that holds a secret becomes a reference and is not resolved.

use std::collections::BTreeMap;

/// A text with variables in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Template(pub Vec<Part>);

/// A part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// What stands there.
    Text(String),
    /// `$NAME` or `${NAME…}`.
    Variable(Variable),
}

/// A variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Its value, where `.env` gives one.
    pub value: Option<String>,
    /// Whether an empty value counts as none: `:-`, `:?`, `:+`.
    pub colon: bool,
    /// What stands for it otherwise.
    pub fallback: Fallback,
}

/// What stands for a variable without a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fallback {
    /// An empty text, with a warning.
    Nothing,
    /// `-`: this text.
    Default(Template),
    /// `?`: the file is refused with this message.
    Required(String),
    /// `+`: this text in the place of a value, nothing where there is none.
    Alternative(Template),
}

impl Variable {
    /// Its value, unless an empty one counts as none.
    #[must_use]
    pub fn given(&self) -> Option<&str> {
        self.value.as_deref().filter(|value| !self.colon || !value.is_empty())
    }

    /// What compose puts there; `None` where nothing gives a value.
    #[must_use]
    pub fn text(&self) -> Option<String> {
        match (&self.fallback, self.given()) {
            (Fallback::Alternative(other), Some(_)) | (Fallback::Default(other), None) => Some(other.text()),
            (Fallback::Alternative(_), None) => Some(String::new()),
            (_, given) => given.or(self.value.as_deref()).map(str::to_owned),
        }
    }
}

impl Template {
    /// Reads `raw`; `values` are those of `.env`.
    ///
    /// # Errors
    /// What compose-go calls an invalid interpolation format.
    pub fn parse(raw: &str, values: &BTreeMap<String, String>) -> Result<Template, String> {
        let mut parts = Vec::new();
        let mut text = String::new();
        let mut rest = raw;
        while let Some(at) = rest.find('$') {
            text.push_str(&rest[..at]);
            rest = &rest[at + 1..];
            let plain = name_length(rest);
            if let Some(after) = rest.strip_prefix('$') {
                text.push('$');
                rest = after;
            } else if let Some(inside) = rest.strip_prefix('{') {
                let Some(end) = closing(inside) else {
                    return Err(format!("invalid interpolation format: \"{raw}\""));
                };
                if !text.is_empty() {
                    parts.push(Part::Text(std::mem::take(&mut text)));
                }
                parts.push(Part::Variable(variable(&inside[..end], values, raw)?));
                rest = &inside[end + 1..];
            } else if plain > 0 {
                if !text.is_empty() {
                    parts.push(Part::Text(std::mem::take(&mut text)));
                }
                parts.push(Part::Variable(variable(&rest[..plain], values, raw)?));
                rest = &rest[plain..];
            } else {
                text.push('$');
            }
        }
        text.push_str(rest);
        if !text.is_empty() || parts.is_empty() {
            parts.push(Part::Text(text));
        }
        Ok(Template(parts))
    }

    /// A text without variables.
    #[must_use]
    pub fn plain(text: &str) -> Template {
        Template(vec![Part::Text(text.to_owned())])
    }

    /// What compose makes of it.
    #[must_use]
    pub fn text(&self) -> String {
        let text = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Variable(variable) => variable.text().unwrap_or_default(),
        };
        self.0.iter().map(text).collect()
    }

    /// The variables in it, also those of defaults that count.
    #[must_use]
    pub fn variables(&self) -> Vec<&Variable> {
        let mut found = Vec::new();
        for part in &self.0 {
            if let Part::Variable(variable) = part {
                found.push(variable);
                if let (Fallback::Default(inner), None) = (&variable.fallback, variable.given()) {
                    found.extend(inner.variables());
                }
            }
        }
        found
    }

    /// The variables that have neither a value nor a default.
    #[must_use]
    pub fn open(&self) -> Vec<&Variable> {
        self.variables().into_iter().filter(|variable| variable.text().is_none()).collect()
    }

    /// The variable that it is, where nothing stands around it.
    #[must_use]
    pub fn whole(&self) -> Option<&Variable> {
        match &self.0[..] {
            [Part::Variable(variable)] => Some(variable),
            _ => None,
        }
    }
}

fn name_length(text: &str) -> usize {
    if text.starts_with(|first: char| first.is_ascii_digit()) {
        return 0;
    }
    text.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count()
}

/// Where the brace is closed that was opened before `text`.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 1;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' => {
                depth -= 1;
                if depth == 0 {
                    return Some(at);
                }
            }
            _ => {}
        }
    }
    None
}

fn variable(inside: &str, values: &BTreeMap<String, String>, raw: &str) -> Result<Variable, String> {
    let wrong = || format!("invalid interpolation format: \"{raw}\"");
    let length = name_length(inside);
    let (name, rest) = inside.split_at(length);
    if name.is_empty() {
        return Err(wrong());
    }
    let (colon, operator) = match rest.strip_prefix(':') {
        Some(rest) => (true, rest),
        None => (false, rest),
    };
    let mut letters = operator.chars();
    let fallback = match letters.next() {
        None if !colon => Fallback::Nothing,
        Some('-') => Fallback::Default(Template::parse(letters.as_str(), values)?),
        Some('+') => Fallback::Alternative(Template::parse(letters.as_str(), values)?),
        Some('?') => Fallback::Required(Template::parse(letters.as_str(), values)?.text()),
        _ => return Err(wrong()),
    };
    Ok(Variable { name: name.to_owned(), value: values.get(name).cloned(), colon, fallback })
}

#[cfg(test)]
mod tests {
    use super::Template;
    use std::collections::BTreeMap;

    #[test]
    fn variables_are_resolved_as_compose_does() {
        let values: BTreeMap<String, String> =
            [("SET", "v"), ("EMPTY", "")].map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        for (raw, text, open) in [
            ("$SET-${SET}", "v-v", 0),
            ("${UNSET}", "", 1),
            ("${UNSET:-d}", "d", 0),
            ("${EMPTY:-d}|${EMPTY-d}", "d|", 0),
            ("${UNSET-${SET:-x}y}", "vy", 0),
            (r#"${UNSET:-{"k":"v"}}"#, r#"{"k":"v"}"#, 0),
            ("${SET:+alt}|${UNSET+alt}", "alt|", 0),
            ("${UNSET:?write it}", "", 1),
            ("${UNSET:-${OTHER}}", "", 1),
            ("a$$b$1$-$", "a$b$1$-$", 0),
            ("${UNSET:-a?b}", "a?b", 0),
        ] {
            let template = Template::parse(raw, &values).unwrap();
            assert_eq!(template.text(), text, "{raw}");
            let open = template.open().len() == open || open > 0 && !template.open().is_empty();
            assert!(open, "{raw}: {:?}", template.open());
        }
        for raw in ["${A.b}", "${X:0:2}", "${!X}", "${", "${}"] {
            assert!(Template::parse(raw, &values).is_err(), "{raw}");
        }
    }
}
