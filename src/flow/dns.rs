//! Whether names are resolved: by this machine, by the node, and by pods. For `todo doctor`, because a run that
//! builds nothing new needs none of it.

use crate::event::Code;
use crate::event::Finding;
use crate::flow::reach;
use crate::flow::reach::ClusterHandle;
use crate::flow::reach::ClusterState;
use crate::minikube;
use crate::project::Project;
use crate::project::name::Namespace;
use crate::project::name::ObjectName;
use crate::run::Run;
use crate::service;
use std::time::Duration;

/// The registry of most images.
const NAME: &str = "registry-1.docker.io";

/// How long this machine and the node may look for a name.
const LIMIT: Duration = Duration::from_secs(5);

/// The results; `None` where the check was not possible.
#[derive(Debug, Clone, Copy, Default)]
struct Resolution {
    /// Whether this machine finds the name.
    here: Option<bool>,
    /// Whether the node does.
    node: Option<bool>,
    /// Pods of the cluster's DNS that are ready.
    pods: Option<usize>,
}

/// Problems with name resolution on this machine and in the cluster, if it runs.
pub(crate) async fn findings(run: &Run, project: &Project) -> Vec<Finding> {
    let mut seen = Resolution::default();
    // A proxy resolves the name itself.
    let proxy = ["HTTPS_PROXY", "https_proxy"].iter().any(|name| run.world.var(name).is_some());
    let asked = !proxy && !project.images.is_empty();
    if asked {
        let found = tokio::time::timeout(LIMIT, tokio::net::lookup_host((NAME, 443))).await;
        seen.here = Some(found.is_ok_and(|found| found.is_ok_and(|mut all| all.next().is_some())));
    }
    if let Ok(ClusterState::Running(cluster)) = reach::inspect(run, project).await {
        seen.pods = pods(run, project, &cluster).await;
        if asked && project.elsewhere.is_none() {
            let printed = minikube::inside(run, &project.minikube.profile, &script()).await;
            seen.node = printed.ok().and_then(|printed| resolves(&printed));
        }
    }
    compare(seen, project.minikube.profile.as_str())
}

async fn pods(run: &Run, project: &Project, cluster: &ClusterHandle) -> Option<usize> {
    let target = cluster.target(run, project).await.ok()?;
    let namespace = Namespace::parse("kube-system").ok()?;
    // The Service of CoreDNS has the name of kube-dns, which it replaced, in every distribution.
    let service = ObjectName::parse("kube-dns").ok()?;
    service::ready(&target.client, &namespace, &service).await.ok()
}

fn script() -> String {
    format!("timeout {} getent hosts {NAME} >/dev/null 2>&1; echo \"dns $?\"\n", LIMIT.as_secs())
}

/// The result from the output of [`script`]: `getent` exits with 2 for a name that is not found, `timeout` with 124.
fn resolves(printed: &str) -> Option<bool> {
    let code = printed.lines().find_map(|line| line.trim().strip_prefix("dns "))?;
    match code {
        "0" => Some(true),
        "2" | "124" => Some(false),
        _ => None,
    }
}

fn compare(seen: Resolution, profile: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    match (seen.here, seen.node) {
        (Some(false), Some(false) | None) => {
            let message = format!("this machine cannot resolve `{NAME}`, where most images come from");
            findings.push(Code::DnsLookupFailed.warning(message).help(
                "check its network and its DNS servers; behind a proxy set HTTPS_PROXY. Images that are built already do not need it",
            ));
        }
        (_, Some(false)) => {
            let message = format!("the node cannot resolve `{NAME}`, though this machine can");
            findings.push(Code::NodeDnsBroken.warning(message).help(format!(
                "a VPN or a firewall that came after the node's start is the usual cause: `minikube stop -p {profile}`, then `todo up`; see also `minikube ssh -p {profile} -- cat /etc/resolv.conf`"
            )));
        }
        _ => {}
    }
    if seen.pods == Some(0) {
        let message = "the cluster's DNS has no ready pod: pods cannot resolve the names of Services";
        findings.push(Code::ClusterDnsNotReady.warning(message).help(
            "see why: `kubectl -n kube-system describe pods -l k8s-app=kube-dns`, and `kubectl -n kube-system logs -l k8s-app=kube-dns`",
        ));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::Resolution;
    use super::compare;
    use super::resolves;
    use crate::event::Code;

    #[test]
    fn whoever_finds_no_names_is_told() {
        let all = Resolution { here: Some(true), node: Some(true), pods: Some(1) };
        for (seen, codes) in [
            (Resolution::default(), &[] as &[Code]),
            (all, &[]),
            (Resolution { here: Some(false), ..Resolution::default() }, &[Code::DnsLookupFailed]),
            (Resolution { here: Some(false), node: Some(false), ..all }, &[Code::DnsLookupFailed]),
            // If the node resolves names by its own means, nothing else is needed.
            (Resolution { here: Some(false), ..all }, &[]),
            (Resolution { node: Some(false), ..all }, &[Code::NodeDnsBroken]),
            (
                Resolution { node: Some(false), pods: Some(0), ..all },
                &[Code::NodeDnsBroken, Code::ClusterDnsNotReady],
            ),
            (Resolution { pods: Some(0), ..Resolution::default() }, &[Code::ClusterDnsNotReady]),
        ] {
            let found = compare(seen, "mini");
            let named: Vec<Code> = found.iter().map(|finding| finding.code).collect();
            assert_eq!(named, codes, "{seen:?}: {found:?}");
            assert!(found.iter().all(|finding| finding.help.is_some()));
        }
    }

    #[test]
    fn what_the_node_says_counts_only_where_it_could_look() {
        for (printed, found) in [
            ("dns 0\n", Some(true)),
            ("motd\r\ndns 2\r\n", Some(false)),
            ("dns 124\n", Some(false)),
            ("dns 127\n", None),
            ("", None),
        ] {
            assert_eq!(resolves(printed), found, "{printed:?}");
        }
    }
}
