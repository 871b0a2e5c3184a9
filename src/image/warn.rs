//! Warnings about an image before it is built.
//!
//! Not errors: each of these builds. Only files that reach the image count: a `.env` that no `COPY` copies is not
//! reported.

use crate::event::Code;
use crate::event::Finding;
use crate::event::Place;
use crate::image::clear;
use crate::image::graph::needed;
use crate::image::secrets::Sensitive;
use crate::image::secrets::sensitive;
use crate::image::surveyed::Surveyed;
use crate::image::surveyed::WITHOUT_AGENT;
use crate::image::surveyed::shown;
use dockerfile::Base;
use dockerfile::context::ContextEntry;
use dockerfile::context::EntryKind;
use dockerfile::glob::Glob;
use dockerfile::ignore::clean;
use dockerfile::key::is_proxy;
use nearest::nearest;
use std::collections::BTreeMap;

/// The size in bytes from which a context is reported.
const HEAVY: u64 = 100_000_000;

/// Everything worth knowing.
pub(crate) fn warnings(surveyed: &Surveyed) -> Vec<Finding> {
    let mut found = Vec::new();
    found.extend(secrets_in_image(surveyed));
    found.extend(clear::secrets(surveyed));
    found.extend(links_that_lead_out(surveyed));
    found.extend(heavy_context(surveyed));
    found.extend(backslashes(surveyed));
    found.extend(arguments(surveyed));
    found.extend(secret_mounts(surveyed));
    found.extend(agents(surveyed));
    found.extend(clones(surveyed));
    found.extend(misspelt_stages(surveyed));
    found.extend(moving_bases(surveyed));
    found.extend(syntax_line(surveyed));
    found.extend(root(surveyed));
    found
}

/// The sources of every `COPY`, prepared for looking up which of them copies a path.
struct Taken(Vec<(usize, Option<Glob>)>);

impl Taken {
    fn by(surveyed: &Surveyed) -> Taken {
        let copies = surveyed.dockerfile.copies.iter();
        let sources = copies.flat_map(|copy| copy.sources.iter().map(|source| (copy.line, source)));
        Taken(
            sources
                .map(|(line, source)| {
                    let all = source.as_deref().is_none_or(|source| source == ".");
                    (
                        line,
                        if all {
                            None
                        } else {
                            source.as_deref().and_then(|source| Glob::compile(source).ok())
                        },
                    )
                })
                .collect(),
        )
    }

    /// The line of the `COPY` that copies a path.
    fn line(&self, path: &str) -> Option<usize> {
        let takes = |glob: &Option<Glob>| glob.as_ref().is_none_or(|glob| glob.matches_or_parent(path));
        self.0.iter().find(|(_, glob)| takes(glob)).map(|(line, _)| *line)
    }
}

fn secrets_in_image(surveyed: &Surveyed) -> Vec<Finding> {
    let taken = Taken::by(surveyed);
    let mut found: BTreeMap<(Sensitive, usize), Vec<&str>> = BTreeMap::new();
    for ContextEntry { path, kind } in &surveyed.context.entries {
        let file = matches!(kind, EntryKind::File { .. }).then(|| surveyed.context.root.as_path());
        if let Some(what) = sensitive(path, file)
            && let Some(line) = taken.line(path)
        {
            found.entry((what, line)).or_default().push(path);
        }
    }
    let findings = found.into_iter().map(|((what, line), paths)| {
        let first = paths[0];
        let message = match paths.len() - 1 {
            0 => format!("`{first}` goes into the image"),
            1 => format!("`{first}` and `{}` go into the image", paths[1]),
            more => format!("`{first}` and {more} more {} go into the image", what.plural()),
        };
        let evidence = if paths.len() > 2 { shown(&paths) } else { Vec::new() };
        let finding = Code::SecretInImage.warning(message).at(surveyed.place(line)).evidence(evidence);
        finding.help(format!("add `{first}` to `{}`", surveyed.ignore_file()))
    });
    findings.collect()
}

fn links_that_lead_out(surveyed: &Surveyed) -> Option<Finding> {
    let taken = Taken::by(surveyed);
    let leads_out = |path: &str, target: &str| {
        let folder = path.rfind('/').map_or("", |end| &path[..=end]);
        !target.starts_with('/') && clean(&format!("{folder}{target}")).split('/').next() == Some("..")
    };
    let links: Vec<String> = surveyed
        .context
        .entries
        .iter()
        .filter_map(|entry| match &entry.kind {
            EntryKind::Link { target }
                if leads_out(&entry.path, target) && taken.line(&entry.path).is_some() =>
            {
                Some(format!("{} -> {target}", entry.path))
            }
            _ => None,
        })
        .collect();
    let first = links.first()?;
    let message = match links.len() {
        1 => format!("the link `{first}` points outside the context: the image gets the link, not the file"),
        count => format!("{count} links point outside the context: the image gets the links, not the files"),
    };
    let evidence = if links.len() > 1 {
        shown(&links.iter().map(String::as_str).collect::<Vec<_>>())
    } else {
        Vec::new()
    };
    let finding =
        Code::FileOutsideContext.warning(message).at(surveyed.image.place.clone()).evidence(evidence);
    Some(
        finding
            .help("copy what is needed into the context, or set `context` to a directory that contains both"),
    )
}

