//! Scripts → statements: shell scripts of all kinds, Makefiles, justfiles, Taskfiles, package.json, workflows, READMEs.
//!
//! Each format is turned into a text of shell commands that stand in the lines in which they are written; commands are then
//! read by `docker`, `helm` and `kubectl`. Never a value of a secret, only the keys.

mod compose;
mod docker;
mod helm;
mod kubectl;
mod options;
mod started;
mod texts;

use super::evidence::Besides;
use super::evidence::Evidence;
use super::evidence::Provenance;
use super::evidence::Rank;
use super::evidence::Sort;
use super::shell::Call;
use super::shell::PLACE;
use super::shell::calls_in;
use super::tree::Tree;
use super::tree::file_name;
use super::tree::join;
use super::tree::parent;
use super::tree::upwards;
use super::variant::distance;
use crate::event::Place;
use options::flags;
use options::known;
use options::on_localhost;
use options::options as values;
use options::positional;
pub use texts::rank_of;

/// Reads every script of a tree.
pub fn read(tree: &Tree, evidence: &mut Evidence) {
    let mut texts: Vec<texts::Text> = texts::all(tree);
    texts.sort_by_key(|text| {
        (text.rank, text.distance, text.path.matches('/').count(), text.path.clone(), text.first)
    });
    let read = |mut text: texts::Text| {
        let calls = calls_in(&text.commands, &text.path, text.dialect, &text.variables);
        if calls.iter().any(options::enters_a_cloud) {
            text.distance = text.distance.max(distance("cloud"));
        }
        (text, calls)
    };
    let texts: Vec<(texts::Text, Vec<Call>)> = texts.into_iter().map(read).collect();
    let starts = started::callers(tree, &texts);
    for (text, calls) in &texts {
        if text.rank < Rank::Aside {
            for (index, line) in text.commands.lines().enumerate() {
                let place = Place { file: text.path.clone().into(), line: text.first + index + 1, column: 0 };
                evidence.local.extend(on_localhost(line).map(|port| (None, port, place.clone())));
            }
        }
        let entry = started::entry(&text.path, &starts);
        for call in calls {
            ScriptReader::new(tree, text, calls, call, entry).take(evidence);
        }
    }
}

/// One command.
struct ScriptReader<'a> {
    tree: &'a Tree,
    text: &'a texts::Text,
    call: &'a Call,
    calls: &'a [Call],
    place: Place,
    /// The script that people start.
    entry: &'a str,
}

