//! Secrets that a Dockerfile or deploy.toml puts into an image in clear: `ARG` and `ENV` stay in its history.

use crate::event::Code;
use crate::event::Finding;
use crate::image::surveyed::Surveyed;
use crate::project::clear::Clear;
use crate::project::clear::detect;
use dockerfile::Instruction;

/// A warning for each, at its line; the value is never shown.
pub(crate) fn secrets(surveyed: &Surveyed) -> Vec<Finding> {
    let mut found = Vec::new();
    for instruction in &surveyed.dockerfile.instructions {
        for (name, value) in pairs(instruction) {
            if detect(&name, &value) == Some(Clear::Secret) {
                let message = format!(
                    "`{name}` looks like a secret, and remains in the image, where anyone who has it can read it"
                );
                let finding = Code::SecretInImage.warning(message).at(surveyed.place(instruction.first));
                found.push(finding.help(help(&name)));
            }
        }
    }
    for (name, value) in &surveyed.image.args {
        if detect(name, value) == Some(Clear::Secret) {
            let message = format!(
                "the build argument `{name}` looks like a secret, and remains in the image's history"
            );
            found
                .push(Code::SecretInImage.warning(message).at(surveyed.image.place.clone()).help(help(name)));
        }
    }
    found
}

fn help(name: &str) -> String {
    let id = name.to_lowercase();
    format!(
        "mount it where it is needed: `RUN --mount=type=secret,id={id} …` and `secrets.{id} = {{ env = \"{name}\" }}` \
         in deploy.toml; what runs reads it from a Secret"
    )
}

/// The names and literal values of an `ARG` or `ENV`.
fn pairs(instruction: &Instruction) -> Vec<(String, String)> {
    let rest = instruction.rest.trim();
    match instruction.keyword.as_str() {
        // The old form: one name, and the rest of the line is its value.
        "ENV" if !rest.split_whitespace().next().unwrap_or_default().contains('=') => rest
            .split_once(char::is_whitespace)
            .map(|(name, value)| vec![(name.to_owned(), unquoted(value))])
            .unwrap_or_default(),
        "ARG" | "ENV" => rest
            .split_whitespace()
            .filter_map(|word| word.split_once('='))
            .map(|(name, value)| (name.to_owned(), unquoted(value)))
            .collect(),
        _ => Vec::new(),
    }
}

fn unquoted(value: &str) -> String {
    value.trim().trim_matches(['"', '\'']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::pairs;
    use dockerfile::Instruction;

    #[test]
    fn arg_and_env_in_every_form() {
        let read = |keyword: &str, rest: &str| {
            let (flags, rest) = (Vec::new(), rest.to_owned());
            let found = pairs(&Instruction { keyword: keyword.to_owned(), flags, rest, first: 1, last: 1 });
            found.into_iter().map(|(name, value)| format!("{name}:{value}")).collect::<Vec<_>>()
        };
        assert_eq!(read("ENV", "A=1 B=\"two\""), ["A:1", "B:two"]);
        assert_eq!(read("ENV", "API_KEY one two"), ["API_KEY:one two"]);
        assert_eq!(read("ARG", "TOKEN='x'"), ["TOKEN:x"]);
        assert!(read("ARG", "TOKEN").is_empty() && read("RUN", "A=1 true").is_empty());
    }
}
