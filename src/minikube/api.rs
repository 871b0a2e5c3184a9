//! From a node that runs to its API server: by the kubeconfig's entry, and if that fails, the proven defect.
//!
//! Three defects look alike from the entry alone: a kubeconfig that cannot be read, an entry with the wrong address,
//! and an API server that is down. Each has another remedy, and the remedy of the last resets a cluster that has one
//! of the others (tried with v1.38.1), so each is proven by itself: the files by reading them, the entry by a request
//! to the API server with minikube's own certificates, the API server by the kubelet in the node.

use crate::minikube::Break;
use crate::minikube::Node;
use crate::minikube::broken::Unreadable;
use crate::minikube::config;
use crate::minikube::endpoint;
use crate::minikube::entry;
use crate::minikube::kubeconfig;
use crate::minikube::probe;
use crate::minikube::probe::Connection;
use crate::minikube::probe::Unanswered;
use crate::project::name::Profile;
use crate::world::World;
use kube::config::Kubeconfig;
use serde_json::json;
use std::net::SocketAddr;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

/// How long each of the API server's addresses may take to answer to minikube's own certificates.
const OWN: Duration = Duration::from_secs(2);

/// minikube's own files for a profile: those that its entry names.
pub(crate) struct Own {
    pub(crate) authority: PathBuf,
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

impl Own {
    /// Where they are.
    pub(crate) fn read(world: &World, profile: &Profile) -> Option<Own> {
        let (home, folder) = (world.minikube_folder()?, config::folder(world, profile)?);
        Some(Own {
            authority: home.join("ca.crt"),
            certificate: folder.join("client.crt"),
            key: folder.join("client.key"),
        })
    }

    /// The first file that cannot be used, and why.
    fn unusable(&self) -> Option<(PathBuf, String)> {
        let files = [&self.authority, &self.certificate, &self.key];
        files.into_iter().find_map(|path| entry::unusable(path).map(|why| (path.clone(), why)))
    }

    /// Each key of an entry with its file.
    pub(crate) fn named(&self) -> [(&'static str, &Path); 3] {
        [
            ("certificate-authority", &self.authority),
            ("client-certificate", &self.certificate),
            ("client-key", &self.key),
        ]
    }
}

/// The connection to the API server by the kubeconfig, or the defect.
///
/// [`Unanswered::Silent`] can be explained only in the node.
pub(crate) async fn reach(
    world: &World,
    node: &Node,
    api: &[SocketAddr],
    timeout: Duration,
) -> Result<Connection, Result<Break, Unanswered>> {
    let path = node.kubeconfig.display();
    let context = &node.context;
    let files = kubeconfig::all(world).map_err(|why| Ok(Break::Unreadable(Unreadable::kubeconfig(why))))?;
    let file = files.into_iter().find(|(file, _)| *file == node.kubeconfig);
    // An entry is written by minikube, and it has to read the file for that.
    let stale = |why: String| match kubeconfig::readable_by_minikube(world) {
        Ok(()) => Err(Ok(Break::KubeconfigStale(why))),
        Err(why) => Err(Ok(Break::Unreadable(Unreadable::kubeconfig(why)))),
    };
    let Some((_, kubeconfig)) = file else { return stale(format!("`{path}` has no entry `{context}`")) };
    let foreign = entry::of_somebody_else(&kubeconfig, context);
    let Some(entry) = entry::find(&kubeconfig, context) else {
        return match foreign {
            Some(why) => Err(Ok(Break::ForeignEntry(format!("`{path}`: {why}")))),
            None => stale(format!("`{path}` has no entry `{context}`")),
        };
    };
    if !endpoint::leads_to(entry.server, api) {
        return match foreign {
            Some(why) => Err(Ok(Break::ForeignEntry(format!("`{path}`: {why}")))),
            None => stale(format!("the entry `{context}` of `{path}` points to {}", entry.server)),
        };
    }
    let own = Own::read(world, &node.profile);
    if let Some((file, why)) = entry.unusable_file() {
        // The entry's files have moved, if minikube's own files are where they belong.
        let is_own = own.as_ref().is_none_or(|own| own.named().iter().any(|(_, path)| *path == file));
        return match own.and_then(|own| own.unusable()) {
            None if !is_own => {
                stale(format!("the entry `{context}` of `{path}` names a file that cannot be used: {why}"))
            }
            Some((file, why)) => {
                Err(Ok(Break::Unreadable(Unreadable::certificate(&file, why, &node.profile))))
            }
            None => Err(Ok(Break::Unreadable(Unreadable::certificate(&file, why, &node.profile)))),
        };
    }
    match probe::answers(kubeconfig, context, timeout).await {
        Ok(connection) => Ok(connection),
        Err(Unanswered::Refused(why)) => Err(Ok(refused(node, own, api, why).await)),
        Err(other) => Err(Err(other)),
    }
}

/// An API server that refuses the entry: whether it accepts minikube's own certificates.
async fn refused(node: &Node, own: Option<Own>, api: &[SocketAddr], why: String) -> Break {
    let Some(own) = own.filter(|own| own.unusable().is_none()) else { return Break::ApiFails(why) };
    for address in api {
        if let Some(kubeconfig) = by_own(&own, *address)
            && probe::answers(kubeconfig, "own", OWN).await.is_ok()
        {
            let path = node.kubeconfig.display();
            return Break::KubeconfigStale(format!(
                "what the entry `{}` of `{path}` has is refused: {why}",
                node.context
            ));
        }
    }
    Break::ApiFails(why)
}

fn by_own(own: &Own, address: SocketAddr) -> Option<Kubeconfig> {
    serde_json::from_value(json!({
        "clusters": [{"name": "own", "cluster": {"server": format!("https://{address}"), "certificate-authority": own.authority}}],
        "users": [{"name": "own", "user": {"client-certificate": own.certificate, "client-key": own.key}}],
        "contexts": [{"name": "own", "context": {"cluster": "own", "user": "own"}}],
    }))
    .ok()
}
