//! What compose mounts into a container and nothing brings there in a cluster: the sources of an application, mostly.

use super::Plan;
use super::Unit;
use super::storage::is_data_folder;
use super::storage::is_data_path;
use super::storage::is_source;
use super::storage::texts;
use crate::discover::compose::Volume;
use crate::discover::tree::shown;

/// Steps to do before the container of a unit has what compose gives it.
pub(super) fn lacking(plan: &Plan<'_>, unit: &Unit<'_>) -> Vec<String> {
    let tree = &plan.survey.tree;
    let mut first = Vec::new();
    for volume in &unit.service.volumes {
        let Volume::Bind(bind) = volume else { continue };
        let kept = bind.elsewhere
            || !tree.has_folder(&bind.source)
            || is_source(unit, bind)
            || is_data_path(&bind.at)
            || is_data_folder(&bind.source);
        if !kept && texts(plan, bind).is_none() {
            let (source, at) = (shown(&bind.source), &bind.at);
            first
                .push(format!("copy `{source}` to `{at}` of the image of `{}`, before `todo up`", unit.name));
        }
    }
    first
}
