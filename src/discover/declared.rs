//! What the readers of YAML that declares a deployment share: a document with its file, and statements out of its parts.

use super::evidence::Applied;
use super::evidence::Besides;
use super::evidence::BuildEvidence;
use super::evidence::Evidence;
use super::evidence::INSTALL;
use super::evidence::Provenance;
use super::evidence::Rank;
use super::evidence::Release;
use super::evidence::Sort;
use super::keys::is_secret;
use super::script::rank_of;
use super::secrecy::looks_secret;
use super::tree::Tree;
use super::tree::file_name;
use super::tree::join;
use super::tree::parent;
use super::variant::distance;
use crate::event::Place;
use crate::manifest::bind::repository;
use crate::manifest::yaml::Document;
use serde_json::Value;
use std::collections::BTreeMap;

/// A document of a file.
pub(super) struct Declared<'a> {
    pub tree: &'a Tree,
    pub path: &'a str,
    pub document: &'a Document,
}

/// An image that a file builds.
pub(super) struct DeclaredImage<'v> {
    pub name: &'v str,
    pub context: String,
    pub dockerfile: String,
    pub target: Option<&'v str>,
    /// The build arguments, as a mapping; anything else counts as none.
    pub args: &'v Value,
}

/// A chart that a file installs.
pub(super) struct DeclaredChart<'v> {
    pub release: Option<&'v str>,
    /// Its directory, as written.
    pub folder: &'v str,
    pub values: &'v [&'v str],
    /// Values that are set in addition to those files, as a mapping; anything else counts as none.
    pub set: &'v Value,
    pub namespace: Option<&'v str>,
}

