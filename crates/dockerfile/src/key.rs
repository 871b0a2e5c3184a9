//! Everything that decides an image, in one digest; and which part of it differs from last time.
//!
//! Not a promise that two keys mean two images: the whole context counts, also what no `COPY` takes, because a superset
//! can never be stale. Times, owners and the values of secrets do not count, as with BuildKit.

use crate::Dockerfile;
use crate::context::Context;
use crate::context::ContextEntry;
use crate::context::EntryKind;
use serde::Deserialize;
use serde::Serialize;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fmt;

/// The version of the spec: raise it when anything that is put in changes.
const RECIPE: &str = "todo-image-key/1";

/// The sources of an image.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// The stage that is built; the last if not given.
    pub target: Option<&'a str>,
    /// Build arguments.
    pub args: &'a BTreeMap<String, String>,
    /// The Dockerfile.
    pub dockerfile: &'a Dockerfile,
    /// The files that are sent.
    pub context: &'a Context,
}

/// Inputs of an image other than its sources.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// `os/arch[/variant]`, as resolved against the engine.
    pub platform: String,
    /// What each base is now, by reference: a local image id, a pinned digest, or `absent`.
    pub bases: BTreeMap<String, String>,
    /// The labels that the image gets. Never its key: a label changes the image's id.
    pub labels: BTreeMap<String, String>,
}

/// The digest of an image's inputs. Shown as 32 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key([u8; 16]);

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The key of an image.
#[must_use]
pub fn key(source: Source<'_>, facts: &Facts) -> Key {
    let mut digest = Digest::default();
    digest.text(RECIPE).text(&facts.platform).text(source.target.unwrap_or_default());
    digest.map(args(source)).map(facts.labels.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    digest.field(&source.dockerfile.text).map(bases(source, facts));
    digest.count(source.context.entries.len());
    for entry in &source.context.entries {
        digest.entry(entry);
    }
    let mut key = [0; 16];
    key.copy_from_slice(&digest.finish().as_bytes()[..16]);
    Key(key)
}

/// Proxies are passed to a build, but not part of the key (`buildkit: frontend/dockerfile/dockerfile2llb:
/// proxyEnvFromBuildArgs`).
const PROXIES: [&str; 5] = ["HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY"];

/// Whether a build argument is a proxy setting.
#[must_use]
pub fn is_proxy(argument: &str) -> bool {
    PROXIES.iter().any(|proxy| proxy.eq_ignore_ascii_case(argument))
}

fn args(source: Source<'_>) -> impl Iterator<Item = (&str, &str)> {
    let args = source.args.iter().filter(|(name, _)| !is_proxy(name));
    args.map(|(name, value)| (name.as_str(), value.as_str()))
}

fn bases<'a>(source: Source<'a>, facts: &'a Facts) -> impl Iterator<Item = (&'a str, &'a str)> {
    let references: BTreeSet<&str> =
        source.dockerfile.bases.iter().map(|base| base.reference.as_str()).collect();
    references
        .into_iter()
        .map(|reference| (reference, facts.bases.get(reference).map_or("absent", String::as_str)))
}

/// A hash of fields, each with its length, so that no two lists of fields are the same bytes.
#[derive(Default)]
struct Digest {
    hasher: blake3::Hasher,
    /// Bytes not hashed yet: many small pieces cost more than their bytes.
    next: Vec<u8>,
}

/// Bytes that are hashed at once.
const PIECE: usize = 64 * 1024;

impl Digest {
    fn bytes(&mut self, bytes: &[u8]) -> &mut Digest {
        self.next.extend_from_slice(bytes);
        if self.next.len() >= PIECE {
            self.hasher.update(&self.next);
            self.next.clear();
        }
        self
    }

    fn finish(mut self) -> blake3::Hash {
        self.hasher.update(&self.next).finalize()
    }

    fn count(&mut self, count: usize) -> &mut Digest {
        self.bytes(&(count as u64).to_le_bytes())
    }

    fn field(&mut self, bytes: &[u8]) -> &mut Digest {
        self.count(bytes.len()).bytes(bytes)
    }

