//! Parses `NAME:PATH`.

use crate::world::Os;
use std::path::PathBuf;

/// One side of a copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Side {
    /// A path of this machine.
    Here(PathBuf),
    /// A path in a container.
    There {
        /// The workload or pod of the container.
        name: String,
        /// The path.
        path: Split,
    },
    /// `-`: a tar archive on standard input or output.
    Stream,
}

/// A path in a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Split {
    /// All of it.
    pub(super) whole: String,
    /// The directory above.
    pub(super) parent: String,
    /// The last name; `None` if the content of the directory is meant: `/app/.`, `.`, `/`.
    pub(super) name: Option<String>,
}

impl Split {
    /// The command that writes it as an archive. A name that begins with `-` is none of its options.
    pub(super) fn tar_out(&self) -> Vec<String> {
        let (directory, name) = match &self.name {
            Some(name) => (&self.parent, format!("./{name}")),
            None => (&self.whole, ".".to_owned()),
        };
        ["tar", "-cf", "-", "-C", directory, &name].map(str::to_owned).to_vec()
    }
}

/// A path in a container follows a name and a colon; a local path with a colon begins with `.` or `/`.
pub(super) fn side(text: &str, os: Os) -> Side {
    if text == "-" {
        return Side::Stream;
    }
    match text.split_once(':') {
        Some((name, path))
            if !name.is_empty() && !name.starts_with(['.', '/', '~']) && !is_drive(name, os) =>
        {
            Side::There { name: name.to_owned(), path: split(path) }
        }
        _ => Side::Here(PathBuf::from(text)),
    }
}

fn is_drive(name: &str, os: Os) -> bool {
    os == Os::Windows && name.len() == 1 && name.starts_with(|letter: char| letter.is_ascii_alphabetic())
}

fn split(path: &str) -> Split {
    let trimmed = path.trim_end_matches('/');
    let whole = if trimmed.is_empty() { if path.is_empty() { "." } else { "/" } } else { trimmed };
    let (parent, name) = match whole.rsplit_once('/') {
        Some(("", name)) => ("/", name),
        Some((parent, name)) => (parent, name),
        None => (".", whole),
    };
    let name = (!matches!(name, "" | "." | "..")).then(|| name.to_owned());
    Split { whole: whole.to_owned(), parent: parent.to_owned(), name }
}

#[cfg(test)]
mod tests {
    use super::Side;
    use super::side;
    use crate::world::Os;

    #[test]
    fn a_name_and_a_colon_mean_a_container() {
        // argument, name, arguments of `tar`
        for (text, name, tar) in [
            ("web:/app/a.txt", "web", "/app ./a.txt"),
            ("deployment/web:/app/", "deployment/web", "/ ./app"),
            ("web:app/src", "web", "app ./src"),
            ("web:a", "web", ". ./a"),
            ("web:-x", "web", ". ./-x"),
            ("web:/app/.", "web", "/app/. ."),
            ("web:/", "web", "/ ."),
            ("web:", "web", ". ."),
        ] {
            let Side::There { name: found, path } = side(text, Os::Linux) else { panic!("{text}") };
            assert_eq!((found.as_str(), path.tar_out()[4..].join(" ").as_str()), (name, tar), "{text}");
        }
        for text in ["./a:b", "/a:b", "../a:b", "a/b", ":a", "~/a:b"] {
            assert!(matches!(side(text, Os::Linux), Side::Here(_)), "{text}");
        }
        assert!(matches!(side("C:\\a", Os::Windows), Side::Here(_)));
        assert!(matches!(side("c:/a", Os::Linux), Side::There { .. }));
        assert_eq!(side("-", Os::Linux), Side::Stream);
    }
}
