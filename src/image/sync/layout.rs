//! A Dockerfile as the effects of its stages on their file systems, in order.

use crate::image::sync::copy::Copy;
use crate::image::sync::copy::Origin;
use crate::image::sync::facts::Question;
use crate::image::sync::facts::SyncFacts;
use crate::image::sync::reason::InstructionLine;
use crate::image::sync::reason::Reason;
use crate::image::sync::stop::Stop;
use dockerfile::Dockerfile;
use dockerfile::Instruction;
use dockerfile::expand;
use dockerfile::ignore::clean;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

/// The stages that the target needs.
pub(super) struct Layout {
    /// By their index in the Dockerfile; `None` for one that is not needed.
    pub(super) stages: Vec<Option<Stage>>,
    /// The stage that is built.
    pub(super) target: usize,
}

/// The steps of a stage, including those of the stages that it is based on.
#[derive(Clone)]
pub(super) struct Stage {
    pub(super) steps: Vec<Step>,
    /// The image that it starts from in the end; `None` for `scratch`.
    pub(super) base: Option<String>,
    /// Directories that are volumes, or become them in a container.
    pub(super) volumes: Vec<String>,
    working_dir: String,
    env: BTreeMap<String, String>,
    /// Build arguments: stages that start from this one have them, too.
    args: BTreeMap<String, String>,
    /// Variables whose value is not known.
    unknown: BTreeSet<String>,
    /// Whether it has `ONBUILD` triggers for stages based on it.
    triggers: bool,
}

/// A step that changes a file system, or may.
#[derive(Clone)]
pub(super) enum Step {
    /// `COPY` and `ADD`.
    Copy(Copy),
    /// `RUN`, with its mounts.
    Run { at: InstructionLine, binds: Vec<Bind> },
    /// A directory that exists from here on.
    Directory(String),
}

/// A `RUN --mount=type=bind`.
#[derive(Clone)]
pub(super) struct Bind {
    pub(super) origin: Origin,
    /// The mounted path, relative to its origin; empty for all of it.
    pub(super) source: String,
}

impl Layout {
    /// The volumes of the target stage.
    pub(super) fn volumes(&self) -> &[String] {
        self.stages.get(self.target).and_then(Option::as_ref).map_or(&[], |stage| &stage.volumes)
    }

    pub(super) fn read(
        dockerfile: &Dockerfile,
        args: &BTreeMap<String, String>,
        facts: &SyncFacts,
    ) -> Result<Layout, Stop> {
        if let Some((reference, line)) = &dockerfile.syntax
            && !is_known(reference)
        {
            return Err(Reason::Frontend { reference: reference.clone(), line: *line }.into());
        }
        let mut layout = Layout { stages: Vec::new(), target: dockerfile.target };
        for stage in &dockerfile.stages {
            let read = if stage.needed {
                let begin = match stage.parent.and_then(|parent| layout.stages.get(parent)?.as_ref()) {
                    Some(parent) if parent.triggers => {
                        return Err(Reason::OnBuild(stage.base.clone()).into());
                    }
                    Some(parent) => parent.clone(),
                    None => first(&stage.base, facts)?,
                };
                let mut reader = LayoutReader { dockerfile, given: args, stage: begin };
                for instruction in &dockerfile.instructions[stage.body.clone()] {
                    reader.instruction(instruction)?;
                }
                Some(reader.stage)
            } else {
                None
            };
            layout.stages.push(read);
        }
        Ok(layout)
    }
}

/// Whether a frontend's instructions are those that are understood here.
fn is_known(reference: &str) -> bool {
    let name = reference.strip_prefix("docker.io/").unwrap_or(reference);
    let name = name.split(['@', ':']).next().unwrap_or_default();
    name == "docker/dockerfile"
}

