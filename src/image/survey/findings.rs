//! Findings about an image's files: the problem, its place, and what to do.

use crate::event::Code;
use crate::event::Finding;
use crate::event::Place;
use crate::file;
use crate::image::context::Problem;
use crate::image::context::ProblemKind;
use crate::image::surveyed::Surveyed;
use crate::image::surveyed::WITHOUT_AGENT;
use crate::image::surveyed::shown;
use crate::project::BuildSecret;
use crate::project::Image;
use crate::relative::relative;
use crate::relative::slashed;
use crate::world::World;
use dockerfile::Wrong;
use dockerfile::ignore::BadRule;
use nearest::nearest;
use std::fs;
use std::io;
use std::path::Path;

/// Why an ignore file cannot be applied.
pub(super) enum BadIgnore {
    Rules(Vec<BadRule>),
    Unreadable(io::Error),
}

/// Two images with one name would be base and tag of each other.
pub(super) fn same_names(images: &[Image]) -> Vec<Finding> {
    let before = |index: usize| images[..index].iter().find(|other| other.name == images[index].name);
    let repeated = (0..images.len()).filter_map(|index| Some((&images[index], before(index)?)));
    repeated
        .map(|(image, first)| {
            Code::ImageNameTaken
                .error(format!(
                    "the name `{}` is taken by the image of line {}",
                    image.name, first.place.line
                ))
                .at(image.place.clone())
                .about(format!("image {}", image.name))
                .help("give one of them another name")
        })
        .collect()
}

/// A secret that is empty would be silently absent from the build.
pub(super) fn missing_build_secrets(image: &Image, world: &World) -> Vec<Finding> {
    let missing = image.secrets.iter().filter_map(|(id, secret)| {
        let (why, help) = match secret {
            BuildSecret::Env(name) if world.var_os(name).is_some() => return None,
            BuildSecret::Env(name) => {
                (format!("`{name}` is not set or empty"), format!("set it first: `export {name}=…`"))
            }
            BuildSecret::File(path) => {
                let shown = path.display();
                let why = match fs::metadata(path) {
                    Ok(metadata) if metadata.is_file() && metadata.len() > 0 => return None,
                    Ok(metadata) if metadata.is_file() => format!("`{shown}` is empty"),
                    Ok(_) => format!("`{shown}` is not a file"),
                    Err(error) => format!("`{shown}` cannot be read: {}", plain(&error)),
                };
                (why, format!("write the secret into `{shown}`, or remove `{id}` from `secrets`"))
            }
        };
        Some(
            Code::BuildSecretMissing
                .error(format!("the build secret `{id}` has no value: {why}"))
                .at(image.place.clone())
                .help(help),
        )
    });
    missing.collect()
}

pub(super) fn no_context(image: &Image, shown: &Path, error: Option<io::Error>) -> Finding {
    let shown = shown.display();
    let (message, help) = match error {
        None => (
            format!("the context `{shown}` is a file"),
            "set `context` to the directory that the Dockerfile copies from".to_owned(),
        ),
        Some(error) if error.kind() == io::ErrorKind::NotFound => (
            format!("the context `{shown}` does not exist"),
            "set `context` to the directory that the Dockerfile copies from; it starts at deploy.toml"
                .to_owned(),
        ),
        Some(error) => (
            format!("the context `{shown}` cannot be read: {}", plain(&error)),
            format!("allow it: `chmod u+rx {shown}`"),
        ),
    };
    Code::BuildContextMissing.error(message).at(image.place.clone()).help(help)
}

pub(super) fn no_dockerfile(image: &Image, path: &Path, shown: &Path, error: &io::Error) -> Finding {
    let file = shown.display();
    if path.is_dir() {
        let help = format!("set `dockerfile = \"{}\"`", slashed(&shown.join("Dockerfile")).display());
        return Code::DockerfileMissing
            .error(format!("the Dockerfile `{file}` is a directory"))
            .at(image.place.clone())
            .help(help);
    }
    if error.kind() != io::ErrorKind::NotFound {
        let message = format!("the Dockerfile `{file}` cannot be read: {}", plain(error));
        return Code::FileUnreadable
            .error(message)
            .at(image.place.clone())
            .help(allow(&file.to_string(), error));
    }
    let listed = path.parent().and_then(|folder| fs::read_dir(folder).ok()).into_iter().flatten().flatten();
    let names = listed.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let is_one = |name: &String| {
        let name = name.to_lowercase();
        (name.contains("dockerfile") || name.contains("containerfile")) && !name.ends_with(".dockerignore")
    };
    let mut others: Vec<String> = names.filter(is_one).collect();
    others.sort();
    let help = match others.first() {
        Some(other) => {
            format!(
                "set `dockerfile = \"{}\"`, which exists",
                slashed(&shown.with_file_name(other)).display()
            )
        }
        None => "write it, or set `dockerfile` to where it is".to_owned(),
    };
    Code::DockerfileMissing
        .error(format!("the Dockerfile `{file}` does not exist"))
        .at(image.place.clone())
        .help(help)
}

