//! A dry run of a run. `todo plan` prints it; `todo up` leaves out the checks that only a run with changes needs.

use crate::cluster::Action;
use crate::cluster::ApplyOptions;
use crate::cluster::Comparison;
use crate::cluster::compare;
use crate::fault::Result;
use crate::flow::connected::Connected;
use crate::flow::generate::generate;
use crate::flow::hooks::ReleasePlan;
use crate::flow::releases;
use crate::image;
use crate::image::Inspected;
use crate::image::surveyed::Surveyed;
use crate::manifest::Object;
use crate::manifest::Release;
use crate::manifest::bind::Bound;

/// The changes to images, objects and charts.
#[derive(Debug)]
pub(crate) struct Preview {
    /// The images.
    pub(crate) looked: Vec<Inspected>,
    /// The bindings of the images.
    pub(crate) bound: Bound,
    /// The objects.
    pub(crate) comparison: Comparison,
    /// The charts.
    pub(crate) charts: ReleasePlan,
}

/// Queries the node and the cluster. Writes nothing.
pub(crate) async fn preview(
    to: &Connected<'_>,
    mut objects: Vec<Object>,
    mut releases: Vec<Release>,
    images: &[Surveyed],
    options: &ApplyOptions,
) -> Result<Preview> {
    let Connected { run, project, cluster, target } = to;
    let looked = image::inspect(run, &project.image_owner(), &cluster.destination, images).await?;
    // An image that must be built first has no name yet; any name that the pods do not have now shows a change.
    let unbuilt = |image: &Inspected| format!("{} (to be built)", image.name);
    let references = looked
        .iter()
        .map(|image| (image.name.clone(), image.reference.clone().unwrap_or_else(|| unbuilt(image))))
        .collect();
    let bound = releases::bound(&mut objects, &mut releases, &project.bindings, &references, cluster.pull);
    generate(run, target, &project.secrets, &mut objects).await?;
    let charts = ReleasePlan::compute(run, target, &releases, &objects, Vec::new()).await?;
    objects.retain(|object| !releases::is_helms(&releases, object));
    let comparison = compare(run, target, objects, options).await?;
    Ok(Preview { looked, bound, comparison, charts })
}

impl Preview {
    /// Whether nothing would be built, written, run or deleted.
    pub(crate) fn is_nothing(&self) -> bool {
        let stays = |action| matches!(action, Action::Unchanged | Action::Keep);
        self.looked.iter().all(|image| image.reference.is_some())
            && self.comparison.refused.is_empty()
            && self.comparison.differences.iter().all(|difference| stays(difference.action))
            && self.charts.is_unchanged()
    }
}

#[cfg(test)]
mod tests {
    use super::Preview;
    use crate::cluster::Action;
    use crate::cluster::Comparison;
    use crate::cluster::ObjectDifference;
    use crate::event::Code;
    use crate::flow::hooks::ReleasePlan;
    use crate::image::Inspected;
    use crate::manifest::ObjectId;
    use crate::manifest::bind::Bound;
    use crate::project::name::ImageName;

    fn preview(built: bool, actions: &[Action], refused: bool) -> Preview {
        let reference = built.then(|| "web:id-1".to_owned());
        let name = ImageName::parse("web").unwrap();
        let looked = vec![Inspected { name, reference, size: None, why: Vec::new(), key: None }];
        let id = ObjectId {
            group: String::new(),
            kind: "Service".to_owned(),
            namespace: None,
            name: "web".to_owned(),
        };
        let difference = |action: &Action| ObjectDifference {
            id: id.clone(),
            place: None,
            action: *action,
            fields: Vec::new(),
            why: None,
            sides: None,
        };
        let comparison = Comparison {
            differences: actions.iter().map(difference).collect(),
            refused: refused.then(|| Code::FieldConflict.error("no")).into_iter().collect(),
            notes: Vec::new(),
        };
        Preview { looked, bound: Bound::default(), comparison, charts: ReleasePlan::default() }
    }

    #[test]
    fn nothing_is_to_be_done_where_everything_stays() {
        for (built, actions, refused, nothing) in [
            (true, &[Action::Unchanged, Action::Keep] as &[Action], false, true),
            (true, &[], false, true),
            (false, &[Action::Unchanged], false, false),
            (true, &[Action::Unchanged, Action::Create], false, false),
            (true, &[Action::Change], false, false),
            (true, &[Action::Recreate], false, false),
            (true, &[Action::Prune], false, false),
            (true, &[Action::Unchanged], true, false),
        ] {
            assert_eq!(
                preview(built, actions, refused).is_nothing(),
                nothing,
                "{built} {actions:?} {refused}"
            );
        }
    }
}
