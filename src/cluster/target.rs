//! Which cluster, which namespace, and who we are in it.

use crate::project::name::Namespace;
use crate::project::name::ProjectName;

/// Where a run deploys to.
#[derive(Clone)]
pub struct Target {
    /// The API server.
    pub client: kube::Client,
    /// Where objects without a namespace of their own go.
    pub namespace: Namespace,
    /// Whose objects they are.
    pub project: ProjectName,
}
