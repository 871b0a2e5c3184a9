//! Which files and directories manifests are read from, whether or not they can be read now.

use crate::file;
use crate::manifest::chart;
use crate::manifest::glob;
use crate::manifest::kustomize;
use crate::manifest::read::is_manifest_name;
use crate::manifest::yaml;
use crate::project::Source;
use crate::project::SourceKind;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;
use std::path::PathBuf;

/// Something that manifests are read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ManifestSource {
    /// A file.
    File(PathBuf),
    /// The manifests in a directory, not those in its subdirectories.
    Folder(PathBuf),
    /// The files below a directory that fit a pattern, by its parts.
    Pattern(PathBuf, Vec<String>),
    /// Everything below a directory.
    Tree(PathBuf),
}

/// What all sources are read from. `root` is the directory of deploy.toml.
#[must_use]
pub fn inputs(root: &Path, sources: &[Source]) -> Vec<ManifestSource> {
    sources
        .iter()
        .flat_map(|source| match &source.kind {
            SourceKind::Path(path) if path.is_dir() => vec![ManifestSource::Folder(path.clone())],
            SourceKind::Path(path) if !path.exists() && glob::is_glob(path) => {
                let (base, parts) = glob::split(path);
                vec![ManifestSource::Pattern(base, parts)]
            }
            SourceKind::Path(path) => vec![ManifestSource::File(path.clone())],
            SourceKind::Kustomize(folder) => kustomization(folder),
            SourceKind::Chart(chart) => {
                let folders =
                    chart::local_dependencies(&chart.folder).into_iter().chain([chart.folder.clone()]);
                // Values of `set-env` come from there.
                let env = (!chart.set_env.is_empty()).then(|| root.join(".env"));
                let files = chart.values.iter().cloned().chain(env);
                folders.map(ManifestSource::Tree).chain(files.map(ManifestSource::File)).collect()
            }
        })
        .collect()
}

/// What a kustomization is made of: its directory, those of the kustomizations that it names, and whatever else its texts
/// name outside of them (patches, generators and components have a dozen fields for paths, and new ones come).
fn kustomization(folder: &Path) -> Vec<ManifestSource> {
    let (mut folders, mut files): (BTreeSet<PathBuf>, BTreeSet<PathBuf>) = Default::default();
    let mut next = vec![folder.to_owned()];
    while let Some(folder) = next.pop() {
        if !folders.insert(folder.clone()) {
            continue;
        }
        let Some(text) = kustomize::file(&folder).and_then(|file| file::read_text(&file, file::OBJECTS).ok())
        else {
            continue;
        };
        let mut named = Vec::new();
        for document in yaml::documents(&text, Path::new("kustomization.yaml")).0 {
            texts(&document.value, &mut named);
        }
        // A generator may give a file another name: `key=path`.
        for name in
            named.iter().flat_map(|text| [Some(text.as_str()), text.split_once('=').map(|(_, path)| path)])
        {
            let Some(name) = name.filter(|name| name.starts_with("..")) else { continue };
            let path = folder.join(name);
            let path = path.canonicalize().unwrap_or(path);
            if path.is_dir() {
                next.push(path);
            } else {
                files.insert(path);
            }
        }
    }
    folders.into_iter().map(ManifestSource::Tree).chain(files.into_iter().map(ManifestSource::File)).collect()
}

/// All texts in a value.
fn texts(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.push(text.clone()),
        Value::Array(values) => values.iter().for_each(|value| texts(value, found)),
        Value::Object(values) => values.values().for_each(|value| texts(value, found)),
        _ => {}
    }
}

