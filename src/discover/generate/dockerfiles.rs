//! Dockerfiles without a compose file, as the services that one would have.

use crate::discover::compose::ComposeBuild;
use crate::discover::compose::EnvFileOf;
use crate::discover::compose::Service;
use crate::discover::dockerfile::FoundDockerfile;
use crate::discover::dockerfile::rank;
use crate::discover::dockerfile::words;
use crate::discover::proposal::Survey;
use crate::discover::tree::join;
use crate::discover::tree::shown;
use crate::event::Place;
use std::collections::BTreeMap;

/// A service for each Dockerfile that is meant for running.
pub(super) fn services(survey: &Survey) -> Vec<Service> {
    // Variants of one program have its context, and the plainest counts.
    let mut best: BTreeMap<(String, &str), &FoundDockerfile> = BTreeMap::new();
    for found in survey.dockerfiles.iter().filter(|found| !found.aside && !found.outside) {
        let name = words(found, &survey.tree.name).into_iter().next().unwrap_or_default();
        let known = best.entry((name, found.context.as_str())).or_insert(found);
        if rank(&found.path) < rank(&known.path) {
            *known = found;
        }
    }
    let keys: Vec<(String, &str)> = best.keys().cloned().collect();
    let service = |((name, context), found): ((String, &str), &FoundDockerfile)| {
        let others = keys.iter().filter(|(other, at)| *other == name && *at != context).map(|(_, at)| *at);
        let others: Vec<&str> = others.collect();
        let name = told_apart(name, context, &others);
        let env = join(&found.context, ".env");
        let files = survey.env_files.iter().filter(|file| file.path == env);
        Service {
            build: Some(ComposeBuild {
                context: found.context.clone(),
                dockerfile: found.path.clone(),
                ..ComposeBuild::default()
            }),
            env_files: files
                .map(|file| EnvFileOf {
                    path: file.path.clone(),
                    required: true,
                    place: Place::file(shown(&found.path)),
                })
                .collect(),
            place: Place::file(&found.path),
            name,
            ..Service::default()
        }
    };
    best.into_iter().map(service).collect()
}

/// The name of a program; where programs in other directories have it, too, the directory that only its own path has.
fn told_apart(name: String, context: &str, others: &[&str]) -> String {
    if others.is_empty() {
        return name;
    }
    let own = |part: &&str| !others.iter().any(|other| other.split('/').any(|known| known == *part));
    let part = context.rsplit('/').filter(|part| !part.is_empty()).find(own);
    part.map_or(name, str::to_owned)
}
