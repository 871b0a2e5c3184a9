//! What the target and the stages that it needs take: images from outside, files of the context, secrets.

use crate::AgentMount;
use crate::Ask;
use crate::Base;
use crate::Copy;
use crate::Dockerfile;
use crate::Instruction;
use crate::SecretMount;
use crate::Wrong;
use crate::expand::expand;
use crate::ignore::clean;
use crate::reference;
use crate::stages::no_image;
use std::collections::BTreeMap;

impl Dockerfile {
    /// Marks what a stage needs, and notes the images from outside.
    pub(super) fn need(&mut self, index: usize, wrong: &mut Vec<Wrong>) {
        if std::mem::replace(&mut self.stages[index].needed, true) {
            return;
        }
        let stage = self.stages[index].clone();
        match stage.parent {
            Some(parent) => self.need(parent, wrong),
            None if stage.base == "scratch" => {}
            None => self.bases.push(Base { reference: stage.base, line: stage.line }),
        }
        for at in stage.body {
            let instruction = self.instructions[at].clone();
            for source in sources_outside(&instruction) {
                let found = match source.parse::<usize>() {
                    Ok(number) if number < self.stages.len() && instruction.keyword == "COPY" => Some(number),
                    Ok(number) if instruction.keyword == "COPY" => {
                        wrong.push(Wrong::at(instruction.first, format!("there is no stage {number}")));
                        continue;
                    }
                    _ => {
                        let name = Some(source.to_lowercase());
                        self.stages.iter().rposition(|stage| stage.name == name)
                    }
                };
                match found {
                    Some(found) => self.need(found, wrong),
                    None if source.contains('$') => wrong.push(
                        Wrong::at(instruction.first, format!("`{source}` is not expanded here"))
                            .help("give it a stage of its own: `FROM … AS name`, then `--from=name`"),
                    ),
                    None if source == "scratch" => {}
                    None if reference::mistake(&source).is_some() => {
                        let names = self.stages.iter().filter_map(|stage| stage.name.as_deref());
                        wrong.extend(no_image("--from=", &source, instruction.first, names));
                    }
                    None => self.bases.push(Base { reference: source, line: instruction.first }),
                }
            }
        }
    }

    /// What a stage takes out of the context, and the secrets that it mounts.
    pub(super) fn read_body(
        &mut self,
        index: usize,
        ask: Ask<'_>,
        globals: &BTreeMap<String, String>,
        escape: char,
    ) {
        let mut variables = BTreeMap::new();
        for at in self.stages[index].body.clone() {
            let instruction = &self.instructions[at];
            let flag = |name: &str| instruction.flags.iter().any(|flag| flag.starts_with(name));
            match instruction.keyword.as_str() {
                "ARG" => {
                    for (name, default) in instruction.pairs(escape) {
                        let value = ask.args.get(&name).cloned().or_else(|| match default {
                            Some(default) => known(&default, &variables, escape),
                            None => globals.get(&name).cloned(),
                        });
                        variables.extend(value.map(|value| (name, value)));
                    }
                }
                "ENV" => {
                    let before = variables.clone();
                    for (name, value) in instruction.pairs(escape) {
                        match value.and_then(|value| known(&value, &before, escape)) {
                            Some(value) => variables.insert(name, value),
                            None => variables.remove(&name),
                        };
                    }
                }
                "COPY" | "ADD" if !flag("--from=") => {
                    let mut words = instruction.list();
                    words.pop();
                    let repositories = words.iter().filter(|word| is_repository(word, &instruction.keyword));
                    self.clones.extend(repositories.map(|word| (word.clone(), instruction.first)));
                    words.retain(|word| !word.contains("<<") && !is_remote(word, &instruction.keyword));
                    if !words.is_empty() {
                        let source = |word: &String| {
                            known(word, &variables, escape)
                                .map(|word| clean(&format!("/{word}"))[1..].to_owned())
                                .map(|path| if path.is_empty() { ".".to_owned() } else { path })
                        };
                        let sources = words.iter().map(source).collect();
                        self.copies.push(Copy { line: instruction.first, sources });
                    }
                }
                "RUN" => {
                    self.secrets.extend(secret_mounts(instruction));
                    self.agents.extend(agent_mounts(instruction));
                }
                _ => {}
            }
        }
    }

    pub(super) fn last_user(&self) -> Option<(String, usize)> {
        let mut stage = self.stages.get(self.target);
        while let Some(at) = stage {
            let user =
                self.instructions[at.body.clone()].iter().rfind(|instruction| instruction.keyword == "USER");
            if let Some(user) = user {
                return Some((user.rest.clone(), user.first));
            }
            stage = at.parent.and_then(|parent| self.stages.get(parent));
        }
        None
    }
}

/// A word without its variables, if they are all known.
fn known(word: &str, variables: &BTreeMap<String, String>, escape: char) -> Option<String> {
    expand(word, variables, escape)
        .ok()
        .filter(|expanded| expanded.unset.is_empty())
        .map(|expanded| expanded.text)
}

fn is_remote(source: &str, keyword: &str) -> bool {
    keyword == "ADD" && (source.contains("://") || source.starts_with("git@"))
}

/// A repository, which the engine clones with git (`buildkit: util/gitutil/git_ref.go: ParseGitRef`).
fn is_repository(source: &str, keyword: &str) -> bool {
    let path = source.split('#').next().unwrap_or(source);
    keyword == "ADD"
        && (source.starts_with("git@")
            || ["git://", "ssh://"].iter().any(|scheme| source.starts_with(scheme))
            || (source.starts_with("http") && source.contains("://") && path.strip_suffix(".git").is_some()))
}

/// The stages or images that an instruction takes files from.
fn sources_outside(instruction: &Instruction) -> Vec<String> {
    let flags = instruction.flags.iter();
    match instruction.keyword.as_str() {
        "COPY" => flags.filter_map(|flag| flag.strip_prefix("--from=")).map(str::to_owned).collect(),
        "RUN" => flags
            .filter_map(|flag| flag.strip_prefix("--mount="))
            .filter_map(|mount| mount.split(',').find_map(|field| field.strip_prefix("from=")))
            .map(str::to_owned)
            .collect(),
        _ => Vec::new(),
    }
}

fn mounts<'i>(instruction: &'i Instruction, kind: &'static str) -> impl Iterator<Item = &'i str> {
    let mounts = instruction.flags.iter().filter_map(|flag| flag.strip_prefix("--mount="));
    mounts.filter(move |mount| mount.split(',').any(|field| field == kind))
}

fn is_required(mount: &str) -> bool {
    mount.split(',').any(|field| matches!(field, "required" | "required=true" | "required=1"))
}

fn agent_mounts(instruction: &Instruction) -> Vec<AgentMount> {
    let mounts = mounts(instruction, "type=ssh");
    mounts.map(|mount| AgentMount { line: instruction.first, required: is_required(mount) }).collect()
}

fn secret_mounts(instruction: &Instruction) -> Vec<SecretMount> {
    mounts(instruction, "type=secret")
        .filter_map(|mount| {
            let field = |names: &[&str]| {
                mount
                    .split(',')
                    .filter_map(|field| field.split_once('='))
                    .find(|(name, _)| names.contains(name))
            };
            let target = || field(&["target", "dst", "destination"]).map(|(_, target)| target);
            let id = match field(&["source", "src"]).or_else(|| field(&["id"])) {
                Some((_, id)) => id,
                None => target()?.rsplit('/').next()?,
            };
            Some(SecretMount { id: id.to_owned(), line: instruction.first, required: is_required(mount) })
        })
        .collect()
}
