//! The environment of compose services → literal values, references to Secrets, and the Secrets themselves.
//!
//! A value is a secret because of its key or its form (`secrecy`). A reference to one replaces the whole value of a secret key,
//! or the password inside a URL; nothing else.

mod example;
mod owners;
mod secrets;

use super::Plan;
use super::Unit;
use super::names::Names;
use crate::discover::compose::ComposeValue;
use crate::discover::compose::EnvFileOf;
use crate::discover::compose::Fallback;
use crate::discover::compose::Part;
use crate::discover::compose::Template;
use crate::discover::compose::Variable as Composed;
use crate::discover::keys;
use crate::discover::keys::EnvFile;
use crate::discover::keys::is_ours;
use crate::discover::keys::is_secret;
use crate::discover::secrecy::looks_secret;
use crate::discover::secrecy::password;
use crate::event::Place;
use owners::PasswordOwner;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

/// Variables that a shell sets by itself.
const OF_THE_SHELL: [&str; 8] = ["PWD", "HOME", "USER", "UID", "GID", "HOSTNAME", "PATH", "SHELL"];

/// A variable of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Variable {
    /// A value to be written; it may refer to earlier ones as `$(NAME)`.
    Literal(String),
    /// A key of the project's Secret, and whether it may be absent.
    Key(String, bool),
}

/// A key of the project's Secret.
struct Key {
    place: Place,
    optional: bool,
    generate: bool,
    /// Where compose has a value for it.
    known: Option<Place>,
    /// The error message of compose if there is none.
    message: Option<String>,
}

/// All values of a project.
pub(super) struct Values<'a> {
    plan: &'a Plan<'a>,
    names: &'a Names,
    env: Option<EnvFile>,
    owners: Vec<PasswordOwner>,
    used: BTreeMap<String, Key>,
    /// The literal that each key stands for, so that two values do not become one key.
    literals: BTreeMap<String, String>,
    files: Vec<(EnvFileOf, String)>,
    files_of_secret: BTreeMap<String, String>,
    notes: Vec<(String, String)>,
    /// Steps to do before the Secret can be created.
    first: Vec<String>,
}

impl<'a> Values<'a> {
    pub(super) fn new(plan: &'a Plan<'a>, units: &[Unit<'_>], names: &'a Names) -> Values<'a> {
        Values {
            owners: owners::owners(plan, units),
            env: keys::file(&plan.survey.tree, &plan.compose.env),
            plan,
            names,
            used: BTreeMap::new(),
            literals: BTreeMap::new(),
            files: Vec::new(),
            files_of_secret: BTreeMap::new(),
            notes: Vec::new(),
            first: Vec::new(),
        }
    }

    /// The name of the project's Secret.
    pub(super) fn secret(&self) -> String {
        format!("{}-secrets", self.plan.project)
    }

    /// A file as a key of the Secret.
    pub(super) fn file_key(&mut self, key: &str, path: &str, place: &Place) {
        self.files_of_secret.insert(key.to_owned(), path.to_owned());
        if !self.plan.survey.tree.files.contains(path) {
            let help = format!("write `{path}`, before `todo up`");
            self.first.push(help.clone());
            self.notes.push((format!("`{path}` is not there; it is the secret `{key}` ({place})"), help));
        }
    }

    /// A variable as a key of the Secret.
    pub(super) fn variable_key(&mut self, name: &str, place: &Place) {
        self.key(name, place, false);
    }

    /// The variables of a service in order; what others refer to comes first.
    pub(super) fn variables(&mut self, unit: &Unit<'_>) -> Vec<(String, Variable)> {
        let mut variables: Vec<(String, Variable)> = Vec::new();
        let mut needed: Vec<String> = Vec::new();
        for value in &unit.service.environment {
            if let Some(variable) = self.variable(unit, value, &mut needed) {
                variables.push((value.key.clone(), variable));
            }
        }
        let known = |name: &String| {
            variables.iter().any(|(key, variable)| key == name && matches!(variable, Variable::Key(..)))
        };
        let mut all: Vec<(String, Variable)> = needed
            .iter()
            .filter(|name| !known(name))
            .map(|name| (name.clone(), Variable::Key(name.clone(), false)))
            .collect();
        // `$(NAME)` is put in only where NAME stands above it.
        let (mut keys, literals): (Vec<_>, Vec<_>) =
            variables.into_iter().partition(|(_, variable)| matches!(variable, Variable::Key(..)));
        all.append(&mut keys);
        all.extend(literals);
        let mut seen = BTreeSet::new();
        all.retain(|(name, _)| seen.insert(name.clone()));
        all
    }