    fn text(&mut self, text: &str) -> &mut Digest {
        self.field(text.as_bytes())
    }

    fn map<'a>(&mut self, pairs: impl Iterator<Item = (&'a str, &'a str)>) -> &mut Digest {
        let pairs: Vec<(&str, &str)> = pairs.collect();
        self.count(pairs.len());
        for (name, value) in pairs {
            self.text(name).text(value);
        }
        self
    }

    fn entry(&mut self, entry: &ContextEntry) -> &mut Digest {
        match &entry.kind {
            EntryKind::Folder => self.text("d").text(&entry.path),
            EntryKind::File { size, executable, hash, .. } => {
                self.text(if *executable { "x" } else { "f" }).text(&entry.path);
                self.bytes(&size.to_le_bytes()).bytes(hash)
            }
            EntryKind::Link { target } => self.text("l").text(&entry.path).text(target),
        }
    }
}

/// A digest of each input, small enough to keep: it later shows which of them changed, and holds no values.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inputs {
    /// The version of the spec.
    pub spec: String,
    /// The platform.
    pub platform: String,
    /// The stage.
    pub target: Option<String>,
    /// The Dockerfile.
    pub dockerfile: u32,
    /// Build arguments by name.
    pub args: BTreeMap<String, u32>,
    /// Labels by name.
    pub labels: BTreeMap<String, u32>,
    /// What each base was, by reference.
    pub bases: BTreeMap<String, u32>,
    /// The context by path; directories end in `/`.
    pub context: BTreeMap<String, u32>,
}

impl Inputs {
    /// The inputs of an image: the same that [`key`] reads.
    #[must_use]
    pub fn new(source: Source<'_>, facts: &Facts) -> Inputs {
        let texts = |pairs: &mut dyn Iterator<Item = (&str, &str)>| {
            pairs.map(|(name, value)| (name.to_owned(), short(|digest| digest.text(value)))).collect()
        };
        let context = source.context.entries.iter().map(|entry| {
            let end = if entry.kind == EntryKind::Folder { "/" } else { "" };
            (format!("{}{end}", entry.path), short(|digest| digest.entry(entry)))
        });
        Inputs {
            spec: RECIPE.to_owned(),
            platform: facts.platform.clone(),
            target: source.target.map(str::to_owned),
            dockerfile: short(|digest| digest.field(&source.dockerfile.text)),
            args: texts(&mut args(source)),
            labels: texts(&mut facts.labels.iter().map(|(name, value)| (name.as_str(), value.as_str()))),
            bases: texts(&mut bases(source, facts)),
            context: context.collect(),
        }
    }
}

fn short(of: impl FnOnce(&mut Digest) -> &mut Digest) -> u32 {
    let mut digest = Digest::default();
    of(&mut digest);
    let hash = digest.finish();
    let [a, b, c, d, ..] = *hash.as_bytes();
    u32::from_le_bytes([a, b, c, d])
}

/// How many names one reason has at most.
const NAMES: usize = 4;

/// Which inputs differ, most specific first: ``src/main.py changed``, `3 files under static/ are new`.
#[must_use]
pub fn why(before: &Inputs, now: &Inputs) -> Vec<String> {
    let mut why = Vec::new();
    if before.spec != now.spec {
        why.push("this version of todo reads more than the last one did".to_owned());
    }
    if before.platform != now.platform {
        why.push(format!("the platform is {} and was {}", now.platform, before.platform));
    }
    if before.target != now.target {
        why.push("the target stage changed".to_owned());
    }
    if before.dockerfile != now.dockerfile {
        why.push("the Dockerfile changed".to_owned());
    }
    for (what, before, now) in [
        ("base image", &before.bases, &now.bases),
        ("build argument", &before.args, &now.args),
        ("label", &before.labels, &now.labels),
    ] {
        let found = differences(before, now);
        why.extend(How::ALL.into_iter().filter_map(|how| {
            let names = of_kind(&found, how);
            let some = if names.len() == 1 { what.to_owned() } else { format!("{what}s") };
            let names = names.into_iter().map(|name| (name.to_owned(), 1)).collect();
            Some(format!("{some} {}", sentence(names, how)?))
        }));
    }
    let files = differences(&before.context, &now.context);
    why.extend(How::ALL.into_iter().filter_map(|how| {
        let paths = of_kind(&files, how);
        // A directory is listed only if none of its entries is; they follow right after it.
        let says = |index: usize| {
            let next = paths.get(index + 1).copied().unwrap_or_default();
            !(paths[index].ends_with('/') && next.starts_with(paths[index]))
        };
        let changes: Vec<&str> =
            (0..paths.len()).filter(|index| says(*index)).map(|index| paths[index]).collect();
        sentence(grouped(&changes), how)
    }));
    why
}

