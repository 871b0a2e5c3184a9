//! The environment of compose services → literal values, references to Secrets, and the Secrets themselves.
//!
//! A password that two services share by being written twice stays one password: the one that names it first names the key.

use super::super::compose::default_of;
use super::super::keys::EnvFile;
use super::super::keys::is_ours;
use super::super::keys::is_secret;
use super::super::proposal::Proposal;
use super::super::proposal::Secret;
use super::super::proposal::Survey;
use super::Unit;
use super::is_store;
use super::object_name;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

/// A variable of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Variable {
    /// A value to be written; it may refer to earlier ones as `$(NAME)`.
    Literal(String),
    /// A key of the project's Secret.
    Key(String),
}

/// All values of a project.
pub(super) struct Values<'a> {
    survey: &'a Survey,
    project: String,
    /// The key that stands for each password that is written out.
    passwords: BTreeMap<String, String>,
    /// Names of services as compose has them, and as the cluster has them, where these differ.
    renamed: Vec<(String, String)>,
    used: BTreeMap<String, String>,
    generated: BTreeSet<String>,
    files: BTreeMap<String, String>,
}

impl<'a> Values<'a> {
    pub(super) fn new(survey: &'a Survey, project: &str, units: &[Unit<'_>]) -> Values<'a> {
        let mut values = Values {
            survey,
            project: project.to_owned(),
            passwords: BTreeMap::new(),
            renamed: Vec::new(),
            used: BTreeMap::new(),
            generated: BTreeSet::new(),
            files: BTreeMap::new(),
        };
        for unit in units {
            let name = &unit.service.name;
            if object_name(name) != *name {
                values.renamed.push((name.clone(), unit.name.clone()));
            }
            for (key, value) in &unit.service.environment {
                let Some(value) = value else { continue };
                if is_password(key) && is_store(&unit.image) && !value.contains('$') && value.len() > 2 {
                    values.passwords.entry(value.clone()).or_insert_with(|| key.clone());
                    values.generated.insert(key.clone());
                }
                // The same password under the name of a variable, with a default.
                if is_password(key)
                    && is_store(&unit.image)
                    && let Some((name, default)) = whole(value)
                    && let Some(default) = default
                {
                    values.passwords.entry(default.to_owned()).or_insert_with(|| name.to_owned());
                    values.generated.insert(name.to_owned());
                }
            }
        }
        values
    }

    /// The name of the project's Secret.
    pub(super) fn secret(&self) -> String {
        format!("{}-secrets", self.project)
    }

    /// The variables of a service in order; what others refer to comes first.
    pub(super) fn variables(&mut self, unit: &Unit<'_>) -> Vec<(String, Variable)> {
        let mut variables: Vec<(String, Variable)> = Vec::new();
        let mut needed: Vec<String> = Vec::new();
        for (key, value) in &unit.service.environment {
            let place = unit.service.place.to_string();
            let variable = self.variable(key, value.as_deref(), &place, &mut needed);
            variables.push((key.clone(), variable));
        }
        let known = |name: &String| {
            variables.iter().any(|(key, variable)| key == name && matches!(variable, Variable::Key(_)))
        };
        let first: Vec<(String, Variable)> = needed
            .iter()
            .filter(|name| !known(name))
            .map(|name| (name.clone(), Variable::Key(name.clone())))
            .collect();
        // `$(NAME)` is put in only where NAME stands above it.
        let (mut keys, literals): (Vec<_>, Vec<_>) =
            variables.into_iter().partition(|(_, variable)| matches!(variable, Variable::Key(_)));
        let mut all = first;
        all.append(&mut keys);
        all.extend(literals);
        let mut seen = BTreeSet::new();
        all.retain(|(name, _)| seen.insert(name.clone()));
        all
    }

    fn variable(
        &mut self,
        key: &str,
        value: Option<&str>,
        place: &str,
        needed: &mut Vec<String>,
    ) -> Variable {
        let Some(value) = value else { return self.key(key, place) };
        if let Some((name, default)) = whole(value) {
            if default.is_some_and(|default| self.passwords.contains_key(default))
                || is_secret(name)
                || is_secret(key)
            {
                if let Some(default) = default.filter(|default| is_address(default)) {
                    return self.literal(default, place, needed);
                }
                return self.key(name, place);
            }
            return match default {
                Some(default) => self.literal(default, place, needed),
                None => self.key(name, place),
            };
        }
        if let Some(name) = self.passwords.get(value).cloned() {
            return self.key(&name, place);
        }
        if is_secret(key) && !is_address(value) && !value.contains("${") {
            return self.key(key, place);
        }
        self.literal(value, place, needed)
    }

    /// A value without what guards something: that becomes `$(KEY)`.
    fn literal(&mut self, value: &str, place: &str, needed: &mut Vec<String>) -> Variable {
        let mut text = value.to_owned();
        while let Some((start, end, name)) = secret_inside(&text) {
            self.key(&name, place);
            needed.push(name.clone());
            text.replace_range(start..end, &format!("$({name})"));
        }
        text = default_of(&text).replace("$$", "$").replace("host.docker.internal", "host.minikube.internal");
        if let Some((start, end)) = password_of(&text)
            && !text[start..end].starts_with("$(")
        {
            let name = match self.passwords.get(&text[start..end]) {
                Some(name) => name.clone(),
                None => return self.key_of_url(&text, place),
            };
            self.key(&name, place);
            needed.push(name.clone());
            text.replace_range(start..end, &format!("$({name})"));
        }
        for (old, new) in &self.renamed {
            for before in ["//", "@"] {
                for after in [":", "/"] {
                    text = text.replace(&format!("{before}{old}{after}"), &format!("{before}{new}{after}"));
                }
            }
            if text == *old {
                text.clone_from(new);
            }
        }
        Variable::Literal(text)
    }

    /// A whole URL whose password nobody else knows: the URL is the secret.
    fn key_of_url(&mut self, text: &str, place: &str) -> Variable {
        let scheme = text.split("://").next().unwrap_or_default().split('+').next().unwrap_or_default();
        let name = if scheme.starts_with("redis") { "REDIS_URL" } else { "DATABASE_URL" };
        self.key(name, place)
    }

    fn key(&mut self, name: &str, place: &str) -> Variable {
        self.used.entry(name.to_owned()).or_insert_with(|| place.to_owned());
        Variable::Key(name.to_owned())
    }

    /// The Secret that holds what an env file says, for `envFrom`.
    pub(super) fn file(&mut self, path: &str) -> String {
        let count = self.files.len();
        let named = match count {
            0 => format!("{}-env", self.project),
            _ => format!("{}-env-{}", self.project, count + 1),
        };
        self.files.entry(path.to_owned()).or_insert(named).clone()
    }

    /// What deploy.toml has to say about the Secrets.
    pub(super) fn secrets(&self, proposal: &mut Proposal) -> Vec<Secret> {
        let mut secrets = Vec::new();
        let mut missing: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        if !self.used.is_empty() {
            let env = self.survey.env_files.first();
            let there =
                |key: &str| env.is_some_and(|env| env.there && env.keys.iter().any(|known| known == key));
            let made = |key: &str| (self.generated.contains(key) || is_ours(key)) && !there(key);
            let (generate, keys): (Vec<String>, Vec<String>) =
                self.used.keys().cloned().partition(|key| made(key));
            let why = format!(
                "{} has values in it that guard something; the manifests have only their names",
                self.used.values().next().map_or("compose", String::as_str)
            );
            missing.entry(env_path(env)).or_default().extend(missing_of(&keys, env));
            secrets.push(Secret {
                name: self.secret(),
                env_file: (!keys.is_empty())
                    .then(|| env.map_or_else(|| ".env".to_owned(), |env| env.path.clone())),
                from_env: !keys.is_empty() && !env.is_some_and(|env| env.there),
                keys,
                optional: Vec::new(),
                generate,
                why,
                ..Secret::default()
            });
        }
        for (path, name) in &self.files {
            let env = self.survey.env_files.iter().find(|env| env.path == *path);
            let there = self.survey.tree.files.contains(path);
            let all = env.map(|env| env.keys.clone()).unwrap_or_default();
            // Without a list, the file is the list.
            let all = if there { Vec::new() } else { all };
            let (generate, keys): (Vec<String>, Vec<String>) = all.into_iter().partition(|key| is_ours(key));
            missing.entry(path.clone()).or_default().extend(missing_of(&keys, env));
            secrets.push(Secret {
                name: name.clone(),
                env_file: Some(path.clone()),
                from_env: !there,
                keys,
                optional: Vec::new(),
                generate,
                why: format!("everything in `{path}`, as a Secret that pods read whole"),
                ..Secret::default()
            });
        }
        for (file, missing) in &missing {
            self.note(file, missing, proposal);
        }
        secrets
    }

    fn note(&self, file: &str, missing: &BTreeSet<String>, proposal: &mut Proposal) {
        if missing.is_empty() {
            return;
        }
        let list = missing.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
        let env = self.survey.env_files.iter().find(|env| env.path == file && !env.there);
        let help = match env.and_then(|env| env.example.as_deref()) {
            Some(example) => format!("`cp {example} {file}` and fill it in, before `todo up`"),
            None => format!("write a line `KEY=value` for each into `{file}`, before `todo up`"),
        };
        proposal.notes.push((format!("`{file}` has to give {list}"), help));
    }
}

