//! The values of `[secret.NAME]` and `[config.NAME]`: from .env files and the environment, each from one place.
//!
//! No message ever quotes a value. A key that must have one and has none is a mistake here, long before a pod waits for it;
//! the example next to a .env file shows which keys are missing from it, and which are not filled in.

mod known;

use crate::event::Code;
use crate::event::Finding;
use crate::event::Place;
use crate::event::Severity;
use crate::file;
use crate::project::ConfigSpec;
use crate::project::Project;
use crate::project::SecretSpec;
use crate::project::dotenv;
use crate::project::dotenv::Dotenv;
use crate::project::name::DataKey;
use crate::project::name::ObjectName;
use crate::project::secret::Secret;
use crate::relative::relative;
use crate::world::World;
pub use known::known;
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;
use std::path::PathBuf;

/// The values of a project, in the order of its sections.
#[derive(Debug, Default)]
pub struct Values {
    /// Of each `[secret.NAME]`.
    pub secrets: Vec<BTreeMap<DataKey, Secret>>,
    /// Of each `[config.NAME]`.
    pub configs: Vec<BTreeMap<DataKey, String>>,
    /// Where the values stand that a .env file gives: of each `[secret.NAME]`, then of each `[config.NAME]`.
    pub places: Vec<BTreeMap<DataKey, Place>>,
    /// Warnings about the files.
    pub warnings: Vec<Finding>,
}

/// What others know about keys and values.
pub struct KnownValues<'a> {
    /// Who cannot do without a key of a Secret, with its place: `Deployment/web (k8s/web.yaml:12:19)`.
    pub needed: &'a dyn Fn(&ObjectName, &DataKey) -> Vec<String>,
    /// Whether a value was left as an example has it.
    pub placeholder: fn(&[u8]) -> bool,
}

/// Names that end so hold secrets: a value equal to the example's is not a real one.
const SECRET: [&str; 4] = ["KEY", "TOKEN", "SECRET", "PASSWORD"];

/// Reads every value, or reports every reason why one cannot be read.
pub fn load(world: &World, project: &Project, known: &KnownValues<'_>) -> Result<Values, Vec<Finding>> {
    let (places, mistakes, warnings) = Default::default();
    let mut reading = Reading { root: &project.root, known, places, mistakes, warnings };
    let secrets = project.secrets.iter().map(|spec| reading.secret(world, spec)).collect();
    let configs = project.configs.iter().map(|spec| reading.config(spec)).collect();
    if reading.mistakes.is_empty() {
        Ok(Values { secrets, configs, places: reading.places, warnings: reading.warnings })
    } else {
        Err(reading.mistakes)
    }
}

struct Reading<'a> {
    root: &'a Path,
    known: &'a KnownValues<'a>,
    places: Vec<BTreeMap<DataKey, Place>>,
    mistakes: Vec<Finding>,
    warnings: Vec<Finding>,
}

