//! `[secret.NAME]` and `[config.NAME]`: which keys there are and where their values come from, never a value.

use crate::project::ConfigSpec;
use crate::project::SecretSpec;
use crate::project::file::Located;
use crate::project::file::Section;
use crate::project::name::DataKey;
use crate::project::name::NotAName;
use crate::project::name::ObjectName;
use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;

pub(super) fn secret(root: &Path, name: ObjectName, section: Section<'_, '_>) -> SecretSpec {
    let secret = SecretSpec {
        name,
        place: section.place.clone(),
        env_file: section.text("env-file").map(|at| root.join(at.value)),
        from_env: section.flag("from-env").unwrap_or(false),
        keys: keys(&section, "keys"),
        optional: keys(&section, "optional"),
        files: files(root, &section),
        generate: generated(&section),
    };
    if secret.env_file.is_none() && !secret.from_env && secret.files.is_empty() && secret.generate.is_empty()
    {
        section.lacks("has no source", "add `env-file = \".env\"`, `from-env = true`, `files` or `generate`");
    }
    let named = secret.keys.iter().chain(&secret.optional);
    let mut all: Vec<&DataKey> = named.chain(secret.files.keys()).chain(secret.generate.keys()).collect();
    all.sort_unstable();
    for twice in all.windows(2).filter(|pair| pair[0] == pair[1]) {
        section.lacks(
            format!("lists `{}` twice", twice[0]),
            "keep it in one of `keys`, `optional`, `files` and `generate`",
        );
    }
    section.close();
    secret
}

fn keys(section: &Section<'_, '_>, key: &'static str) -> Vec<DataKey> {
    let mut keys = Vec::new();
    for Located { value: text, place } in section.texts(key) {
        match DataKey::parse(text) {
            Ok(name) => keys.push(name),
            Err(NotAName(must)) => section.wrong(&place, key, format_args!("has `{text}`, which {must}")),
        }
    }
    keys
}

/// `files = { "tls.crt" = "certs/tls.crt" }`: a whole file is the value of a key.
fn files(root: &Path, section: &Section<'_, '_>) -> BTreeMap<DataKey, PathBuf> {
    let mut files = BTreeMap::new();
    for (key, path) in section.pairs("files") {
        match DataKey::parse(key.value) {
            Ok(key) => {
                files.insert(key, root.join(path.value));
            }
            Err(NotAName(must)) => {
                section.wrong(&key.place, "files", format_args!("has `{}`, which {must}", key.value));
            }
        }
    }
    files
}

fn generated(section: &Section<'_, '_>) -> BTreeMap<DataKey, u32> {
    let mut generated = BTreeMap::new();
    for (key, length) in section.numbers("generate") {
        let bytes = u32::try_from(length.value).ok().filter(|bytes| (8..=1024).contains(bytes));
        match (DataKey::parse(key.value), bytes) {
            (Ok(key), Some(bytes)) => {
                generated.insert(key, bytes);
            }
            (Err(NotAName(must)), _) => {
                section.wrong(&key.place, "generate", format_args!("has `{}`, which {must}", key.value));
            }
            (_, None) => section.wrong(&length.place, "generate", "takes a length of 8 to 1024 bytes"),
        }
    }
    generated
}

pub(super) fn config(root: &Path, name: ObjectName, section: Section<'_, '_>) -> ConfigSpec {
    let mut values = BTreeMap::new();
    for (key, text) in section.pairs("values") {
        match DataKey::parse(key.value) {
            Ok(key) => {
                values.insert(key, text.value.to_owned());
            }
            Err(NotAName(must)) => {
                section.wrong(&key.place, "values", format_args!("has `{}`, which {must}", key.value));
            }
        }
    }
    let config = ConfigSpec {
        name,
        place: section.place.clone(),
        values,
        file: section.text("file").map(|at| root.join(at.value)),
    };
    if config.values.is_empty() && config.file.is_none() {
        section.lacks("is empty", "add `values = { KEY = \"text\" }` or `file = \"config.env\"`");
    }
    section.close();
    config
}