/// A stage before its first instruction.
fn first(base: &str, facts: &SyncFacts) -> Result<Stage, Stop> {
    let mut stage = Stage {
        steps: Vec::new(),
        base: None,
        volumes: Vec::new(),
        working_dir: "/".to_owned(),
        env: BTreeMap::new(),
        args: BTreeMap::new(),
        unknown: BTreeSet::new(),
        triggers: false,
    };
    if base == "scratch" {
        return Ok(stage);
    }
    let unknown = || Stop::Ask(vec![Question::Base(base.to_owned())]);
    let config = facts.bases.get(base).ok_or_else(unknown)?;
    if config.has_triggers {
        return Err(Reason::OnBuild(base.to_owned()).into());
    }
    stage.working_dir = clean(&format!("/{}", config.working_dir));
    stage.env = config.env.clone();
    stage.volumes = config.volumes.iter().map(|volume| clean(&format!("/{volume}"))).collect();
    stage.base = Some(base.to_owned());
    Ok(stage)
}

struct LayoutReader<'a> {
    dockerfile: &'a Dockerfile,
    given: &'a BTreeMap<String, String>,
    stage: Stage,
}

impl LayoutReader<'_> {
    fn instruction(&mut self, instruction: &Instruction) -> Result<(), Reason> {
        let not_understood = || Reason::NotUnderstood(at(instruction));
        match instruction.keyword.as_str() {
            "ARG" => self.arguments(instruction),
            "ENV" => self.environment(instruction),
            "WORKDIR" => {
                let path = self.expand(&instruction.rest).ok_or_else(not_understood)?;
                self.stage.working_dir = join(&self.stage.working_dir, &path);
                self.stage.steps.push(Step::Directory(self.stage.working_dir.clone()));
            }
            "VOLUME" => {
                for word in instruction.list() {
                    let path = self.expand(&word).ok_or_else(not_understood)?;
                    self.stage.volumes.push(join(&self.stage.working_dir, &path));
                }
            }
            "COPY" | "ADD" => {
                let copy = self.copy(instruction)?;
                self.stage.steps.push(Step::Copy(copy));
            }
            "RUN" => {
                let binds = self.binds(instruction)?;
                self.stage.steps.push(Step::Run { at: at(instruction), binds });
            }
            "ONBUILD" => self.stage.triggers = true,
            "CMD" | "ENTRYPOINT" | "EXPOSE" | "HEALTHCHECK" | "LABEL" | "MAINTAINER" | "SHELL"
            | "STOPSIGNAL" | "USER" => {}
            _ => return Err(not_understood()),
        }
        Ok(())
    }

    fn arguments(&mut self, instruction: &Instruction) {
        for (name, default) in instruction.pairs(self.dockerfile.escape) {
            let inherited = || self.dockerfile.globals.get(&name).cloned();
            match (self.given.get(&name).cloned(), default) {
                (Some(value), _) => self.argument(name, Some(value)),
                (None, Some(default)) => self.argument(name, self.expand(&default)),
                (None, None) => {
                    if let Some(value) = inherited() {
                        self.argument(name, Some(value));
                    }
                }
            }
        }
    }

    fn argument(&mut self, name: String, value: Option<String>) {
        match value {
            Some(value) => {
                self.stage.args.insert(name, value);
            }
            None => {
                self.stage.unknown.insert(name);
            }
        }
    }

    fn environment(&mut self, instruction: &Instruction) {
        let written = match old_form(&instruction.rest) {
            Some((name, value)) => vec![(name.to_owned(), Some(value.to_owned()))],
            None => instruction.pairs(self.dockerfile.escape),
        };
        let values: Vec<(String, Option<String>)> = written
            .into_iter()
            .map(|(name, value)| (name, value.and_then(|value| self.expand(&value))))
            .collect();
        for (name, value) in values {
            match value {
                Some(value) => {
                    self.stage.unknown.remove(&name);
                    self.stage.env.insert(name, value);
                }
                None => {
                    self.stage.unknown.insert(name);
                }
            }
        }
    }

    /// A word with its variables replaced, if all of them have a known value. That of `ENV` takes precedence over
    /// that of an `ARG` of the same name.
    fn expand(&self, word: &str) -> Option<String> {
        let Stage { env, args, unknown, .. } = &self.stage;
        let names =
            |name: &String| word.contains(&format!("${name}")) || word.contains(&format!("${{{name}"));
        if unknown.iter().any(names) {
            return None;
        }
        let mut variables = args.clone();
        variables.extend(env.clone());
        let expanded = expand(word, &variables, self.dockerfile.escape).ok()?;
        expanded.unset.is_empty().then_some(expanded.text)
    }

    fn copy(&self, instruction: &Instruction) -> Result<Copy, Reason> {
        let not_understood = || Reason::NotUnderstood(at(instruction));
        let mut words = instruction.list();
        let destination = words.pop().and_then(|word| self.expand(&word)).ok_or_else(not_understood)?;
        let mut copy = Copy {
            at: at(instruction),
            add: instruction.keyword == "ADD",
            origin: Origin::Context,
            sources: Vec::new(),
            adds_others: false,
            directory: destination.ends_with('/') || destination == ".",
            destination: join(&self.stage.working_dir, &destination),
            owner: None,
            mode: None,
            link: false,
            unknown_flag: false,
        };
        for flag in &instruction.flags {
            let (name, value) = flag.split_once('=').unwrap_or((flag, "true"));
            match name {
                "--from" => copy.origin = self.origin(value),
                "--chown" => copy.owner = Some(self.expand(value).ok_or_else(not_understood)?),
                "--chmod" => copy.mode = Some(self.expand(value).ok_or_else(not_understood)?),
                "--link" => copy.link = value != "false",
                _ => copy.unknown_flag = true,
            }
        }
        for word in words {
            let remote = copy.add && (word.contains("://") || word.starts_with("git@"));
            if remote || word.contains("<<") {
                copy.adds_others = true;
                continue;
            }
            let source = self.expand(&word).ok_or_else(not_understood)?;
            copy.sources.push(clean(&format!("/{source}"))[1..].to_owned());
        }
        Ok(copy)
    }

    fn binds(&self, instruction: &Instruction) -> Result<Vec<Bind>, Reason> {
        let mut binds = Vec::new();
        for flag in &instruction.flags {
            let (name, value) = flag.split_once('=').unwrap_or((flag, ""));
            match name {
                "--network" | "--security" => continue,
                "--mount" => {}
                _ => return Err(Reason::NotUnderstood(at(instruction))),
            }
            let field = |names: &[&str]| {
                let fields = value.split(',').filter_map(|field| field.split_once('='));
                fields.into_iter().find(|(name, _)| names.contains(name)).map(|(_, value)| value)
            };
            let origin = field(&["from"]).map(|from| self.origin(from));
            match (field(&["type"]).unwrap_or("bind"), origin) {
                ("tmpfs" | "secret" | "ssh", _) | ("cache", None) => {}
                ("bind" | "cache", origin) => {
                    let source = self.expand(field(&["source", "src"]).unwrap_or_default());
                    let source = source.ok_or_else(|| Reason::NotUnderstood(at(instruction)))?;
                    binds.push(Bind {
                        origin: origin.unwrap_or(Origin::Context),
                        source: clean(&format!("/{source}"))[1..].to_owned(),
                    });
                }
                _ => return Err(Reason::NotUnderstood(at(instruction))),
            }
        }
        Ok(binds)
    }

    /// A stage by number or name, else an image from outside.
    fn origin(&self, from: &str) -> Origin {
        let stages = &self.dockerfile.stages;
        let name = Some(from.to_lowercase());
        let number = from.parse().ok().filter(|number| *number < stages.len());
        match number.or_else(|| stages.iter().rposition(|stage| stage.name == name)) {
            Some(stage) => Origin::Stage(stage),
            None => Origin::Outside,
        }
    }
}

/// `ENV NAME value`, as it was before `=`.
fn old_form(rest: &str) -> Option<(&str, &str)> {
    let (name, value) = rest.split_once([' ', '\t'])?;
    (!name.contains('=')).then(|| (name, value.trim()))
}

/// A path as seen from a directory; absolute and without a `/` at its end.
fn join(directory: &str, path: &str) -> String {
    if path.starts_with('/') { clean(path) } else { clean(&format!("{directory}/{path}")) }
}

/// The longest text of an instruction that is shown.
const SHOWN: usize = 60;

fn at(instruction: &Instruction) -> InstructionLine {
    let whole = [instruction.keyword.as_str(), &instruction.flags.join(" "), &instruction.rest].join(" ");
    let mut text = whole.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((end, _)) = text.char_indices().nth(SHOWN) {
        text.truncate(end);
        text.push('…');
    }
    InstructionLine { line: instruction.first, text }
}
