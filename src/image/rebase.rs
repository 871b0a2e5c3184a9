//! A Dockerfile that starts from another image of the project, with what that image is called in the engine.
//!
//! Pure, and not a Dockerfile parser: lines stay lines, so that what BuildKit says about line 12 is about line 12.

use std::collections::BTreeMap;

/// The Dockerfile with each of `images` (name → reference) replaced where a base is named: `FROM`, `--from=`,
/// `--mount=…,from=` and the defaults of `ARG`.
#[must_use]
pub fn rebase(dockerfile: &str, images: &BTreeMap<String, String>) -> String {
    let mut text = String::with_capacity(dockerfile.len());
    let mut instruction = String::new();
    let mut continued = false;
    for line in dockerfile.split_inclusive('\n') {
        let trimmed = line.trim();
        if trimmed.starts_with('#') {
            text.push_str(line);
            continue;
        }
        if !continued {
            instruction = trimmed.split_whitespace().next().unwrap_or_default().to_ascii_uppercase();
        }
        continued = trimmed.ends_with('\\');
        let mut seen = 0;
        for piece in line.split_inclusive(char::is_whitespace) {
            let word = piece.trim_end();
            let space = &piece[word.len()..];
            if !word.is_empty() && !word.starts_with("--") {
                seen += 1;
            }
            text.push_str(&match instruction.as_str() {
                "FROM" if seen == 2 => named(word, images),
                "ARG" => after('=', word, images),
                "COPY" | "ADD" if word.starts_with("--from=") => after('=', word, images),
                "RUN" if word.starts_with("--mount=") => word
                    .split(',')
                    .map(|field| {
                        if field.starts_with("from=") { after('=', field, images) } else { field.to_owned() }
                    })
                    .collect::<Vec<_>>()
                    .join(","),
                _ => word.to_owned(),
            });
            text.push_str(space);
        }
    }
    text
}

/// A name of an image of ours, with or without a tag, as its reference; anything else as it is.
#[must_use]
pub fn named(word: &str, images: &BTreeMap<String, String>) -> String {
    let name = word.split_once(':').map_or(word, |(name, _)| name);
    images.get(name).cloned().unwrap_or_else(|| word.to_owned())
}

fn after(sign: char, word: &str, images: &BTreeMap<String, String>) -> String {
    match word.split_once(sign) {
        Some((before, value)) => format!("{before}{sign}{}", named(value.trim_matches('"'), images)),
        None => word.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::rebase;
    use std::collections::BTreeMap;

    #[test]
    fn bases_of_ours_are_named_as_the_engine_has_them() {
        let images = BTreeMap::from([("base".to_owned(), "todo.local/p/base:i-1".to_owned())]);
        for (written, sent) in [
            ("FROM base\n", "FROM todo.local/p/base:i-1\n"),
            ("from  --platform=x base:1 AS base\n", "from  --platform=x todo.local/p/base:i-1 AS base\n"),
            ("FROM database AS base\n", "FROM database AS base\n"),
            ("COPY --from=base /base base\n", "COPY --from=todo.local/p/base:i-1 /base base\n"),
            (
                "RUN --mount=type=bind,from=base,target=/b base",
                "RUN --mount=type=bind,from=todo.local/p/base:i-1,target=/b base",
            ),
            ("ARG B=base\nFROM ${B}\n", "ARG B=todo.local/p/base:i-1\nFROM ${B}\n"),
            ("RUN a \\\n  --from=base\n# FROM base\n", "RUN a \\\n  --from=base\n# FROM base\n"),
        ] {
            assert_eq!(rebase(written, &images), sent);
        }
    }
}