    fn variable(
        &mut self,
        unit: &Unit<'_>,
        value: &ComposeValue,
        needed: &mut Vec<String>,
    ) -> Option<Variable> {
        let (key, place) = (&value.key, &value.place);
        if let Some(written) = &value.converted {
            let text = value.value.as_ref().map(Template::text).unwrap_or_default();
            let message =
                format!("compose gives `{text}` for `{key}: {written}`, and so do the manifests ({place})");
            self.notes.push((
                message,
                format!(
                    "write `\"{written}\"` in quotes there, if that text is meant, and `todo init --force`"
                ),
            ));
        }
        let Some(template) = &value.value else { return self.without_value(key, place) };
        if let Some(variable) = template.whole() {
            return self.whole(unit, key, variable, place, needed);
        }
        let text = template.text();
        if template.variables().is_empty() {
            return Some(self.written(unit, key, &text, place, needed));
        }
        Some(self.literal(unit, key, template, place, needed))
    }

    /// `KEY:` alone: the caller's, which may be absent.
    fn without_value(&mut self, key: &str, place: &Place) -> Option<Variable> {
        if OF_THE_SHELL.contains(&key) {
            return None;
        }
        if let Some(value) = self.example(key).filter(|_| !is_secret(key)) {
            return Some(Variable::Literal(escaped(&value)));
        }
        Some(self.key(key, place, !self.is_in_example(key)))
    }

    /// A variable with nothing around it.
    fn whole(
        &mut self,
        unit: &Unit<'_>,
        key: &str,
        variable: &Composed,
        place: &Place,
        needed: &mut Vec<String>,
    ) -> Option<Variable> {
        let name = &variable.name;
        let secret = is_secret(key) || is_secret(name);
        if OF_THE_SHELL.contains(&name.as_str()) && variable.value.is_none() && !secret {
            let why =
                format!("`{key}` takes `{name}` of the shell that runs compose, and is left out ({place})");
            self.notes
                .push((why, "write its value into the manifest, if the application needs it".to_owned()));
            return None;
        }
        if self.owner(name).is_some() {
            return Some(self.key(name, place, false));
        }
        if let Some(given) = variable.given() {
            if let Fallback::Alternative(other) = &variable.fallback {
                return Some(self.literal(unit, key, other, place, needed));
            }
            if secret || looks_secret(name, given) {
                return Some(self.key(name, place, false));
            }
            return Some(Variable::Literal(escaped(&self.names.rewritten(given))));
        }
        match &variable.fallback {
            Fallback::Default(default) if default.text().is_empty() => {
                Some(if secret { self.key(name, place, true) } else { Variable::Literal(String::new()) })
            }
            Fallback::Default(default) => {
                let text = default.text();
                // An address without a password is none, whatever the variable is called.
                let open = !secret || text.contains("://");
                if looks_secret(name, &text) || (open && password(&text).is_none()) {
                    return Some(self.literal(unit, name, default, place, needed));
                }
                Some(self.guarded(unit, name, &text, place))
            }
            Fallback::Alternative(_) => Some(Variable::Literal(String::new())),
            Fallback::Required(message) => {
                let known = self.key(name, place, false);
                if let Some(key) = self.used.get_mut(name).filter(|_| !message.is_empty()) {
                    key.message.get_or_insert_with(|| message.clone());
                }
                Some(known)
            }
            Fallback::Nothing => match self.example(name).filter(|_| !secret) {
                Some(value) => Some(Variable::Literal(escaped(&self.names.rewritten(&value)))),
                None => Some(self.key(name, place, false)),
            },
        }
    }

    /// A value that is written out in the compose file.
    fn written(
        &mut self,
        unit: &Unit<'_>,
        key: &str,
        text: &str,
        place: &Place,
        needed: &mut Vec<String>,
    ) -> Variable {
        // The path of a secret is none.
        if text.starts_with("/run/secrets/") {
            return Variable::Literal(escaped(text));
        }
        if is_secret(key) && password(text).is_none() && !text.contains("://") && !text.is_empty() {
            return self.guarded(unit, key, text, place);
        }
        if looks_secret(key, text) && password(text).is_none() {
            return self.guarded(unit, key, text, place);
        }
        self.literal(unit, key, &Template::plain(text), place, needed)
    }