fn env_path(env: Option<&EnvFile>) -> String {
    env.map_or_else(|| ".env".to_owned(), |env| env.path.clone())
}

/// The keys that have no value yet.
fn missing_of(keys: &[String], env: Option<&EnvFile>) -> Vec<String> {
    let there = |key: &&String| !env.is_some_and(|env| env.there && env.keys.contains(key));
    keys.iter().filter(there).cloned().collect()
}

fn is_password(key: &str) -> bool {
    let key = key.to_ascii_uppercase();
    key.ends_with("PASSWORD") || key.ends_with("PASS")
}

/// `${NAME}`, `${NAME:-default}`, `${NAME:?told}`, `$NAME` and nothing around it.
fn whole(value: &str) -> Option<(&str, Option<&str>)> {
    let name = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if let Some(inside) = value.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')) {
        let (key, default) = match inside.find([':', '-', '?']) {
            Some(at) => {
                (&inside[..at], inside[at..].strip_prefix(":-").or_else(|| inside[at..].strip_prefix('-')))
            }
            None => (inside, None),
        };
        return name(key).then_some((key, default.filter(|default| !default.contains("${"))));
    }
    value.strip_prefix('$').filter(|rest| name(rest)).map(|rest| (rest, None))
}

/// The first `${NAME}` in a longer text that guards something, or that has no default.
fn secret_inside(text: &str) -> Option<(usize, usize, String)> {
    let mut from = 0;
    while let Some(start) = text[from..].find("${").map(|at| at + from) {
        let end = start + text[start..].find('}')? + 1;
        let (name, default) = whole(&text[start..end])?;
        if is_secret(name) || is_password(name) || default.is_none() {
            return Some((start, end, name.to_owned()));
        }
        from = end;
    }
    None
}

/// A URL without a password: where something is, which may be read.
fn is_address(value: &str) -> bool {
    value.contains("://")
}

/// Where the password of a URL stands in it.
fn password_of(text: &str) -> Option<(usize, usize)> {
    let begin = text.find("://")? + 3;
    let authority = &text[begin..begin + text[begin..].find(['/', '?', '#']).unwrap_or(text.len() - begin)];
    let (user, _) = authority.rsplit_once('@')?;
    let (name, password) = user.split_once(':')?;
    let start = begin + name.len() + 1;
    (!password.is_empty()).then_some((start, start + password.len()))
}
