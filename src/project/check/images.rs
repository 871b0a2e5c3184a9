//! `[image.NAME]`: what is built, from where, with which arguments and secrets.

use crate::project::BuildSecret;
use crate::project::Image;
use crate::project::file::Section;
use crate::project::name::ImageName;
use crate::project::size;
use std::collections::BTreeMap;
use std::path::Path;

pub(super) fn image(root: &Path, name: ImageName, section: Section<'_, '_>) -> Image {
    let written = section.text("context");
    if written.is_none() {
        section.lacks(
            "names no context",
            format!("add `context = \"docker/{name}\"`, the folder that is built"),
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
        sync: section.flag("sync").unwrap_or(true),
    };
    section.close();
    image
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
