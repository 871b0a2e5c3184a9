//! A Dockerfile, as far as one must understand it before building it.
//!
//! Not a builder and not a linter: what the image is built from, which files it takes, where its instructions stand, and
//! the mistakes that would end the build later. Only stages that the target needs count, as with BuildKit. A base is
//! found after `ARG` expansion, because whether an image must be rebuilt depends on it.

pub mod expand;
pub mod lines;

use crate::image::ignore::clean;
use expand::expand;
pub use lines::Instruction;
pub use lines::Wrong;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// A Dockerfile that has been understood.
#[derive(Debug, Clone)]
pub struct Dockerfile {
    /// The file.
    pub path: PathBuf,
    /// Its bytes.
    pub text: Vec<u8>,
    /// Its instructions in order.
    pub instructions: Vec<Instruction>,
    /// Its stages in order.
    pub stages: Vec<Stage>,
    /// The stage that is built, an index of `stages`.
    pub target: usize,
    /// Every image from outside that the target needs, once per place.
    pub bases: Vec<Base>,
    /// The names that some `ARG` declares.
    pub arguments: Vec<String>,
    /// `# syntax=`: the reference and its line.
    pub syntax: Option<(String, usize)>,
    /// What is copied out of the context for the target.
    pub copies: Vec<Copy>,
    /// The secrets that the target's `RUN`s mount.
    pub secrets: Vec<SecretMount>,
    /// The last `USER` of the target and the stages below it, and its line.
    pub user: Option<(String, usize)>,
}

/// One `FROM` and what follows it.
#[derive(Debug, Clone)]
pub struct Stage {
    /// The name after `AS`, in small letters.
    pub name: Option<String>,
    /// What it starts from, after expansion.
    pub base: String,
    /// The earlier stage that it starts from, if it is one.
    pub parent: Option<usize>,
    /// Its instructions without the `FROM`: a range of [`Dockerfile::instructions`].
    pub body: std::ops::Range<usize>,
    /// The line of its `FROM`.
    pub line: usize,
    /// Whether the target needs it.
    pub needed: bool,
}

/// A use of an image from outside of the Dockerfile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    /// The reference after expansion, as written.
    pub reference: String,
    /// The line of the instruction.
    pub line: usize,
}

/// A `COPY` or `ADD` out of the context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copy {
    /// The line.
    pub line: usize,
    /// The sources, cleaned, relative to the context; `.` for all of it. `None` where it depends on the base image.
    pub sources: Vec<Option<String>>,
}

/// A `RUN --mount=type=secret`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretMount {
    /// Its id.
    pub id: String,
    /// The line of the `RUN`.
    pub line: usize,
    /// Whether the build fails without it.
    pub required: bool,
}

/// What decides how a Dockerfile is understood.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// The stage to build; the last if not given.
    pub target: Option<&'a str>,
    /// Build arguments.
    pub args: &'a BTreeMap<String, String>,
    /// `os/arch[/variant]` of the image.
    pub platform: &'a str,
}

const KEYWORDS: [&str; 18] = [
    "ADD",
    "ARG",
    "CMD",
    "COPY",
    "ENTRYPOINT",
    "ENV",
    "EXPOSE",
    "FROM",
    "HEALTHCHECK",
    "LABEL",
    "MAINTAINER",
    "ONBUILD",
    "RUN",
    "SHELL",
    "STOPSIGNAL",
    "USER",
    "VOLUME",
    "WORKDIR",
];

impl Dockerfile {
    /// Understands a Dockerfile, or says everything that is wrong with it.
    pub fn parse(path: PathBuf, text: Vec<u8>, ask: Ask<'_>) -> Result<Dockerfile, Vec<Wrong>> {
        if text.trim_ascii().is_empty() {
            return Err(vec![Wrong::at(0, "the Dockerfile is empty").mend("begin with `FROM image`")]);
        }
        let read = lines::read(&String::from_utf8_lossy(&text));
        let mut reader = Reader { escape: read.escape, wrong: read.wrong, ..Reader::new(ask) };
        reader.check_keywords(&read.instructions, read.syntax.as_ref());
        reader.globals(&read.instructions);
        reader.stages(&read.instructions);
        let target = reader.target();
        let mut dockerfile = Dockerfile {
            path,
            text,
            instructions: read.instructions,
            stages: reader.stages,
            target: target.unwrap_or_default(),
            bases: Vec::new(),
            arguments: reader.arguments,
            syntax: read.syntax,
            copies: Vec::new(),
            secrets: Vec::new(),
            user: None,
        };
        let mut wrong = reader.wrong;
        if target.is_some() {
            let globals = reader.globals;
            dockerfile.need(dockerfile.target, &mut wrong);
            for stage in 0..dockerfile.stages.len() {
                if dockerfile.stages[stage].needed {
                    dockerfile.read_body(stage, ask, &globals, read.escape);
                }
            }
            dockerfile.user = dockerfile.last_user();
        }
        wrong.sort_by_key(|wrong| wrong.line);
        if wrong.is_empty() { Ok(dockerfile) } else { Err(wrong) }
    }