impl<'a> ScriptReader<'a> {
    fn new(
        tree: &'a Tree,
        text: &'a texts::Text,
        calls: &'a [Call],
        call: &'a Call,
        entry: &'a str,
    ) -> ScriptReader<'a> {
        let place = Place { file: text.path.clone().into(), line: text.first + call.line, column: 0 };
        ScriptReader { tree, text, call, calls, place, entry }
    }

    fn take(self, evidence: &mut Evidence) {
        let words: Vec<&str> = self.call.words.iter().map(String::as_str).collect();
        let program = words.first().map_or("", |word| program(word));
        // Of tests and workflows only how images are built counts: their registry and their cluster are others.
        let whole = self.text.rank < Rank::Aside;
        match (program, &words[1..]) {
            (
                "docker" | "podman" | "nerdctl",
                ["build", rest @ ..] | ["buildx" | "image", "build", rest @ ..],
            )
            | ("minikube", ["image", "build", rest @ ..]) => self.build(rest, evidence),
            ("docker" | "podman" | "nerdctl", ["compose", rest @ ..])
            | ("docker-compose" | "podman-compose", rest)
                if whole =>
            {
                self.compose(rest, evidence);
            }
            ("docker" | "podman", ["tag", from, to]) => {
                let (from, to) = (docker::untagged(from), docker::untagged(to));
                let named =
                    |build: &&mut super::evidence::BuildEvidence| build.names.iter().any(|name| name == from);
                if let Some(build) = evidence.builds.iter_mut().rev().find(named).filter(|_| known(to)) {
                    build.names.push(to.to_owned());
                }
            }
            ("helm", rest) if whole => self.helm(rest, evidence),
            ("kubectl" | "k" | "oc" | "microk8s.kubectl", rest)
            | ("minikube", ["kubectl", "--", rest @ ..])
                if whole =>
            {
                self.kubectl(rest, evidence);
            }
            ("cp" | "copy", [from, to]) if whole => self.copied(from, to, evidence),
            ("minikube", ["service", rest @ ..]) if whole => {
                let name = positional(rest, &["-n", "--namespace", "-p", "--profile"]).first().copied();
                let name = name.filter(|name| known(name));
                evidence.opened.extend(name.map(|name| (name.to_owned(), self.place)));
            }
            ("minikube", ["start", rest @ ..]) if whole => {
                for addons in values(rest, &["--addons"]) {
                    let names = addons.split(',').filter(|name| known(name));
                    evidence.addons.extend(names.map(|name| (name.to_owned(), self.provenance())));
                }
                let flags = flags(rest);
                if evidence.start.is_none() && !flags.is_empty() {
                    evidence.start = Some((flags, self.place));
                }
            }
            ("minikube", ["addons", "enable", rest @ ..]) if whole => {
                let names = positional(rest, &["-p", "--profile"]).into_iter().filter(|name| known(name));
                evidence.addons.extend(names.map(|name| (name.to_owned(), self.provenance())));
            }
            ("istioctl" | "linkerd" | "dapr" | "cilium", [verb @ ("install" | "init"), ..]) if whole => {
                let what = format!("runs `{program} {verb}`");
                let help = "`todo up` does not: run it once, before `todo up`";
                self.installs(&what, help, &[program], evidence);
            }
            _ => {}
        }
    }

    /// `cp config.example.yml config.yml`: a file that git does not have.
    fn copied(&self, from: &str, to: &str, evidence: &mut Evidence) {
        let there = |base: &String| self.tree.files.contains(&path(base, from));
        let Some(base) = self.bases().into_iter().find(there).filter(|_| known(to)) else { return };
        let (from, to) = (path(&base, from), path(&base, to));
        let example = ["example", "sample", "template", "dist", "default"];
        let names = file_name(&from).split(['.', '-', '_']);
        if names.clone().any(|word| example.contains(&word)) && !self.tree.matches(&to) {
            let what = format!("copies `{from}` to `{to}`, which is not there");
            let help = format!("`cp {from} {to}` and fill it in, before `todo up`");
            add(
                Besides { what, help, sort: Sort::Copy, names: vec![to], provenance: self.provenance() },
                evidence,
            );
        }
    }

    fn provenance(&self) -> Provenance {
        let distance = self.text.distance.max(self.call.distance);
        Provenance { rank: self.text.rank, distance, place: self.place.clone(), entry: self.entry.into() }
    }

    fn besides(&self, what: &str, help: &str, sort: Sort, evidence: &mut Evidence) {
        let what = what.replace(PLACE, "");
        let help = help.to_owned();
        add(Besides { what, help, sort, names: Vec::new(), provenance: self.provenance() }, evidence);
    }

    /// A part of a command that only a run would know. `$1` is an argument of the script, and not an error.
    fn unread(&self, does: &str, word: &str, evidence: &mut Evidence) {
        let word = shown(word);
        let given = word
            .trim_start_matches(['"', '$', '{'])
            .starts_with(|c: char| c.is_ascii_digit() || "@*".contains(c));
        if !given {
            let what = format!("{does} `{word}`, which nothing here sets");
            self.besides(
                &what,
                "what stands there is not known: see whether it matters",
                Sort::Lack,
                evidence,
            );
        }
    }

    /// Something of others that is installed, which others know by `names`.
    fn installs(&self, what: &str, help: &str, names: &[&str], evidence: &mut Evidence) {
        let before = evidence.besides.len();
        self.besides(what, help, Sort::Install, evidence);
        for item in &mut evidence.besides[before..] {
            item.names = names.iter().map(|name| (*name).to_owned()).collect();
        }
    }

    /// The command whose output this one reads.
    fn before(&self) -> Option<&Call> {
        self.call.from.and_then(|at| self.calls.get(at))
    }

    /// Where the script may have been started, or where it has gone to: the tree, its own directory, those above.
    fn bases(&self) -> Vec<String> {
        let starts: Vec<&str> = std::iter::once("").chain(upwards(parent(&self.text.path))).collect();
        let Some(folder) = self.call.folder.as_deref() else {
            return starts.into_iter().map(str::to_owned).collect();
        };
        if let Some(place) = folder.strip_prefix(PLACE) {
            return vec![join("", place.trim_matches('/'))];
        }
        // Somewhere above the end of such a path the repository begins.
        if let Some(folder) = folder.strip_prefix('/') {
            let ends = folder.match_indices('/').map(|(at, _)| &folder[at + 1..]);
            return std::iter::once(folder).chain(ends).chain([""]).map(str::to_owned).collect();
        }
        // `git clone … && cd NAME` enters the current directory.
        let inner = folder.split_once('/').map_or("", |(_, inner)| inner);
        let folders = [folder, inner];
        let all = folders.iter().flat_map(|folder| starts.iter().map(|start| join(start, folder)));
        all.collect()
    }
}

/// Adds an additional step, once.
fn add(item: Besides, evidence: &mut Evidence) {
    if !evidence.besides.iter().any(|known| known.what == item.what) {
        evidence.besides.push(item);
    }
}

/// The program of a command. A variable that nothing sets is the tool of its name: `$(KUBECTL) apply`, `"$HELM" install`.
fn program(word: &str) -> &str {
    const TOOLS: [&str; 8] =
        ["kubectl", "helm", "docker", "minikube", "podman", "nerdctl", "docker-compose", "kustomize"];
    let name = file_name(word).trim_end_matches(".exe");
    if known(word) {
        return name;
    }
    let bare = word.trim_matches(['$', '(', ')', '{', '}', '%', '"']).to_ascii_lowercase().replace('_', "-");
    let is = |tool: &&&str| {
        bare == **tool || bare.strip_suffix("-bin").or(bare.strip_suffix("-cmd")) == Some(**tool)
    };
    TOOLS.iter().find(is).copied().unwrap_or(name)
}

/// The namespace that a command names.
fn namespace(rest: &[&str]) -> Option<String> {
    values(rest, &["-n", "--namespace"]).find(|name| known(name)).map(str::to_owned)
}

/// A path that a script writes, as one of the tree.
fn path(base: &str, written: &str) -> String {
    match written.rsplit_once(PLACE) {
        Some((_, place)) => join("", place.trim_start_matches(['/', '\\'])),
        None => join(base, written),
    }
}

/// A word of a script for people.
fn shown(word: &str) -> String {
    word.replace(PLACE, "")
}

#[cfg(test)]
mod tests;
