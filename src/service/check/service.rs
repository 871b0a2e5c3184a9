//! Checks of a Service: from outside, as it is opened in a browser, or from the pods of the cluster.

use super::CheckProblem;
use super::CheckRunner;
use super::CheckTarget;
use super::PACE;
use super::Tried;
use super::answered;
use super::is_fine;
use crate::limit;
use crate::manifest::Object;
use crate::project;
use crate::project::Expect;
use crate::project::name::ObjectName;
use crate::service::backend;
use crate::service::candidate::Candidate;
use crate::service::candidate::Live;
use crate::service::candidate::candidates;
use crate::service::once::once;
use kube::Api;
use kube::api::ListParams;

/// Where a Service is requested.
#[derive(Debug, Clone, Copy)]
pub(super) enum Entrance {
    /// Its public address: behind its Ingress, if it has one.
    AsPeopleDo,
    /// Itself, as pods ask it, at this port.
    Itself(Option<u16>),
}

impl CheckRunner<'_, '_> {
    /// A Service of the project that a URL of the cluster names, with the port and the path.
    pub(super) fn names_service(&self, url: &str) -> Option<(ObjectName, Option<u16>, String)> {
        let uri: ::http::Uri = url.parse().ok()?;
        let host = uri.host()?;
        let namespace = self.cluster.as_ref()?.namespace.as_str();
        let name = match host.split_once('.') {
            None => host,
            Some((name, rest)) => {
                let of =
                    rest.trim_end_matches('.').trim_end_matches(".cluster.local").trim_end_matches(".svc");
                Some(name).filter(|_| of == namespace)?
            }
        };
        let is = |object: &&Object| object.kind() == "Service" && object.name() == name;
        self.objects.iter().find(is)?;
        let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        Some((ObjectName::parse(name).ok()?, uri.port_u16(), path))
    }

    pub(super) async fn service(
        &self,
        name: &ObjectName,
        front: Entrance,
        path: &str,
        expect: &Expect,
    ) -> Tried {
        let Some(cluster) = &self.cluster else {
            return Tried::Failed(CheckProblem::Unasked("the cluster does not run".to_owned()));
        };
        let candidate = match self.candidate(cluster, name, front, path, expect).await {
            Ok(candidate) => candidate,
            Err(why) => return Tried::Failed(CheckProblem::Unasked(why)),
        };
        if let Entrance::Itself(Some(port)) = front
            && port != candidate.port.number
        {
            let why =
                format!("the Service `{name}` is requested at port {}, not at {port}", candidate.port.number);
            return Tried::Failed(CheckProblem::Unasked(why));
        }
        let asked = once(cluster.client, cluster.namespace, cluster.reach, &candidate, &[], PACE).await;
        let why = match asked.status {
            Some(status) if asked.answers && is_fine(status, expect) => {
                return Tried::Passed(answered(status, expect));
            }
            Some(status) if asked.answers => format!("answers {status}"),
            _ => asked.why.unwrap_or_else(|| "does not answer".to_owned()),
        };
        Tried::Failed(CheckProblem::Service { status: asked.status, why })
    }

    async fn candidate(
        &self,
        cluster: &CheckTarget<'_>,
        name: &ObjectName,
        front: Entrance,
        path: &str,
        expect: &Expect,
    ) -> Result<Candidate, String> {
        let all = ListParams::default();
        let services = Api::namespaced(cluster.client.clone(), cluster.namespace.as_str());
        let ingresses = Api::namespaced(cluster.client.clone(), cluster.namespace.as_str());
        let (services, ingresses) = tokio::try_join!(
            limit::with_timeout(services.list(&all)),
            limit::with_timeout(ingresses.list(&all))
        )
        .map_err(|error| backend::words(&error))?;
        let mut live = Live { services: services.items, ingresses: ingresses.items };
        let mut objects = self.objects.to_vec();
        if matches!(front, Entrance::Itself(_)) {
            live.ingresses.clear();
            objects.retain(|object| object.kind() != "Ingress");
        }
        let wanted = project::Service {
            name: name.clone(),
            place: crate::event::Place::file("deploy.toml"),
            path: path.to_owned(),
            expect: expect.clone(),
            local_port: None,
        };
        let found =
            candidates(&[wanted], &objects, &live).map_err(|mut findings| findings.remove(0).message)?;
        let mut candidate = found.into_iter().next().ok_or("this Service does not exist")?;
        // The path is the check's own, not that of the Ingress's rule.
        path.clone_into(&mut candidate.path);
        Ok(candidate)
    }
}