    /// The instruction of a BuildKit vertex, `[builder 2/5] RUN …`; `None` for BuildKit's own.
    #[must_use]
    pub fn step(&self, vertex: &str) -> Option<&Instruction> {
        let (place, text) = vertex.strip_prefix('[')?.split_once("] ")?;
        let mut words = place.split_whitespace().rev();
        let index: usize = words.next()?.split_once('/')?.0.parse().ok()?;
        let stage = match words.next() {
            None if self.stages.len() == 1 => &self.stages[0],
            None => return None,
            Some(name) => self
                .stages
                .iter()
                .rfind(|stage| stage.name.as_deref() == Some(name))
                .or_else(|| self.stages.get(name.strip_prefix("stage-")?.parse::<usize>().ok()?))?,
        };
        let from =
            (stage.parent.is_none() && stage.base != "scratch").then(|| stage.body.start.wrapping_sub(1));
        let counted = |at: &usize| {
            matches!(self.instructions[*at].keyword.as_str(), "ADD" | "COPY" | "RUN" | "WORKDIR")
        };
        let mut steps = from.into_iter().chain(stage.body.clone().filter(counted));
        let instruction = self.instructions.get(steps.nth(index.checked_sub(1)?)?)?;
        let keyword = text.split_whitespace().next()?;
        keyword.eq_ignore_ascii_case(&instruction.keyword).then_some(instruction)
    }

    /// The lines of an instruction and `around` lines on either side, numbered, those of the instruction marked.
    #[must_use]
    pub fn excerpt(&self, instruction: &Instruction, around: usize) -> Vec<String> {
        let text = String::from_utf8_lossy(&self.text);
        let shown = instruction.first.saturating_sub(around)..=instruction.last + around;
        let width = (instruction.last + around).to_string().len();
        text.lines()
            .enumerate()
            .map(|(index, line)| (index + 1, line))
            .filter(|(number, _)| shown.contains(number))
            .map(|(number, line)| {
                let mark = if (instruction.first..=instruction.last).contains(&number) { '>' } else { ' ' };
                format!("{mark} {number:width$} | {}", line.trim_end())
            })
            .collect()
    }

    /// Marks what a stage needs, and notes the images from outside.
    fn need(&mut self, index: usize, wrong: &mut Vec<Wrong>) {
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
                            .mend("give it a stage of its own: `FROM … AS name`, then `--from=name`"),
                    ),
                    None if source == "scratch" => {}
                    None => self.bases.push(Base { reference: source, line: instruction.first }),
                }
            }
        }
    }

    /// What a stage takes out of the context, and the secrets that it mounts.
    fn read_body(&mut self, index: usize, ask: Ask<'_>, globals: &BTreeMap<String, String>, escape: char) {
        let mut variables = BTreeMap::new();
        for at in self.stages[index].body.clone() {
            let instruction = &self.instructions[at];
            let flag = |name: &str| instruction.flags.iter().any(|flag| flag.starts_with(name));
            match instruction.keyword.as_str() {
                "ARG" => {
                    for (name, default) in pairs(&instruction.rest, escape) {
                        let value = ask.args.get(&name).cloned().or_else(|| match default {
                            Some(default) => known(&default, &variables, escape),
                            None => globals.get(&name).cloned(),
                        });
                        variables.extend(value.map(|value| (name, value)));
                    }
                }
                "ENV" => {
                    let before = variables.clone();
                    for (name, value) in pairs(&instruction.rest, escape) {
                        match value.and_then(|value| known(&value, &before, escape)) {
                            Some(value) => variables.insert(name, value),
                            None => variables.remove(&name),
                        };
                    }
                }
                "COPY" | "ADD" if !flag("--from=") => {
                    let mut words = lines::list(&instruction.rest);
                    words.pop();
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
                "RUN" => self.secrets.extend(secret_mounts(instruction)),
                _ => {}
            }
        }
    }

    fn last_user(&self) -> Option<(String, usize)> {
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

/// `NAME=value NAME`, or the old form `NAME value`.
fn pairs(rest: &str, escape: char) -> Vec<(String, Option<String>)> {
    let words = lines::words(rest, escape);
    words
        .iter()
        .map(|word| match word.split_once('=') {
            Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
            None => (word.clone(), None),
        })
        .collect()
}

fn is_remote(source: &str, keyword: &str) -> bool {
    keyword == "ADD" && (source.contains("://") || source.starts_with("git@"))
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

fn secret_mounts(instruction: &Instruction) -> Vec<SecretMount> {
    let mounts = instruction.flags.iter().filter_map(|flag| flag.strip_prefix("--mount="));
    mounts
        .filter(|mount| mount.split(',').any(|field| field == "type=secret"))
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
            let required =
                mount.split(',').any(|field| matches!(field, "required" | "required=true" | "required=1"));
            Some(SecretMount { id: id.to_owned(), line: instruction.first, required })
        })
        .collect()
}

/// The beginning of understanding: arguments, stages, target.
struct Reader<'a> {
    ask: Ask<'a>,
    escape: char,
    globals: BTreeMap<String, String>,
    arguments: Vec<String>,
    stages: Vec<Stage>,
    wrong: Vec<Wrong>,
}