impl Declared<'_> {
    /// Where the part at `pointer` is written.
    pub(super) fn place(&self, pointer: &str) -> Place {
        let places = &self.document.places;
        let place = std::iter::successors(Some(pointer), |at| at.rsplit_once('/').map(|(above, _)| above))
            .find_map(|pointer| places.get(pointer))
            .unwrap_or(&self.document.place);
        Place { column: 0, ..place.clone() }
    }

    /// The file that declares it.
    pub(super) fn provenance(&self, pointer: &str) -> Provenance {
        let rank = if rank_of(self.path) == Rank::Aside { Rank::Aside } else { Rank::Declared };
        Provenance::at(self.place(pointer), rank, distance(self.path))
    }

    /// The items of a list.
    pub(super) fn list(&self, pointer: &str) -> impl Iterator<Item = (usize, &Value)> {
        self.document.value.pointer(pointer).and_then(Value::as_array).into_iter().flatten().enumerate()
    }

    /// A path as seen from the file's directory.
    pub(super) fn at(&self, path: &str) -> String {
        join(parent(self.path), path)
    }

    /// Something that `todo up` does not do.
    pub(super) fn besides(&self, pointer: &str, what: String, help: &str, evidence: &mut Evidence) {
        let provenance = self.provenance(pointer);
        evidence.besides.push(Besides {
            what,
            help: help.to_owned(),
            sort: Sort::Lack,
            names: Vec::new(),
            provenance,
        });
    }

    /// Something of others that is installed: `applies https://…`.
    pub(super) fn installs(&self, pointer: &str, what: String, names: &[&str], evidence: &mut Evidence) {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        let (provenance, help) = (self.provenance(pointer), INSTALL.to_owned());
        evidence.besides.push(Besides { what, help, sort: Sort::Install, names, provenance });
    }

    /// An image that is built.
    pub(super) fn build(&self, pointer: &str, image: DeclaredImage<'_>, evidence: &mut Evidence) {
        let (mut args, mut lost) = (BTreeMap::new(), Vec::new());
        for (key, text) in known_values(image.args) {
            match text {
                Some(text) => drop(args.insert(key.clone(), text)),
                None => lost.push(format!("`{key}`")),
            }
        }
        if !lost.is_empty() {
            let what = format!("gives {} to a build; its value is not taken over", lost.join(", "));
            let help = "write it into `args` or `secrets` of the image in deploy.toml, if the build needs it";
            self.besides(pointer, what, help, evidence);
        }
        evidence.builds.push(BuildEvidence {
            names: if image.name.contains(['$', '{']) {
                Vec::new()
            } else {
                vec![repository(image.name).to_owned()]
            },
            dockerfile: image.dockerfile,
            context: image.context,
            target: image.target.map(str::to_owned),
            args,
            fails: false,
            provenance: self.provenance(pointer),
        });
    }

    /// Manifests that are applied.
    pub(super) fn applied(
        &self,
        pointer: &str,
        written: Option<&str>,
        kustomize: bool,
        namespace: Option<&str>,
        evidence: &mut Evidence,
    ) {
        let Some(written) = written else { return };
        if written.contains("://") {
            self.installs(pointer, format!("applies {written}"), &[written], evidence);
            return;
        }
        let path = self.at(written);
        if !self.tree.matches(&path) {
            let help = "correct the path, or put the file there";
            self.besides(pointer, format!("applies `{path}`, which is not there"), help, evidence);
            return;
        }
        evidence.applied.push(Applied {
            path,
            kustomize,
            recursive: false,
            namespace: namespace.map(str::to_owned),
            provenance: self.provenance(pointer),
        });
    }

    /// A chart that is installed.
    pub(super) fn release(&self, pointer: &str, declared: &DeclaredChart<'_>, evidence: &mut Evidence) {
        let chart = self.at(declared.folder);
        if !self.tree.files.contains(&join(&chart, "Chart.yaml")) {
            let what = format!("installs the chart `{chart}`, which is not in this tree");
            self.besides(pointer, what, "put it there, or correct the path", evidence);
            return;
        }
        let (values, absent) =
            declared.values.iter().map(|file| self.at(file)).partition(|file| self.tree.files.contains(file));
        let mut release = Release {
            name: declared.release.unwrap_or_else(|| file_name(&chart)).to_owned(),
            chart,
            values,
            absent,
            set: BTreeMap::new(),
            secret: BTreeMap::new(),
            namespace: declared.namespace.map(str::to_owned),
            provenance: self.provenance(pointer),
        };
        for (key, text) in known_values(declared.set) {
            match text {
                Some(text) => drop(release.set.insert(key.clone(), text)),
                None => drop(release.secret.insert(key.clone(), None)),
            }
        }
        evidence.releases.push(release);
    }
}

/// Makes texts of the numbers and booleans below one of `keys`, which the tool reads as they are written: `1.10` keeps its zero.
/// `text` is what the document was read from.
pub(super) fn as_written(document: &mut Document, text: &str, keys: &[&str]) {
    let lines: Vec<&str> = text.lines().collect();
    for (pointer, place) in &document.places {
        if !keys.iter().any(|key| pointer.contains(key)) {
            continue;
        }
        let Some(value) = document.value.pointer_mut(pointer) else { continue };
        let line = lines.get(place.line.saturating_sub(1)).copied().unwrap_or_default();
        let word: String = line
            .chars()
            .skip(place.column.saturating_sub(1))
            .take_while(|letter| !letter.is_whitespace() && !",}]".contains(*letter))
            .collect();
        if (value.is_number() || value.is_boolean()) && !word.is_empty() && !word.starts_with(['*', '!']) {
            *value = Value::from(word);
        }
    }
}

/// The texts, numbers and booleans of a mapping, as texts; `None` for a secret, and for a text with a variable or a template,
/// whose value only a run would know.
fn known_values(mapping: &Value) -> impl Iterator<Item = (&String, Option<String>)> {
    mapping.as_object().into_iter().flatten().filter_map(|(key, value)| {
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Number(_) | Value::Bool(_) => value.to_string(),
            _ => return None,
        };
        let is_known = !text.contains(['$', '{']) && !is_secret(key) && !looks_secret(key, &text);
        Some((key, is_known.then_some(text)))
    })
}