pub(super) fn dockerfile(shown: &Path, mistakes: Vec<Wrong>) -> Vec<Finding> {
    let findings = mistakes.into_iter().map(|Wrong { line, message, help }| {
        let finding = Code::DockerfileInvalid.error(message).at(Place { line, ..Place::file(shown) });
        finding.help(help.unwrap_or_else(|| "correct the line".to_owned()))
    });
    findings.collect()
}

pub(super) fn ignore(shown: &Path, bad: BadIgnore) -> Vec<Finding> {
    match bad {
        BadIgnore::Unreadable(error) => {
            let file = shown.display();
            let finding = Code::FileUnreadable.error(format!("`{file}` cannot be read: {}", plain(&error)));
            vec![finding.at(Place::file(shown)).help(allow(&file.to_string(), &error))]
        }
        BadIgnore::Rules(rules) => {
            let findings = rules.into_iter().map(|BadRule { line, pattern, reason }| {
                Code::DockerignoreInvalid
                    .error(format!("the pattern `{pattern}` {reason}"))
                    .at(Place { line, ..Place::file(shown) })
                    .help("correct it, or put `\\` before a character that is meant as it is")
            });
            findings.collect()
        }
    }
}

/// The files that a walk could not read, one finding for each kind of problem.
pub(super) fn problems(image: &Image, ignore_file: &Path, problems: &[Problem]) -> Vec<Finding> {
    let paths = |is: fn(&ProblemKind) -> bool| -> Vec<&str> {
        problems.iter().filter(|problem| is(&problem.kind)).map(|problem| problem.path.as_str()).collect()
    };
    let ignore_file = ignore_file.display();
    let mut found = Vec::new();
    let mut add = |paths: &[&str], finding: Finding, help: &str| {
        let evidence = if paths.len() > 1 { shown(paths) } else { Vec::new() };
        let help =
            format!("{help}, or add {} to `{ignore_file}`", if paths.len() > 1 { "them" } else { "it" });
        found.push(finding.at(image.place.clone()).evidence(evidence).help(help));
    };
    let unreadable = paths(|kind| matches!(kind, ProblemKind::Unreadable(_)));
    let first = problems.iter().find_map(|problem| match &problem.kind {
        ProblemKind::Unreadable(error) => Some((problem.path.as_str(), error)),
        _ => None,
    });
    if let Some((path, error)) = first {
        let path = if path.is_empty() { "." } else { path };
        let why = plain(error);
        let message = match unreadable.len() {
            1 => format!("`{path}` cannot be read: {why}"),
            count => format!("{count} files cannot be read, the first one because: {why}"),
        };
        add(
            &unreadable,
            Code::FileUnreadable.error(message),
            &format!("allow it: `chmod u+r {}`", slashed(&image.context.join(path)).display()),
        );
    }
    let changing = paths(|kind| matches!(kind, ProblemKind::KeepsChanging));
    if let [first, ..] = changing.as_slice() {
        let message = match changing.len() {
            1 => format!("`{first}` keeps changing while it is read"),
            count => format!("{count} files keep changing while they are read"),
        };
        add(&changing, Code::FileChanging.error(message), "stop what writes to it");
    }
    let not_utf8 = paths(|kind| matches!(kind, ProblemKind::NotUtf8));
    if let [first, ..] = not_utf8.as_slice() {
        let message = match not_utf8.len() {
            1 => format!(
                "the name `{first}`, or what the link of that name says, is not UTF-8, which BuildKit cannot take"
            ),
            count => format!("{count} names are not UTF-8, which BuildKit cannot take"),
        };
        add(&not_utf8, Code::NotUtf8.error(message), "rename it");
    }
    let special = paths(|kind| matches!(kind, ProblemKind::Special));
    if let [first, ..] = special.as_slice() {
        let message = match special.len() {
            1 => format!("`{first}` is a socket, pipe or device and is left out"),
            count => format!("{count} sockets, pipes or devices are left out"),
        };
        add(&special, Code::SpecialFileIgnored.warning(message), "remove it");
    }
    found
}

/// A `COPY` of a source that is not in the context fails the build, minutes later and with less detail.
pub(super) fn missing_sources(surveyed: &Surveyed, root: &Path) -> Vec<Finding> {
    let mut found = Vec::new();
    for copy in &surveyed.dockerfile.copies {
        for source in copy.sources.iter().flatten() {
            let named = named(source);
            if !matches!(named, "" | ".") && !may_be_there(surveyed, named) {
                found.push(missing_source(surveyed, named, root).at(surveyed.place(copy.line)));
            }
        }
    }
    found
}

/// The part of a source that must exist: of a pattern the directory in front of it. BuildKit copies nothing if a
/// pattern matches nothing, and fails if its directory is missing (moby/buildkit: issue 2933).
fn named(source: &str) -> &str {
    match source.find(['*', '?', '[', '\\']) {
        Some(pattern) => source[..pattern].rfind('/').map_or("", |end| &source[..end]),
        None => source,
    }
}

