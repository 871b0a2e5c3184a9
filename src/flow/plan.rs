//! `todo plan`: what `up` would do, and why. Asks, and writes nothing.

use crate::cluster::apply::ApplyOptions;
use crate::cluster::compare::Action;
use crate::cluster::compare::Comparison;
use crate::cluster::compare::Difference;
use crate::cluster::compare::compare;
use crate::fault::Fault;
use crate::fault::Kind;
use crate::fault::Result;
use crate::flow::Answer;
use crate::flow::gather::gather;
use crate::flow::generate::generate;
use crate::flow::reach;
use crate::flow::reach::Now;
use crate::image;
use crate::image::Looked;
use crate::manifest::bind::bind;
use crate::project::Project;
use crate::report::listing::Listing;
use crate::run::Run;
use serde_json::json;
use std::sync::Arc;

/// What would happen to images and objects, as far as it can be told before the images are built.
pub async fn plan(run: &Run, project: &Arc<Project>, options: ApplyOptions) -> Result<Answer> {
    let gathered = gather(run, project).await?;
    let mut objects = gathered.plan.objects;
    let Now::There(site) = reach::look(run, project).await? else {
        let profile = project.minikube.profile.as_str();
        let rows = std::iter::once(row("start", &format!("profile {profile}"), "", "it does not run"))
            .chain(project.images.iter().map(|image| row("build", &format!("image {}", image.name), "", "")))
            .chain(
                objects
                    .iter()
                    .map(|object| row("create", &object.id().to_string(), &object.place.to_string(), "")),
            );
        let rows: Vec<Vec<String>> = rows.collect();
        let json = json!({ "cluster": "start", "rows": rows });
        return Ok(list(rows, json));
    };
    let target = site.target(run, project).await?;
    let looked = image::look(run, &project.name, &site.destination, &gathered.images).await?;
    // An image that has to be built first has no name yet; any that the pods do not have now shows that they would change.
    let unbuilt = |image: &Looked| format!("{} (to be built)", image.name);
    let references = looked
        .iter()
        .map(|image| (image.name.clone(), image.reference.clone().unwrap_or_else(|| unbuilt(image))))
        .collect();
    bind(&mut objects, &references, site.pull);
    generate(&target, &project.secrets, &mut objects).await?;
    let comparison = compare(run, &target, &objects, &options).await?;
    if !comparison.refused.is_empty() {
        return Err(Fault::message(Kind::Apply, "the cluster would refuse it").findings(comparison.refused));
    }
    for note in &comparison.notes {
        run.sink.warn(note.clone());
    }
    Ok(told(&looked, &comparison))
}

fn told(looked: &[Looked], comparison: &Comparison) -> Answer {
    let builds = looked.iter().filter(|image| image.reference.is_none());
    let builds =
        builds.map(|image| row("build", &format!("image {}", image.name), "", &image.why.join(", ")));
    let objects = comparison.differences.iter().filter(|one| one.action != Action::Unchanged).flat_map(lines);
    let json = json!({
        "images": looked.iter().map(|image| json!({
            "name": image.name, "reference": image.reference, "why": image.why,
        })).collect::<Vec<_>>(),
        "objects": comparison.differences,
    });
    list(builds.chain(objects).collect(), json)
}

/// An object, and a line for each of its fields that would change.
fn lines(one: &Difference) -> Vec<Vec<String>> {
    let action = match one.action {
        Action::Unchanged => "keep",
        Action::Create => "create",
        Action::Change => "change",
        Action::Recreate => "recreate",
        Action::Prune => "delete",
        Action::Keep => "leave",
    };
    let place = one.place.as_ref().map(ToString::to_string).unwrap_or_default();
    let head = row(action, &one.id.to_string(), &place, one.why.as_deref().unwrap_or_default());
    let value = |value: &Option<String>| value.clone().unwrap_or_else(|| "nothing".to_owned());
    let fields = one.fields.iter().map(|field| {
        row("", "", "", &format!("{}: {} → {}", field.path, value(&field.before), value(&field.after)))
    });
    std::iter::once(head).chain(fields).collect()
}

fn row(what: &str, of: &str, at: &str, why: &str) -> Vec<String> {
    [what, of, at, why].map(str::to_owned).to_vec()
}

fn list(rows: Vec<Vec<String>>, json: serde_json::Value) -> Answer {
    Answer::Listing(Listing { header: vec!["WHAT", "OF", "AT", "WHY"], rows, nothing: "nothing to do", json })
}
