//! `kubectl`, `kustomize`, and their piped input.

use super::PLACE;
use super::ScriptReader;
use super::known;
use super::namespace;
use super::options::is_variable;
use super::options::options;
use super::options::positional;
use super::path;
use crate::discover::evidence::Applied;
use crate::discover::evidence::CreatedByCommand;
use crate::discover::evidence::Evidence;
use crate::discover::evidence::INSTALL;
use crate::discover::evidence::Sort;
use crate::discover::keys;
use crate::discover::secrecy::looks_secret;
use crate::discover::tree::file_name;
use std::collections::BTreeMap;

const FILES: [&str; 4] = ["-f", "--filename", "-k", "--kustomize"];

impl ScriptReader<'_> {
    /// `rest` are the words after `kubectl`.
    pub(super) fn kubectl(&self, rest: &[&str], evidence: &mut Evidence) {
        let words = positional(
            rest,
            &[
                "-n",
                "--namespace",
                "-f",
                "--filename",
                "-k",
                "--kustomize",
                "--context",
                "-p",
                "--type",
                "-l",
            ],
        );
        // A variable that nothing sets may stand for flags: `kubectl $CONTEXT apply -f k8s $DRY_RUN`.
        let words: Vec<&str> = match words.iter().position(|word| !is_variable(word)) {
            Some(at) => words[at..].to_vec(),
            None => return,
        };
        match words[..] {
            ["apply" | "create" | "replace", ref more @ ..] if more.iter().all(|word| is_variable(word)) => {
                self.apply(rest, evidence);
            }
            ["port-forward", target, ports, ..] => {
                let service = target.rsplit_once('/').map_or(target, |(_, name)| name);
                let port = ports.split(':').next().and_then(|port| port.parse().ok());
                if let Some(port) = port.filter(|_| known(service)) {
                    evidence.local.push((Some(service.to_owned()), port, self.place.clone()));
                }
            }
            ["create", "namespace" | "ns", name, ..] if known(name) => {
                evidence.namespaces.push((name.to_owned(), self.provenance()));
            }
            ["create", "secret", "generic" | "tls", name, ..] if known(name) => {
                evidence.made.push(self.made(true, name, rest));
            }
            ["create", "configmap" | "cm", name, ..] if known(name) => {
                evidence.made.push(self.made(false, name, rest));
            }
            ["create", "secret", "docker-registry", name, ..] if known(name) => {
                let what = format!("makes the Secret `{name}` for a registry");
                self.besides(
                    &what,
                    "`todo up` builds into the node and needs none for images built here",
                    Sort::Lack,
                    evidence,
                );
            }
            ["patch" | "scale" | "expose" | "run" | "autoscale" | "taint", of, ..] if known(of) => {
                self.changed(&words, evidence);
            }
            ["set", "env" | "resources", of, ..] if known(of) => self.changed(&words, evidence),
            _ => {}
        }
    }

    fn changed(&self, words: &[&str], evidence: &mut Evidence) {
        let shown: Vec<&str> =
            words.iter().copied().take(3).filter(|word| known(word) && !word.contains('=')).collect();
        let what = format!("changes objects in the cluster (`kubectl {}`)", shown.join(" "));
        self.besides(&what, "`todo up` does not: write it into the manifests", Sort::Change, evidence);
    }

    fn apply(&self, rest: &[&str], evidence: &mut Evidence) {
        let recursive = rest.iter().any(|word| matches!(*word, "-R" | "--recursive" | "--recursive=true"));
        for at in 0..rest.len() {
            let (option, written) = match rest[at].split_once('=') {
                Some((option, written)) if FILES.contains(&option) => (option, written),
                _ if FILES.contains(&rest[at]) => match rest.get(at + 1) {
                    Some(written) => (rest[at], *written),
                    None => continue,
                },
                _ => continue,
            };
            let kustomize = matches!(option, "-k" | "--kustomize");
            for written in written.split(',') {
                if written == "-" {
                    self.piped(rest, evidence);
                } else if written.contains("://") || written.starts_with("github.com/") {
                    let what = format!("applies {}", written.trim_matches('"'));
                    self.installs(&what, INSTALL, &[written], evidence);
                } else {
                    self.applied(written, kustomize, recursive, namespace(rest), evidence);
                }
            }
        }
    }

    /// A path that is applied.
    pub(super) fn applied(
        &self,
        written: &str,
        kustomize: bool,
        recursive: bool,
        namespace: Option<String>,
        evidence: &mut Evidence,
    ) {
        if !known(written) {
            self.unread("applies", written, evidence);
            return;
        }
        let pattern = written.contains(['*', '?']);
        let found = self.bases().into_iter().map(|base| path(&base, written)).find(|path| {
            self.tree.files.contains(path)
                || self.tree.has_folder(path) && (!path.is_empty() || written == ".")
                || pattern && self.tree.matches(path)
        });
        match found {
            Some(path) => {
                evidence.applied.push(Applied {
                    path,
                    kustomize,
                    recursive,
                    namespace,
                    provenance: self.provenance(),
                });
            }
            None => {
                let what = format!("applies `{}`, which is not there", super::shown(written));
                self.besides(&what, "something makes it, or the path is wrong", Sort::Lack, evidence);
            }
        }
    }

    /// The input that a pipe or a here-document passes to `kubectl apply -f -`.
    fn piped(&self, rest: &[&str], evidence: &mut Evidence) {
        if let Some(document) = &self.call.document {
            let kind = document.lines().find_map(|line| line.strip_prefix("kind:")).map(str::trim);
            let name = document.lines().find_map(|line| line.trim().strip_prefix("name:")).map(str::trim);
            let what = match (kind, name) {
                (Some("Namespace"), Some(name)) if known(name) => {
                    evidence.namespaces.push((name.to_owned(), self.provenance()));
                    return;
                }
                (Some(kind), Some(name)) => format!("applies {kind}/{name}, which is written there"),
                _ => "applies a manifest that is written there".to_owned(),
            };
            let help = "write it into its own file, next to the other manifests";
            self.besides(&what, help, Sort::Lack, evidence);
            return;
        }
        let Some(before) = self.before() else { return };
        let words: Vec<&str> = before.words.iter().map(String::as_str).collect();
        let space = namespace(rest);
        match words[..] {
            ["helm", "template", ..] => {
                if let Some(release) = evidence.releases.last_mut() {
                    release.namespace = space.or(release.namespace.take());
                }
            }
            ["kustomize", "build", ref more @ ..] | ["kubectl", "kustomize", ref more @ ..] => {
                let written = positional(more, &["-o", "--load-restrictor"]).first().copied().unwrap_or(".");
                self.applied(written, true, false, space, evidence);
            }
            ["curl" | "wget", ..] => {
                let url = words.iter().find(|word| word.contains("://")).copied().unwrap_or("a download");
                self.installs(&format!("applies {url}"), INSTALL, &[url], evidence);
            }
            ["envsubst" | "sed" | "cat" | "yq", ref more @ ..] => {
                let file = more.iter().map(|word| word.trim_start_matches('<')).rfind(|word| {
                    known(word) && self.bases().iter().any(|base| self.tree.files.contains(&path(base, word)))
                });
                if let Some(file) = file {
                    self.applied(file, false, false, space, evidence);
                    if words[0] != "cat" {
                        let what =
                            format!("applies `{}` after `{}` has changed it", super::shown(file), words[0]);
                        let help = "`todo up` applies it as it stands: write the values into it";
                        self.besides(&what, help, Sort::Lack, evidence);
                    }
                }
            }
            _ => {}
        }
    }

    /// `kubectl create secret|configmap`. Of a Secret only the keys are kept.
    fn made(&self, secret: bool, name: &str, rest: &[&str]) -> CreatedByCommand {
        let mut made = CreatedByCommand {
            secret,
            name: name.to_owned(),
            keys: BTreeMap::new(),
            files: BTreeMap::new(),
            env_file: None,
            provenance: self.provenance(),
        };
        for pair in options(rest, &["--from-literal"]) {
            let Some((key, value)) = pair.split_once('=') else { continue };
            let open = !secret && known(value) && !keys::is_secret(key) && !looks_secret(key, value);
            made.keys.insert(key.to_owned(), open.then(|| value.to_owned()));
        }
        for written in options(rest, &["--from-file", "--cert", "--key"]).filter(|word| known(word)) {
            let (key, file) = match written.split_once('=') {
                Some((key, file)) => (Some(key), file),
                None => (None, written),
            };
            let at = self.bases().into_iter().map(|base| path(&base, file));
            let mut there = at.filter(|path| self.tree.files.contains(path) || self.tree.has_folder(path));
            let Some(found) = there.next().or_else(|| Some(path("", file))) else { continue };
            if !self.tree.files.contains(&found) && self.tree.has_folder(&found) {
                let inside = self.tree.inside(&found);
                made.files.extend(inside.map(|path| (file_name(path).to_owned(), path.to_owned())));
            } else {
                let key = key.map_or_else(|| file_name(file).to_owned(), str::to_owned);
                made.files.insert(key.trim_start_matches(PLACE).to_owned(), found);
            }
        }
        if rest.contains(&"tls") {
            let named = |option| options(rest, std::slice::from_ref(option)).next();
            let pair = [("tls.crt", named(&"--cert")), ("tls.key", named(&"--key"))];
            let files = pair.into_iter().filter_map(|(key, file)| Some((key.to_owned(), path("", file?))));
            made.files = files.collect();
        }
        for file in options(rest, &["--from-env-file"]).filter(|word| known(word)) {
            let paths: Vec<String> = self.bases().into_iter().map(|base| path(&base, file)).collect();
            let found = paths.iter().find(|path| self.tree.files.contains(*path)).or(paths.first());
            if let Some(found) = found {
                let text = self.tree.text(found).unwrap_or_default();
                made.keys.extend(keys::keys(text).into_iter().map(|key| (key, None)));
                made.env_file = Some(found.clone());
            }
        }
        made
    }
}
