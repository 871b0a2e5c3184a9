//! A project and the cluster that it is deployed to: what every step of a run needs, without the results of the
//! steps.

use crate::cluster::Doing;
use crate::cluster::Target;
use crate::event::Step;
use crate::fault::Result;
use crate::flow::owner;
use crate::flow::reach;
use crate::flow::reach::ClusterHandle;
use crate::flow::redaction;
use crate::project::Project;
use crate::run::Run;
use std::sync::Arc;

/// The run, the project, and its place in a reachable cluster.
#[derive(Debug)]
pub(crate) struct Connected<'a> {
    /// The run.
    pub(crate) run: &'a Run,
    /// The content of deploy.toml.
    pub(crate) project: &'a Arc<Project>,
    /// The cluster, as images and requests reach it.
    pub(crate) cluster: ClusterHandle,
    /// The API server, and the project's namespace in it.
    pub(crate) target: Target,
}

impl<'a> Connected<'a> {
    /// Connects to the API server of `cluster`.
    pub(crate) async fn to(
        run: &'a Run,
        project: &'a Arc<Project>,
        cluster: ClusterHandle,
    ) -> Result<Connected<'a>> {
        let target = cluster.target(run, project).await?;
        Ok(Connected { run, project, cluster, target })
    }
}

/// The project's target in a running cluster, for a command that uses what is deployed: it must be this project, and
/// the values of the Secrets that its pods read are redacted from here on. If they cannot be read, `step` is named.
///
/// # Errors
/// Those of [`reach::running`]; [`crate::fault::FaultKind::Apply`] where another project is deployed under this name.
pub(crate) async fn deployed(run: &Run, project: &Project, step: Step) -> Result<Target> {
    let target = reach::running(run, project).await?;
    owner::check(run, project, &target, None, false, Doing::Using).await?;
    redaction::cluster(run, &target, step).await;
    Ok(target)
}