impl Reading<'_> {
    fn secret(&mut self, world: &World, spec: &SecretSpec) -> BTreeMap<DataKey, Secret> {
        let listed = || spec.keys.iter().chain(&spec.optional);
        let (mut values, mut places) = (BTreeMap::new(), BTreeMap::new());
        let file = spec.env_file.as_deref();
        // Without a list, the file is the list, and has to be there.
        let all = spec.keys.is_empty() && spec.optional.is_empty();
        let may_be_absent = spec.from_env || spec.keys.is_empty() && !all;
        let there = match file.map(|file| self.file(file, &spec.place, may_be_absent)) {
            Some(Some(file)) => file,
            Some(None) => return values,
            None => Dotenv::default(),
        };
        if let Some(file) = file {
            self.compare(file, &there, all, |key| all || listed().any(|listed| listed == key));
        }
        for entry in there.entries {
            if all || listed().any(|key| *key == entry.key) {
                places.insert(entry.key.clone(), entry.place);
                values.insert(entry.key, entry.value);
            }
        }
        if spec.from_env {
            for key in listed() {
                if let Some(value) = world.var(key.as_str()) {
                    places.remove(key);
                    values.insert(key.clone(), Secret::new(value));
                }
            }
        }
        for (key, path) in &spec.files {
            match file::read(path, file::VALUE) {
                Ok(bytes) => {
                    values.insert(key.clone(), Secret::new(bytes));
                }
                Err(error) => {
                    let name = self.relative(path).display().to_string();
                    let message = format!(
                        "cannot read `{name}`, which is `{key}` of `[secret.{}]`: {error}",
                        spec.name
                    );
                    let help = "put the file there, or name another in `files`";
                    let needed = (self.known.needed)(&spec.name, key);
                    self.mistakes.push(
                        Code::SecretFileUnreadable
                            .error(message)
                            .at(spec.place.clone())
                            .evidence(needed)
                            .help(help),
                    );
                }
            }
        }
        for key in &spec.keys {
            let needed = || (self.known.needed)(&spec.name, key);
            match values.get(key).map(|value| value.expose().is_empty()) {
                Some(false) => {}
                // An empty value is one, and may be meant.
                Some(true) => {
                    let message = format!("`{key}` of `[secret.{}]` is empty", spec.name);
                    let place = places.get(key).unwrap_or(&spec.place).clone();
                    let help = "write its value, unless an empty one is meant";
                    let warning = Code::SecretValueMissing.warning(message).at(place);
                    self.warnings.push(warning.evidence(needed()).help(help));
                }
                None => {
                    let help = match file {
                        Some(file) => format!("add `{key}=…` to {}", self.relative(file).display()),
                        None => format!("set the environment variable `{key}`"),
                    };
                    let message = format!("`{key}` of `[secret.{}]` has no value", spec.name);
                    let mistake = Code::SecretValueMissing.error(message).at(spec.place.clone());
                    self.mistakes.push(mistake.evidence(needed()).help(help));
                }
            }
        }
        self.places.push(places);
        values
    }

    fn config(&mut self, spec: &ConfigSpec) -> BTreeMap<DataKey, String> {
        let (mut values, mut places) = (BTreeMap::new(), BTreeMap::new());
        for entry in spec
            .file
            .as_deref()
            .and_then(|file| self.file(file, &spec.place, false))
            .unwrap_or_default()
            .entries
        {
            places.insert(entry.key.clone(), entry.place);
            values.insert(entry.key, String::from_utf8_lossy(entry.value.expose()).into_owned());
        }
        places.retain(|key, _| !spec.values.contains_key(key));
        self.places.push(places);
        values.extend(spec.values.iter().map(|(key, value)| (key.clone(), value.clone())));
        values
    }

    /// The entries of the file; empty where it is absent and may be. `None` after a mistake.
    fn file(&mut self, file: &Path, place: &Place, may_be_absent: bool) -> Option<Dotenv> {
        let name = self.relative(file);
        let found = match file::read_utf8(file, file::TEXT) {
            Ok(bytes) => dotenv::read_bytes(&bytes, &name),
            Err(error) if error.kind() == ErrorKind::NotFound && may_be_absent => {
                return Some(Dotenv::default());
            }
            Err(error) => {
                let help = if error.kind() == ErrorKind::NotFound {
                    format!("create it with one `KEY=value` per line; {}", self.example(file))
                } else {
                    "check that it is a file that you can read".to_owned()
                };
                let mistake =
                    Code::EnvFileMissing.error(format!("cannot read `{}`: {error}", name.display()));
                self.mistakes.push(mistake.at(place.clone()).help(help));
                return None;
            }
        };
        match found {
            Ok(read) => {
                self.warnings.extend(read.warnings.iter().cloned());
                Some(read)
            }
            Err(findings) => {
                self.mistakes
                    .extend(findings.into_iter().filter(|finding| finding.severity == Severity::Error));
                None
            }
        }
    }

    /// Reports keys that the example next to a .env file has and the file lacks (where `all` of the file is meant), and
    /// values that are still the example's.
    fn compare(&mut self, file: &Path, there: &Dotenv, all: bool, used: impl Fn(&DataKey) -> bool) {
        let example = example(file).and_then(|path| {
            let bytes = file::read_utf8(&path, file::TEXT).ok()?;
            Some((
                dotenv::read_bytes(&bytes, &self.relative(&path)).ok()?,
                self.relative(&path).display().to_string(),
            ))
        });
        let named = self.relative(file).display().to_string();
        let mut warnings = Vec::new();
        for entry in there.entries.iter().filter(|entry| used(&entry.key)) {
            let (key, value) = (&entry.key, entry.value.expose());
            let same = example.as_ref().filter(|(example, _)| {
                let same = |other: &dotenv::DotenvEntry| other.key == *key && other.value == entry.value;
                let secret = SECRET.iter().any(|end| key.as_str().to_uppercase().ends_with(end));
                !value.is_empty() && secret && example.entries.iter().any(same)
            });
            let words = match same {
                Some((_, example)) => format!("`{key}` still has the value of {example}"),
                None if (self.known.placeholder)(value) => {
                    format!("the value of `{key}` looks like a placeholder")
                }
                None => continue,
            };
            warnings.push(
                Code::SecretPlaceholder.warning(words).at(entry.place.clone()).help("write the real value"),
            );
        }
        if let Some((example, from)) = example.filter(|_| all && !there.entries.is_empty()) {
            for entry in example.entries {
                if !there.entries.iter().any(|known| known.key == entry.key) {
                    let words = format!("`{}` is in {from} but not in {named}", entry.key);
                    let help = format!("add `{}=…` to {named}, or take it out of {from}", entry.key);
                    warnings.push(Code::EnvKeyMissing.warning(words).at(entry.place).help(help));
                }
            }
        }
        self.warnings.extend(warnings);
    }

    fn example(&self, file: &Path) -> String {
        match example(file) {
            Some(example) => {
                let (from, to) = (self.relative(&example), self.relative(file));
                format!("`cp {} {}` creates one to fill in", from.display(), to.display())
            }
            None => "git should not have it".to_owned(),
        }
    }

    fn relative(&self, path: &Path) -> PathBuf {
        relative(self.root, path)
    }
}

/// The example next to a .env file, under its usual names.
fn example(file: &Path) -> Option<PathBuf> {
    [".example", ".sample", ".template", ".dist"].into_iter().find_map(|ending| {
        let mut name = file.as_os_str().to_owned();
        name.push(ending);
        Some(PathBuf::from(name)).filter(|path| path.is_file())
    })
}

#[cfg(test)]
mod tests;
