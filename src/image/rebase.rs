//! A Dockerfile based on another image of the project, with the name of that image in the engine.
//!
//! Pure, and not a Dockerfile parser: lines stay lines, so that BuildKit's messages about line 12 are about line 12.

use crate::image::graph::needed;
use crate::project::name::ImageName;
use dockerfile::Dockerfile;
use std::collections::BTreeMap;

/// The Dockerfile of `own` with each of `images` (name → reference) replaced by its reference: in `FROM`, whatever
/// `ARG` it came from, in `COPY --from=` and in `RUN --mount=…,from=`.
#[must_use]
pub fn rebase(dockerfile: &Dockerfile, own: &ImageName, images: &BTreeMap<ImageName, String>) -> Vec<u8> {
    let reference = |base: &str| needed(base, own, images.keys()).and_then(|name| images.get(name));
    let from: BTreeMap<usize, &String> = dockerfile
        .stages
        .iter()
        .filter(|stage| stage.parent.is_none())
        .filter_map(|stage| Some((stage.line, reference(&stage.base)?)))
        .collect();
    let is_stage = |name: &str| {
        let name = name.to_lowercase();
        dockerfile.stages.iter().any(|stage| stage.name.as_ref() == Some(&name))
    };
    let other =
        |base: &str| reference(base).filter(|_| !is_stage(base)).cloned().unwrap_or_else(|| base.to_owned());

    let written = String::from_utf8_lossy(&dockerfile.text);
    let mut text = String::with_capacity(written.len());
    let mut instructions = dockerfile.instructions.iter().peekable();
    let mut seen = 0;
    for (index, line) in written.split_inclusive('\n').enumerate() {
        let number = index + 1;
        while instructions.next_if(|instruction| instruction.last < number).is_some() {
            seen = 0;
        }
        let Some(instruction) = instructions.peek().filter(|instruction| instruction.first <= number) else {
            text.push_str(line);
            continue;
        };
        for piece in line.split_inclusive(char::is_whitespace) {
            let word = piece.trim_end();
            let is_word = !word.is_empty() && !word.starts_with("--") && word != "\\";
            seen += usize::from(is_word);
            match (instruction.keyword.as_str(), from.get(&instruction.first)) {
                ("FROM", Some(reference)) if seen == 2 && is_word => text.push_str(reference),
                ("COPY", _) if word.starts_with("--from=") => {
                    text.push_str("--from=");
                    text.push_str(&other(&word["--from=".len()..]));
                }
                ("RUN", _)
                    if word.starts_with("--mount=") && instruction.flags.iter().any(|flag| flag == word) =>
                {
                    let field = |field: &str| match field.strip_prefix("from=") {
                        Some(base) => format!("from={}", other(base)),
                        None => field.to_owned(),
                    };
                    text.push_str(&word.split(',').map(field).collect::<Vec<_>>().join(","));
                }
                _ => text.push_str(word),
            }
            text.push_str(&piece[word.len()..]);
        }
    }
    text.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::rebase;
    use crate::image::survey::tests::surveyed;
    use crate::project::name::ImageName;
    use std::collections::BTreeMap;

    #[test]
    fn bases_of_ours_are_named_as_the_engine_has_them() {
        let images =
            BTreeMap::from([(ImageName::parse("base").unwrap(), "todo.local/p/base:i-1".to_owned())]);
        for (written, sent) in [
            ("FROM base\n", "FROM todo.local/p/base:i-1\n"),
            ("from  --platform=x base:1 AS base\n", "from  --platform=x todo.local/p/base:i-1 AS base\n"),
            ("FROM docker.io/library/base\n", "FROM todo.local/p/base:i-1\n"),
            ("FROM database AS base\nFROM base\n", "FROM database AS base\nFROM base\n"),
            (
                "FROM x\nCOPY --from=base /base base\n",
                "FROM x\nCOPY --from=todo.local/p/base:i-1 /base base\n",
            ),
            (
                "FROM x AS base\nFROM y\nCOPY --from=base a b\n",
                "FROM x AS base\nFROM y\nCOPY --from=base a b\n",
            ),
            (
                "FROM x\nRUN --mount=type=bind,from=base,target=/b base",
                "FROM x\nRUN --mount=type=bind,from=todo.local/p/base:i-1,target=/b base",
            ),
            (
                "ARG B=base\nARG MODE=base\nFROM ${B}\n",
                "ARG B=base\nARG MODE=base\nFROM todo.local/p/base:i-1\n",
            ),
            (
                "FROM x\nRUN a \\\n  --from=base\n# FROM base\n",
                "FROM x\nRUN a \\\n  --from=base\n# FROM base\n",
            ),
        ] {
            let image = surveyed("web", written, &["base"]);
            let rebased = rebase(&image.dockerfile, &image.image.name, &images);
            assert_eq!(String::from_utf8(rebased).unwrap(), sent);
        }
    }
}
