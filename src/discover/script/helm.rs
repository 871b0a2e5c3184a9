//! `helm install`, `upgrade` and `template`.

use super::ScriptReader;
use super::known;
use super::namespace;
use super::options::arguments;
use super::options::is_variable;
use super::options::options;
use super::path;
use crate::discover::evidence::Evidence;
use crate::discover::evidence::INSTALL;
use crate::discover::evidence::Release;
use crate::discover::evidence::Sort;
use crate::discover::keys::is_secret;
use crate::discover::tree::file_name;
use crate::discover::tree::join;
use std::collections::BTreeMap;

const VALUED: [&str; 14] = [
    "-f",
    "--values",
    "-n",
    "--namespace",
    "--set",
    "--set-string",
    "--set-file",
    "--set-json",
    "--timeout",
    "--version",
    "--kube-context",
    "--description",
    "--output-dir",
    "--repo",
];

impl ScriptReader<'_> {
    /// `rest` are the words after `helm`.
    pub(super) fn helm(&self, rest: &[&str], evidence: &mut Evidence) {
        let Some(at) = rest.iter().position(|word| !is_variable(word)) else { return };
        let (verb, rest) = (&rest[at], &rest[at + 1..]);
        if !matches!(*verb, "install" | "upgrade" | "template") {
            return;
        }
        let words = arguments(rest, &VALUED, 2);
        let (name, written) = match words[..] {
            [name, chart, ..] => (Some(name), chart),
            [chart] => (None, chart),
            [] => return,
        };
        let found = self.bases().into_iter().find_map(|base| {
            let chart = path(&base, written);
            self.tree.files.contains(&join(&chart, "Chart.yaml")).then_some((base, chart))
        });
        let Some((base, chart)) = found else {
            self.helm_of_others(verb, name.unwrap_or_default(), written, rest, evidence);
            return;
        };
        let files: Vec<&str> =
            options(rest, &["-f", "--values"]).flat_map(|files| files.split(',')).collect();
        let (mut values, mut absent) = (Vec::new(), Vec::new());
        for file in files {
            let at = path(&base, file);
            match self.tree.files.contains(&at) && known(file) {
                true => values.push(at),
                false if known(file) => absent.push(at),
                false => absent.push(super::shown(file)),
            }
        }
        let (mut set, mut secret) = (BTreeMap::new(), BTreeMap::new());
        for (key, value) in options(rest, &["--set", "--set-string"]).flat_map(pairs) {
            if known(&value) && !is_secret(&key) && !crate::discover::secrecy::looks_secret(&key, &value) {
                set.insert(key, value);
            } else if !key.to_lowercase().contains("image") {
                let variable = self.variable_of(&key);
                secret.insert(key, variable);
            }
        }
        let release = Release {
            name: name.filter(|name| known(name)).unwrap_or_else(|| file_name(&chart)).to_owned(),
            chart,
            values,
            absent,
            set,
            secret,
            namespace: namespace(rest),
            provenance: self.provenance(),
        };
        evidence.releases.push(release);
    }

    fn helm_of_others(&self, verb: &str, name: &str, written: &str, rest: &[&str], evidence: &mut Evidence) {
        let near = written.starts_with('.') || written.contains(super::PLACE) || written.starts_with('/');
        let repository = options(rest, &["--repo"]).next();
        if !known(written) {
            self.unread("installs the chart", written, evidence);
        }
        if !known(written) || verb == "template" || is_option_like(name) {
            return;
        }
        evidence.foreign.extend(namespace(rest));
        if near || (repository.is_none() && !written.contains('/')) {
            let what = format!("installs the chart `{}`, which is not in this tree", super::shown(written));
            self.besides(&what, "put it there, or correct the path", Sort::Lack, evidence);
            return;
        }
        let at = namespace(rest).map_or_else(String::new, |name| format!(" into `{name}`"));
        let what = format!("installs the chart `{written}`{at}, which is not in this tree");
        let space = namespace(rest);
        self.installs(&what, INSTALL, &[name, written, space.as_deref().unwrap_or_default()], evidence);
    }

    /// The variable that a script gives to the path `key` of a chart's values: `--set key="$NAME"`.
    fn variable_of(&self, key: &str) -> Option<String> {
        let (_, rest) = self.call.text.split_once(&format!("{key}="))?;
        let rest = rest.trim_start_matches(['"', '\'']);
        let rest = rest
            .strip_prefix("$env:")
            .or_else(|| rest.strip_prefix("${"))
            .or_else(|| rest.strip_prefix('$'))
            .or_else(|| rest.strip_prefix('%'))?;
        let name: String = rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
        (!name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit())).then_some(name)
    }
}

fn is_option_like(name: &str) -> bool {
    name == "repo"
}

/// `a=1,b.c=2` as Helm reads it: a comma behind a backslash or in braces separates nothing.
fn pairs(text: &str) -> Vec<(String, String)> {
    let (mut parts, mut depth, mut escaped) = (vec![String::new()], 0_i32, false);
    for letter in text.chars() {
        match letter {
            ',' if depth == 0 && !escaped => {
                parts.push(String::new());
                continue;
            }
            '{' if !escaped => depth += 1,
            '}' if !escaped => depth -= 1,
            _ => {}
        }
        escaped = letter == '\\' && !escaped;
        if let Some(part) = parts.last_mut() {
            part.push(letter);
        }
    }
    let pairs = parts.iter().filter_map(|part| part.split_once('='));
    pairs.map(|(key, value)| (key.trim().to_owned(), value.replace("\\,", ","))).collect()
}
