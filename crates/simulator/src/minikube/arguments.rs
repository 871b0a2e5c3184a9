//! The arguments of a call of minikube.

use std::collections::BTreeMap;
use std::ffi::OsString;

/// The arguments of a call.
#[derive(Debug, Default)]
pub(super) struct Arguments {
    pub(super) words: Vec<String>,
    flags: BTreeMap<String, String>,
}

impl Arguments {
    pub(super) fn parse(given: &[OsString]) -> Arguments {
        let mut arguments = Arguments::default();
        let mut given = given.iter().map(|argument| argument.to_string_lossy().into_owned());
        while let Some(argument) = given.next() {
            if argument == "--" {
                arguments.words.extend(given.by_ref());
            } else if let Some(flag) = argument.strip_prefix("--") {
                let (name, value) = flag.split_once('=').unwrap_or((flag, "true"));
                arguments.flags.insert(name.to_owned(), value.to_owned());
            } else if let Some(name @ ("p" | "o" | "n")) = argument.strip_prefix('-') {
                arguments.flags.insert(name.to_owned(), given.next().unwrap_or_default());
            } else if !argument.starts_with('-') {
                arguments.words.push(argument);
            }
        }
        arguments
    }

    pub(super) fn flag(&self, name: &str) -> Option<&str> {
        self.flags.get(name).map(String::as_str)
    }

    pub(super) fn profile(&self) -> &str {
        self.flag("p").unwrap_or("minikube")
    }
}

#[cfg(test)]
mod tests {
    use super::Arguments;
    use std::ffi::OsString;

    #[test]
    fn arguments_are_taken_as_minikube_takes_them() {
        let line = "start -o json --keep-context -p mini --cpus=4 --addons=a,b";
        let given: Vec<OsString> = line.split(' ').map(Into::into).collect();
        let arguments = Arguments::parse(&given);
        assert_eq!((arguments.words.join(" ").as_str(), arguments.profile()), ("start", "mini"));
        assert_eq!(
            [
                arguments.flag("o"),
                arguments.flag("keep-context"),
                arguments.flag("cpus"),
                arguments.flag("x")
            ],
            [Some("json"), Some("true"), Some("4"), None]
        );
    }
}
