//! All readers of statements, one for each format.

use super::devspace;
use super::evidence::Evidence;
use super::garden;
use super::helmfile;
use super::script;
use super::skaffold;
use super::tiltfile;
use super::tree::Tree;

/// Reads everything in a tree.
#[must_use]
pub(super) fn read(tree: &Tree) -> Evidence {
    let mut evidence = Evidence::default();
    skaffold::read(tree, &mut evidence);
    tiltfile::read(tree, &mut evidence);
    devspace::read(tree, &mut evidence);
    garden::read(tree, &mut evidence);
    helmfile::read(tree, &mut evidence);
    script::read(tree, &mut evidence);
    evidence.builds.sort_by_key(|build| build.provenance.standing());
    evidence.releases.sort_by_key(|release| release.provenance.standing());
    evidence.applied.sort_by_key(|item| item.provenance.standing());
    evidence.composed.sort_by_key(|item| item.provenance.standing());
    evidence
}