fn of_kind<'a>(found: &[(&'a str, How)], how: How) -> Vec<&'a str> {
    found.iter().filter(|(_, is)| *is == how).map(|(name, _)| *name).collect()
}

/// `a, b and 3 files under c/ changed`: what was changed in one way, in one sentence; `None` where nothing was.
fn sentence(mut names: Vec<(String, usize)>, how: How) -> Option<String> {
    let all: usize = names.iter().map(|(_, count)| count).sum();
    if names.len() > NAMES {
        let more: usize = names.drain(NAMES - 1..).map(|(_, count)| count).sum();
        names.push((format!("{more} more"), more));
    }
    let names: Vec<String> = names.into_iter().map(|(name, _)| name).collect();
    let (last, rest) = names.split_last()?;
    let verb = if all == 1 { how.of_one() } else { how.of_many() };
    Some(match rest {
        [] => format!("{last} {verb}"),
        rest => format!("{} and {last} {verb}", rest.join(", ")),
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    Changed,
    New,
    Gone,
}

impl How {
    const ALL: [How; 3] = [How::Changed, How::New, How::Gone];

    fn of_one(self) -> &'static str {
        match self {
            How::Changed => "changed",
            How::New => "is new",
            How::Gone => "is gone",
        }
    }

    fn of_many(self) -> &'static str {
        match self {
            How::Changed => "changed",
            How::New => "are new",
            How::Gone => "are gone",
        }
    }
}

fn differences<'a>(before: &'a BTreeMap<String, u32>, now: &'a BTreeMap<String, u32>) -> Vec<(&'a str, How)> {
    let gone = before.keys().filter(|name| !now.contains_key(*name)).map(|name| (name.as_str(), How::Gone));
    let other = now.iter().filter_map(|(name, digest)| match before.get(name) {
        None => Some((name.as_str(), How::New)),
        Some(was) if was != digest => Some((name.as_str(), How::Changed)),
        Some(_) => None,
    });
    other.chain(gone).collect()
}

/// Few paths by name, many by the deepest directories that hold three or more of them; each with how many files it is.
fn grouped(paths: &[&str]) -> Vec<(String, usize)> {
    if paths.len() < 3 {
        return paths.iter().map(|path| ((*path).to_owned(), 1)).collect();
    }
    let folder = shared_folder(paths);
    if !folder.is_empty() {
        return vec![(format!("{} files under {folder}", paths.len()), paths.len())];
    }
    let mut by_first: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for path in paths {
        let first = path.find('/').map_or("", |end| &path[..=end]);
        by_first.entry(first).or_default().push(path);
    }
    let of_group = |(first, paths): (&str, Vec<&str>)| match paths.len() {
        count if first.is_empty() && count >= 3 => vec![(format!("{count} files"), count)],
        _ => grouped(&paths),
    };
    by_first.into_iter().flat_map(of_group).collect()
}

/// The deepest directory that all paths are in, with its `/`; empty if that is the context itself.
fn shared_folder<'a>(paths: &[&'a str]) -> &'a str {
    let Some((first, rest)) = paths.split_first() else { return "" };
    let mut shared = first.rfind('/').map_or("", |end| &first[..=end]);
    while !rest.iter().all(|path| path.starts_with(shared)) {
        shared = shared[..shared.len() - 1].rfind('/').map_or("", |end| &shared[..=end]);
    }
    shared
}

#[cfg(test)]
mod tests;