impl ManifestSource {
    /// The file or the directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        match self {
            ManifestSource::File(path)
            | ManifestSource::Folder(path)
            | ManifestSource::Pattern(path, _)
            | ManifestSource::Tree(path) => path,
        }
    }

    /// Whether a file of the directory is read; the path is relative to the directory, separated by `/`.
    #[must_use]
    pub fn has(&self, path: &str) -> bool {
        match self {
            ManifestSource::File(_) => false,
            ManifestSource::Folder(_) => is_manifest_name(path) && !path.starts_with('.'),
            ManifestSource::Pattern(_, parts) => glob::fits(parts, &path.split('/').collect::<Vec<_>>()),
            ManifestSource::Tree(_) => true,
        }
    }

    /// Whether a file in a subdirectory can be read.
    #[must_use]
    pub fn has_below(&self, folder: &str) -> bool {
        match self {
            ManifestSource::File(_) | ManifestSource::Folder(_) => false,
            ManifestSource::Pattern(_, parts) if parts.iter().any(|part| part == "**") => {
                folder.split('/').all(glob::is_entered)
            }
            ManifestSource::Pattern(_, parts) => folder.split('/').count() < parts.len(),
            ManifestSource::Tree(_) => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ManifestSource;
    use super::inputs;
    use crate::project::check::check;
    use std::fs;

    #[test]
    fn each_kind_of_source_is_read_from_what_it_names() {
        let folder = tempfile::tempdir().unwrap();
        // On macOS the directory is behind a symbolic link; on Windows there is no `..` in a canonical path.
        let root =
            if cfg!(windows) { folder.path().to_owned() } else { folder.path().canonicalize().unwrap() };
        for (name, text) in [
            ("k8s/a.yaml", ""),
            ("base/kustomization.yaml", "resources: [b.yaml, ../shared/c.yaml]\n"),
            ("shared/c.yaml", ""),
            (
                "over/kustomization.yaml",
                "resources: [../base]\nconfigMapGenerator: [{name: x, files: ['k=../gone.txt']}]\n",
            ),
            ("chart/Chart.yaml", "name: c\ndependencies: [{name: lib, repository: 'file://../lib'}]\n"),
        ] {
            let path = root.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let read = |text: &str| {
            let project = check(&root.join("deploy.toml"), text).unwrap();
            let mut read: Vec<String> = inputs(&project.root, &project.sources)
                .into_iter()
                .map(|input| {
                    let kind = match &input {
                        ManifestSource::File(_) => "file",
                        ManifestSource::Folder(_) => "directory",
                        ManifestSource::Pattern(..) => "pattern",
                        ManifestSource::Tree(_) => "tree",
                    };
                    // Of a file that is there the path is canonical, which Windows begins with `\\?\`.
                    let (path, canonical) = (input.path(), root.canonicalize().unwrap());
                    let path = path.strip_prefix(&root).or_else(|_| path.strip_prefix(canonical));
                    let path = path.unwrap().display().to_string();
                    format!("{kind} {}", path.replace('\\', "/"))
                })
                .collect();
            read.sort();
            read
        };
        assert_eq!(read("[[manifests]]\npath = 'k8s'\n"), ["directory k8s"]);
        assert_eq!(read("[[manifests]]\npath = 'k8s/a.yaml'\n"), ["file k8s/a.yaml"]);
        assert_eq!(read("[[manifests]]\npath = 'k8s/**/*.yaml'\n"), ["pattern k8s"]);
        assert_eq!(
            read("[[manifests]]\nkustomize = 'over'\n"),
            ["file over/../gone.txt", "file shared/c.yaml", "tree base", "tree over"]
        );
        assert_eq!(
            read("[[manifests]]\nchart = 'chart'\nvalues = ['v.yaml']\nset-env = { a = 'A' }\n"),
            ["file .env", "file v.yaml", "tree chart", "tree chart/../lib"]
        );
    }

    #[test]
    fn of_a_folder_that_is_read_which_it_reads() {
        let pattern =
            |text: &str| ManifestSource::Pattern("/".into(), text.split('/').map(str::to_owned).collect());
        // input, file, whether it is read, directory, whether something in it can be
        let table = [
            (ManifestSource::Folder("/".into()), "a.yaml", true, "sub", false),
            (ManifestSource::Folder("/".into()), "a.txt", false, "sub", false),
            (ManifestSource::Folder("/".into()), ".a.yaml", false, "sub", false),
            (pattern("*/b.yaml"), "a/b.yaml", true, "a", true),
            (pattern("*/b.yaml"), "b.yaml", false, "a/b", false),
            (pattern("**/*.yaml"), "a/b/c.yaml", true, "a/.git", false),
            (ManifestSource::Tree("/".into()), "templates/a.tpl", true, "templates", true),
        ];
        for (input, file, has, folder, below) in table {
            assert_eq!((input.has(file), input.has_below(folder)), (has, below), "{input:?}");
        }
    }
}