fn heavy_context(surveyed: &Surveyed) -> Option<Finding> {
    let context = &surveyed.context;
    if context.bytes <= HEAVY {
        return None;
    }
    let heavy = heaviest(&context.entries);
    let files = context.entries.iter().filter(|entry| matches!(entry.kind, EntryKind::File { .. })).count();
    let message = format!("the context has {} in {files} files", megabytes(context.bytes));
    let evidence = heavy.iter().map(|(path, bytes)| format!("{:>8}  {path}", megabytes(*bytes)));
    let finding =
        Code::BuildContextLarge.warning(message).at(surveyed.image.place.clone()).evidence(evidence);
    let ignore = surveyed.ignore_file();
    Some(match heavy.first() {
        Some((path, _)) => finding.help(format!("if the image does not need `{path}`, add it to `{ignore}`")),
        None => finding.help(format!("add what the image does not need to `{ignore}`")),
    })
}

fn megabytes(bytes: u64) -> String {
    format!("{} MB", (bytes + 500_000) / 1_000_000)
}

/// The three largest top-level entries, each narrowed down while one entry in it makes up nine tenths of it.
fn heaviest(entries: &[ContextEntry]) -> Vec<(String, u64)> {
    let mut sizes: BTreeMap<&str, u64> = BTreeMap::new();
    for entry in entries {
        let parts = entry.path.match_indices('/').map(|(end, _)| &entry.path[..end]);
        for part in parts.chain([entry.path.as_str()]) {
            *sizes.entry(part).or_default() += entry.size();
        }
    }
    let mut top: Vec<(&str, u64)> =
        sizes.iter().filter(|(path, _)| !path.contains('/')).map(|(path, size)| (*path, *size)).collect();
    top.sort_by_key(|(path, size)| (std::cmp::Reverse(*size), *path));
    top.truncate(3);
    for place in &mut top {
        loop {
            let below = |path: &str| {
                path.strip_prefix(place.0)
                    .and_then(|rest| rest.strip_prefix('/'))
                    .is_some_and(|rest| !rest.contains('/'))
            };
            let heavier =
                sizes.iter().find(|(path, size)| **size * 10 >= place.1 * 9 && **size > 0 && below(path));
            match heavier {
                Some((path, size)) => *place = (*path, *size),
                None => break,
            }
        }
    }
    top.into_iter()
        .filter(|(_, size)| *size > 1_000_000)
        .map(|(path, size)| (path.to_owned(), size))
        .collect()
}

/// Users who write `src\build` mean a directory; BuildKit reads it as `src` and a word boundary (`\b`).
fn backslashes(surveyed: &Surveyed) -> Vec<Finding> {
    let odd = |pattern: &str| {
        pattern.split('\\').skip(1).any(|rest| rest.starts_with(|char: char| char.is_ascii_alphanumeric()))
    };
    let rules = surveyed.ignore.rules().iter().filter(|rule| odd(&rule.pattern));
    rules
        .map(|rule| {
            let place = Place { line: rule.line, ..Place::file(&surveyed.ignore_path) };
            Code::DockerignoreInvalid
                .warning(format!("`\\` in `{}` does not separate directories", rule.pattern))
                .at(place)
                .help(format!("write `{}`", rule.pattern.replace('\\', "/")))
        })
        .collect()
}

/// Arguments that every build has without `ARG` (`dockerfile2llb`; docs of the Dockerfile: predefined ARGs).
fn is_predefined(name: &str) -> bool {
    is_proxy(name)
        || name == "SOURCE_DATE_EPOCH"
        || ["BUILDKIT_", "TARGET", "BUILD"].iter().any(|start| name.starts_with(start))
}

fn arguments(surveyed: &Surveyed) -> Vec<Finding> {
    let declared = &surveyed.dockerfile.arguments;
    let unknown = surveyed.image.args.keys().filter(|name| !declared.contains(name) && !is_predefined(name));
    unknown
        .map(|name| {
            let message = format!("the Dockerfile declares no build argument `{name}`");
            let finding = Code::BuildArgUndeclared.warning(message).at(surveyed.image.place.clone());
            match nearest(name, declared.iter().map(String::as_str)) {
                Some(meant) => finding.help(format!("write `{meant}`, which it declares")),
                None => finding.help(format!("add `ARG {name}` to `{}`, or remove it", surveyed.place(0))),
            }
        })
        .collect()
}

