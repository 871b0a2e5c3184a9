//! The record of a detached forward: its target, its owner, and where it listens.

use crate::project::name::Namespace;
use crate::project::name::ObjectName;
use crate::project::name::ProjectName;
use serde::Deserialize;
use serde::Serialize;
use std::net::SocketAddr;
use std::path::PathBuf;

/// The version of [`ForwardRecord`]. A process of another version is replaced.
pub const SCHEMA: u32 = 1;

/// The project that owns the forwards, and its cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForwardOwner {
    /// The project's name.
    pub project: ProjectName,
    /// Where its objects are.
    pub home: Namespace,
    /// The kubeconfig that has the cluster's context.
    pub kubeconfig: PathBuf,
    /// The cluster's context.
    pub context: String,
    /// Whether only a local minikube will do.
    pub minikube: bool,
    /// The UID of the cluster's namespace kube-system, which no other cluster has; `None` where it may not be read.
    pub cluster: Option<String>,
}

impl ForwardOwner {
    /// Whether both refer to the same project in the same cluster: by the cluster's UID if both have it, or by the
    /// same context of the same file, which may be another cluster by now.
    #[must_use]
    pub fn is(&self, other: &ForwardOwner) -> bool {
        let same_uid = self.cluster.is_some() && self.cluster == other.cluster;
        let same_context = self.context == other.context && self.kubeconfig == other.kubeconfig;
        self.project == other.project && self.home == other.home && (same_uid || same_context)
    }
}

/// A requested forward.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spec {
    /// The owner.
    pub owner: ForwardOwner,
    /// The Service to open, in the project's namespace; when that is deleted, the forward ends.
    pub opens: ObjectName,
    /// The namespace of the target Service: another one for the controller of an Ingress.
    pub namespace: Namespace,
    /// The target Service.
    pub service: ObjectName,
    /// The number of its port.
    pub port: u16,
    /// The name of that port in EndpointSlices.
    pub port_name: Option<String>,
    /// The requested port of localhost; any, if `None`.
    pub local_port: Option<u16>,
    /// Whether `up` requested it, and may end it when it is no longer needed.
    pub by_up: bool,
}

impl Spec {
    /// The name of its files. The same for every run that requests the same: cluster, namespace, port of a Service,
    /// and port of localhost.
    #[must_use]
    pub fn key(&self) -> String {
        let cluster = match &self.owner.cluster {
            Some(uid) => uid.clone(),
            None => format!("{} {}", self.owner.context, self.owner.kubeconfig.display()),
        };
        let local = self.local_port.map_or_else(String::new, |port| port.to_string());
        let parts =
            [&cluster, self.namespace.as_str(), self.service.as_str(), &self.port.to_string(), &local];
        let hash = blake3::hash(parts.join("\0").as_bytes()).to_hex();
        let name: String = self.service.as_str().chars().take(40).collect();
        format!("{name}-{}-{}", self.port, &hash[..16])
    }

    /// Whether a process that was started for `other` satisfies this one, whichever project requested it.
    #[must_use]
    pub fn is_met_by(&self, other: &Spec) -> bool {
        let route = |owner: &ForwardOwner| {
            (owner.kubeconfig.clone(), owner.context.clone(), owner.minikube, owner.cluster.clone())
        };
        route(&self.owner) == route(&other.owner)
            && self.key() == other.key()
            && self.port_name == other.port_name
    }
}

/// A forward that runs, or did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForwardRecord {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The version of `todo` that runs it.
    pub version: String,
    /// Its process, to be shown.
    pub pid: u32,
    /// Where it listens.
    pub address: SocketAddr,
    /// Its specification.
    pub spec: Spec,
    /// The URL that has answered through it, if one has.
    pub url: Option<String>,
    /// Why the last connection did not reach a pod.
    pub trouble: Option<String>,
    /// Why it has ended by itself.
    pub ended: Option<String>,
}

impl ForwardRecord {
    /// Its URL, or only its address where none has answered.
    #[must_use]
    pub fn url(&self) -> String {
        self.url.clone().unwrap_or_else(|| self.address.to_string())
    }

