//! How much speaks for a Dockerfile being that of an image.

use super::NamingInputs;
use super::Use;
use crate::discover::context::mounts_sources;
use crate::discover::copies::copy_of;
use crate::discover::dockerfile;
use crate::discover::dockerfile::FoundDockerfile;
use crate::discover::evidence::Rank;
use crate::discover::published::is_public;
use crate::manifest::bind::repository;

/// How much speaks for it, and the heaviest of it in words. Variants of one Dockerfile differ a little.
pub(super) fn weigh(inputs: NamingInputs<'_>, one: &Use, found: &FoundDockerfile) -> Option<(u32, String)> {
    let last = |name: &str| name.rsplit('/').next().unwrap_or(name).to_owned();
    let short = last(&one.repository);
    let mut reasons: Vec<(u32, String)> = Vec::new();
    for build in inputs.evidence.builds.iter().filter(|build| build.dockerfile == found.path) {
        // More than variants of one Dockerfile differ: what counts more decides which of them is meant.
        let less = match build.provenance.rank {
            Rank::Declared => 0,
            Rank::Script => 5,
            Rank::Docs => 8,
            Rank::Aside => 60,
        };
        // The name counts even where the build fails; another build of that name is the better reason.
        let less = less + if build.fails { 6 } else { 0 };
        let fails = if build.fails { ", in a way that fails" } else { "" };
        for name in &build.names {
            let place = &build.provenance.place;
            if *name == one.repository {
                reasons.push((1000 - less, format!("{place} builds it under this name{fails}")));
            } else if last(name) == short && !is_public(&one.repository) {
                reasons.push((950 - less, format!("{place} builds it as `{name}`{fails}")));
            }
        }
    }
    for compose in inputs.composes {
        for service in &compose.services {
            let Some(build) = service.build.as_ref().filter(|build| build.dockerfile == found.path) else {
                continue;
            };
            let place = &service.place;
            let image = service.image.as_deref().map(repository);
            let folder = compose.project(inputs.project);
            if image == Some(&one.repository) {
                reasons.push((990, format!("{place} builds it under this name")));
            // An image published by others is built here only under the same name.
            } else if is_public(&one.repository) {
            } else if image.is_some_and(|image| last(image) == short) {
                reasons.push((940, format!("{place} builds it as `{}`", image.unwrap_or_default())));
            } else if [format!("{folder}-{}", service.name), format!("{folder}_{}", service.name)]
                .contains(&short)
            {
                reasons.push((
                    930,
                    format!(
                        "compose builds it under this name for `{}` ({})",
                        service.name,
                        build.context_shown()
                    ),
                ));
            } else if service.name == short || one.hints.contains(&service.name) {
                // A service that mounts its sources is how people develop, often in an image of its own.
                let develops =
                    mounts_sources(&service.volumes, &build.context) && dockerfile::rank(&found.path) > 0;
                let weight = if develops { 430 } else { 700 };
                reasons.push((weight, format!("the service `{}` in {place} is built from it", service.name)));
            }
        }
    }
    if !is_public(&one.repository) {
        let words = dockerfile::words(found, inputs.project);
        let parts: Vec<&str> = short.split(['-', '_', '.']).collect();
        if let Some(word) = words.iter().find(|word| **word == short) {
            reasons.push((600, format!("it is called `{word}` like the image")));
        } else if let Some(word) = words.iter().find(|word| parts.contains(&word.as_str())) {
            reasons.push((500, format!("`{word}` is in both names")));
        } else if let Some(word) = words.iter().find(|word| parts.iter().any(|part| alike(part, word))) {
            reasons.push((450, format!("`{word}` is another word for what it is called")));
        } else if let Some(word) = words.iter().find(|word| {
            one.hints.iter().any(|hint| hint.split(['-', '_', '.']).any(|part| alike(part, word)))
        }) {
            reasons.push((400, format!("`{word}` names the container, too")));
        }
        if !reasons.is_empty() && one.ports.iter().any(|port| found.ports.contains(port)) {
            for (weight, _) in &mut reasons {
                *weight += 20;
            }
        }
    }
    let file = one.place.file.to_string_lossy().replace('\\', "/");
    // Copies of one application are never joined.
    if let (Some((word, number)), Some((other, of))) = (copy_of(&file), copy_of(&found.path))
        && word == other
        && number != of
    {
        return None;
    }
    // Of equal reasons the first: compose files stand in the order in which they count.
    let (weight, why) = reasons.into_iter().rev().max_by_key(|(weight, _)| *weight)?;
    // A name is not a reason to build a Dockerfile far outside of the directory, or in an example of something else.
    let elsewhere = found.aside && file.split('/').next() != found.path.split('/').next();
    if weight < 700 && (elsewhere || found.path.starts_with("../../")) {
        return None;
    }
    // Of two that fit alike, the one in the same part of the repository.
    let near = file.split('/').zip(found.path.split('/')).take_while(|(one, other)| one == other).count();
    let weight = weight + u32::try_from(near.min(9)).unwrap_or(0);
    let aside = if found.aside { 50 } else { 0 } + if found.outside { 100 } else { 0 };
    Some((weight - u32::from(dockerfile::rank(&found.path)) - aside, why))
}

/// Words that people use for one thing.
fn alike(text: &str, other: &str) -> bool {
    const SAME: [&[&str]; 4] = [
        &["backend", "api", "server", "be"],
        &["frontend", "web", "ui", "client", "fe", "webapp"],
        &["worker", "jobs", "queue"],
        &["db", "database"],
    ];
    let (text, other) = (text.to_ascii_lowercase(), other.to_ascii_lowercase());
    text == other || SAME.iter().any(|same| same.contains(&text.as_str()) && same.contains(&other.as_str()))
}
