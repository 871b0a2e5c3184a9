//! The owner of the deployed project, determined before a command does anything with it.
//!
//! Usually the place identifies it (`cluster::owner`). If the directory was moved, or an earlier `todo` has not
//! recorded it, the objects decide, and only then are the manifests read for it.

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

/// The known facts about the deployed project.
#[derive(Debug)]
pub(crate) struct DeployedProject {
    /// Its inventory in the cluster; `None` if it is not deployed.
    pub(crate) inventory: Option<Inventory>,
    /// The owner.
    pub(crate) owner: Owner,
    /// Whether the objects had to decide: then a caller that knows fewer of them needs to know that.
    pub(crate) by_objects: bool,
}

/// Determines the owner. `wants` are the objects that the project wants, if already read.
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

/// As [`find`], but another project's objects end the run, unless `adopt` takes them over. Returns whether the caller
/// is to treat the project as ours.
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

/// The objects that the project wants, if they can be read: unreadable ones are no evidence that the project is this
/// one.
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
