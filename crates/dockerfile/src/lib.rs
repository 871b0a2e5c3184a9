//! Parses Dockerfiles and related files to the extent that is needed before a build.
//!
//! Read [`Dockerfile::parse`] first; [`ignore`] decides which files of a [`context`] count, [`key`] whether an image is
//! still the right one.
//!
//! Not a builder and not a linter: what the image is built from, which files it takes, where its instructions stand, and
//! the mistakes that would end the build later. Only stages that the target needs count, as with BuildKit. A base is
//! found after `ARG` expansion, because whether an image must be rebuilt depends on it.

mod body;
pub mod context;
mod expand;
pub mod glob;
mod hidden;
pub mod ignore;
pub mod key;
mod lines;
pub mod reference;
mod stages;

pub use expand::Expanded;
pub use expand::NotExpanded;
pub use expand::expand;
pub use lines::Instruction;
pub use lines::Wrong;
use stages::StageReader;
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
    /// The copies out of the context for the target.
    pub copies: Vec<Copy>,
    /// The secrets that the target's `RUN`s mount.
    pub secrets: Vec<SecretMount>,
    /// The SSH agents that the target's `RUN`s mount.
    pub agents: Vec<AgentMount>,
    /// The repositories that the target's `ADD`s clone, with their lines.
    pub clones: Vec<(String, usize)>,
    /// The last `USER` of the target and the stages below it, and its line.
    pub user: Option<(String, usize)>,
    /// The character that continues a line and takes a `$` its meaning.
    pub escape: char,
    /// The values of the arguments before the first stage, and of those that BuildKit gives.
    pub globals: BTreeMap<String, String>,
}

/// One `FROM` and what follows it.
#[derive(Debug, Clone)]
pub struct Stage {
    /// The name after `AS`, in lower case.
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

/// A `RUN --mount=type=ssh`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentMount {
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

impl Dockerfile {
    /// Parses a Dockerfile, or returns all its errors.
    pub fn parse(path: PathBuf, text: Vec<u8>, ask: Ask<'_>) -> Result<Dockerfile, Vec<Wrong>> {
        let (dockerfile, wrong) = Dockerfile::parse_lenient(path, text, ask);
        if wrong.is_empty() { Ok(dockerfile) } else { Err(wrong) }
    }

    /// The parsed part of a Dockerfile, and all its errors, in the order of the lines.
    pub fn parse_lenient(path: PathBuf, text: Vec<u8>, ask: Ask<'_>) -> (Dockerfile, Vec<Wrong>) {
        let read = lines::parse(&String::from_utf8_lossy(&text));
        let mut reader = StageReader::new(ask, read.escape, read.wrong);
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
            agents: Vec::new(),
            clones: Vec::new(),
            user: None,
            escape: read.escape,
            globals: reader.globals.clone(),
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
        if dockerfile.text.trim_ascii().is_empty() {
            wrong = vec![Wrong::at(0, "the Dockerfile is empty").help("begin with `FROM image`")];
        }
        wrong.sort_by_key(|wrong| wrong.line);
        // What a line copies that is wrong itself cannot be known.
        dockerfile.copies.retain(|copy| wrong.iter().all(|wrong| wrong.line != copy.line));
        (dockerfile, wrong)
    }

    /// The instruction of a step as builders name it, `[builder 2/5] RUN …`; `None` for BuildKit's own.
    ///
    /// BuildKit counts what makes layers and the classic builders every instruction, so a number is believed only where
    /// the text does not decide.
    #[must_use]
    pub fn step(&self, name: &str) -> Option<&Instruction> {
        let (place, text) = name.strip_prefix('[')?.split_once("] ")?;
        let counted = self.counted(place, text);
        let says = |instruction: &&Instruction| {
            let written =
                [instruction.keyword.as_str(), &instruction.flags.join(" "), &instruction.rest].join(" ");
            written.split_whitespace().eq(text.split_whitespace())
        };
        counted.filter(says).or_else(|| self.instructions.iter().rfind(says)).or(counted)
    }

    /// The instruction at a place such as `builder 2/5`, counted as BuildKit does.
    fn counted(&self, place: &str, text: &str) -> Option<&Instruction> {
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
}

#[cfg(test)]
mod tests;
