//! Whose the deployed project is, found out before a command does anything with it.
//!
//! Mostly the place says it (`cluster::owner`). Where the directory was moved, or an earlier `todo` has not written it down,
//! the objects decide, and only then are the manifests read for it.

use crate::cluster::Doing;
use crate::cluster::Inventory;
use crate::cluster::Owner;
use crate::cluster::Target;
use crate::cluster::Wants;
use crate::cluster::inventory_damage;
use crate::cluster::project_owner;
use crate::cluster::read_inventory;
use crate::cluster::refused_by;
use crate::fault::Result;
use crate::manifest;
use crate::project::Project;
use crate::run::Run;

/// What is known of the deployed project.
#[derive(Debug)]
pub(crate) struct DeployedProject {
    /// What it has in the cluster; `None` if that is nothing.
    pub(crate) inventory: Option<Inventory>,
    /// Whose it is.
    pub(crate) owner: Owner,
    /// Whether the objects had to decide: who knows fewer of them has to be told.
    pub(crate) by_objects: bool,
}

/// Finds out whose it is. `wants` is what the project wants, where that is read already.
pub(crate) async fn find(
    run: &Run,
    project: &Project,
    target: &Target,
    wants: Option<&Wants>,
) -> Result<DeployedProject> {
    let inventory = read_inventory(run, target).await?;
    let Some(there) = &inventory else {
        let owner = Owner::Us { record: false, note: None };
        return Ok(DeployedProject { inventory, owner, by_objects: false });
    };
    if let Some(note) = inventory_damage(target, there) {
        run.sink.warn(note);
    }
    let mut owner = project_owner(target, there, None);
    let by_objects = owner == Owner::Undecided;
    if by_objects {
        owner = match wants {
            Some(wants) => project_owner(target, there, Some(wants)),
            None => project_owner(target, there, Some(&Box::pin(load_wants(run, project)).await)),
        };
    }
    Ok(DeployedProject { inventory, owner, by_objects })
}

/// As [`find`], where another's project ends the run, unless `adopt` takes it over. Returns whether what follows is to
/// take it for ours.
pub(crate) async fn check(
    run: &Run,
    project: &Project,
    target: &Target,
    wants: Option<&Wants>,
    adopt: bool,
    doing: Doing,
) -> Result<bool> {
    let found = find(run, project, target, wants).await?;
    match (&found.owner, &found.inventory) {
        (Owner::Others | Owner::Undecided, Some(there)) if !adopt => Err(refused_by(target, there, doing)),
        _ => Ok(adopt || found.by_objects),
    }
}

/// What the project wants, as far as it can be read: what cannot is no sign that the project is this one.
async fn load_wants(run: &Run, project: &Project) -> Wants {
    let written = manifest::load(run, &project.root, &project.namespace, &project.sources).await;
    let mut wants = written.map(|written| Wants::from_objects(&written.objects)).unwrap_or_default();
    for secret in &project.secrets {
        wants.add("", "Secret", secret.name.as_str());
    }
    for config in &project.configs {
        wants.add("", "ConfigMap", config.name.as_str());
    }
    wants
}
