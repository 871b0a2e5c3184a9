//! `[image.NAME]`: which images are built, from where, with which arguments and secrets.

use crate::project::BuildSecret;
use crate::project::Image;
use crate::project::Signal;
use crate::project::SyncRule;
use crate::project::file::Section;
use crate::project::name::ImageName;
use crate::project::size;
use dockerfile::glob::Glob;
use dockerfile::ignore::clean;
use std::collections::BTreeMap;
use std::path::Path;

pub(super) fn image(root: &Path, name: ImageName, section: Section<'_, '_>) -> Image {
    let written = section.text("context");
    if written.is_none() {
        section.lacks(
            "names no context",
            format!("add `context = \"docker/{name}\"`, the directory that is built"),
        );
    }
    let context = root.join(written.map_or("", |at| at.value));
    let image = Image {
        place: section.place.clone(),
        dockerfile: section
            .text("dockerfile")
            .map_or_else(|| context.join("Dockerfile"), |at| root.join(at.value)),
        context,
        name,
        target: section.text("target").map(|at| at.value.to_owned()),
        args: section
            .pairs("args")
            .into_iter()
            .map(|(key, text)| (key.value.to_owned(), text.value.to_owned()))
            .collect(),
        secrets: build_secrets(root, &section),
        platform: section.parsed("platform", platform).map(|at| at.value),
        max_size: section.parsed("max-size", |text| size::parse(text, 1)).map(|at| at.value),
        sync: sync(&section),
    };
    section.close();
    image
}

/// `sync`: `false`, one rule without `from`, or a list of rules.
fn sync(image: &Section<'_, '_>) -> Option<Vec<SyncRule>> {
    if image.is_table("sync") {
        let section = image.section("sync");
        let signal = section.parsed("signal", signal).map(|at| at.value);
        if !section.has("signal") {
            section.lacks(
                "has no signal",
                "write `{ signal = \"HUP\" }`, or a list of `{ from = \"…\", to = \"…\" }`",
            );
        }
        section.close();
        return Some(vec![SyncRule { from: "**".to_owned(), signal, ..SyncRule::default() }]);
    }
    if image.is_list("sync") {
        return Some(image.list("sync").into_iter().map(rule).collect());
    }
    image.flag("sync").unwrap_or(true).then(Vec::new)
}

fn rule(section: Section<'_, '_>) -> SyncRule {
    let rule = SyncRule {
        from: section.parsed("from", pattern).map(|at| at.value).unwrap_or_default(),
        to: section.parsed("to", destination).map(|at| at.value),
        run: section.parsed("run", command).map(|at| at.value),
        signal: section.parsed("signal", signal).map(|at| at.value),
    };
    if !section.has("from") {
        section.lacks("has no `from`", "add `from = \"src/**\"`, a pattern of files in the context");
    }
    if !["to", "run", "signal"].into_iter().any(|key| section.has(key)) {
        section.lacks("does nothing", "add `to = \"/app/src\"`, `run = \"npm ci\"` or `signal = \"HUP\"`");
    }
    section.close();
    rule
}

fn pattern(text: &str) -> std::result::Result<String, String> {
    if text.starts_with('/') || text.split('/').any(|part| part == "..") {
        return Err("write a path in the context, without `/` at its beginning and without `..`".to_owned());
    }
    let cleaned = clean(&format!("/{text}"))[1..].to_owned();
    if cleaned.is_empty() {
        return Err("write `**` for all files of the context".to_owned());
    }
    Glob::compile(&cleaned).map_err(|malformed| format!("it {}", malformed.0))?;
    Ok(cleaned)
}

fn destination(text: &str) -> std::result::Result<String, &'static str> {
    let plain = !text.split('/').any(|part| part == "..") && !text.contains('\0');
    if text.starts_with('/') && plain {
        Ok(text.to_owned())
    } else {
        Err("write an absolute path in the container, such as `/app/src`")
    }
}

fn command(text: &str) -> std::result::Result<String, &'static str> {
    if text.trim().is_empty() { Err("write a command, such as `npm ci`") } else { Ok(text.to_owned()) }
}

fn signal(text: &str) -> std::result::Result<Signal, &'static str> {
    let known = [Signal::Hup, Signal::Usr1, Signal::Usr2, Signal::Winch];
    let name = text.strip_prefix("SIG").unwrap_or(text);
    let found = known.into_iter().find(|signal| signal.name() == name);
    found.ok_or("write one that does not end a process: HUP, USR1, USR2 or WINCH")
}

fn platform(text: &str) -> std::result::Result<String, &'static str> {
    let parts = text.split('/').count();
    let plain =
        text.split('/').all(|part| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric()));
    if plain && (2..=3).contains(&parts) {
        Ok(text.to_owned())
    } else {
        Err("write it as `linux/amd64` or `linux/arm/v7`")
    }
}

fn build_secrets(root: &Path, image: &Section<'_, '_>) -> BTreeMap<String, BuildSecret> {
    let mut secrets = BTreeMap::new();
    for (id, section) in image.section("secrets").all() {
        let source = match (section.text("env"), section.text("file")) {
            (Some(variable), None) => Some(BuildSecret::Env(variable.value.to_owned())),
            (None, Some(file)) => Some(BuildSecret::File(root.join(file.value))),
            _ => {
                section.lacks(
                    "needs one of `env` and `file`",
                    "write `{ env = \"NPM_TOKEN\" }` or `{ file = \"token.txt\" }`",
                );
                None
            }
        };
        section.close();
        secrets.extend(source.map(|source| (id.value.to_owned(), source)));
    }
    secrets
}
