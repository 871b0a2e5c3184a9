//! The likely cause of a failed build, read from what the engine and the step say.

use crate::image::build::Broken;
use crate::image::progress::step_name;
use crate::image::registry;
use crate::image::survey::Surveyed;
use regex::Regex;

/// What happened, what to do about it, and the line where that is better known than from the step.
pub(super) struct Cause {
    pub(super) message: String,
    pub(super) help: Option<String>,
    pub(super) line: Option<usize>,
}

impl Cause {
    fn new(message: impl Into<String>, help: impl Into<String>) -> Cause {
        Cause { message: message.into(), help: Some(help.into()), line: None }
    }

    fn at(mut self, line: Option<usize>) -> Cause {
        self.line = line;
        self
    }
}

/// Programs' words for "there is no way to the network", from resolvers, curl, pip, npm, apt, apk, go and git.
const NO_NETWORK: [&str; 14] = [
    "Temporary failure in name resolution",
    "Temporary failure resolving",
    "Could not resolve host",
    "Name or service not known",
    "getaddrinfo EAI_AGAIN",
    "getaddrinfo ENOTFOUND",
    "Network is unreachable",
    "network is unreachable",
    "Failed to establish a new connection",
    "Connection timed out",
    "temporary error (try again later)",
    "connect ETIMEDOUT",
    "no such host",
    "bad address",
];

/// Programs' words for a lock file that is not there, and the file.
const NO_LOCK: [(&str, &str); 9] = [
    ("`npm ci` command can only install with an existing package-lock.json", "package-lock.json"),
    ("npm ci can only install", "package-lock.json"),
    ("Could not open requirements file", "requirements.txt"),
    ("ERR_PNPM_NO_LOCKFILE", "pnpm-lock.yaml"),
    ("Your lockfile needs to be updated", "yarn.lock"),
    ("Unable to find lockfile", "uv.lock"),
    ("poetry.lock not found", "poetry.lock"),
    ("missing go.sum entry", "go.sum"),
    ("needs to be updated but --locked was passed", "Cargo.lock"),
];

pub(super) fn of(image: &Surveyed, broken: &Broken) -> Cause {
    let said = if broken.error.is_empty() { &broken.message } else { &broken.error };
    if let Some(changed) = &broken.changed {
        return Cause::new(changed.clone(), "run it again when the file is as it should be");
    }
    if let Some(id) = broken.undeclared.iter().next() {
        return Cause::new(
            format!("a step needs the secret `{id}`, which deploy.toml does not declare: {}", plain(said)),
            format!("add `secrets = {{ {id} = {{ env = \"…\" }} }}` to `[image.{}]`", image.image.name),
        );
    }
    let everything =
        || broken.output.iter().map(String::as_str).chain([broken.message.as_str(), said.as_str()]);
    if everything()
        .any(|text| text.contains("no space left on device") || text.contains("No space left on device"))
    {
        return Cause::new(
            "the engine's disk is full",
            "free space in the node (`minikube ssh -- docker system prune`), or give the profile more `disk`",
        );
    }
    syntax(image, broken)
        .or_else(|| parse(said))
        .or_else(|| base(image, broken, said))
        .or_else(|| copied(image, broken, said))
        .or_else(|| ran(broken, said))
        .unwrap_or_else(|| Cause { message: plain(said), help: None, line: None })
}

/// A `# syntax=` line makes the engine fetch a frontend from a registry at each build.
fn syntax(image: &Surveyed, broken: &Broken) -> Option<Cause> {
    let (frontend, line) = image.dockerfile.syntax.as_ref()?;
    let name = frontend.split([':', '@']).next().unwrap_or(frontend);
    let fetching = broken
        .step
        .as_deref()
        .is_some_and(|step| step.contains("resolve image config for") || step.contains("docker-image://"));
    (fetching && broken.step.as_deref().is_some_and(|step| step.contains(name))
        || broken.message.contains(name))
    .then(|| {
        Cause::new(
            format!("the frontend `{frontend}` cannot be fetched: {}", plain(&broken.message)),
            "delete the `# syntax=` line: engines from 20.10 on build this without fetching anything",
        )
        .at(Some(*line))
    })
}

