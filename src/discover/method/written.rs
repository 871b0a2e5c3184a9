//! Files of manifests, and those that something else applies than what was chosen, and whose Services the chosen pods ask for:
//! a skaffold.yaml deploys the application, and a README applies its databases.

use super::hosts::refers;
use crate::discover::copies::copy_of;
use crate::discover::evidence::Evidence;
use crate::discover::evidence::Provenance;
use crate::discover::evidence::Rank;
use crate::discover::tree::Tree;
use crate::discover::variant::distance;
use crate::event::Finding;
use crate::manifest::Object;
use crate::manifest::ObjectId;
use std::collections::BTreeSet;

/// A file of manifests.
pub(super) struct ManifestFile {
    pub(super) path: String,
    pub(super) objects: Vec<Object>,
    pub(super) wrong: Vec<Finding>,
    /// Whether a cluster has printed it.
    pub(super) dumped: bool,
}

/// Moves those files from `rest` to `taken`, which `best` deploys; the others are returned.
pub(super) fn with_needed(
    tree: &Tree,
    evidence: &Evidence,
    best: &Provenance,
    taken: &mut Vec<ManifestFile>,
    mut rest: Vec<ManifestFile>,
) -> Vec<ManifestFile> {
    let copy = taken.first().and_then(|file| copy_of(&file.path));
    let near = |provenance: &Provenance| {
        provenance.rank < Rank::Aside && provenance.distance <= best.distance.max(distance(""))
    };
    let mut applied = evidence.applied.iter().filter(|item| !item.kustomize && near(&item.provenance));
    while let Some(one) = applied.next().filter(|_| !rest.is_empty()) {
        let paths = tree.meant(&one.path, one.recursive);
        let (more, others): (Vec<ManifestFile>, Vec<ManifestFile>) =
            rest.into_iter().partition(|file| paths.iter().any(|path| *path == file.path));
        let apart = ids(&more).is_disjoint(&ids(taken));
        rest = others;
        if apart && copy_of(&one.path) == copy && need(taken, &more) {
            taken.extend(more);
        } else {
            rest.extend(more);
        }
    }
    rest.sort_by(|one, other| one.path.cmp(&other.path));
    rest
}

/// The objects by which sets of files are recognized as versions of one another; several may contain their Namespace.
pub(super) fn ids(files: &[ManifestFile]) -> BTreeSet<ObjectId> {
    let own = |object: &&Object| object.kind() != "Namespace";
    files.iter().flat_map(|file| &file.objects).filter(own).map(Object::id).collect()
}

/// Whether the pods of some name a Service of others.
pub(super) fn need(some: &[ManifestFile], others: &[ManifestFile]) -> bool {
    let objects =
        |files: &'_ [ManifestFile]| files.iter().flat_map(|file| file.objects.clone()).collect::<Vec<_>>();
    refers(&objects(some), &objects(others))
}