/// Whether the builder could find it: it follows links, whose targets are not resolved here.
fn may_be_there(surveyed: &Surveyed, source: &str) -> bool {
    let context = &surveyed.context;
    let is_link = |path: &str| {
        context
            .entry(path)
            .is_some_and(|entry| matches!(entry.kind, dockerfile::context::EntryKind::Link { .. }))
    };
    context.entry(source).is_some() || source.match_indices('/').any(|(end, _)| is_link(&source[..end]))
}

fn missing_source(surveyed: &Surveyed, source: &str, root: &Path) -> Finding {
    let context = &surveyed.image.context;
    if let (true, Some(rule)) =
        (context.join(source).symlink_metadata().is_ok(), surveyed.ignore.ignored_by(source))
    {
        let file = surveyed.ignore_file();
        let message =
            format!("`{source}` is excluded from the build by `{}` ({file}:{})", rule.pattern, rule.line);
        return Code::FileDockerignored
            .error(message)
            .help(format!("add `!{source}` at the end of `{file}`"));
    }
    let shown = relative(root, context).display().to_string();
    let shown = if shown.is_empty() { "." } else { shown.as_str() };
    let finding = Code::CopySourceMissing.error(format!("`{source}` is not in the context `{shown}`"));
    let inside = Path::new(source).strip_prefix(shown).ok().and_then(Path::to_str);
    if let Some(inside) = inside.filter(|inside| surveyed.context.entry(inside).is_some()) {
        return finding.help(format!("write `{inside}`: paths start at the context"));
    }
    let folder = source.rfind('/').map_or("", |end| &source[..=end]);
    let siblings = surveyed.context.entries.iter().map(|entry| entry.path.as_str());
    let siblings = siblings.filter(|path| path.strip_prefix(folder).is_some_and(|name| !name.contains('/')));
    match nearest(source, siblings) {
        Some(meant) => finding.help(format!("write `{meant}`")),
        None if root.join(source).exists() => finding.help(format!(
            "it is next to deploy.toml: copy it to `{shown}`, or set `context` to a directory that contains it"
        )),
        None => finding.help(format!("make it, or correct the path: it starts at `{shown}`")),
    }
}

/// `RUN --mount=type=secret,required` without its secret.
pub(super) fn required_secrets(surveyed: &Surveyed) -> Vec<Finding> {
    let given = &surveyed.image.secrets;
    let mounts = surveyed.dockerfile.secrets.iter();
    let absent = mounts.filter(|mount| mount.required && !given.contains_key(&mount.id));
    absent
        .map(|mount| {
            let id = &mount.id;
            let finding = Code::BuildSecretMissing
                .error(format!("this `RUN` requires the secret `{id}`, which is not given"));
            finding.at(surveyed.place(mount.line)).help(match nearest(id, given.keys().map(String::as_str)) {
                Some(meant) => format!("write `id={meant}`, which deploy.toml gives"),
                None => format!("set `secrets.{id} = {{ env = \"…\" }}` of the image in deploy.toml"),
            })
        })
        .collect()
}

/// `RUN --mount=type=ssh,required`: no agent is forwarded to a build.
pub(super) fn required_agents(surveyed: &Surveyed) -> Vec<Finding> {
    let mounts = surveyed.dockerfile.agents.iter().filter(|mount| mount.required);
    let found = mounts.map(|mount| {
        Code::SshAgentNotForwarded
            .error("this `RUN` requires an SSH agent, and `todo` forwards none to builds")
            .at(surveyed.place(mount.line))
            .help(WITHOUT_AGENT)
    });
    found.collect()
}

/// An image that is built for another processor than that of this machine, which is that of minikube's node.
pub(super) fn other_platform(image: &Image, host: &str) -> Option<Finding> {
    let asked = image.platform.as_deref()?;
    let both = |platform: &str| platform.split('/').take(2).map(str::to_owned).collect::<Vec<_>>();
    (both(asked) != both(host)).then(|| {
        Code::ImagePlatformMismatch
            .warning(format!(
                "`platform` asks for {asked}, and this machine is {host}: on a node of this machine its programs end with `exec format error` unless they are emulated"
            ))
            .at(image.place.clone())
            .help("remove `platform` from its section in deploy.toml, unless the cluster's nodes have that processor")
    })
}

/// An error of the operating system without its number.
fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    let mut text = text.split(" (os error").next().unwrap_or_default().to_owned();
    if let Some(first) = text.get_mut(..1) {
        first.make_ascii_lowercase();
    }
    text
}

/// What to do about a file that cannot be read.
fn allow(file: &str, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::InvalidInput | io::ErrorKind::FileTooLarge => file::advice(error).to_owned(),
        _ => format!("allow it: `chmod u+r {file}`"),
    }
}
