//! `sync` of an image in deploy.toml: the user's rules for where files are copied to, and the steps afterwards.

use crate::image::surveyed::Surveyed;
use crate::image::sync::After;
use crate::project::SyncRule;
use dockerfile::glob::Glob;

/// The rules of an image.
pub(super) struct Rules<'a>(Vec<(Glob, &'a SyncRule)>);

/// The rules for one path of the context.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Matched {
    /// Its destination; that of the Dockerfile if not given.
    pub(super) to: Option<String>,
    /// The steps afterwards, in the order of the rules.
    pub(super) then: Vec<After>,
}

impl Matched {
    /// Whether a command replaces the `RUN`s after the `COPY` of the file.
    pub(super) fn runs(&self) -> bool {
        self.then.iter().any(|after| matches!(after, After::Run(_)))
    }
}

impl<'a> Rules<'a> {
    pub(super) fn new(rules: &'a [SyncRule]) -> Rules<'a> {
        let compiled = rules.iter().filter_map(|rule| Some((Glob::compile(&rule.from).ok()?, rule)));
        Rules(compiled.collect())
    }

    /// The rules for `path`; `None` if no rule matches. Of several destinations the first counts. A parent directory
    /// of files that may match is copied to their destination.
    pub(super) fn matched(&self, path: &str, is_folder: bool) -> Option<Matched> {
        let is_about = |glob: &Glob, rule: &SyncRule| {
            glob.matches_or_parent(path)
                || is_folder && rule.to.is_some() && path != prefix(&rule.from) && glob.may_match_below(path)
        };
        let about: Vec<&SyncRule> =
            self.0.iter().filter(|(glob, rule)| is_about(glob, rule)).map(|(_, rule)| *rule).collect();
        if about.is_empty() {
            return None;
        }
        let then = about.iter().flat_map(|rule| {
            let run = rule.run.clone().map(After::Run);
            run.into_iter().chain(rule.signal.map(After::Signal))
        });
        let to =
            about.iter().find_map(|rule| rule.to.as_deref().and_then(|to| destination(to, &rule.from, path)));
        // A process need not notice a directory alone.
        let then = if is_folder { Vec::new() } else { then.collect() };
        Some(Matched { to, then })
    }
}

/// The patterns of an image's rules that match nothing in its context.
#[must_use]
pub fn unused(image: &Surveyed) -> Vec<&str> {
    let rules = image.image.sync.iter().flatten();
    let is_unused = |rule: &&SyncRule| {
        let Ok(glob) = Glob::compile(&rule.from) else { return false };
        !image.context.entries.iter().any(|entry| glob.matches_or_parent(&entry.path))
    };
    rules.filter(is_unused).map(|rule| rule.from.as_str()).collect()
}

/// The destination of a path: its part after the prefix of `from` without wildcards, below `to`.
fn destination(to: &str, from: &str, path: &str) -> Option<String> {
    let start = prefix(from);
    let rest = match path.strip_prefix(start)? {
        "" if to.ends_with('/') => path.rsplit('/').next().unwrap_or(path),
        "" => return Some(to.to_owned()),
        rest if start.is_empty() => rest,
        rest => rest.strip_prefix('/')?,
    };
    Some(format!("{}/{rest}", to.trim_end_matches('/')))
}

/// The directories, or the file, that a pattern begins with.
fn prefix(from: &str) -> &str {
    match from.find(['*', '?', '[', '\\']) {
        None => from,
        Some(wild) => from[..wild].rfind('/').map_or("", |end| &from[..end]),
    }
}

#[cfg(test)]
mod tests {
    use super::Matched;
    use super::Rules;
    use crate::image::sync::After;
    use crate::project::Signal;
    use crate::project::SyncRule;

    fn rule(from: &str, to: Option<&str>) -> SyncRule {
        SyncRule { from: from.to_owned(), to: to.map(str::to_owned), ..SyncRule::default() }
    }

    #[test]
    fn a_file_goes_below_its_destination_as_it_is_below_the_pattern() {
        for (from, to, path, expected) in [
            ("src/**", "/app/src", "src/a/b.py", Some("/app/src/a/b.py")),
            ("src/**", "/app/src/", "src/b.py", Some("/app/src/b.py")),
            ("src", "/app", "src/a/b.py", Some("/app/a/b.py")),
            ("src/*.py", "/app", "src/b.py", Some("/app/b.py")),
            ("**", "/srv", "a/b", Some("/srv/a/b")),
            ("**/*.py", "/app", "a/b.py", Some("/app/a/b.py")),
            ("a.conf", "/etc/x.conf", "a.conf", Some("/etc/x.conf")),
            ("a.conf", "/etc/", "a.conf", Some("/etc/a.conf")),
            ("d/a.conf", "/etc/", "d/a.conf", Some("/etc/a.conf")),
            ("**", "/", "b", Some("/b")),
            ("src/**", "/app", "srcs/b", None),
            ("src/*.py", "/app", "src/b.txt", None),
        ] {
            let rules = [rule(from, Some(to))];
            let found = Rules::new(&rules).matched(path, false).map(|matched| matched.to.unwrap());
            assert_eq!(found.as_deref(), expected, "{from} {to} {path}");
        }
    }

    #[test]
    fn every_rule_about_a_file_counts_and_the_first_destination() {
        let run = SyncRule { run: Some("make".to_owned()), ..rule("src/**", None) };
        let signal = SyncRule { signal: Some(Signal::Hup), ..rule("**/*.conf", Some("/second")) };
        let rules = [rule("src/**", Some("/first")), run, signal, rule("other", None)];
        let rules = Rules::new(&rules);
        let expected = Matched {
            to: Some("/first/a.conf".to_owned()),
            then: vec![After::Run("make".to_owned()), After::Signal(Signal::Hup)],
        };
        assert_eq!(rules.matched("src/a.conf", false), Some(expected));
        assert_eq!(rules.matched("none", false), None);
    }

    #[test]
    fn a_directory_on_the_way_to_files_goes_where_they_go() {
        let rules = [SyncRule { run: Some("make".to_owned()), ..rule("src/**/*.py", Some("/app")) }];
        let rules = Rules::new(&rules);
        let there = Matched { to: Some("/app/new".to_owned()), then: Vec::new() };
        assert_eq!(rules.matched("src/new", true), Some(there));
        assert_eq!(rules.matched("docs", true), None);
    }
}