fn secret_mounts(surveyed: &Surveyed) -> Vec<Finding> {
    let (given, mounts) = (&surveyed.image.secrets, &surveyed.dockerfile.secrets);
    let ids = || mounts.iter().map(|mount| mount.id.as_str());
    let unused = given.keys().filter(|id| !ids().any(|mounted| mounted == *id)).map(|id| {
        let message = format!("no `RUN` that is needed mounts the secret `{id}`");
        let finding = Code::BuildSecretUnused.warning(message).at(surveyed.image.place.clone());
        match nearest(id, ids()) {
            Some(meant) => finding.help(format!("write `{meant}`, which the Dockerfile mounts")),
            None => finding.help(format!("mount it: `RUN --mount=type=secret,id={id} …`")),
        }
    });
    let absent =
        mounts.iter().filter(|mount| !mount.required && !given.contains_key(&mount.id)).map(|mount| {
            Code::BuildSecretMissing
                .warning(format!("the secret `{}` is not given, so this `RUN` runs without it", mount.id))
                .at(surveyed.place(mount.line))
                .help(format!("set `secrets.{} = {{ env = \"…\" }}` of the image in deploy.toml", mount.id))
        });
    unused.chain(absent).collect()
}

fn agents(surveyed: &Surveyed) -> Vec<Finding> {
    let mounts = surveyed.dockerfile.agents.iter().filter(|mount| !mount.required);
    let found = mounts.map(|mount| {
        Code::SshAgentNotForwarded
            .warning("no SSH agent is forwarded to builds, so this `RUN` runs without it")
            .at(surveyed.place(mount.line))
            .help(WITHOUT_AGENT)
    });
    found.collect()
}

/// Repositories that the engine clones itself, for which it needs a program that minikube's node lacks.
fn clones(surveyed: &Surveyed) -> Vec<Finding> {
    let found = surveyed.dockerfile.clones.iter().map(|(source, line)| {
        Code::BuildNeedsGit
            .warning(format!("the engine clones `{source}` itself, and minikube's node has no git"))
            .at(surveyed.place(*line))
            .help("clone it before the build and COPY it, or in a `RUN` of a stage that has git")
    });
    found.collect()
}

/// A `--from=` that names no stage is an image, also where it was meant for a stage.
fn misspelt_stages(surveyed: &Surveyed) -> Vec<Finding> {
    let dockerfile = &surveyed.dockerfile;
    let names: Vec<&str> = dockerfile.stages.iter().filter_map(|stage| stage.name.as_deref()).collect();
    let from = |base: &&Base| !dockerfile.stages.iter().any(|stage| stage.line == base.line);
    let found = dockerfile.bases.iter().filter(from).filter_map(|base| {
        let meant = nearest(&base.reference, names.iter().copied())?;
        let message = format!("no stage is called `{}`: an image of that name is pulled", base.reference);
        let finding = Code::DockerfileInvalid.warning(message).at(surveyed.place(base.line));
        Some(finding.help(format!("did you mean the stage `{meant}`?")))
    });
    found.collect()
}

fn moving_bases(surveyed: &Surveyed) -> Vec<Finding> {
    let bases = surveyed.dockerfile.bases.iter();
    let external =
        bases.filter(|base| needed(&base.reference, &surveyed.image.name, &surveyed.needs).is_none());
    external
        .filter_map(|base| {
            let name = crate::image::graph::untagged(&base.reference);
            let how = match base.reference.strip_prefix(name)? {
                "" => "has no tag",
                ":latest" => "is `latest`",
                _ => return None,
            };
            let message = format!("the base `{}` {how}: it can be another image tomorrow", base.reference);
            Some(
                Code::ImageTagMutable
                    .warning(message)
                    .at(surveyed.place(base.line))
                    .help(format!("name a version: `{name}:…`")),
            )
        })
        .collect()
}

fn syntax_line(surveyed: &Surveyed) -> Option<Finding> {
    let (reference, line) = surveyed.dockerfile.syntax.as_ref()?;
    let finding = Code::DockerfileSyntaxDirective
        .note(format!("`# syntax={reference}` contacts a registry at every build, and fails offline"));
    Some(finding.at(surveyed.place(*line)).help("remove the line if the build works without it"))
}

fn root(surveyed: &Surveyed) -> Option<Finding> {
    let dockerfile = &surveyed.dockerfile;
    if dockerfile.user.is_some() {
        return None;
    }
    let mut stage = dockerfile.stages.get(dockerfile.target)?;
    let line = stage.line;
    while let Some(parent) = stage.parent {
        stage = dockerfile.stages.get(parent)?;
    }
    let base = stage.base.as_str();
    let ours = needed(base, &surveyed.image.name, &surveyed.needs).is_some();
    let unprivileged = ["nonroot", "unprivileged", "rootless"].iter().any(|word| base.contains(word));
    if ours || unprivileged || base == "scratch" {
        return None;
    }
    let finding = Code::ImageRunsAsRoot
        .note(format!("no `USER`: the container runs as the user of `{base}`, usually root"));
    Some(finding.at(surveyed.place(line)).help("end the last stage with `USER 1000`"))
}

#[cfg(test)]
mod tests;
