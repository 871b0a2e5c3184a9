//! The beginning of understanding: which instructions there are, the arguments before the first stage, the stages, the target.

use crate::Ask;
use crate::Instruction;
use crate::Stage;
use crate::Wrong;
use crate::expand::expand;
use crate::reference;
use nearest::nearest;
use std::collections::BTreeMap;

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

/// The stages parsed so far, and their errors.
pub(super) struct StageReader<'a> {
    ask: Ask<'a>,
    escape: char,
    pub(super) globals: BTreeMap<String, String>,
    pub(super) arguments: Vec<String>,
    pub(super) stages: Vec<Stage>,
    pub(super) wrong: Vec<Wrong>,
}

/// Why `name` is neither one of `stages` nor an image.
pub(super) fn no_image<'n>(
    before: &str,
    name: &str,
    line: usize,
    stages: impl Iterator<Item = &'n str>,
) -> Option<Wrong> {
    let why = reference::mistake(name)?;
    let wrong = Wrong::at(line, format!("`{before}{name}` names no stage, and no image: {why}"));
    let lower = name.to_lowercase();
    Some(match nearest(&lower, stages) {
        Some(meant) => wrong.help(format!("write `{before}{meant}`, which is a stage")),
        None if reference::mistake(&lower).is_none() => wrong.help(format!("write `{before}{lower}`")),
        None => wrong.help("write `IMAGE:TAG`, or the name of an earlier stage"),
    })
}

/// The flags of each instruction, those of the `labs` channel included (`buildkit: frontend/dockerfile/instructions/parse.go`).
const FLAGS: [(&str, &[&str]); 4] = [
    ("ADD", &["chmod", "chown", "checksum", "exclude", "keep-git-dir", "link", "unpack"]),
    ("COPY", &["chmod", "chown", "exclude", "from", "link", "parents"]),
    ("FROM", &["platform"]),
    ("RUN", &["device", "mount", "network", "security"]),
];

