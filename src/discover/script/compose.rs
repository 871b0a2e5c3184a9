//! `docker compose up`, and commands that are run in its services.

use super::ScriptReader;
use super::known;
use super::options::is_variable;
use super::options::options;
use super::options::positional;
use super::path;
use crate::discover::compose::BASES;
use crate::discover::evidence::ComposeOptions;
use crate::discover::evidence::Composed;
use crate::discover::evidence::Evidence;
use crate::discover::evidence::Provenance;
use crate::discover::evidence::Ran;
use crate::discover::keys::is_secret;
use crate::discover::tree::join;
use crate::discover::variant::distance;

/// The options before the verb that have a value.
const VALUED: [&str; 10] = [
    "-f",
    "--file",
    "--env-file",
    "--profile",
    "-p",
    "--project-name",
    "--project-directory",
    "--ansi",
    "--progress",
    "--parallel",
];

/// The options of `run` and `exec` that have a value.
const VALUED_OF_RUN: [&str; 12] = [
    "-e",
    "--env",
    "--entrypoint",
    "-u",
    "--user",
    "-w",
    "--workdir",
    "-v",
    "--volume",
    "-p",
    "--publish",
    "--name",
];

impl ScriptReader<'_> {
    /// `rest` are the words after `docker compose`.
    pub(super) fn compose(&self, rest: &[&str], evidence: &mut Evidence) {
        let verb = positional(rest, &VALUED).into_iter().find(|word| !is_variable(word));
        let Some(verb) = verb else { return };
        let Some(at) = rest.iter().position(|word| *word == verb) else { return };
        match verb {
            "up" => {
                for open in positional(&rest[..at], &VALUED).into_iter().filter(|word| !known(word)) {
                    self.unread("gives to `docker compose`", open, evidence);
                }
                for open in options(&rest[..at], &["-f", "--file"]).filter(|word| !known(word)) {
                    self.unread("starts the compose file", open, evidence);
                }
                evidence.composed.extend(self.composed(&rest[..at]));
            }
            "run" | "exec" => evidence.ran.extend(self.ran(&rest[at + 1..])),
            _ => {}
        }
    }

    /// The files that are started, where all of them are known and there.
    fn composed(&self, before: &[&str]) -> Option<Composed> {
        let written: Vec<&str> = options(before, &["-f", "--file"]).collect();
        let found = |base: &String| {
            BASES.iter().map(|name| join(base, name)).find(|path| self.tree.texts.contains_key(path))
        };
        let at = |base: &String| -> Option<Vec<String>> {
            if written.is_empty() {
                return Some(vec![found(base)?]);
            }
            let paths = written.iter().map(|file| path(base, file));
            paths.map(|path| self.tree.texts.contains_key(&path).then_some(path)).collect()
        };
        let mut bases = self.bases();
        let started = bases.iter().find_map(|base| Some((at(base)?, base.clone())));
        // Without `-f` it may be started in any directory that has a compose file.
        let elsewhere = || written.is_empty().then(|| (Vec::new(), bases.swap_remove(0)));
        let (files, base) = started.or_else(elsewhere)?;
        let far = files.iter().map(|file| distance(file)).max().unwrap_or_default();
        let provenance = self.provenance();
        let options = ComposeOptions {
            folder: options(before, &["--project-directory"])
                .find(|word| known(word))
                .map(|word| path(&base, word)),
            env_files: options(before, &["--env-file"])
                .filter(|word| known(word))
                .map(|word| path(&base, word))
                .collect(),
            profiles: options(before, &["--profile"]).filter(|word| known(word)).map(str::to_owned).collect(),
        };
        Some(Composed {
            files,
            options,
            provenance: Provenance { distance: provenance.distance.max(far), ..provenance },
        })
    }

    /// The command that is run; what may hold a value of its own is left away.
    fn ran(&self, words: &[&str]) -> Option<Ran> {
        let mut words = words.iter().copied();
        let service = loop {
            let word = words.next()?;
            if VALUED_OF_RUN.contains(&word) {
                words.next();
            } else if !word.starts_with('-') {
                break word;
            }
        };
        let open =
            |word: &&str| known(word) && !word.contains('=') && !(word.starts_with('-') && is_secret(word));
        let command: Vec<&str> = words.take_while(open).collect();
        let named = known(service) && !command.is_empty();
        named.then(|| Ran {
            service: service.to_owned(),
            command: command.join(" "),
            provenance: self.provenance(),
        })
    }
}
