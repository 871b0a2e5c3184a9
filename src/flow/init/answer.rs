//! What `todo init` prints: what was written, what `up` would do with it, and what was not taken over.

use super::path_of;
use crate::discover::proposal::Proposal;
use crate::discover::proposal::Survey;
use crate::discover::way::Way;
use crate::flow::Answer;
use crate::manifest::Object;
use crate::project::Project;
use crate::report::listing::Listing;
use serde_json::json;
use std::path::Path;

/// What was written, and what `up` would do with it.
pub(super) fn describe(
    path: &Path,
    way: &Way,
    proposal: &Proposal,
    project: &Project,
    objects: &[Object],
) -> Answer {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let row = |what: &str, of: &str, at: &str, why: &str| [what, of, at, why].map(str::to_owned).to_vec();
    let mut rows = vec![row(
        "wrote",
        &name,
        "",
        &format!("for {}", way.title.replace("manifests written", "what is written")),
    )];
    rows.extend(proposal.files.iter().map(|(path, _)| row("wrote", path, "", "")));
    rows.push(row("start", &format!("profile {}", project.minikube.profile), "", ""));
    for image in &proposal.images {
        let why =
            image.why.first().map_or("", |why| why.rsplit_once(": ").map_or(why.as_str(), |(_, why)| why));
        rows.push(row(
            "build",
            &format!("image {}", image.name),
            &image.dockerfile,
            why.trim_end_matches('.'),
        ));
    }
    rows.extend(
        proposal
            .secrets
            .iter()
            .filter(|secret| !secret.blank)
            .map(|secret| row("create", &format!("Secret/{}", secret.name), &name, "")),
    );
    rows.extend(
        proposal
            .configs
            .iter()
            .filter(|config| !config.blank)
            .map(|config| row("create", &format!("ConfigMap/{}", config.name), &name, "")),
    );
    if objects.is_empty() {
        rows.extend(
            proposal.sources.iter().map(|source| row("create", "what it renders", path_of(source), "")),
        );
    }
    for object in objects {
        let at = crate::event::Place { column: 0, ..object.place.clone() };
        rows.push(row("create", &object.id().to_string(), &at.to_string(), ""));
    }
    if let Some(opened) = &proposal.opened {
        rows.push(row("open", &format!("Service/{}", opened.name), "", &opened.why));
    }
    for (what, help) in &proposal.besides {
        rows.push(row("not taken", what, "", help));
    }
    let mut first: Vec<&String> = Vec::new();
    for one in &proposal.first {
        if !first.contains(&one) {
            first.push(one);
        }
    }
    if first.is_empty() {
        rows.push(row("next", "todo up", "", ""));
    }
    rows.extend(first.into_iter().map(|one| row("next", one, "", "")));
    let json = json!({
        "file": path,
        "from": way.path,
        "written": proposal.files.iter().map(|(path, _)| path).collect::<Vec<_>>(),
        "images": proposal.images.iter().map(|image| json!({
            "name": image.name, "context": image.context, "dockerfile": image.dockerfile, "why": image.why,
        })).collect::<Vec<_>>(),
        "objects": objects.iter().map(|object| object.id().to_string()).collect::<Vec<_>>(),
        "service": proposal.opened.as_ref().map(|opened| &opened.name),
        "instead": proposal.instead.iter().map(|(path, _)| path).collect::<Vec<_>>(),
        "notTaken": proposal.besides.iter().map(|(told, _)| told).collect::<Vec<_>>(),
        "first": proposal.first,
        "notes": proposal.notes.iter().map(|(told, _)| told).collect::<Vec<_>>(),
    });
    Answer::Listing(Listing {
        header: vec!["WHAT", "OF", "AT", "WHY"],
        rows,
        below: Vec::new(),
        nothing: "",
        json,
    })
}

/// Every way to deploy the folder, the best first.
pub(super) fn list(survey: &Survey) -> Answer {
    let rows = survey.ways.iter().map(|way| {
        let said = way.said.as_ref().map_or_else(String::new, |said| format!("{} deploys it", said.place));
        let why = if way.broken.is_empty() { said } else { "it cannot be read".to_owned() };
        vec![way.path.clone(), way.title.clone(), why]
    });
    let json = json!(
        survey.ways.iter().map(|way| json!({ "from": way.path, "title": way.title })).collect::<Vec<_>>()
    );
    Answer::Listing(Listing {
        header: vec!["FROM", "WHAT", "WHY"],
        rows: rows.collect(),
        below: Vec::new(),
        nothing: "nothing here says how it is deployed",
        json,
    })
}