impl<'a> StageReader<'a> {
    /// With the variables that BuildKit gives every `FROM` (`dockerfile2llb: defaultArgs`).
    pub(super) fn new(ask: Ask<'a>, escape: char, wrong: Vec<Wrong>) -> StageReader<'a> {
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
        StageReader { ask, escape, globals, arguments: Vec::new(), stages: Vec::new(), wrong }
    }

    pub(super) fn check_keywords(&mut self, instructions: &[Instruction], syntax: Option<&(String, usize)>) {
        // A frontend of one's own may have instructions of its own.
        if syntax.is_some_and(|(reference, _)| !reference.contains("docker/dockerfile")) {
            return;
        }
        for instruction in instructions {
            self.check_flags(instruction);
            let Instruction { keyword, first, rest, .. } = instruction;
            if !KEYWORDS.contains(&keyword.as_str()) {
                let wrong = Wrong::at(*first, format!("unknown instruction `{keyword}`"));
                self.wrong.push(match nearest(keyword, KEYWORDS) {
                    Some(meant) => wrong.help(format!("write `{meant}`")),
                    None => wrong.help("end the line before it with `\\` if it belongs to that"),
                });
            } else if rest.is_empty() && !matches!(keyword.as_str(), "CMD" | "ENTRYPOINT" | "RUN" | "SHELL") {
                self.wrong.push(
                    Wrong::at(*first, format!("`{keyword}` says nothing")).help("write what it is for"),
                );
            } else if matches!(keyword.as_str(), "COPY" | "ADD") && instruction.list().len() < 2 {
                self.wrong.push(
                    Wrong::at(*first, format!("`{keyword} {rest}` has no destination"))
                        .help(format!("write `{keyword} {rest} .`")),
                );
            }
        }
    }

    fn check_flags(&mut self, instruction: &Instruction) {
        let Some((_, known)) = FLAGS.iter().find(|(keyword, _)| *keyword == instruction.keyword) else {
            return;
        };
        for flag in &instruction.flags {
            let name = flag.trim_start_matches('-').split('=').next().unwrap_or_default();
            if !known.contains(&name) {
                let wrong =
                    Wrong::at(instruction.first, format!("`{}` has no flag `--{name}`", instruction.keyword));
                self.wrong.push(match nearest(name, known.iter().copied()) {
                    Some(meant) => wrong.help(format!("write `--{meant}`")),
                    None => wrong.help("remove it, or correct its name"),
                });
            }
        }
    }

    pub(super) fn globals(&mut self, instructions: &[Instruction]) {
        let mut global = true;
        for instruction in instructions {
            match instruction.keyword.as_str() {
                "FROM" => global = false,
                // The first stage, misspelt: that is already reported, and what follows belongs to it.
                keyword if global && nearest(keyword, KEYWORDS) == Some("FROM") => return,
                "ARG" => {
                    for (name, default) in instruction.pairs(self.escape) {
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
                            .help("begin with `FROM image`; only `ARG` may come before it"),
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

    pub(super) fn stages(&mut self, instructions: &[Instruction]) {
        for (at, instruction) in instructions.iter().enumerate() {
            if instruction.keyword != "FROM" {
                if let Some(stage) = self.stages.last_mut() {
                    stage.body.end = at + 1;
                }
                continue;
            }
            let line = instruction.first;
            let words = instruction.list();
            let (base, name) = match words.as_slice() {
                [base] => (base, None),
                [base, r#as, name] if r#as.eq_ignore_ascii_case("as") => (base, Some(name.to_lowercase())),
                _ => {
                    self.wrong.push(
                        Wrong::at(line, format!("`FROM {}` is not understood", instruction.rest))
                            .help("write `FROM image` or `FROM image AS name`"),
                    );
                    continue;
                }
            };
            let before = self.wrong.len();
            let base = self.base(base, line);
            // Names of stages are compared in lower case (`dockerfile2llb: findStateByName`).
            let lower = base.to_lowercase();
            let parent = self.stages.iter().rposition(|stage| stage.name.as_ref() == Some(&lower));
            if parent.is_none() && self.wrong.len() == before {
                self.check_image(&base, line);
            }
            self.stages.push(Stage { name, base, parent, body: at + 1..at + 1, line, needed: false });
        }
        if self.stages.is_empty() && self.wrong.is_empty() {
            self.wrong.push(Wrong::at(0, "the Dockerfile has no `FROM`").help("begin with `FROM image`"));
        }
    }

    /// A name that is not a stage has to be an image.
    fn check_image(&mut self, name: &str, line: usize) {
        let earlier = self.stages.iter().filter_map(|stage| stage.name.as_deref());
        self.wrong.extend(no_image("FROM ", name, line, earlier));
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
                        let help = if inside {
                            format!("give it a default before the first `FROM` (`ARG {name}=…`), or set it in `args` of the image in deploy.toml")
                        } else {
                            format!("declare it before the first `FROM`: `ARG {name}=…`")
                        };
                        Wrong::at(line, format!("`FROM {word}` names no image: {names} has no value")).help(help)
                    } else {
                        Wrong::at(line, format!("`FROM {word}` names no image")).help("write `FROM image:tag`")
                    });
                }
                expanded.text
            }
        }
    }

    pub(super) fn target(&mut self) -> Option<usize> {
        let last = self.stages.len().checked_sub(1)?;
        let Some(target) = self.ask.target else { return Some(last) };
        let name = target.to_lowercase();
        let found = self.stages.iter().rposition(|stage| stage.name.as_ref() == Some(&name));
        if found.is_none() {
            let names: Vec<&str> = self.stages.iter().filter_map(|stage| stage.name.as_deref()).collect();
            let wrong = Wrong::at(0, format!("the Dockerfile has no stage `{target}`"));
            self.wrong.push(match (nearest(&name, names.iter().copied()), names.as_slice()) {
                (Some(meant), _) => wrong.help(format!("set `target = \"{meant}\"`")),
                (None, []) => wrong.help("remove `target`, or name a stage: `FROM image AS name`"),
                (None, names) => wrong.help(format!("set `target` to one of `{}`", names.join("`, `"))),
            });
        }
        found
    }
}
