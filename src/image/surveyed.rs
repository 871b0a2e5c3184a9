//! An image read from its files: read once, and used by everything that builds, checks or explains it.

use crate::event::Finding;
use crate::event::Place;
use crate::project::Image;
use crate::project::name::ImageName;
use dockerfile::Dockerfile;
use dockerfile::context::Context;
use dockerfile::ignore::Ignore;
use dockerfile::key::Source;
use std::path::PathBuf;

/// An image as it is written.
#[derive(Debug, Clone)]
pub struct Surveyed {
    /// Its section in deploy.toml.
    pub image: Image,
    /// The files that are sent to the builder.
    pub context: Context,
    /// Its instructions.
    pub dockerfile: Dockerfile,
    /// Images of the project that it is built from.
    pub needs: Vec<ImageName>,
    /// The rules that its context was read by, for explaining why a file is not in it.
    pub ignore: Ignore,
    /// The file of those rules, or the one where they would be; relative to deploy.toml where it is below it.
    pub ignore_path: PathBuf,
    /// The Dockerfile as shown to the user: relative to deploy.toml where it is below it.
    pub dockerfile_path: PathBuf,
    /// Warnings about it.
    pub warnings: Vec<Finding>,
}

impl Surveyed {
    /// The inputs of its key.
    pub(in crate::image) fn source(&self) -> Source<'_> {
        Source {
            target: self.image.target.as_deref(),
            args: &self.image.args,
            dockerfile: &self.dockerfile,
            context: &self.context,
        }
    }

    /// A line of the Dockerfile; 0 for the file.
    #[must_use]
    pub fn place(&self, line: usize) -> Place {
        Place { line, ..Place::file(&self.dockerfile_path) }
    }

    /// The subject of its findings.
    pub(crate) fn subject(&self) -> String {
        format!("image {}", self.image.name)
    }

    /// The ignore file, for a sentence.
    pub(crate) fn ignore_file(&self) -> std::path::Display<'_> {
        self.ignore_path.display()
    }
}

/// What to do if a build needs an SSH agent.
pub(in crate::image) const WITHOUT_AGENT: &str =
    "clone what is private before the build and COPY it, or give the step a token as a build secret";

/// Up to ten paths, a line each.
pub(crate) fn shown(paths: &[&str]) -> Vec<String> {
    let mut lines: Vec<String> = paths.iter().take(10).map(|path| (*path).to_owned()).collect();
    if paths.len() > lines.len() {
        lines.push(format!("and {} more", paths.len() - lines.len()));
    }
    lines
}
