//! `COPY` and `ADD`: which paths they copy, and where to.

use crate::image::sync::reason::InstructionLine;
use dockerfile::context::Context;
use dockerfile::context::EntryKind;
use dockerfile::glob::go_match;
use dockerfile::ignore::clean;

/// One `COPY` or `ADD`, its variables expanded.
#[expect(clippy::struct_excessive_bools, reason = "flags of an instruction are independent of one another")]
#[derive(Debug, Clone)]
pub(super) struct Copy {
    pub(super) at: InstructionLine,
    /// Whether it is `ADD`.
    pub(super) add: bool,
    pub(super) origin: Origin,
    /// Cleaned, relative to the origin; empty for all of it.
    pub(super) sources: Vec<String>,
    /// Whether it also copies from neither a context nor an image: a URL, a here-document.
    pub(super) adds_others: bool,
    /// Absolute, cleaned.
    pub(super) destination: String,
    /// Whether the destination is written as a directory.
    pub(super) directory: bool,
    /// `--chown`.
    pub(super) owner: Option<String>,
    /// `--chmod`.
    pub(super) mode: Option<String>,
    /// `--link`.
    pub(super) link: bool,
    /// Whether it has a flag whose effect is not known here: `--exclude`, `--parents`.
    pub(super) unknown_flag: bool,
}

/// Where it copies from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// The build context.
    Context,
    /// An earlier stage.
    Stage(usize),
    /// An image from outside of the Dockerfile.
    Outside,
}

/// How a source selects a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Taken<'a> {
    /// It is the source itself.
    Itself,
    /// It is in a directory that the source names, at this path.
    Below(&'a str),
}

/// How a source selects a path, if it does. A directory's contents are copied, not the directory itself
/// (`buildkit: CopyDirContentsOnly`); a wildcard selects the first match from the top (`fsutil: resolveWildcards`).
pub(super) fn taken<'a>(source: &str, path: &'a str) -> Option<Taken<'a>> {
    let ends = path.match_indices('/').map(|(end, _)| end).chain([path.len()]);
    let is_wild = is_wild(source);
    if source.is_empty() {
        return Some(Taken::Below(path));
    }
    for end in ends {
        let part = &path[..end];
        let matches = if is_wild { go_match(source, part).unwrap_or(false) } else { source == part };
        if matches {
            return Some(if end == path.len() { Taken::Itself } else { Taken::Below(&path[end + 1..]) });
        }
    }
    None
}

/// Whether a source has wildcards, or an escape, which is only read where wildcards are.
pub(super) fn is_wild(source: &str) -> bool {
    source.contains(['*', '?', '[', '\\'])
}

/// A path below a directory.
pub(super) fn below(directory: &str, path: &str) -> String {
    format!("{}/{path}", directory.trim_end_matches('/'))
}

/// Whether a path is a directory, or in it.
pub(super) fn is_in(path: &str, directory: &str) -> bool {
    let directory = directory.trim_end_matches('/');
    path.strip_prefix(directory).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Whether an instruction writes a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Writes {
    /// Nothing.
    No,
    /// A file.
    Yes,
    /// Unknown.
    Maybe,
}

impl Copy {
    /// Whether this writes a file at `path`, an absolute one.
    pub(super) fn writes(&self, path: &str, context: &Context) -> Writes {
        if !is_in(path, &self.destination) {
            return Writes::No;
        }
        if self.origin != Origin::Context || self.adds_others || self.unknown_flag {
            return Writes::Maybe;
        }
        let rest = path[self.destination.trim_end_matches('/').len()..].trim_start_matches('/');
        let of = |source: &String| {
            if is_wild(source) || through_link(source, context) {
                return Writes::Maybe;
            }
            let inner = if source.is_empty() { rest.to_owned() } else { below(source, rest) };
            let is_file = |path: &str| {
                context.entry(path).is_some_and(|entry| !matches!(entry.kind, EntryKind::Folder))
            };
            let name = source.rsplit('/').next().unwrap_or_default();
            let itself = is_file(source) && (rest.is_empty() || rest == name);
            if itself || !rest.is_empty() && is_file(&inner) { Writes::Yes } else { Writes::No }
        };
        let all: Vec<Writes> = self.sources.iter().map(of).collect();
        let is = |writes| all.contains(&writes);
        if is(Writes::Maybe) {
            Writes::Maybe
        } else if is(Writes::Yes) {
            Writes::Yes
        } else {
            Writes::No
        }
    }

    /// Whether a source names a link, or is below one, whose target may contain `path`.
    pub(super) fn may_take_through_link(&self, path: &str, context: &Context) -> bool {
        let links = context.entries.iter().filter_map(|entry| match &entry.kind {
            EntryKind::Link { target } => Some((entry.path.as_str(), target.as_str())),
            _ => None,
        });
        let followed = links.filter(|(link, _)| {
            let names = |source: &String| {
                taken(source, link) == Some(Taken::Itself) || !is_wild(source) && is_in(source, link)
            };
            self.sources.iter().any(names)
        });
        followed.into_iter().any(|(link, target)| {
            let target = inside(link, target);
            through_link(&target, context) || target.is_empty() || is_in(path, &target)
        })
    }
}

/// Whether a path is a link, or is below one.
fn through_link(path: &str, context: &Context) -> bool {
    let ends = path.match_indices('/').map(|(end, _)| end).chain([path.len()]);
    ends.into_iter().any(|end| {
        context.entry(&path[..end]).is_some_and(|entry| matches!(entry.kind, EntryKind::Link { .. }))
    })
}

/// The path in the context that a link points to; absolute targets start at the context's root, and nothing is above
/// it.
fn inside(link: &str, target: &str) -> String {
    let folder = link.rfind('/').map_or("", |end| &link[..end]);
    let path = if target.starts_with('/') { target.to_owned() } else { format!("/{folder}/{target}") };
    clean(&path)[1..].to_owned()
}

#[cfg(test)]
mod tests {
    use super::Taken;
    use super::taken;

    #[test]
    fn sources_take_paths_as_the_builder_does() {
        for (source, path, expected) in [
            ("", "a/b", Some(Taken::Below("a/b"))),
            ("a", "a", Some(Taken::Itself)),
            ("a", "a/b/c", Some(Taken::Below("b/c"))),
            ("a", "ab", None),
            ("a/b", "a", None),
            ("*.py", "main.py", Some(Taken::Itself)),
            ("*.py", "src/main.py", None),
            ("*", "src/main.py", Some(Taken::Below("main.py"))),
            ("s*c/*.py", "src/main.py", Some(Taken::Itself)),
            ("sr?", "src/a/b", Some(Taken::Below("a/b"))),
            ("[ab].txt", "b.txt", Some(Taken::Itself)),
            ("[ab].txt", "c.txt", None),
            ("**", "a/b", Some(Taken::Below("b"))),
        ] {
            assert_eq!(taken(source, path), expected, "{source} {path}");
        }
    }
}
