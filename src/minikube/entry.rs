//! The profile's entry in a kubeconfig: whether it exists, its owner, its address and the files it names.
//!
//! minikube names cluster, user and context after the profile and replaces all three when it writes them
//! (`pkg/minikube/kubeconfig/settings.go`: `PopulateFromSettings`), so an entry of that name that belongs to another
//! cluster would lose its address and its credentials.

use crate::minikube::text;
use kube::config::AuthInfo;
use kube::config::Cluster;
use kube::config::Kubeconfig;
use kube::config::NamedExtension;
use std::net::IpAddr;
use std::path::Path;
use std::path::PathBuf;

/// The extension that marks entries written by minikube (`pkg/minikube/kubeconfig/extension.go`).
const PROVIDER: &str = "minikube.sigs.k8s.io";

/// A context with its cluster and its user.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KubeconfigEntry<'a> {
    cluster: &'a Cluster,
    user: &'a AuthInfo,
    /// Its API server.
    pub(crate) server: &'a str,
}

/// The entry of that name, if context, cluster and user exist.
pub(crate) fn find<'a>(kubeconfig: &'a Kubeconfig, name: &str) -> Option<KubeconfigEntry<'a>> {
    let context = kubeconfig.contexts.iter().find(|named| named.name == name)?.context.as_ref()?;
    let user = user(kubeconfig, context.user.as_deref()?)?;
    let cluster = cluster(kubeconfig, &context.cluster)?;
    Some(KubeconfigEntry { cluster, user, server: cluster.server.as_deref()? })
}

fn cluster<'a>(kubeconfig: &'a Kubeconfig, name: &str) -> Option<&'a Cluster> {
    kubeconfig.clusters.iter().find(|named| named.name == name)?.cluster.as_ref()
}

fn user<'a>(kubeconfig: &'a Kubeconfig, name: &str) -> Option<&'a AuthInfo> {
    kubeconfig.auth_infos.iter().find(|named| named.name == name)?.auth_info.as_ref()
}

impl KubeconfigEntry<'_> {
    /// The first file of certificates or keys that it names and that cannot be used: which, and why.
    pub(crate) fn unusable_file(&self) -> Option<(PathBuf, String)> {
        self.files().find_map(|path| unusable(&path).map(|why| (path, why)))
    }

    /// The same without minikube's `own` files, which each start recreates if they are missing.
    pub(crate) fn unusable_file_of_others(&self, own: &[(&str, &Path)]) -> Option<String> {
        let is_own = |path: &PathBuf| own.iter().any(|(_, own)| own == path);
        self.files().filter(|path| !is_own(path)).find_map(|path| unusable(&path))
    }

    /// The files that count: embedded data takes precedence over them.
    fn files(&self) -> impl Iterator<Item = PathBuf> {
        let named = [
            (&self.cluster.certificate_authority, self.cluster.certificate_authority_data.is_some()),
            (&self.user.client_certificate, self.user.client_certificate_data.is_some()),
            (&self.user.client_key, self.user.client_key_data.is_some()),
        ];
        named
            .into_iter()
            .filter(|(_, beside)| !beside)
            .filter_map(|(path, _)| path.as_deref().map(PathBuf::from))
    }
}

/// Why the file at `path` holds no certificate or key.
pub(crate) fn unusable(path: &Path) -> Option<String> {
    match text::read(path) {
        Err(why) => Some(why),
        Ok(None) => Some(format!("`{}` does not exist", path.display())),
        Ok(Some(text)) if !text.contains("-----BEGIN ") => {
            Some(format!("`{}` holds no certificate or key in PEM form", path.display()))
        }
        Ok(Some(_)) => None,
    }
}

