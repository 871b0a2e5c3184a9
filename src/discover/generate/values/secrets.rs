//! The Secrets of a project in deploy.toml, and the values that the user has to fill in.

use super::super::names::object_name;
use super::super::names::uses;
use super::Values;
use super::owners;
use crate::discover::compose::EnvFileOf;
use crate::discover::keys;
use crate::discover::proposal::Proposal;
use crate::discover::proposal::Secret;
use crate::discover::tree::file_name;
use crate::discover::tree::join;
use crate::discover::tree::parent;
use crate::event::Place;
use std::collections::BTreeSet;

impl Values<'_> {
    /// The Secret that holds the values of an env file, for `envFrom`; `None` where there is no such file and need not
    /// be.
    pub(in crate::discover::generate) fn file(&mut self, file: &EnvFileOf) -> Option<String> {
        if let Some((_, name)) = self.files.iter().find(|(known, _)| known.path == file.path) {
            return Some(name.clone());
        }
        let there = self.plan.survey.tree.files.contains(&file.path);
        if !there && !file.required && self.example_of(&file.path).is_none() {
            return None;
        }
        let own = object_name(file_name(&file.path).trim_start_matches('.').trim_end_matches(".env"));
        let folder = object_name(file_name(parent(&file.path)));
        let plain = own.is_empty() || own == "env";
        let named = match (plain, folder.is_empty()) {
            (true, true) => format!("{}-env", self.plan.project),
            (true, false) => format!("{}-{folder}-env", self.plan.project),
            (false, _) => format!("{}-{own}", self.plan.project),
        };
        let taken = |name: &str| self.files.iter().any(|(_, known)| known == name) || name == self.secret();
        let name = if taken(&named) { format!("{named}-{}", self.files.len() + 1) } else { named };
        self.files.push((file.clone(), name.clone()));
        Some(name)
    }

    /// The example next to an env file, under any of its usual names.
    fn example_of(&self, path: &str) -> Option<String> {
        let (folder, name) = (parent(path), file_name(path));
        let bare = name.trim_start_matches('.');
        let mut names = Vec::new();
        for word in ["example", "sample", "template", "dist", "tpl"] {
            for sign in ['.', '-', '_'] {
                names.push(format!("{name}{sign}{word}"));
                names.push(format!("{word}{sign}{bare}"));
            }
            if let Some(stem) = name.strip_suffix(".env") {
                names.push(format!("{stem}.{word}.env"));
                names.push(format!("{stem}.env.{word}"));
            }
        }
        names.extend(
            [".env.example", ".env.sample", ".env.template"]
                .map(str::to_owned)
                .into_iter()
                .filter(|_| name == ".env"),
        );
        names
            .into_iter()
            .map(|name| join(folder, &name))
            .find(|path| self.plan.survey.tree.files.contains(path))
    }

    /// The Secrets in deploy.toml.
    pub(in crate::discover::generate) fn secrets(mut self, proposal: &mut Proposal) -> Vec<Secret> {
        let mut secrets = Vec::new();
        if !self.used.is_empty() || !self.files_of_secret.is_empty() {
            secrets.push(self.own_secret(proposal));
        }
        for (file, name) in std::mem::take(&mut self.files) {
            secrets.push(self.file_secret(&file, name, proposal));
        }
        owners::notes(&self.owners, &self.used.keys().map(String::as_str).collect(), proposal);
        proposal.notes.append(&mut self.notes);
        proposal.first.append(&mut self.first);
        secrets
    }

    /// The Secret of everything that stands in `environment` and `secrets`.
    fn own_secret(&self, proposal: &mut Proposal) -> Secret {
        let path = self.plan.compose.env.clone();
        let env = self.env();
        let there = |key: &str| env.is_some_and(|env| env.there && env.keys.iter().any(|known| known == key));
        let mut secret =
            Secret { name: self.secret(), files: self.files_of_secret.clone(), ..Secret::default() };
        for (name, key) in &self.used {
            match (key.generate && !there(name), key.optional) {
                (true, _) => secret.generate.push(name.clone()),
                (false, true) => secret.optional.push(name.clone()),
                (false, false) => secret.keys.push(name.clone()),
            }
        }
        let asked = !secret.keys.is_empty() || !secret.optional.is_empty();
        secret.env_file = asked.then(|| path.clone());
        secret.from_env = asked && !env.is_some_and(|env| env.there);
        let first = self.used.values().map(|key| key.place.to_string()).next();
        secret.why = match first {
            Some(place) => format!("{place} and others are secrets; the manifests have only their names"),
            None => "the files that compose gives to services as secrets".to_owned(),
        };
        let missing: Vec<&String> = secret.keys.iter().filter(|key| !there(key)).collect();
        self.request(&path, &missing, proposal);
        secret
    }

    /// Reports which keys a file has to contain, and the sources of their values.
    fn request(&self, path: &str, missing: &[&String], proposal: &mut Proposal) {
        if missing.is_empty() {
            return;
        }
        let one = |key: &&String| {
            let used = self.used.get(*key);
            match used.and_then(|used| used.message.as_deref()) {
                Some(message) => format!("`{key}` ({message})"),
                None => format!("`{key}`"),
            }
        };
        let list = missing.iter().map(one).collect::<Vec<_>>().join(", ");
        let known: BTreeSet<String> = missing
            .iter()
            .filter_map(|key| self.used.get(*key)?.known.as_ref().map(Place::to_string))
            .collect();
        let mut help = match self.env().filter(|env| !env.there).and_then(|env| env.example.as_deref()) {
            Some(example) => format!("`cp {example} {path}` and fill it in, before `todo up`"),
            None => format!("write {} into `{path}`, before `todo up`", keys::lines(missing)),
        };
        if !known.is_empty() {
            let places = known.into_iter().collect::<Vec<_>>().join(", ");
            help = format!("{help}; compose has values in {places}");
        }
        proposal.first.push(help.clone());
        proposal.notes.push((format!("`{path}` has to give {list}"), help));
    }

    fn file_secret(&self, file: &EnvFileOf, name: String, proposal: &mut Proposal) -> Secret {
        let tree = &self.plan.survey.tree;
        let there = tree.files.contains(&file.path);
        let example = self.example_of(&file.path);
        let mut keys = Vec::new();
        if !there {
            keys = example.as_deref().and_then(|path| tree.text(path)).map(keys::keys).unwrap_or_default();
            let list = keys.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
            let message = if keys.is_empty() {
                format!("`{}` is not there; compose does not start without it ({})", file.path, file.place)
            } else {
                format!("`{}` is not there; it has to give {list} ({})", file.path, file.place)
            };
            let help = match &example {
                Some(example) => format!("`cp {example} {}` and fill it in, before `todo up`", file.path),
                None => format!(
                    "write `{}` with a line `KEY=value` for each variable, before `todo up`",
                    file.path
                ),
            };
            proposal.first.push(help.clone());
            proposal.notes.push((message, help));
        } else if let Some(text) = tree.text(&file.path) {
            for (old, new) in self.names.renamed().iter().filter(|(old, _)| uses(text, old)) {
                proposal.notes.push((
                    format!("`{}` names the host `{old}`, which is called `{new}` in a cluster", file.path),
                    format!("write `{new}` there"),
                ));
            }
        }
        Secret {
            name,
            env_file: Some(file.path.clone()),
            from_env: false,
            keys,
            why: format!("everything in `{}`, which {} gives to a service", file.path, file.place),
            ..Secret::default()
        }
    }
}