fn parse(said: &str) -> Option<Cause> {
    let pattern = Regex::new(r"(?i)dockerfile parse error(?: on)? line (\d+): (.*)").ok()?;
    if let Some(found) = pattern.captures(said) {
        let line = found[1].parse().ok();
        return Some(Cause::new(found[2].trim(), "fix the line").at(line));
    }
    let pattern = Regex::new(r"target stage [^\w]*([\w.-]+)[^\w]* could not be found").ok()?;
    let found = pattern.captures(said)?;
    Some(Cause::new(
        format!("the Dockerfile has no stage `{}`", &found[1]),
        "name one of its stages as `target`, or remove `target`",
    ))
}

/// A base image that cannot be had.
fn base(image: &Surveyed, broken: &Broken, said: &str) -> Option<Cause> {
    let step = broken.step.as_deref().unwrap_or_default();
    let loading = step.contains("load metadata for ")
        || step_name(step).is_some_and(|step| step.text.starts_with("FROM "))
        || said.contains("failed to resolve source metadata for")
        || said.contains("manifest unknown")
        || said.contains("pull access denied");
    if !loading {
        return None;
    }
    let about = format!("{step} {said}");
    let found = image.dockerfile.bases.iter().find(|base| {
        let name = base.reference.split('@').next().unwrap_or(&base.reference);
        about.contains(name)
    })?;
    let (reference, line) = (&found.reference, Some(found.line));
    if ["dial tcp", "i/o timeout", "no such host", "handshake timeout", "connection refused", "EOF"]
        .iter()
        .any(|word| said.contains(word))
    {
        let message =
            format!("the registry of the base image `{reference}` cannot be reached: {}", plain(said));
        return Some(Cause::new(message, "check the network, the VPN or the proxy of the machine; with the image pulled once, no build asks again").at(line));
    }
    if ["401", "unauthorized", "authorization failed", "authentication required"]
        .iter()
        .any(|word| said.contains(word))
    {
        let message = format!("the registry does not hand out the base image `{reference}`: {}", plain(said));
        return Some(Cause::new(message, format!("`docker login {}`", registry::host(reference))).at(line));
    }
    let message = format!("there is no base image `{reference}`");
    Some(Cause::new(message, "check its name and tag; a private one needs `docker login` first").at(line))
}

/// A COPY or ADD of what the builder does not have.
fn copied(image: &Surveyed, broken: &Broken, said: &str) -> Option<Cause> {
    let step = broken.step.as_deref().and_then(step_name)?;
    if !(step.text.starts_with("COPY ") || step.text.starts_with("ADD ")) {
        return None;
    }
    let missing = ["not found", "no such file or directory", "no source files", "COPY failed"]
        .iter()
        .any(|word| said.contains(word));
    if !missing {
        return None;
    }
    let sources: Vec<&str> =
        step.text.split_whitespace().skip(1).filter(|word| !word.starts_with("--")).collect();
    let (_, sources) = sources.split_last()?;
    if let Some(from) = step.text.split_whitespace().find_map(|word| word.strip_prefix("--from=")) {
        return Some(Cause::new(
            format!("`{}` is not in `{from}`", sources.join(" ")),
            format!("see what the earlier stage leaves behind; `target = \"{from}\"` builds up to it"),
        ));
    }
    let named = |source: &&&str| said.contains(source.trim_matches('/').trim_start_matches("./"));
    let source = sources.iter().find(named).or(sources.first())?;
    let path = source.trim_start_matches("./").trim_matches('/');
    if image.context.root.join(path).symlink_metadata().is_ok() {
        let file = image.ignore_file();
        let rule = image.ignore.ignored_by(path).map_or_else(
            || format!("`{file}`"),
            |rule| format!("`{}` in `{file}:{}`", rule.pattern, rule.line),
        );
        return Some(Cause::new(
            format!("`{path}` is there, but {rule} keeps it out of the context"),
            format!("take that line out, or add the line `!{path}` at the end of `{file}`"),
        ));
    }
    let alike = image.context.entries.iter().find(|entry| {
        let same_name = entry.path.rsplit('/').next() == path.rsplit('/').next();
        entry.path.eq_ignore_ascii_case(path) || same_name
    });
    let help = match alike {
        Some(entry) => format!("did you mean `{}`?", entry.path),
        None => format!("sources of COPY start at the context, `{}`", image.context.root.display()),
    };
    Some(Cause::new(format!("`{path}` is not in the context"), help))
}

