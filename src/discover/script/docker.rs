//! `docker build` and similar commands.

use super::ScriptReader;
use super::known;
use super::options::arguments;
use super::options::options;
use super::path;
use crate::discover::evidence::BuildEvidence;
use crate::discover::evidence::Evidence;
use crate::discover::tree::join;
use crate::manifest::bind::repository;

const VALUED: [&str; 18] = [
    "-t",
    "--tag",
    "-f",
    "--file",
    "--target",
    "--build-arg",
    "--platform",
    "--progress",
    "--label",
    "--cache-from",
    "--cache-to",
    "--network",
    "--secret",
    "--ssh",
    "--output",
    "-o",
    "-p",
    "--profile",
];

impl ScriptReader<'_> {
    /// `rest` are the words after `build`.
    pub(super) fn build(&self, rest: &[&str], evidence: &mut Evidence) {
        let Some(written) = arguments(rest, &VALUED, 1).first().copied() else { return };
        let many = |word: &str| word.contains('*');
        if !known(written) {
            self.unread("builds an image from", written, evidence);
        } else if !written.contains("://") && !many(written) && !self.call.folder.as_deref().is_some_and(many)
        {
            evidence.builds.extend(self.built(rest, written));
        }
    }

    fn built(&self, rest: &[&str], written: &str) -> Option<BuildEvidence> {
        let tags = options(rest, &["-t", "--tag"]).map(untagged);
        let names: Vec<String> = tags.filter(|name| known(name)).map(str::to_owned).collect();
        let file = options(rest, &["-f", "--file"]).next().filter(|file| known(file));
        let at = |base: &String| {
            let context = path(base, written);
            let dockerfile = match file {
                Some(file) => path(base, file),
                None => join(&context, "Dockerfile"),
            };
            (context, dockerfile)
        };
        let pairs: Vec<(String, String)> = self.bases().iter().map(at).collect();
        let files = &self.tree.files;
        let whole =
            pairs.iter().find(|(context, file)| files.contains(file) && self.tree.has_folder(context));
        let file_only = || pairs.iter().find(|(_, file)| files.contains(file));
        let folder_only =
            || pairs.iter().find(|(context, _)| !context.is_empty() && self.tree.has_folder(context));
        let (context, dockerfile) = whole.or_else(file_only).or_else(folder_only).or(pairs.first())?.clone();
        let args = options(rest, &["--build-arg"])
            .filter_map(|pair| pair.split_once('='))
            .filter(|(key, value)| {
                known(value)
                    && !crate::discover::keys::is_secret(key)
                    && !crate::discover::secrecy::looks_secret(key, value)
            })
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect();
        let target = options(rest, &["--target"]).next().filter(|target| known(target)).map(str::to_owned);
        Some(BuildEvidence {
            names,
            dockerfile,
            context,
            target,
            args,
            fails: false,
            provenance: self.provenance(),
        })
    }
}

/// An image without its tag, which may be a variable: `shop-api:$TAG`.
pub(super) fn untagged(image: &str) -> &str {
    let plain = repository(image);
    match plain.rsplit_once(':') {
        Some((name, tag)) if tag.starts_with(['$', '%']) => name,
        _ => plain,
    }
}