impl<'a> Reader<'a> {
    /// With the variables that BuildKit gives every `FROM` (`dockerfile2llb: defaultArgs`).
    fn new(ask: Ask<'a>) -> Reader<'a> {
        let mut parts = ask.platform.splitn(3, '/');
        let (os, arch, variant) = (
            parts.next().unwrap_or_default(),
            parts.next().unwrap_or_default(),
            parts.next().unwrap_or_default(),
        );
        let mut globals = BTreeMap::new();
        for side in ["BUILD", "TARGET"] {
            for (name, value) in
                [("PLATFORM", ask.platform), ("OS", os), ("ARCH", arch), ("VARIANT", variant)]
            {
                let name = format!("{side}{name}");
                let value = ask.args.get(&name).map_or(value, String::as_str).to_owned();
                globals.insert(name, value);
            }
        }
        globals.insert("TARGETSTAGE".to_owned(), ask.target.unwrap_or("default").to_owned());
        Reader { ask, escape: '\\', globals, arguments: Vec::new(), stages: Vec::new(), wrong: Vec::new() }
    }

    fn check_keywords(&mut self, instructions: &[Instruction], syntax: Option<&(String, usize)>) {
        // A frontend of one's own may have instructions of its own.
        if syntax.is_some_and(|(reference, _)| !reference.contains("docker/dockerfile")) {
            return;
        }
        for Instruction { keyword, first, rest, .. } in instructions {
            if !KEYWORDS.contains(&keyword.as_str()) {
                let wrong = Wrong::at(*first, format!("unknown instruction `{keyword}`"));
                self.wrong.push(match nearest(keyword, KEYWORDS) {
                    Some(meant) => wrong.mend(format!("write `{meant}`")),
                    None => wrong.mend("end the line before it with `\\` if it belongs to that"),
                });
            } else if rest.is_empty() && !matches!(keyword.as_str(), "CMD" | "ENTRYPOINT" | "RUN" | "SHELL") {
                self.wrong.push(
                    Wrong::at(*first, format!("`{keyword}` says nothing")).mend("write what it is for"),
                );
            } else if matches!(keyword.as_str(), "COPY" | "ADD") && lines::list(rest).len() < 2 {
                self.wrong.push(
                    Wrong::at(*first, format!("`{keyword} {rest}` has no destination"))
                        .mend(format!("write `{keyword} {rest} .`")),
                );
            }
        }
    }

    fn globals(&mut self, instructions: &[Instruction]) {
        let mut global = true;
        for instruction in instructions {
            match instruction.keyword.as_str() {
                "FROM" => global = false,
                "ARG" => {
                    for (name, default) in pairs(&instruction.rest, self.escape) {
                        if global {
                            self.global(&name, default.as_deref(), instruction.first);
                        }
                        if !self.arguments.contains(&name) {
                            self.arguments.push(name);
                        }
                    }
                }
                keyword if global && KEYWORDS.contains(&keyword) => {
                    self.wrong.push(
                        Wrong::at(instruction.first, format!("`{keyword}` stands before the first `FROM`"))
                            .mend("begin with `FROM image`; only `ARG` may come before it"),
                    );
                    return;
                }
                _ => {}
            }
        }
    }

    fn global(&mut self, name: &str, default: Option<&str>, line: usize) {
        let value = match (self.ask.args.get(name), default) {
            (Some(given), _) => Some(given.clone()),
            (None, Some(default)) => match expand(default, &self.globals, self.escape) {
                Ok(expanded) => Some(expanded.text),
                Err(error) => {
                    self.wrong.push(Wrong::at(line, format!("`{default}` {}", error.0)));
                    None
                }
            },
            (None, None) => None,
        };
        self.globals.extend(value.map(|value| (name.to_owned(), value)));
    }

    fn stages(&mut self, instructions: &[Instruction]) {
        for (at, instruction) in instructions.iter().enumerate() {
            if instruction.keyword != "FROM" {
                if let Some(stage) = self.stages.last_mut() {
                    stage.body.end = at + 1;
                }
                continue;
            }
            let line = instruction.first;
            let words = lines::list(&instruction.rest);
            let (base, name) = match words.as_slice() {
                [base] => (base, None),
                [base, r#as, name] if r#as.eq_ignore_ascii_case("as") => (base, Some(name.to_lowercase())),
                _ => {
                    self.wrong.push(
                        Wrong::at(line, format!("`FROM {}` is not understood", instruction.rest))
                            .mend("write `FROM image` or `FROM image AS name`"),
                    );
                    continue;
                }
            };
            let base = self.base(base, line);
            let parent = self.stages.iter().rposition(|stage| stage.name.as_ref() == Some(&base));
            self.stages.push(Stage { name, base, parent, body: at + 1..at + 1, line, needed: false });
        }
        if self.stages.is_empty() && self.wrong.is_empty() {
            self.wrong.push(Wrong::at(0, "the Dockerfile has no `FROM`").mend("begin with `FROM image`"));
        }
    }

    fn base(&mut self, word: &str, line: usize) -> String {
        match expand(word, &self.globals, self.escape) {
            Err(error) => {
                self.wrong.push(Wrong::at(line, format!("`{word}` {}", error.0)));
                String::new()
            }
            Ok(expanded) => {
                let bad = expanded.text.is_empty()
                    || expanded.text.starts_with(':')
                    || expanded.text.ends_with([':', '@']);
                if bad {
                    let names = expanded
                        .unset
                        .iter()
                        .map(|name| format!("`{name}`"))
                        .collect::<Vec<_>>()
                        .join(" and ");
                    self.wrong.push(if let Some(name) = expanded.unset.first() {
                        let inside = self.arguments.contains(name) && !self.ask.args.contains_key(name);
                        let mend = if inside {
                            format!("give it a default before the first `FROM` (`ARG {name}=…`), or set it in `args` of the image in deploy.toml")
                        } else {
                            format!("declare it before the first `FROM`: `ARG {name}=…`")
                        };
                        Wrong::at(line, format!("`FROM {word}` names no image: {names} has no value")).mend(mend)
                    } else {
                        Wrong::at(line, format!("`FROM {word}` names no image")).mend("write `FROM image:tag`")
                    });
                }
                expanded.text
            }
        }
    }

    fn target(&mut self) -> Option<usize> {
        let last = self.stages.len().checked_sub(1)?;
        let Some(target) = self.ask.target else { return Some(last) };
        let name = target.to_lowercase();
        let found = self.stages.iter().rposition(|stage| stage.name.as_ref() == Some(&name));
        if found.is_none() {
            let names: Vec<&str> = self.stages.iter().filter_map(|stage| stage.name.as_deref()).collect();
            let wrong = Wrong::at(0, format!("the Dockerfile has no stage `{target}`"));
            self.wrong.push(match (nearest(&name, names.iter().copied()), names.as_slice()) {
                (Some(meant), _) => wrong.mend(format!("set `target = \"{meant}\"`")),
                (None, []) => wrong.mend("remove `target`, or name a stage: `FROM image AS name`"),
                (None, names) => wrong.mend(format!("set `target` to one of `{}`", names.join("`, `"))),
            });
        }
        found
    }
}

/// What was probably meant by a word that is none of `words`.
pub(crate) fn nearest<'a>(word: &str, words: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    words
        .into_iter()
        .map(|candidate| (strsim::osa_distance(&word.to_lowercase(), &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len().min(word.len()) / 4)
        .min()
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests;
