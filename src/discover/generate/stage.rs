//! Properties of containers that the built stage of a Dockerfile shows: ports, health check, user, command, and whether
//! it holds the sources.

use crate::discover::compose::ComposeBuild;
use crate::discover::compose::ComposeHealth;
use crate::discover::compose::Protocol;
use crate::discover::compose::seconds;
use crate::discover::dockerfile::FoundDockerfile;
use crate::discover::tree::Tree;
use crate::discover::tree::ends;
use crate::discover::tree::join;
use ::dockerfile::Ask;
use ::dockerfile::Dockerfile;
use ::dockerfile::Instruction;

/// A stage with its parents.
#[derive(Debug, Clone, Default)]
pub(super) struct Stage {
    /// Its ports, with their protocols.
    pub(super) ports: Vec<(u16, Protocol)>,
    /// Its health check.
    pub(super) health: Option<ComposeHealth>,
    /// Its user, where that is a number.
    pub(super) uid: Option<u32>,
    /// Whether it copies more than the lists of its dependencies.
    pub(super) has_sources: bool,
    /// The images that it is made of.
    pub(super) bases: Vec<String>,
    /// The words of its `CMD`.
    pub(super) command: Option<Vec<String>>,
}

/// Reads the stage that `build` makes; `target` in the place of its own. `None` where the Dockerfile cannot be read.
pub(super) fn read(
    tree: &Tree,
    found: &FoundDockerfile,
    build: &ComposeBuild,
    target: Option<&str>,
) -> Option<Stage> {
    let text = tree.text(&found.path)?;
    let ask = Ask { target, args: &build.args, platform: "linux/amd64" };
    let read = Dockerfile::parse(found.path.clone().into(), text.as_bytes().to_vec(), ask).ok()?;
    let mut stage = Stage {
        uid: read.user.as_ref().and_then(|(user, _)| user.split(':').next()?.parse().ok()),
        ..Stage::default()
    };
    let mut next = read.stages.get(read.target);
    while let Some(at) = next {
        for one in read.instructions[at.body.clone()].iter().rev() {
            instruction(one, &mut stage, &|one| copies_sources(one, tree, build, &read));
        }
        stage.bases.push(at.base.clone());
        next = at.parent.and_then(|parent| read.stages.get(parent));
    }
    if stage.ports.is_empty() {
        // The port in its last command, as `dockerfile` reads it.
        stage.ports.extend(
            found.ports.iter().filter(|_| !text.contains("EXPOSE")).map(|port| (*port, Protocol::Tcp)),
        );
    }
    Some(stage)
}

fn instruction(one: &Instruction, stage: &mut Stage, has: &dyn Fn(&Instruction) -> bool) {
    match one.keyword.as_str() {
        "EXPOSE" => stage.ports.extend(one.rest.split_whitespace().filter_map(port)),
        "HEALTHCHECK" if stage.health.is_none() => stage.health = Some(health(one)),
        "CMD" if stage.command.is_none() => stage.command = Some(command(&one.rest)),
        "COPY" | "ADD" => stage.has_sources |= has(one),
        "RUN" => {
            stage.has_sources |=
                one.rest.contains("git clone") || one.flags.iter().any(|flag| flag.contains("type=bind"));
        }
        _ => {}
    }
}

fn port(word: &str) -> Option<(u16, Protocol)> {
    let (number, protocol) = word.split_once('/').unwrap_or((word, "tcp"));
    let protocol = if protocol.eq_ignore_ascii_case("udp") { Protocol::Udp } else { Protocol::Tcp };
    Some((number.split('-').next()?.parse().ok()?, protocol))
}

/// Whether a `COPY` brings sources: the whole context, a directory or a file of code, or what another stage has made of them.
fn copies_sources(instruction: &Instruction, tree: &Tree, build: &ComposeBuild, read: &Dockerfile) -> bool {
    if let Some(from) = instruction.flags.iter().find_map(|flag| flag.strip_prefix("--from=")) {
        return read.stages.iter().any(|stage| stage.name.as_deref() == Some(from))
            || from.parse::<usize>().is_ok();
    }
    let words: Vec<&str> = instruction
        .rest
        .split([' ', '\t', '\n', ',', '[', ']', '"'])
        .filter(|word| !word.is_empty() && !word.starts_with("--"))
        .collect();
    let sources = words.split_last().map_or(&[][..], |(_, sources)| sources);
    sources.iter().any(|source| {
        let path = join(&build.context, source);
        path == build.context
            || is_code(&path)
            || source.contains('$')
            || tree.below(&path).any(is_code)
            || (source.contains('*') && !source.contains('.'))
    })
}

/// Whether a package manager reads it.
pub(super) fn is_dependency_list(name: &str) -> bool {
    const NAMES: [&str; 12] = [
        "package.json",
        "package-lock.json",
        "yarn.lock",
        "pnpm-",
        "requirements",
        "pyproject.toml",
        "poetry.lock",
        "uv.lock",
        "go.",
        "Gemfile",
        "composer.",
        "pom.xml",
    ];
    NAMES.iter().any(|known| name.starts_with(known))
}

/// Whether a file is of a program.
pub(super) fn is_code(path: &str) -> bool {
    const CODE: [&str; 26] = [
        "py", "js", "mjs", "ts", "tsx", "jsx", "go", "rb", "php", "java", "kt", "rs", "cs", "ex", "exs",
        "html", "vue", "svelte", "sh", "jar", "war", "c", "cpp", "swift", "scala", "r",
    ];
    ends(path, &CODE)
}

/// The words after `CMD`, as a list or as a line for a shell.
fn command(rest: &str) -> Vec<String> {
    serde_json::from_str(rest.trim())
        .unwrap_or_else(|_| vec!["/bin/sh".to_owned(), "-c".to_owned(), rest.trim().to_owned()])
}

/// `HEALTHCHECK --interval=10s CMD …`.
fn health(instruction: &Instruction) -> ComposeHealth {
    let Some(test) = instruction.rest.trim().strip_prefix("CMD").map(str::trim) else {
        return ComposeHealth { disabled: true, ..ComposeHealth::default() };
    };
    let flag = |name: &str| {
        instruction
            .flags
            .iter()
            .find_map(|flag| flag.strip_prefix("--")?.strip_prefix(name)?.strip_prefix('='))
    };
    let time = |name: &str| flag(name).and_then(seconds);
    let words = match serde_json::from_str::<Vec<String>>(test) {
        Ok(words) => std::iter::once("CMD".to_owned()).chain(words).collect(),
        Err(_) => vec!["CMD-SHELL".to_owned(), test.to_owned()],
    };
    ComposeHealth {
        words,
        interval: time("interval"),
        timeout: time("timeout"),
        start: time("start-period"),
        start_interval: time("start-interval"),
        retries: flag("retries").and_then(|count| count.parse().ok()),
        ..ComposeHealth::default()
    }
}
