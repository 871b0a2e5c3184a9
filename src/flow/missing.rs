//! What a project needs and `todo up` does not provide: reported by `todo plan` and `todo rehearse`.

use crate::discover::missing::missing as found;
use crate::discover::walk;
use crate::event::Finding;
use crate::manifest::Object;
use crate::project::Project;
use crate::run::Run;
use std::sync::Arc;

/// Reads the project's directory as `todo init` does. An unreadable directory yields nothing.
pub(crate) async fn missing(run: &Run, project: &Arc<Project>, objects: &[Object]) -> Vec<Finding> {
    let (of, folder) = (run.clone(), project.root.clone());
    let tree = tokio::task::spawn_blocking(move || walk::walk(&of, &folder)).await;
    match tree {
        Ok(Ok(tree)) => found(&tree, project, objects),
        _ => Vec::new(),
    }
}
