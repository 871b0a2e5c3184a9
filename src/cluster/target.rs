//! The cluster that we write to, the namespace in it, and our identity; and the guard against writing to an
//! unintended cluster.
//!
//! Not the profile (`minikube`): only an entry of a kubeconfig. The user's current context is ignored here.

use crate::clock::Clock;
use crate::cluster::inventory;
use crate::cluster::lock::run_lock::RunLock;
use crate::cluster::request::report_waiting;
use crate::cluster::request::unreadable;
use crate::cluster::retry::retry;
use crate::cluster::wire::Wire;
use crate::event::Code;
use crate::event::Step;
use crate::fault::Fault;
use crate::fault::FaultKind;
use crate::fault::OrFault;
use crate::file;
use crate::kubernetes;
use crate::limit;
use crate::project::name::Namespace;
use crate::project::name::ProjectName;
use crate::project::origin::Origin;
use crate::run::Run;
use kube::Client;
use kube::Config;
use kube::config::KubeConfigOptions;
use kube::config::Kubeconfig;
use kube::config::NamedExtension;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tracing::debug;

/// Time limit for a connection; the API server is on this machine or in its network.
const CONNECT: Duration = Duration::from_secs(5);

/// The value that minikube writes as `provider` into the extensions of its kubeconfig entries
/// (`minikube: pkg/minikube/kubeconfig/extension.go`).
const PROVIDER: &str = "minikube.sigs.k8s.io";

/// A cluster, a namespace in it, and the project whose objects are in it.
#[derive(Clone)]
pub struct Target {
    /// The connection; kube's own retries are off.
    pub client: Client,
    /// The namespace of objects that name none.
    pub namespace: Namespace,
    /// The project that owns them.
    pub project: ProjectName,
    /// Where the project's files are.
    pub origin: Arc<Origin>,
    /// The local clock.
    pub clock: Clock,
    /// The project's lock in this run.
    pub lock: Arc<RunLock>,
    /// The minikube profile of the cluster; `None` if it is not a minikube.
    pub profile: Option<String>,
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Target({} in {})", self.project, self.namespace)
    }
}

/// Whether a cluster other than a local minikube is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    /// Only a local minikube will do.
    LocalMinikube,
    /// The project names the context in a `[target]`.
    Named,
}

impl Guard {
    /// The profile behind a context: minikube gives its contexts the names of their profiles.
    #[must_use]
    pub fn profile(self, context: &str) -> Option<String> {
        (self == Guard::LocalMinikube).then(|| context.to_owned())
    }
}

impl Target {
    /// Connects to the local minikube behind `context` of the file `kubeconfig`. Nothing is sent yet.
    pub async fn connect(
        run: &Run,
        kubeconfig: &Path,
        context: &str,
        namespace: Namespace,
        project: ProjectName,
        origin: Arc<Origin>,
    ) -> Result<Target, Fault> {
        Target::guarded(run, kubeconfig, context, Guard::LocalMinikube, namespace, project, origin).await
    }

    /// As [`Target::connect`], for a context that may be any cluster if the project names it.
    pub async fn guarded(
        run: &Run,
        kubeconfig: &Path,
        context: &str,
        guard: Guard,
        namespace: Namespace,
        project: ProjectName,
        origin: Arc<Origin>,
    ) -> Result<Target, Fault> {
        let client = client(run, kubeconfig, context, guard).await?;
        let clock = run.world.clock.clone();
        Ok(Target {
            client,
            namespace,
            project,
            origin,
            clock,
            lock: Arc::default(),
            profile: guard.profile(context),
        })
    }

    /// Sends a request by [`Target::client`], and retries while the server fails transiently; `item` is shown as
    /// waiting meanwhile, `doing` names what could not be done in the end.
    ///
    /// # Errors
    /// [`FaultKind::Apply`], with the server's last message.
    pub(crate) async fn request<T, F: Future<Output = kube::Result<T>>>(
        &self,
        run: &Run,
        item: &str,
        doing: &'static str,
        mut question: impl FnMut() -> F,
    ) -> Result<T, Fault> {
        let asked = retry(report_waiting(run, Step::Apply, item), || {
            let answer = limit::with_timeout(question());
            async { Ok(answer.await?) }
        });
        asked.await.map_err(|failure| unreadable(failure, doing))
    }

    pub(crate) fn wire(&self) -> Wire {
        Wire::new(self.client.clone())
    }

    /// The label selector of this project's objects.
    pub(crate) fn selector(&self) -> String {
        format!("{}={}", inventory::PART_OF, self.part_of())
    }

    pub(crate) fn part_of(&self) -> String {
        inventory::id(&self.project, &self.namespace)
    }
}

/// Redacts the credentials of a kubeconfig's entries: servers and `exec` programs quote them when they fail.
fn hide_credentials(run: &Run, file: &Kubeconfig) {
    let Ok(entries) = serde_json::to_value(&file.auth_infos) else { return };
    let users = entries.as_array().into_iter().flatten().map(|entry| &entry["user"]);
    for user in users {
        let own = ["token", "password", "client-key-data"].map(|field| &user[field]);
        let provider = user["auth-provider"]["config"].as_object().into_iter().flatten();
        let provider = provider.map(|(name, value)| (name.as_str(), value));
        let environment = user["exec"]["env"].as_array().into_iter().flatten();
        let environment = environment.map(|pair| (pair["name"].as_str().unwrap_or_default(), &pair["value"]));
        let is_secret = |name: &str| {
            let name = name.to_ascii_lowercase();
            ["token", "secret", "passw", "key"].iter().any(|part| name.contains(part))
        };
        let named = provider.chain(environment).filter(|(name, _)| is_secret(name));
        let values = own.into_iter().chain(named.map(|(_, value)| value));
        values.filter_map(serde_json::Value::as_str).for_each(|value| run.sink.hide(value.as_bytes()));
    }
}

