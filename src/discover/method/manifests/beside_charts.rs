//! Manifests that are applied in addition to charts: a database, a Secret, an issuer.

use super::common;
use super::of_manifests;
use crate::discover::evidence::Applied;
use crate::discover::evidence::Evidence;
use crate::discover::evidence::Rank;
use crate::discover::method::Method;
use crate::discover::method::written::ManifestFile;
use crate::discover::tree::Tree;
use crate::discover::tree::parent;
use std::collections::BTreeSet;
use std::path::Path;

/// Manifests applied by files that also install charts, each as a method: part of that deployment. Returns the others.
pub(super) fn beside_charts(
    tree: &Tree,
    evidence: &Evidence,
    files: Vec<ManifestFile>,
    methods: &mut Vec<Method>,
) -> Vec<ManifestFile> {
    let releases = evidence.releases.iter().filter(|release| release.provenance.rank < Rank::Aside);
    let entries: BTreeSet<&Path> = releases.map(|release| release.provenance.entry.as_path()).collect();
    let mut rest = files;
    for entry in entries {
        let of_entry = |item: &&Applied| !item.kustomize && item.provenance.entry == entry;
        let items: Vec<&Applied> = evidence.applied.iter().filter(of_entry).collect();
        let meant: BTreeSet<&str> =
            items.iter().flat_map(|item| tree.meant(&item.path, item.recursive)).collect();
        let (taken, others): (Vec<ManifestFile>, Vec<ManifestFile>) =
            rest.into_iter().partition(|file| meant.contains(file.path.as_str()));
        rest = others;
        if let (Some(first), false) = (items.first(), taken.is_empty()) {
            let folder = common(taken.iter().map(|file| parent(&file.path)));
            let mut method = of_manifests(tree, &folder, taken, true);
            method.provenance = Some(first.provenance.clone());
            let space = |item: &&Applied| Some((item.namespace.clone()?, item.provenance.place.clone()));
            method.spaces = items.iter().filter_map(space).collect();
            methods.push(method);
        }
    }
    rest
}