    /// A secret whose value compose has: the password of a database, one that may be made at random, or one to be copied.
    fn guarded(&mut self, unit: &Unit<'_>, key: &str, text: &str, place: &Place) -> Variable {
        if let Some(owner) = self.owners.iter().find(|owner| owner.unit == unit.name && owner.variable == key)
        {
            let key = owner.key.clone();
            return self.key(&key, place, false);
        }
        let owned = self
            .owners
            .iter()
            .find(|owner| owner.literal.as_deref() == Some(text))
            .map(|owner| owner.key.clone());
        if let Some(key) = owned {
            return self.key(&key, place, false);
        }
        let name = self.name_for(unit, key, text);
        let known = self.key(&name, place, false);
        if let Some(used) = self.used.get_mut(&name) {
            used.generate = is_ours(key);
            used.known = Some(place.clone());
        }
        known
    }

    /// The name of the key that stands for a literal: that of the variable, unless another value has it.
    fn name_for(&mut self, unit: &Unit<'_>, key: &str, text: &str) -> String {
        if let Some((name, _)) = self
            .literals
            .iter()
            .find(|(name, known)| *known == text && (*name == key || name.ends_with(&format!("_{key}"))))
        {
            return name.clone();
        }
        let free = !self.literals.contains_key(key) && !self.used.contains_key(key);
        let name = if free {
            key.to_owned()
        } else {
            format!("{}_{key}", unit.name.to_uppercase().replace('-', "_"))
        };
        self.literals.insert(name.clone(), text.to_owned());
        name
    }

    /// A text with references in the places of its secrets.
    fn literal(
        &mut self,
        unit: &Unit<'_>,
        key: &str,
        template: &Template,
        place: &Place,
        needed: &mut Vec<String>,
    ) -> Variable {
        let mut text = String::new();
        for part in &template.0 {
            match part {
                Part::Text(part) => text.push_str(part),
                Part::Variable(variable) => text.push_str(&self.inner(variable, place)),
            }
        }
        if let Some((start, end)) = password(&text)
            && !text[start..end].starts_with(OPENED)
        {
            match owners::of_url(&self.owners, &text, &text[start..end]).map(|owner| owner.key.clone()) {
                Some(name) => {
                    self.key(&name, place, false);
                    text.replace_range(start..end, &format!("{OPENED}{name}{CLOSED}"));
                }
                // A URL with a password that is used only here: the URL is the secret.
                None => return self.guarded(unit, key, &text.replace([OPENED, CLOSED], ""), place),
            }
        }
        let text = self.names.rewritten(&text);
        needed.extend(
            text.split(OPENED).skip(1).filter_map(|part| Some(part.split_once(CLOSED)?.0.to_owned())),
        );
        Variable::Literal(escaped(&text).replace(OPENED, "$(").replace(CLOSED, ")"))
    }

    /// A variable inside of a longer text.
    fn inner(&mut self, variable: &Composed, place: &Place) -> String {
        let name = &variable.name;
        if is_secret(name) || self.owner(name).is_some() {
            let empty = matches!(&variable.fallback, Fallback::Default(default) if default.text().is_empty());
            if empty && variable.given().is_none() {
                return String::new();
            }
            self.key(name, place, false);
            if self.owner(name).is_none()
                && matches!(variable.fallback, Fallback::Default(_))
                && variable.given().is_none()
                && let Some(key) = self.used.get_mut(name)
            {
                key.known = Some(place.clone());
            }
            return format!("{OPENED}{name}{CLOSED}");
        }
        if let Some(text) = variable.text() {
            return text;
        }
        if let Some(value) = self.example(name) {
            return value;
        }
        if OF_THE_SHELL.contains(&name.as_str()) {
            return String::new();
        }
        self.key(name, place, false);
        format!("{OPENED}{name}{CLOSED}")
    }

    fn owner(&self, key: &str) -> Option<&PasswordOwner> {
        self.owners.iter().find(|owner| owner.key == key)
    }

    fn key(&mut self, name: &str, place: &Place, optional: bool) -> Variable {
        let owner = self.owners.iter().find(|owner| owner.key == name);
        let generate = owner.is_some_and(PasswordOwner::generates);
        let known = owner.and_then(|owner| owner.known.clone());
        let key = self.used.entry(name.to_owned()).or_insert_with(|| Key {
            place: place.clone(),
            optional,
            generate,
            known,
            message: None,
        });
        key.optional &= optional;
        Variable::Key(name.to_owned(), optional)
    }

    fn env(&self) -> Option<&EnvFile> {
        self.env.as_ref()
    }
}

/// Encloses the name of a key until the rest of the text has been escaped.
const OPENED: char = '\u{1}';
const CLOSED: char = '\u{2}';

/// A text in which Kubernetes replaces nothing: `$(` and `$$` mean something to it.
pub(super) fn escaped(text: &str) -> String {
    let mut whole = String::new();
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        whole.push(letter);
        if letter == '$' && matches!(letters.peek(), Some('$' | '(')) {
            whole.push('$');
        }
    }
    whole
}
