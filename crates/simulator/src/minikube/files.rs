//! The files that minikube keeps of a profile, and its entry in the kubeconfig.

use crate::minikube::Inner;
use crate::minikube::print;
use serde_json::Value;
use serde_json::json;
use std::collections::BTreeMap;
use std::io;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;

fn folder(inner: &Inner, profile: &str) -> PathBuf {
    inner.home.join("profiles").join(profile)
}

/// The events of the last command of a profile.
pub(super) struct Events(PathBuf);

impl Events {
    pub(super) fn begin(inner: &Inner, profile: &str) -> Events {
        let file = folder(inner, profile).join("events.json");
        let _ = std::fs::remove_file(&file);
        Events(file)
    }

    pub(super) fn notify(&self, name: &str) {
        let line = print::event("step", &json!({ "name": name }));
        // The directory comes with the configuration; before that there is nothing to remember.
        if let Some(folder) = self.0.parent() {
            let _ = std::fs::create_dir_all(folder);
        }
        let file = std::fs::OpenOptions::new().create(true).append(true).open(&self.0);
        let _ = file.and_then(|mut file| writeln!(file, "{line}"));
    }
}

pub(super) fn remembered(inner: &Inner, profile: &str) -> Value {
    let text = std::fs::read(folder(inner, profile).join("config.json")).unwrap_or_default();
    serde_json::from_slice(&text).unwrap_or_default()
}

pub(super) fn config(inner: &Inner, profile: &str, config: &Value) -> io::Result<()> {
    let folder = folder(inner, profile);
    std::fs::create_dir_all(&folder)?;
    let beside = folder.join("config.json.new");
    std::fs::write(&beside, config.to_string())?;
    std::fs::rename(beside, folder.join("config.json"))
}

/// The key of the node's machine.
pub(super) fn machine(inner: &Inner, profile: &str) -> io::Result<()> {
    let folder = inner.home.join("machines").join(profile);
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join("id_rsa"), "a rehearsal has no key\n")
}

/// The CA, and the certificates of the user: for Docker and for Kubernetes.
pub(super) fn certificates(inner: &Inner, profile: &str) -> io::Result<()> {
    inner.certificates.write(&inner.home.join("certs"), ["ca.pem", "cert.pem", "key.pem"])?;
    // Of every profile; their keys are not kept in a rehearsal.
    inner.certificates.write(&inner.home, ["ca.crt", "proxy-client-ca.crt", "ca.key"])?;
    inner.certificates.write(&folder(inner, profile), ["ca.crt", "client.crt", "client.key"])
}

/// Writes the profile's entry and, unless the context is kept, makes it the current one.
pub(super) fn kubeconfig(inner: &Inner, profile: &str, switch: bool) -> io::Result<()> {
    let folder = folder(inner, profile);
    let file = |name: &str| json!(folder.join(name).display().to_string());
    let before = std::fs::read_to_string(&inner.kubeconfig).unwrap_or_default();
    // minikube ends with an error where it cannot parse the existing file.
    let _: Option<BTreeMap<String, Value>> = serde_saphyr::from_str(&before).map_err(io::Error::other)?;
    let before = before.lines().find_map(|line| line.strip_prefix("current-context: ")).unwrap_or("\"\"");
    let current = if switch { profile } else { before };
    let text = format!(
        "apiVersion: v1\nclusters:\n- cluster:\n    certificate-authority: {authority}\n    extensions:\n    - extension:\n        \
         provider: minikube.sigs.k8s.io\n        version: {version}\n      name: cluster_info\n    server: https://{api}\n  \
         name: {profile}\ncontexts:\n- context:\n    cluster: {profile}\n    namespace: default\n    user: {profile}\n  \
         name: {profile}\ncurrent-context: {current}\nkind: Config\nusers:\n- name: {profile}\n  user:\n    \
         client-certificate: {certificate}\n    client-key: {key}\n",
        authority = json!(inner.home.join("ca.crt").display().to_string()),
        version = super::VERSION,
        api = inner.api,
        certificate = file("client.crt"),
        key = file("client.key"),
    );
    write(&inner.kubeconfig, &text)
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let beside = path.with_extension("new");
    std::fs::write(&beside, text)?;
    std::fs::rename(beside, path)
}

/// Forgets a profile.
pub(super) fn forget(inner: &Inner, profile: &str) {
    for folder in [folder(inner, profile), inner.home.join("machines").join(profile)] {
        let _ = std::fs::remove_dir_all(folder);
    }
}
