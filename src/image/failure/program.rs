//! A program that a step cannot start: it is missing, not executable, for another processor, or a script whose
//! interpreter is missing. Shells print nearly the same for all of them.

use crate::file;
use crate::image::surveyed::Surveyed;
use regex::Regex;

/// Why the program could not be started, and what to do; `None` without a message that it could not.
pub(super) fn why(
    image: &Surveyed,
    command: &str,
    output: &[String],
    error: &str,
    code: Option<i64>,
) -> Option<(String, String)> {
    let texts = || output.iter().map(String::as_str).rev().chain([error]);
    let format = texts().any(|text| text.to_lowercase().contains("exec format error"));
    let carriage =
        texts().any(|text| text.contains("^M: bad interpreter") || text.contains("\\r': No such file"));
    if !format && !carriage && !matches!(code, Some(126 | 127)) {
        return None;
    }
    let script =
        texts().find_map(named).or_else(|| command.split_whitespace().find(|word| word.contains('/')));
    let first = script.and_then(|script| first_line(image, script));
    let named = script.unwrap_or_default();
    if carriage || first.as_ref().is_some_and(|line| line.starts_with("#!") && line.ends_with('\r')) {
        let message = format!(
            "the first line of `{named}` ends with a carriage return (CRLF), which becomes part of its interpreter's name"
        );
        return Some((
            message,
            "write the file with LF: `*.sh text eol=lf` in .gitattributes, then `git add --renormalize .`"
                .to_owned(),
        ));
    }
    if format {
        return Some(match first {
            Some(line) if !line.starts_with("#!") && line.is_ascii() && !line.is_empty() => (
                format!("`{named}` is a script without `#!` in its first line"),
                "begin it with `#!/bin/sh`".to_owned(),
            ),
            _ => (
                "it is a program for another processor, or none at all".to_owned(),
                "set `platform`, or use a base and programs for this engine's processor".to_owned(),
            ),
        });
    }
    if code == Some(126) {
        let help = "make it executable (`chmod +x`, and `git update-index --chmod=+x` on Windows)";
        return Some(("the file is not executable".to_owned(), help.to_owned()));
    }
    if let Some(interpreter) = first.as_deref().and_then(|line| line.strip_prefix("#!")) {
        let interpreter = interpreter.trim();
        let message = format!(
            "`{named}` is started by `{interpreter}`, which the image does not have, or `{named}` itself is not there"
        );
        return Some((
            message,
            "install the interpreter in an earlier step, or COPY the script before".to_owned(),
        ));
    }
    let help = "install the program in an earlier step, or check its name";
    Some(("no such program in the image".to_owned(), help.to_owned()))
}

/// The file that a shell reports as not found.
fn named(text: &str) -> Option<&str> {
    let pattern = Regex::new(r"(?:sh|exec|env)(?:: line \d+|: \d+)?: (\S+): (?:not found|No such file|Permission denied|cannot execute)").ok()?;
    let found = pattern.captures(text)?.get(1)?.as_str();
    found.contains('/').then_some(found)
}

/// The first line of the context's file that a COPY probably copied to this path.
fn first_line(image: &Surveyed, path: &str) -> Option<String> {
    let root = &image.context.root;
    let name = path.rsplit('/').next()?;
    let mut alike = image.context.entries.iter().filter(|entry| entry.path.rsplit('/').next() == Some(name));
    let bytes = file::read(&root.join(path.trim_start_matches("./").trim_start_matches('/')), file::TEXT)
        .ok()
        .or_else(|| match (alike.next(), alike.next()) {
            (Some(only), None) => file::read(&root.join(&only.path), file::TEXT).ok(),
            _ => None,
        })?;
    let line = bytes.split(|byte| *byte == b'\n').next()?;
    Some(String::from_utf8_lossy(&line[..line.len().min(200)]).into_owned())
}