/// What another owner would lose if minikube wrote an entry of that name; `None` if nothing.
///
/// An entry written by minikube has its mark, or names files of a directory `.minikube`; an entry for this machine
/// without credentials of its own has nothing to lose.
pub(crate) fn of_somebody_else(kubeconfig: &Kubeconfig, name: &str) -> Option<String> {
    let context = kubeconfig.contexts.iter().find(|named| named.name == name);
    let context = context.and_then(|named| named.context.as_ref());
    let (to, by) =
        (context.map(|context| context.cluster.as_str()), context.and_then(|item| item.user.as_deref()));
    let clusters: Vec<&Cluster> =
        [Some(name), to].into_iter().flatten().filter_map(|item| cluster(kubeconfig, item)).collect();
    let users: Vec<&AuthInfo> =
        [Some(name), by].into_iter().flatten().filter_map(|item| user(kubeconfig, item)).collect();
    let marked = clusters.iter().any(|cluster| marked(cluster.extensions.as_deref()))
        || context.is_some_and(|context| marked(context.extensions.as_deref()));
    let of_folder = |path: &Option<String>| path.as_deref().is_some_and(|path| path.contains(".minikube"));
    if marked
        || clusters.iter().any(|cluster| of_folder(&cluster.certificate_authority))
        || users.iter().any(|user| of_folder(&user.client_certificate))
    {
        return None;
    }
    let leads =
        clusters.iter().filter_map(|cluster| cluster.server.as_deref()).find(|server| !is_near(server));
    if let Some(server) = leads {
        return Some(format!("it points to {server}"));
    }
    users.iter().any(|user| has_credentials(user)).then(|| "its user has its own credentials".to_owned())
}

fn marked(extensions: Option<&[NamedExtension]>) -> bool {
    extensions.unwrap_or_default().iter().any(|extension| extension.extension["provider"] == PROVIDER)
}

/// Whether a server is this machine, or an address that only a local network has.
fn is_near(server: &str) -> bool {
    let Ok(uri) = server.parse::<http::Uri>() else { return true };
    let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V4(ip)) => ip.is_loopback() || ip.is_private() || ip.is_link_local(),
        Ok(IpAddr::V6(ip)) => ip.is_loopback() || ip.is_unique_local(),
        Err(_) => host.is_empty() || host == "localhost",
    }
}

fn has_credentials(user: &AuthInfo) -> bool {
    user.token.is_some()
        || user.token_file.is_some()
        || user.username.is_some()
        || user.exec.is_some()
        || user.auth_provider.is_some()
        || user.client_certificate.is_some()
        || user.client_certificate_data.is_some()
}

/// The text of a kubeconfig in which the entry of that name has minikube's own files in place of those that it names;
/// `None` if it names them already, or by data and not by path.
///
/// Each value is replaced in place, and only if the file then has that value and is otherwise unchanged.
pub(crate) fn with_files(text: &str, name: &str, files: &[(&str, &Path)]) -> Option<String> {
    let says = |text: &str| -> Option<serde_json::Value> {
        serde_json::to_value(Kubeconfig::from_yaml(text).ok()?).ok()
    };
    let mut edited = text.to_owned();
    for (key, file) in files {
        let mut desired = says(&edited)?;
        let file = file.to_str()?;
        let Some(value) = value_of(&mut desired, name, key) else { continue };
        let old = value.as_str()?.to_owned();
        if old == file {
            continue;
        }
        *value = file.into();
        let starts: Vec<usize> = edited.match_indices(old.as_str()).map(|(at, _)| at).collect();
        edited = starts.into_iter().find_map(|at| {
            let tried = format!("{}{file}{}", &edited[..at], &edited[at + old.len()..]);
            (says(&tried)? == desired).then_some(tried)
        })?;
    }
    (edited != text).then_some(edited)
}

