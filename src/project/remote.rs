//! URLs of git remotes in one form, so that two clones of a repository have the same one however they were made.
//!
//! `https://kim:TOKEN@GitHub.com/Kim/Shop.git`, `git@github.com:kim/shop` and `ssh://git@ssh.github.com:443/kim/shop.git`
//! are all `github.com/kim/shop`. User names and passwords are left out: what comes from here is shown and kept in the
//! cluster.

use crate::relative::slashed;
use std::path::Path;

/// Hosts that serve SSH on port 443 under another name (according to their documentation).
const ALIASES: [(&str, &str); 3] = [
    ("ssh.github.com", "github.com"),
    ("altssh.gitlab.com", "gitlab.com"),
    ("altssh.bitbucket.org", "bitbucket.org"),
];

/// The URL of a remote of the repository in `root` in one form; `None` if it is in none that git has
/// (`git-clone(1)`: "GIT URLS").
pub(super) fn normal(url: &str, root: &Path, machine: &str) -> Option<String> {
    let url = url.trim();
    if let Some((scheme, rest)) = url.split_once("://") {
        let scheme = scheme.to_lowercase();
        if scheme == "file" {
            return Some(local(Path::new(rest), machine));
        }
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let port = match scheme.trim_start_matches("git+").trim_end_matches("+git") {
            "ssh" => "22",
            "http" => "80",
            "https" => "443",
            _ => "9418",
        };
        return hosted(authority, port, path);
    }
    let drive = url.as_bytes().first().is_some_and(u8::is_ascii_alphabetic)
        && matches!(url.get(1..3), Some(":\\" | ":/"));
    if let Some(rest) = url.strip_prefix('[')
        && let Some((authority, path)) = rest.split_once("]:")
    {
        return hosted(authority, "22", path);
    }
    match url.split_once(':') {
        Some((authority, path)) if !drive && !authority.contains('/') => {
            // `user:password@host:path` is not a URL, and the password would be shown as a path.
            let first = path.split('/').next().unwrap_or_default();
            if first.contains('@') { None } else { hosted(authority, "22", path) }
        }
        _ if url.is_empty() => None,
        _ => Some(local(&root.join(url), machine)),
    }
}

/// A repository in a directory of this machine. The directory with `.git` and `.git` itself are the same repository.
pub(super) fn local(path: &Path, machine: &str) -> String {
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let path = shown(&path);
    let path = path.trim_end_matches('/');
    let path = path.strip_suffix("/.git").or_else(|| path.strip_suffix(".git")).unwrap_or(path);
    let slash = if path.starts_with('/') { "" } else { "/" };
    format!("file://{machine}{slash}{path}")
}

fn hosted(authority: &str, default_port: &str, path: &str) -> Option<String> {
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host).to_lowercase();
    let (host, port) = match host.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host.to_owned(), port.to_owned()),
        _ => (host, String::new()),
    };
    if host.is_empty() || !port.chars().all(|c| c.is_ascii_digit()) {
        return None;
    }
    let alias = ALIASES.iter().find(|(alias, _)| *alias == host);
    let (host, port) = match alias {
        Some((_, host)) => ((*host).to_owned(), String::new()),
        None => (host, port),
    };
    let port = if port.is_empty() || port == default_port { String::new() } else { format!(":{port}") };
    let path = path.split(['?', '#']).next().unwrap_or_default().to_lowercase();
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let path = parts.join("/");
    let path = path.strip_suffix(".git").unwrap_or(&path).trim_end_matches('/');
    Some(format!("{}{port}/{path}", host.trim_end_matches('.')))
}

/// A path as it is kept and shown: with `/`, and without what Windows puts before a canonical one.
pub(super) fn shown(path: &Path) -> String {
    let text = slashed(path).display().to_string();
    text.strip_prefix("//?/").map(str::to_owned).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::normal;
    use std::path::Path;

    #[test]
    fn however_a_repository_was_cloned_it_has_one_name() {
        for url in [
            "https://github.com/kim/shop",
            "https://github.com/kim/shop.git",
            "https://github.com/kim/shop.git/",
            "https://GitHub.com/Kim/Shop",
            "https://github.com:443/kim/shop",
            "https://kim:ghp_secret@github.com/kim/shop.git",
            "https://ghp_secret@github.com/kim/shop.git?token=secret",
            "http://github.com/kim//shop",
            "git://github.com/kim/shop.git",
            "git@github.com:kim/shop.git",
            "github.com:/kim/shop",
            "ssh://git@github.com/kim/shop.git",
            "ssh://git@github.com:22/kim/shop.git",
            "ssh://git@ssh.github.com:443/kim/shop.git",
            "git+ssh://git@github.com/kim/shop",
            "[git@github.com:22]:kim/shop.git",
            "  git@github.com:kim/shop.git\n",
        ] {
            assert_eq!(normal(url, Path::new("/r"), "box").as_deref(), Some("github.com/kim/shop"), "{url}");
        }
    }

    #[test]
    fn what_differs_stays_different_and_nothing_secret_is_kept() {
        let table = [
            ("https://git.example:8443/a/b", Some("git.example:8443/a/b")),
            ("ssh://git@git.example:2222/a/b", Some("git.example:2222/a/b")),
            ("https://github.com/kim/shop2", Some("github.com/kim/shop2")),
            ("http://[::1]:3000/a", Some("[::1]:3000/a")),
            ("/srv/git/shop.git", Some("file://box/srv/git/shop")),
            ("/srv/git/Shop/.git/", Some("file://box/srv/git/Shop")),
            ("file:///srv/git/shop", Some("file://box/srv/git/shop")),
            ("sub/clone", Some("file://box/r/sub/clone")),
            (
                "C:/src/shop",
                Some(if cfg!(windows) { "file://box/C:/src/shop" } else { "file://box/r/C:/src/shop" }),
            ),
            ("kim:secret@git.example:a/b", None),
            ("https://kim:sec/ret@git.example/a/b", None),
            ("", None),
        ];
        for (url, expected) in table {
            let found = normal(url, Path::new("/r"), "box");
            assert_eq!(found.as_deref(), expected, "{url}");
            assert!(!found.unwrap_or_default().contains("secret"), "{url}");
        }
    }
}