/// A RUN that ended with something else than 0.
fn ran(broken: &Broken, said: &str) -> Option<Cause> {
    let step = broken.step.as_deref().and_then(step_name)?;
    let command = step.text.strip_prefix("RUN ")?;
    let code = Regex::new(r"(?:exit code|returned a non-zero code): (\d+)")
        .ok()?
        .captures(said)
        .map(|found| found[1].to_owned());
    let short = shortened(command);
    let message = match &code {
        Some(code) => format!("`{short}` ended with exit code {code}"),
        None => format!("`{short}` failed: {}", plain(said)),
    };
    let output = || broken.output.iter().rev();
    let printed = |words: &str| output().any(|line| line.contains(words));
    if let Some((_, file)) = NO_LOCK.iter().find(|(words, _)| printed(words)) {
        let help =
            format!("commit `{file}`, COPY it before this step, and see that .dockerignore lets it through");
        return Some(Cause::new(format!("{message}: `{file}` is missing or out of date"), help));
    }
    if NO_NETWORK.iter().any(|words| printed(words)) {
        let help = "steps of a build reach the network through the engine: check its DNS, VPN and proxy (`HTTPS_PROXY` as a build argument)";
        return Some(Cause::new(format!("{message}: it has no way to the network"), help));
    }
    if printed("exec format error") || said.contains("exec format error") {
        let help = "the base is for another processor: set `platform`, or use a base for this one";
        return Some(Cause::new(format!("{message}: it cannot run on this engine's processor"), help));
    }
    match code.as_deref() {
        Some("137") => Some(Cause::new(
            format!("{message}: it was killed, which is what happens when memory runs out"),
            "give the profile more `memory`, or the step less to do at once",
        )),
        Some("127") => Some(Cause::new(
            format!("{message}: no such program in the image"),
            "install the program in an earlier step, or check its name",
        )),
        Some("126") => Some(Cause::new(
            format!("{message}: the file is not executable"),
            "make it executable (`chmod +x`, and `git update-index --chmod=+x` on Windows)",
        )),
        _ => Some(Cause { message, help: None, line: None }),
    }
}

/// What the engine says, without the words it puts before everything and the ids that differ each time.
fn plain(said: &str) -> String {
    let said = said.trim().trim_start_matches("failed to solve with frontend dockerfile.v0: ");
    let said =
        said.trim_start_matches("failed to solve: ").trim_start_matches("rpc error: code = Unknown desc = ");
    let ids = Regex::new(
        r"(?:failed to compute cache key: |failed to calculate checksum of ref \S+: |failed to create LLB definition: )",
    );
    let said = ids.map_or_else(|_| said.to_owned(), |ids| ids.replace_all(said, "").into_owned());
    said.lines().next().unwrap_or_default().to_owned()
}

fn shortened(command: &str) -> String {
    let command =
        command.split_whitespace().filter(|word| !word.starts_with("--mount=")).collect::<Vec<_>>().join(" ");
    let command = command.strip_prefix("/bin/sh -c ").unwrap_or(&command);
    if command.chars().count() <= 80 {
        command.to_owned()
    } else {
        format!("{}…", command.chars().take(79).collect::<String>())
    }
}
