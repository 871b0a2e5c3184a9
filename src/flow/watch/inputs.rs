//! The inputs of a project to watch, as reported by the modules that read them.

use crate::image::survey;
use crate::manifest::inputs::ManifestSource;
use crate::manifest::inputs::inputs as of_manifests;
use crate::project::Project;
use crate::watch::Filter;
use crate::watch::Root;
use dockerfile::ignore::Ignore;
use std::sync::Arc;

/// Everything that a run of `up` reads.
pub(super) fn inputs(project: &Project) -> Vec<Root> {
    let mut roots: Vec<Root> = project.inputs().iter().map(|file| Root::file(file)).collect();
    for image in &project.images {
        let survey::ImageInputs { context, ignore, files } = survey::inputs(image);
        roots.extend(files.iter().map(|file| Root::file(file)));
        roots.push(Root::directory(&context, Arc::new(Context(ignore))));
    }
    roots.extend(of_manifests(&project.root, &project.sources).into_iter().map(|input| match &input {
        ManifestSource::File(path) => Root::file(path),
        _ => Root::directory(input.path(), Arc::new(Manifests(input.clone()))),
    }));
    roots
}

/// A build context.
#[derive(Debug)]
struct Context(Ignore);

impl Filter for Context {
    fn keeps(&self, path: &str) -> bool {
        self.0.ignored_by(path).is_none()
    }

    fn enters(&self, path: &str) -> bool {
        self.keeps(path) || self.0.may_keep_below(path)
    }

    fn keeps_directory(&self, path: &str) -> bool {
        self.keeps(path)
    }
}

/// A directory of manifests.
#[derive(Debug)]
struct Manifests(ManifestSource);

impl Filter for Manifests {
    fn keeps(&self, path: &str) -> bool {
        self.0.has(path)
    }

    fn enters(&self, path: &str) -> bool {
        self.0.has_below(path)
    }
}

#[cfg(test)]
mod tests {
    use super::Context;
    use crate::watch::Filter;
    use dockerfile::ignore::Ignore;

    #[test]
    fn of_a_context_what_would_be_sent_is_watched() {
        let context = Context(Ignore::parse(b"node_modules\nlogs/*\n!logs/keep\n*.md\n").unwrap());
        // path, whether it is watched as a file, whether it is entered as a directory
        for (path, keeps, enters) in [
            ("main.py", true, true),
            ("README.md", false, false),
            ("node_modules", false, false),
            ("node_modules/a/b", false, false),
            ("logs/a", false, false),
            ("logs/keep", true, true),
        ] {
            assert_eq!((context.keeps(path), context.enters(path)), (keeps, enters), "{path}");
        }
    }
}