    /// The requested port, if another program uses it.
    #[must_use]
    pub fn missed(&self) -> Option<u16> {
        self.spec.local_port.filter(|port| *port != self.address.port())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::ForwardOwner;
    use super::ForwardRecord;
    use super::SCHEMA;
    use super::Spec;
    use crate::project::name::Namespace;
    use crate::project::name::ObjectName;
    use crate::project::name::ProjectName;

    pub(in crate::service) fn owner() -> ForwardOwner {
        ForwardOwner {
            project: ProjectName::parse("shop").unwrap(),
            home: Namespace::parse("shop").unwrap(),
            kubeconfig: "/home/kim/.kube/config".into(),
            context: "minikube".to_owned(),
            minikube: true,
            cluster: Some("uid-1".to_owned()),
        }
    }

    pub(in crate::service) fn spec() -> Spec {
        let web = ObjectName::parse("web").unwrap();
        Spec {
            owner: owner(),
            opens: web.clone(),
            namespace: Namespace::parse("shop").unwrap(),
            service: web,
            port: 80,
            port_name: Some("http".to_owned()),
            local_port: Some(30080),
            by_up: true,
        }
    }

    pub(in crate::service) fn record(spec: Spec, port: u16) -> ForwardRecord {
        let address = ([127, 0, 0, 1], port).into();
        let version = env!("CARGO_PKG_VERSION").to_owned();
        ForwardRecord {
            schema: SCHEMA,
            version,
            pid: 7,
            address,
            spec,
            url: None,
            trouble: None,
            ended: None,
        }
    }

    #[test]
    fn one_key_a_cluster_namespace_port_and_local_port() {
        let key = spec().key();
        let same = [
            Spec { by_up: false, ..spec() },
            Spec { port_name: None, ..spec() },
            Spec { owner: ForwardOwner { context: "renamed".to_owned(), ..owner() }, ..spec() },
        ];
        let other = [
            Spec { owner: ForwardOwner { cluster: Some("uid-2".to_owned()), ..owner() }, ..spec() },
            Spec { namespace: Namespace::parse("other").unwrap(), ..spec() },
            Spec { service: ObjectName::parse("api").unwrap(), ..spec() },
            Spec { port: 8080, ..spec() },
            Spec { local_port: None, ..spec() },
        ];
        assert!(same.iter().all(|spec| spec.key() == key));
        assert!(other.iter().all(|spec| spec.key() != key));
        assert!(key.starts_with("web-80-"));
    }

    #[test]
    fn an_owner_is_known_by_the_cluster_or_by_its_context() {
        let elsewhere = ForwardOwner { kubeconfig: "/tmp/config".into(), ..owner() };
        assert!(owner().is(&elsewhere), "the same cluster by another file");
        assert!(owner().is(&ForwardOwner { cluster: Some("uid-2".to_owned()), ..owner() }), "made again");
        assert!(owner().is(&ForwardOwner { cluster: None, ..owner() }), "it cannot be asked");
        assert!(!owner().is(&ForwardOwner { cluster: None, ..elsewhere }));
        assert!(!owner().is(&ForwardOwner { home: Namespace::parse("other").unwrap(), ..owner() }));
        assert!(!owner().is(&ForwardOwner { project: ProjectName::parse("other").unwrap(), ..owner() }));
    }

    #[test]
    fn a_forward_is_reused_for_what_it_was_made_for() {
        assert!(spec().is_met_by(&Spec { by_up: false, ..spec() }));
        assert!(!spec().is_met_by(&Spec { port_name: None, ..spec() }));
        let other = ForwardOwner { cluster: Some("uid-2".to_owned()), ..owner() };
        assert!(!spec().is_met_by(&Spec { owner: other, ..spec() }));
    }

    #[test]
    fn urls_and_addresses() {
        let url = "http://127.0.0.1:30081/".to_owned();
        assert_eq!(record(spec(), 30081).url(), "127.0.0.1:30081");
        assert_eq!(super::ForwardRecord { url: Some(url.clone()), ..record(spec(), 30081) }.url(), url);
        assert_eq!(record(spec(), 30081).missed(), Some(30080));
        assert_eq!(record(spec(), 30080).missed(), None);
    }
}
