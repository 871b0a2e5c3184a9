//! Files that are secret by their name, or by their first bytes.
//!
//! Not a scanner of contents: only where a name is not enough (a `.pem` is more often a certificate than a key) is the
//! beginning of the file read.

use crate::file;
use std::io::Read;
use std::path::Path;

/// Why a file should not be in an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Sensitive {
    /// Settings, which are mostly passwords.
    Environment,
    /// A private key or the like.
    Key,
    /// Credentials for a login.
    Login,
    /// The whole history.
    Git,
}

impl Sensitive {
    /// The name of such files in the plural.
    pub(crate) fn plural(self) -> &'static str {
        match self {
            Sensitive::Environment => "files with settings",
            Sensitive::Key => "private keys",
            Sensitive::Login => "files with logins",
            Sensitive::Git => "histories",
        }
    }
}

/// Judges an entry of a context; if it is a file, it can be read below `root`.
pub(crate) fn sensitive(path: &str, root: Option<&Path>) -> Option<Sensitive> {
    let name = path.rsplit('/').next()?;
    if name == ".git" {
        return Some(Sensitive::Git);
    }
    let root = root?;
    let says = |text: &str| begins_with_mention(&root.join(path), text);
    let within = |folder: &str| path.strip_suffix(name).is_some_and(|above| above.ends_with(folder));
    match name {
        "id_rsa" | "id_dsa" | "id_ecdsa" | "id_ed25519" => Some(Sensitive::Key),
        ".netrc" | ".pypirc" | ".git-credentials" => Some(Sensitive::Login),
        ".npmrc" | ".yarnrc.yml" if says("_authToken=") || says("npmAuthToken:") => Some(Sensitive::Login),
        "credentials" if within(".aws/") => Some(Sensitive::Login),
        "config.json" if within(".docker/") => Some(Sensitive::Login),
        "config" if within(".kube/") => Some(Sensitive::Login),
        _ if is_settings(name) => Some(Sensitive::Environment),
        _ => match name.rsplit_once('.')?.1 {
            "p12" | "pfx" => Some(Sensitive::Key),
            "pem" | "key" if says("PRIVATE KEY-----") => Some(Sensitive::Key),
            _ => None,
        },
    }
}

/// `.env` and its variants, except those made to be shared.
fn is_settings(name: &str) -> bool {
    const SHARED: [&str; 7] = ["example", "sample", "template", "dist", "defaults", "default", "schema"];
    match name.strip_prefix(".env") {
        Some("") => true,
        Some(rest) => rest.starts_with('.') && !rest.split('.').any(|part| SHARED.contains(&part)),
        None => false,
    }
}

fn begins_with_mention(path: &Path, text: &str) -> bool {
    let mut beginning = Vec::new();
    file::open(path).is_ok_and(|file| file.take(4096).read_to_end(&mut beginning).is_ok())
        && beginning.windows(text.len()).any(|window| window == text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::Sensitive;
    use super::sensitive;

    #[test]
    fn secrets_are_known_by_name_or_beginning() {
        let folder = tempfile::tempdir().unwrap();
        let (key, other) = ("-----BEGIN EC PRIVATE KEY-----\n", "-----BEGIN CERTIFICATE-----\n");
        for (path, text, expected) in [
            ("a/.env", other, Some(Sensitive::Environment)),
            (".env.local", other, Some(Sensitive::Environment)),
            (".env.example", other, None),
            (".environment", other, None),
            ("tls/server.pem", key, Some(Sensitive::Key)),
            ("tls/ca.pem", other, None),
            ("x.pfx", other, Some(Sensitive::Key)),
            (".ssh/id_ed25519", other, Some(Sensitive::Key)),
            (".npmrc", other, None),
            ("a/.aws/credentials", other, Some(Sensitive::Login)),
            ("credentials", other, None),
            ("main.py", key, None),
        ] {
            let file = folder.path().join(path);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, text).unwrap();
            assert_eq!(sensitive(path, Some(folder.path())), expected, "{path}");
        }
        assert_eq!(sensitive("sub/.git", None), Some(Sensitive::Git));
    }
}
