//! The output of `todo init`: the files written, what `up` would do with them, and what was not taken over.

use super::path_of;
use crate::answer::listing::Listing;
use crate::discover::method::Method;
use crate::discover::proposal::Proposal;
use crate::discover::proposal::Survey;
use crate::flow::Answer;
use crate::manifest::Object;
use crate::project::Project;
use serde_json::json;
use std::path::Path;

/// The files written, and what `up` would do with them.
pub(super) fn describe(
    path: &Path,
    method: &Method,
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
        &format!("for {}", method.title.replace("manifests written", "what is written")),
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
    for item in &proposal.first {
        if !first.contains(&item) {
            first.push(item);
        }
    }
    if first.is_empty() {
        rows.push(row("next", "todo up", "", ""));
    }
    rows.extend(first.into_iter().map(|item| row("next", item, "", "")));
    let json = json!({
        "file": path,
        "from": method.path,
        "written": proposal.files.iter().map(|(path, _)| path).collect::<Vec<_>>(),
        "images": proposal.images.iter().map(|image| json!({
            "name": image.name, "context": image.context, "dockerfile": image.dockerfile, "why": image.why,
        })).collect::<Vec<_>>(),
        "objects": objects.iter().map(|object| object.id().to_string()).collect::<Vec<_>>(),
        "service": proposal.opened.as_ref().map(|opened| &opened.name),
        "instead": proposal.instead.iter().map(|(path, _)| path).collect::<Vec<_>>(),
        "notTaken": proposal.besides.iter().map(|(message, _)| message).collect::<Vec<_>>(),
        "first": proposal.first,
        "notes": proposal.notes.iter().map(|(message, _)| message).collect::<Vec<_>>(),
    });
    Answer::Listing(Listing {
        header: vec!["WHAT", "OF", "AT", "WHY"],
        rows,
        below: Vec::new(),
        nothing: "",
        json,
    })
}

/// Every method to deploy the directory, the best first.
pub(super) fn list(survey: &Survey) -> Answer {
    let rows = survey.methods.iter().map(|method| {
        let provenance = method
            .provenance
            .as_ref()
            .map_or_else(String::new, |provenance| format!("{} deploys it", provenance.place));
        let why = if method.broken.is_empty() { provenance } else { "it cannot be read".to_owned() };
        vec![method.path.clone(), method.title.clone(), why]
    });
    let json = json!(
        survey
            .methods
            .iter()
            .map(|method| json!({ "from": method.path, "title": method.title }))
            .collect::<Vec<_>>()
    );
    Answer::Listing(Listing {
        header: vec!["FROM", "WHAT", "WHY"],
        rows: rows.collect(),
        below: Vec::new(),
        nothing: "nothing here says how it is deployed",
        json,
    })
}
