//! The files that deploy.toml names: there, of the right kind, readable.
//!
//! Not their contents: those are the rooms' that read them.

use crate::event::Code;
use crate::event::Finding;
use crate::file;
use crate::project::BuildSecret;
use crate::project::Image;
use crate::project::Project;
use crate::project::Source;
use crate::project::SourceKind;
use crate::relative::shown;
use crate::world::World;
use std::path::Path;
use std::path::PathBuf;

const KUSTOMIZATIONS: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// Everything that is wrong with them.
pub(super) fn check(world: &World, project: &Project) -> Vec<Finding> {
    let mut found = Vec::new();
    for image in &project.images {
        let about = format!("image {}", image.name);
        let wrong = [context(project, image), dockerfile(project, image)].into_iter().flatten();
        found.extend(
            wrong.chain(secrets(world, project, image)).map(|f| f.about(&about).at(image.place.clone())),
        );
    }
    for source in &project.sources {
        found.extend(manifests(project, source).map(|finding| finding.at(source.place.clone())));
    }
    found
}

/// As deploy.toml would write it.
fn short(project: &Project, path: &Path) -> String {
    let short = shown(&project.root, path);
    if short.is_empty() { ".".to_owned() } else { short }
}

fn context(project: &Project, image: &Image) -> Option<Finding> {
    let path = short(project, &image.context);
    if image.context.is_file() {
        return Some(
            Code::BuildContextMissing
                .error(format!("the build context `{path}` is a file, not a directory"))
                .help("name the directory that contains it"),
        );
    }
    match std::fs::read_dir(&image.context) {
        Ok(_) => None,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Some(
            Code::BuildContextMissing
                .error(format!("the build context `{path}` does not exist"))
                .help("name the directory that the image is built from: `context = …`"),
        ),
        Err(error) => Some(unreadable(&image.context, &error)),
    }
}

fn dockerfile(project: &Project, image: &Image) -> Option<Finding> {
    let path = &image.dockerfile;
    if image.context == image.dockerfile.parent()? && !image.context.is_dir() {
        return None;
    }
    if path.is_dir() {
        let message = format!("the Dockerfile `{}` is a directory", short(project, path));
        return Some(Code::DockerfileMissing.error(message).help("name the file: `dockerfile = …`"));
    }
    match file::open(path) {
        Ok(_) => None,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let near = like_it(path);
            let help = near.map_or_else(
                || "create it, or set its path: `dockerfile = …`".to_owned(),
                |near| format!("did you mean `dockerfile = \"{}\"`?", short(project, &near)),
            );
            Some(
                Code::DockerfileMissing
                    .error(format!("the Dockerfile `{}` does not exist", short(project, path)))
                    .help(help),
            )
        }
        Err(error) => Some(unreadable(path, &error)),
    }
}

/// `Dockerfile.dev`, `dockerfile`, `backend.Dockerfile` in the directory of the missing one.
fn like_it(path: &Path) -> Option<PathBuf> {
    let mut near: Vec<PathBuf> = std::fs::read_dir(path.parent()?)
        .ok()?
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.is_file())
        .filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
            (name.starts_with("dockerfile") || name.ends_with("dockerfile"))
                && !name.ends_with(".dockerignore")
        })
        .collect();
    near.sort();
    near.into_iter().next()
}

fn secrets(world: &World, project: &Project, image: &Image) -> Vec<Finding> {
    let lacks = |(id, secret): (&String, &BuildSecret)| match secret {
        BuildSecret::Env(name) => world.var_os(name).is_none().then(|| {
            Code::BuildSecretMissing
                .error(format!("the build secret `{id}` comes from the variable `{name}`, which is not set"))
                .help(format!("set it: `export {name}=…`"))
        }),
        BuildSecret::File(path) => file::open(path).err().map(|error| {
            let path = short(project, path);
            Code::BuildSecretMissing
                .error(format!("the build secret `{id}` comes from `{path}`, which cannot be read: {error}"))
                .help("write that file, or name another one")
        }),
    };
    image.secrets.iter().filter_map(lacks).collect()
}

fn manifests(project: &Project, source: &Source) -> Option<Finding> {
    match &source.kind {
        SourceKind::Path(path) if is_pattern(path) => None,
        SourceKind::Path(path) => {
            let open = if path.is_dir() { std::fs::read_dir(path).err() } else { file::open(path).err() };
            open.map(|error| match error.kind() {
                std::io::ErrorKind::NotFound => Code::ManifestsMissing
                    .error(format!("there are no manifests at `{}`", short(project, path)))
                    .help("name a file, a directory or a glob: `path = …`"),
                _ => unreadable(path, &error),
            })
        }
        SourceKind::Kustomize(folder) => {
            let there = KUSTOMIZATIONS.iter().any(|name| folder.join(name).is_file());
            (!there).then(|| {
                let folder = short(project, folder);
                Code::ManifestsMissing
                    .error(format!("there is no kustomization in `{folder}`"))
                    .help("name the directory of a `kustomization.yaml`: `kustomize = …`")
            })
        }
        SourceKind::Chart(chart) => {
            if !chart.folder.join("Chart.yaml").is_file() {
                let message = format!("there is no chart in `{}`", short(project, &chart.folder));
                return Some(
                    Code::ManifestsMissing
                        .error(message)
                        .help("name the directory of a `Chart.yaml`: `chart = …`"),
                );
            }
            let missing = chart.values.iter().find(|path| !path.is_file())?;
            let message = format!("the values file `{}` does not exist", short(project, missing));
            Some(Code::ChartValuesInvalid.error(message).help("create it, or remove it from `values`"))
        }
    }
}

fn is_pattern(path: &Path) -> bool {
    path.to_string_lossy().contains(['*', '?', '['])
}

fn unreadable(path: &Path, error: &std::io::Error) -> Finding {
    let path = path.display();
    let finding = Code::FileUnreadable.error(format!("`{path}` cannot be read: {error}"));
    if error.kind() == std::io::ErrorKind::InvalidInput {
        return finding.help(file::advice(error));
    }
    finding
        .help(format!("check its permissions: `ls -ld {path}`; to allow this user: `chmod -R u+rX {path}`"))
}
