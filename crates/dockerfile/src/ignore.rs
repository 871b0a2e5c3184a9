//! `.dockerignore`, exactly as BuildKit reads it.
//!
//! Not gitignore: patterns are rooted at the context, a `!` below an ignored directory works, and the last pattern that hits
//! the path or a directory above it decides. Reading is `moby/patternmatcher: ignorefile.ReadAll`, the verdict
//! `MatchesUsingParentResults` as `fsutil: filter.go` calls it during its walk. Linux rules on every host, because BuildKit
//! reads the file in a Linux daemon.

use crate::glob::Glob;
use crate::glob::Malformed;

/// The rules of one ignore file.
#[derive(Debug, Clone, Default)]
pub struct Ignore {
    rules: Vec<Rule>,
}

/// One rule.
#[derive(Debug, Clone)]
pub struct Rule {
    /// The line, from 1.
    pub line: usize,
    /// The pattern as it is understood: cleaned, without `!`.
    pub pattern: String,
    /// Whether it keeps what earlier rules ignore.
    pub exception: bool,
    glob: Glob,
}

/// A line that means nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadRule {
    /// The line, from 1.
    pub line: usize,
    /// The pattern as written.
    pub pattern: String,
    /// Why it is invalid, as the end of a sentence.
    pub reason: &'static str,
}

/// Which rules hit a directory; its contents begin with these.
#[derive(Debug, Clone, Default)]
pub struct Hits(Box<[bool]>);

/// The longest line that BuildKit reads (`bufio.MaxScanTokenSize`).
const LONGEST_LINE: usize = 64 * 1024;

impl Ignore {
    /// Reads the text of an ignore file; every bad line is reported.
    pub fn parse(text: &[u8]) -> Result<Ignore, Vec<BadRule>> {
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        let (mut rules, mut bad) = (Vec::new(), Vec::new());
        for (index, line) in text.split(|byte| *byte == b'\n').enumerate() {
            let line = String::from_utf8_lossy(line);
            let wrong = |reason| BadRule { line: index + 1, pattern: line.trim().to_owned(), reason };
            if line.len() >= LONGEST_LINE {
                bad.push(BadRule {
                    line: index + 1,
                    pattern: line.chars().take(40).chain(['…']).collect(),
                    reason: "is longer than 64 KiB",
                });
                continue;
            }
            let Some(written) = normalise(&line) else { continue };
            let (exception, pattern) = match written.strip_prefix('!') {
                Some("") => {
                    bad.push(wrong("excepts nothing"));
                    continue;
                }
                Some(pattern) => (true, pattern),
                None => (false, written.as_str()),
            };
            match Glob::compile(pattern) {
                Ok(glob) => {
                    let pattern = pattern.to_owned();
                    rules.push(Rule { line: index + 1, pattern, exception, glob });
                }
                Err(Malformed(reason)) => bad.push(wrong(reason)),
            }
        }
        if bad.is_empty() { Ok(Ignore { rules }) } else { Err(bad) }
    }

    /// The rules, in the order of the file.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Whether a file is ignored, given what hit its directory.
    #[must_use]
    pub fn ignores(&self, path: &str, folder: &Hits) -> bool {
        self.judge(path, folder, |_, _| {}).is_some()
    }

    /// Whether a directory is ignored, given what hit the directory around it, and what hit it.
    #[must_use]
    pub fn ignores_folder(&self, path: &str, around: &Hits) -> (bool, Hits) {
        let mut hits = vec![false; self.rules.len()];
        let ignored = self.judge(path, around, |index, hit| hits[index] = hit).is_some();
        (ignored, Hits(hits.into_boxed_slice()))
    }

    /// Whether something below a directory that is ignored could be kept.
    #[must_use]
    pub fn may_keep_below(&self, folder: &str) -> bool {
        self.rules.iter().any(|rule| rule.exception && rule.glob.may_match_below(folder))
    }

    /// The rule that makes a path ignored, if it is; the directories above it are judged too.
    #[must_use]
    pub fn ignored_by(&self, path: &str) -> Option<&Rule> {
        let mut hits = Hits::default();
        for (end, _) in path.match_indices('/') {
            hits = self.ignores_folder(&path[..end], &hits).1;
        }
        self.judge(path, &hits, |_, _| {}).map(|index| &self.rules[index])
    }

    /// The index of the last matching rule, if that rule ignores the path.
    fn judge(&self, path: &str, around: &Hits, mut tell: impl FnMut(usize, bool)) -> Option<usize> {
        let mut ignored = None;
        for (index, rule) in self.rules.iter().enumerate() {
            let mut hit = around.0.get(index).copied().unwrap_or_default();
            if !hit {
                // A rule that could not change the verdict is not evaluated, and so does not count as hit further down.
                if rule.exception != ignored.is_some() {
                    continue;
                }
                hit = rule.glob.matches(path);
            }
            tell(index, hit);
            if hit {
                ignored = (!rule.exception).then_some(index);
            }
        }
        ignored
    }
}

/// The pattern after both passes of upstream (`ignorefile.ReadAll`, then `patternmatcher.New`); `None` if the line is
/// empty.
fn normalise(line: &str) -> Option<String> {
    if line.starts_with('#') {
        return None;
    }
    let line = line.trim();
    let (mark, pattern) = line.strip_prefix('!').map_or(("", line), |pattern| ("!", pattern.trim()));
    if line.is_empty() {
        return None;
    }
    let mut pattern = if pattern.is_empty() { String::new() } else { clean(pattern) };
    if pattern.len() > 1 && pattern.starts_with('/') {
        pattern.remove(0);
    }
    let pattern = format!("{mark}{pattern}");
    let pattern = pattern.trim();
    (!pattern.is_empty()).then(|| clean(pattern))
}

/// Go's `path.Clean`: the shortest path that means the same, without looking at the disk.
#[must_use]
pub fn clean(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if rooted => {}
            _ => parts.push(part),
        }
    }
    let joined = parts.join("/");
    match (rooted, joined.is_empty()) {
        (true, _) => format!("/{joined}"),
        (false, true) => ".".to_owned(),
        (false, false) => joined,
    }
}

#[cfg(test)]
mod tests;