/// A connection to the cluster behind `context` of the file `kubeconfig`, if `guard` allows it. Nothing is sent yet.
pub async fn client(run: &Run, kubeconfig: &Path, context: &str, guard: Guard) -> Result<Client, Fault> {
    let doing = || format!("cannot use the context `{context}` of {}", kubeconfig.display());
    file::check(kubeconfig, file::TEXT).or_fault(Code::ClusterUnreachable, FaultKind::Minikube, doing)?;
    let file =
        Kubeconfig::read_from(kubeconfig).or_fault(Code::ClusterUnreachable, FaultKind::Minikube, doing)?;
    if !file.contexts.iter().any(|entry| entry.name == context) {
        return Err(Code::ContextNotFound
            .fault(FaultKind::Minikube, format!("{} has no context `{context}`", kubeconfig.display()))
            .hint(format!("write it: `minikube update-context -p {context}`")));
    }
    if guard == Guard::LocalMinikube && !is_local_minikube(&file, context) {
        return Err(Code::ContextNotLocal.fault(
            FaultKind::Usage,
            format!("the context `{context}` is not a local minikube; nothing was sent to it"),
        )
        .hint(format!(
            "if this is intended, name it in deploy.toml: `[target.NAME]` with `context = \"{context}\"`, and use `todo up --target NAME`"
        )));
    }
    hide_credentials(run, &file);
    let options = KubeConfigOptions { context: Some(context.to_owned()), ..Default::default() };
    let mut config = Config::from_custom_kubeconfig(file, &options).await.or_fault(
        Code::ClusterUnreachable,
        FaultKind::Minikube,
        doing,
    )?;
    // Our own retries report why they wait (`retry`); kube's wait in silence for minutes.
    config.default_retry = false;
    // A proxy of the environment is for the outside; it would not find a cluster on this machine.
    if guard == Guard::LocalMinikube {
        config.proxy_url = None;
    }
    config.connect_timeout = Some(CONNECT);
    debug!("the cluster is {}, context {context} of {}", config.cluster_url, kubeconfig.display());
    kubernetes::client(config).or_fault(Code::ClusterUnreachable, FaultKind::Minikube, doing)
}

/// Whether a kubeconfig entry is a minikube of this machine: minikube's mark, and a local address.
fn is_local_minikube(file: &Kubeconfig, name: &str) -> bool {
    let Some(context) =
        file.contexts.iter().find(|entry| entry.name == name).and_then(|c| c.context.as_ref())
    else {
        return false;
    };
    let cluster = file.clusters.iter().find(|entry| entry.name == context.cluster);
    let Some(cluster) = cluster.and_then(|entry| entry.cluster.as_ref()) else { return false };
    let marked = |extensions: &Option<Vec<NamedExtension>>| {
        extensions.iter().flatten().any(|extension| extension.extension["provider"] == PROVIDER)
    };
    let host = cluster.server.as_deref().and_then(|server| server.parse::<http::Uri>().ok());
    let host = host.as_ref().and_then(http::Uri::host).unwrap_or_default();
    (marked(&context.extensions) || marked(&cluster.extensions)) && is_near(host) || is_loopback(host)
}

fn is_loopback(host: &str) -> bool {
    let host = host.trim_matches(['[', ']']);
    host == "localhost" || host.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
}

/// Loopback, or an address of a private network (RFC 1918, RFC 4193), as nodes of minikube have.
fn is_near(host: &str) -> bool {
    match host.trim_matches(['[', ']']).parse() {
        Ok(std::net::IpAddr::V4(address)) => address.is_private() || address.is_loopback(),
        Ok(std::net::IpAddr::V6(address)) => address.is_loopback() || address.is_unique_local(),
        Err(_) => matches!(host, "localhost" | "control-plane.minikube.internal"),
    }
}

#[cfg(test)]
mod tests {
    use super::is_local_minikube;
    use kube::config::Kubeconfig;

    #[test]
    fn only_a_minikube_of_this_machine_passes() {
        let passes = |server: &str, provider: &str| {
            let yaml = format!(
                "apiVersion: v1\nkind: Config\nclusters:\n- name: c\n  cluster:\n    server: {server}\n    \
                 extensions:\n    - name: cluster_info\n      extension: {{provider: {provider}}}\n\
                 contexts:\n- name: x\n  context: {{cluster: c, user: u}}\n"
            );
            is_local_minikube(&Kubeconfig::from_yaml(&yaml).unwrap(), "x")
        };
        assert!(passes("https://192.168.49.2:8443", "minikube.sigs.k8s.io"));
        assert!(passes("https://127.0.0.1:32771", "minikube.sigs.k8s.io"));
        assert!(passes("http://127.0.0.1:4711", "none"));
        assert!(!passes("https://192.168.49.2:8443", "none"));
        assert!(!passes("https://34.12.0.7", "minikube.sigs.k8s.io"));
        assert!(!passes("https://api.prod.example", "minikube.sigs.k8s.io"));
    }
}
