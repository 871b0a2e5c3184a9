//! Files that something else applies than what was chosen, and whose Services the chosen pods ask for: a skaffold.yaml that
//! deploys the application, and a README that applies its databases.

use super::manifests::Written;
use super::manifests::ids;
use super::manifests::need;
use crate::discover::copies::copy_of;
use crate::discover::evidence::Evidence;
use crate::discover::evidence::Rank;
use crate::discover::evidence::Said;
use crate::discover::tree::Tree;
use crate::discover::variant::distance;

/// Moves those files from `rest` to `taken`, which `best` deploys; the others are handed back.
pub(super) fn with_needed(
    tree: &Tree,
    evidence: &Evidence,
    best: &Said,
    taken: &mut Vec<Written>,
    mut rest: Vec<Written>,
) -> Vec<Written> {
    let copy = taken.first().and_then(|file| copy_of(&file.path));
    let near = |said: &Said| said.rank < Rank::Aside && said.distance <= best.distance.max(distance(""));
    let mut applied = evidence.applied.iter().filter(|one| !one.kustomize && near(&one.said));
    while let Some(one) = applied.next().filter(|_| !rest.is_empty()) {
        let paths = tree.meant(&one.path, one.recursive);
        let (more, others): (Vec<Written>, Vec<Written>) =
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