/// Where a kubeconfig has a file of the entry of that name.
fn value_of<'a>(
    kubeconfig: &'a mut serde_json::Value,
    name: &str,
    key: &str,
) -> Option<&'a mut serde_json::Value> {
    let named =
        |list: &serde_json::Value, name: &str| list.as_array()?.iter().position(|item| item["name"] == name);
    let context = named(&kubeconfig["contexts"], name)?;
    let context = kubeconfig["contexts"][context]["context"].clone();
    let (list, of) = if key == "certificate-authority" { ("clusters", "cluster") } else { ("users", "user") };
    let at = named(&kubeconfig[list], context[of].as_str()?)?;
    kubeconfig.get_mut(list)?.get_mut(at)?.get_mut(of)?.get_mut(key)
}

#[cfg(test)]
mod tests {
    use super::find;
    use super::of_somebody_else;
    use super::with_files;
    use kube::config::Kubeconfig;
    use std::path::Path;

    const MINE: &str = "\
clusters:
- cluster:
    certificate-authority: /old/.minikube/ca.crt
    server: https://192.168.49.2:8443
  name: other
- cluster:
    certificate-authority: /old/.minikube/ca.crt # shared
    server: https://192.168.58.2:8443
  name: mini
contexts:
- context: {cluster: mini, user: mini}
  name: mini
users:
- name: mini
  user:
    client-certificate: \"/old/.minikube/profiles/mini/client.crt\"
    client-key: /old/.minikube/profiles/mini/client.key
";

    fn parse(text: &str) -> Kubeconfig {
        Kubeconfig::from_yaml(text).unwrap()
    }

    #[test]
    fn an_entry_counts_when_its_context_cluster_and_user_are_there() {
        assert_eq!(find(&parse(MINE), "mini").unwrap().server, "https://192.168.58.2:8443");
        assert!(find(&parse(MINE), "other").is_none());
        let without = MINE.replace("- name: mini\n  user", "- name: else\n  user");
        assert!(find(&parse(&without), "mini").is_none());
    }

    #[test]
    fn files_that_moved_are_named_where_they_are_and_nothing_else_changes() {
        let files = [
            ("certificate-authority", Path::new("/new/ca.crt")),
            ("client-certificate", Path::new("/new/client.crt")),
            ("client-key", Path::new("/old/.minikube/profiles/mini/client.key")),
        ];
        let edited = with_files(MINE, "mini", &files).unwrap();
        let expected = MINE
            .replace("/old/.minikube/ca.crt # shared", "/new/ca.crt # shared")
            .replace("/old/.minikube/profiles/mini/client.crt", "/new/client.crt");
        assert_eq!(edited, expected);
        assert_eq!(with_files(&edited, "mini", &files), None);
        assert_eq!(with_files(MINE, "other", &files), None, "it is no whole entry");
    }

    #[test]
    fn an_entry_of_another_cluster_is_told_from_minikubes() {
        let entry = |server: &str, cluster: &str, user: &str| {
            format!(
                "clusters:\n- name: mini\n  cluster: {{server: '{server}'{cluster}}}\ncontexts:\n- name: mini\n  context: {{cluster: mini, user: mini}}\nusers:\n- name: mini\n  user: {{{user}}}\n"
            )
        };
        let mark = ", extensions: [{name: cluster_info, extension: {provider: minikube.sigs.k8s.io}}]";
        for (text, lost) in [
            (MINE.to_owned(), false),
            ("users: []\n".to_owned(), false),
            (entry("https://127.0.0.1:9", "", ""), false),
            (entry("https://127.0.0.1:9", "", "token: t"), true),
            (entry("https://10.1.2.3:6443", "", "client-certificate: /etc/k/me.crt"), true),
            (
                entry(
                    "https://10.1.2.3:6443",
                    "",
                    "client-certificate: /h/.minikube/profiles/mini/client.crt",
                ),
                false,
            ),
            (entry("https://prod.example.com", "", ""), true),
            (entry("https://203.0.113.7:6443", "", ""), true),
            (entry("https://tunnel.example.com", mark, "token: t"), false),
        ] {
            assert_eq!(of_somebody_else(&parse(&text), "mini").is_some(), lost, "{text}");
        }
    }
}
