//! Which image belongs to which Dockerfile, and why.
//!
//! Docker and Kubernetes do not define it: manifests name images, scripts and compose files build them, directories are
//! called alike. Each kind of evidence has a weight, the heaviest decides, and equal weights are a doubt that a person
//! settles.

mod uses;
mod weigh;

use super::compose::Compose;
use super::dockerfile;
use super::dockerfile::FoundDockerfile;
use super::evidence::Evidence;
use super::published::is_public;
use crate::event::Place;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
pub use uses::Use;
pub use uses::uses;
use weigh::weigh;

/// An image and the Dockerfile it is built from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match {
    /// The image.
    pub repository: String,
    /// The Dockerfile: an index of those given.
    pub dockerfile: usize,
    /// The evidence.
    pub why: String,
    /// Where it is named.
    pub place: Place,
    /// Whether the only evidence is that there is no other.
    pub alone: bool,
}

/// One name whose tags are images of their own, each built from another Dockerfile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shared {
    /// The name.
    pub repository: String,
    /// Its tags.
    pub tags: BTreeSet<String>,
    /// Where it is named first.
    pub place: Place,
}

/// A choice that the evidence leaves open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doubt {
    /// The question.
    pub question: String,
    /// The answers, the first of which is taken.
    pub answers: Vec<String>,
}

/// The result.
#[derive(Debug, Clone, Default)]
pub struct Matched {
    /// The images that are built here, in the order of the manifests.
    pub images: Vec<Match>,
    /// The Dockerfiles that build nothing that is deployed.
    pub unused: Vec<usize>,
    /// The names that stand for several images.
    pub shared: Vec<Shared>,
    /// What a person could settle.
    pub doubts: Vec<Doubt>,
}

/// Everything that speaks of images.
#[derive(Debug, Clone, Copy)]
pub struct NamingInputs<'a> {
    /// The Dockerfiles.
    pub dockerfiles: &'a [FoundDockerfile],
    /// The mentions.
    pub uses: &'a [Use],
    /// The statements.
    pub evidence: &'a Evidence,
    /// The compose files.
    pub composes: &'a [Compose],
    /// The project's directory.
    pub project: &'a str,
    /// Answers to doubts, by question: which of the answers.
    pub settled: &'a BTreeMap<String, usize>,
}

/// Weighs everything.
#[must_use]
pub fn matched(inputs: NamingInputs<'_>) -> Matched {
    let shared = shared(inputs);
    let mut names: Vec<&Use> = Vec::new();
    for item in inputs.uses {
        let known = names.iter().any(|known| known.repository == item.repository);
        if !known && !shared.iter().any(|shared| shared.repository == item.repository) {
            names.push(item);
        }
    }
    let mut pairs: Vec<(u32, usize, usize, String)> = Vec::new();
    for (name, one) in names.iter().enumerate() {
        for (file, found) in inputs.dockerfiles.iter().enumerate() {
            if let Some((weight, why)) = weigh(inputs, one, found) {
                pairs.push((weight, name, file, why));
            }
        }
    }
    pairs.sort_by_key(|(weight, name, file, _)| (std::cmp::Reverse(*weight), *name, *file));
    let mut matched = Matched { shared, ..Matched::default() };
    let mut taken: BTreeMap<usize, Match> = BTreeMap::new();
    let mut used: BTreeSet<usize> = BTreeSet::new();
    while let Some(at) = pairs.iter().position(|(weight, name, file, _)| {
        !taken.contains_key(name) && (!used.contains(file) || *weight >= SURE)
    }) {
        let (weight, name, file, why) = pairs[at].clone();
        let rivals: Vec<&(u32, usize, usize, String)> = pairs
            .iter()
            .filter(|pair| pair.0 == weight && pair.1 == name && !used.contains(&pair.2))
            .collect();
        let path = |file: usize| inputs.dockerfiles[file].path.clone();
        let question = format!("which Dockerfile builds `{}`?", names[name].repository);
        let (file, why) = match inputs.settled.get(&question).and_then(|index| rivals.get(*index)) {
            Some(rival) => (rival.2, "you said so".to_owned()),
            None => (file, why),
        };
        if rivals.len() > 1 && !inputs.settled.contains_key(&question) {
            matched
                .doubts
                .push(Doubt { question, answers: rivals.iter().map(|rival| path(rival.2)).collect() });
        }
        used.insert(file);
        let Use { repository, place, .. } = names[name].clone();
        taken.insert(name, Match { repository, dockerfile: file, why, place, alone: false });
    }
    alone(inputs, &names, &mut taken, &mut used);
    matched.images = taken.into_values().collect();
    matched.unused = (0..inputs.dockerfiles.len()).filter(|file| !used.contains(file)).collect();
    matched
}

/// The names that are deployed with several tags, and built from several Dockerfiles.
fn shared(inputs: NamingInputs<'_>) -> Vec<Shared> {
    let mut found: Vec<Shared> = Vec::new();
    for item in inputs.uses.iter().filter(|item| !item.tag.is_empty()) {
        match found.iter_mut().find(|known| known.repository == item.repository) {
            Some(known) => drop(known.tags.insert(item.tag.clone())),
            None => found.push(Shared {
                repository: item.repository.clone(),
                tags: [item.tag.clone()].into(),
                place: item.place.clone(),
            }),
        }
    }
    found.retain(|shared| {
        let uses = inputs.uses.iter().filter(|item| item.repository == shared.repository);
        let files: BTreeSet<usize> = uses
            .flat_map(|item| {
                let built = |file: &usize| {
                    weigh(inputs, item, &inputs.dockerfiles[*file]).is_some_and(|(weight, _)| weight > NAMES)
                };
                (0..inputs.dockerfiles.len()).filter(built).collect::<Vec<_>>()
            })
            .collect();
        shared.tags.len() > 1 && files.len() > 1
    });
    found
}

/// Heavier evidence is stated, and not derived from names.
const NAMES: u32 = 650;
/// From this weight on a Dockerfile may build several images.
const SURE: u32 = 900;

/// If there is one image and one Dockerfile, they belong together, unless the image is published by others.
fn alone(
    inputs: NamingInputs<'_>,
    names: &[&Use],
    taken: &mut BTreeMap<usize, Match>,
    used: &mut BTreeSet<usize>,
) {
    let ours: Vec<usize> = (0..names.len()).filter(|name| !is_public(&names[*name].repository)).collect();
    let mut files: Vec<usize> = (0..inputs.dockerfiles.len())
        .filter(|file| !inputs.dockerfiles[*file].aside && !inputs.dockerfiles[*file].outside)
        .collect();
    let best = files.iter().map(|file| dockerfile::rank(&inputs.dockerfiles[*file].path)).min();
    files.retain(|file| Some(dockerfile::rank(&inputs.dockerfiles[*file].path)) == best);
    if let ([name], [file]) = (&ours[..], &files[..])
        && !taken.contains_key(name)
        && !used.contains(file)
    {
        let Use { repository, place, .. } = names[*name].clone();
        let why =
            "it is the one Dockerfile, and the image is the only one that is not a published one".to_owned();
        taken.insert(*name, Match { repository, dockerfile: *file, why, place, alone: true });
        used.insert(*file);
    }
}

#[cfg(test)]
mod tests {
    use super::NamingInputs;
    use super::Use;
    use super::matched;
    use crate::discover::dockerfile;
    use crate::discover::readers;
    use crate::discover::tree::Tree;
    use crate::event::Place;
    use std::collections::BTreeMap;

    fn named(files: &[(&str, &str)], images: &[&str]) -> Vec<String> {
        let tree = Tree::from_texts("shop", files);
        let uses: Vec<Use> = images.iter().map(|image| Use::new(image, Place::file("a.yaml"))).collect();
        let matched = matched(NamingInputs {
            dockerfiles: &dockerfile::all(&tree),
            uses: &uses,
            evidence: &readers::read(&tree),
            composes: &[],
            project: "shop",
            settled: &BTreeMap::new(),
        });
        let dockerfiles = dockerfile::all(&tree);
        let images = matched
            .images
            .iter()
            .map(|image| format!("{} {}", image.repository, dockerfiles[image.dockerfile].path));
        images.chain(matched.doubts.iter().map(|doubt| format!("? {}", doubt.answers.join(" ")))).collect()
    }

    const FROM: &str = "FROM a\nCOPY . .\n";

    #[test]
    fn folders_and_names_are_brought_together() {
        let two = [
            ("backend/Dockerfile", FROM),
            ("backend/x", ""),
            ("frontend/Dockerfile", FROM),
            ("frontend/x", ""),
        ];
        let pairs = ["todo-backend backend/Dockerfile", "todo-frontend frontend/Dockerfile"];
        assert_eq!(named(&two, &["todo-backend:1", "todo-frontend", "postgres:16"]), pairs);
        assert_eq!(
            named(&two, &["acme/api:v1", "acme/ui:v1"]),
            ["acme/api backend/Dockerfile", "acme/ui frontend/Dockerfile"]
        );
        let one = [("Dockerfile", FROM), ("main.py", "")];
        assert_eq!(named(&one, &["user/app:v1", "redis"]), ["user/app Dockerfile"]);
        let two = [("web/Dockerfile", FROM), ("web/x", ""), ("ml/Dockerfile", FROM), ("ml/x", "")];
        assert_eq!(named(&two, &["acme/web", "ghcr.io/other/store"]), ["acme/web web/Dockerfile"]);
        let far = [("../../old/shop/Dockerfile", FROM)];
        assert_eq!(named(&far, &["shop"]), [""; 0]);
        let one = [("Dockerfile.api", FROM), ("Dockerfile.web", FROM), ("main.py", "")];
        assert_eq!(named(&one, &["x-web", "x-api"]), ["x-web Dockerfile.web", "x-api Dockerfile.api"]);
    }

    #[test]
    fn what_a_script_builds_goes_before_what_names_say() {
        let script = "docker build -t web ./api\ndocker build -t api ./web\n";
        let files = [("api/Dockerfile", FROM), ("web/Dockerfile", FROM), ("build.sh", script)];
        assert_eq!(named(&files, &["api:1", "web:1"]), ["api web/Dockerfile", "web api/Dockerfile"]);
    }

    #[test]
    fn what_declares_a_deployment_says_which_variant_of_a_dockerfile_it_means() {
        let skaffold =
            "build: {artifacts: [{image: web, context: web, docker: {dockerfile: Dockerfile.dev}}]}\n";
        let files = [
            ("web/Dockerfile", FROM),
            ("web/Dockerfile.dev", FROM),
            ("web/x", ""),
            ("build.sh", "docker build -t web web\n"),
            ("skaffold.yaml", skaffold),
        ];
        assert_eq!(named(&files, &["web"]), ["web web/Dockerfile.dev"]);
        assert_eq!(named(&files[..4], &["web"]), ["web web/Dockerfile"]);
    }

    #[test]
    fn somebody_elses_image_is_not_built_because_its_last_part_is_alike() {
        let script = "docker build -t ghcr.io/me/rabbitmq infra/rabbitmq\n";
        let files = [("infra/rabbitmq/Dockerfile", FROM), ("infra/rabbitmq/x", ""), ("build.sh", script)];
        assert_eq!(named(&files, &["rabbitmq:4"]), [""; 0]);
        assert_eq!(
            named(&files, &["ghcr.io/me/rabbitmq"]),
            ["ghcr.io/me/rabbitmq infra/rabbitmq/Dockerfile"]
        );
    }

    #[test]
    fn examples_and_other_copies_do_not_build_it() {
        let files =
            [("docs/app/Dockerfile", FROM), ("docs/app/x", ""), ("web/Dockerfile", FROM), ("web/x", "")];
        assert_eq!(named(&files, &["app", "web"]), ["web web/Dockerfile"]);
        let copies =
            [("step-1/Dockerfile", FROM), ("step-1/x", ""), ("step-2/Dockerfile", FROM), ("step-2/x", "")];
        let script = ("step-1/Makefile", "up:\n\tdocker build -t app .\n");
        let tree = Tree::from_texts("shop", &[&copies[..], &[script]].concat());
        let dockerfiles = dockerfile::all(&tree);
        let uses = [Use::new("app", Place::file("step-2/app.yaml"))];
        let matched = matched(NamingInputs {
            dockerfiles: &dockerfiles,
            uses: &uses,
            evidence: &readers::read(&tree),
            composes: &[],
            project: "shop",
            settled: &BTreeMap::new(),
        });
        assert!(
            matched.images.iter().all(|image| dockerfiles[image.dockerfile].path == "step-2/Dockerfile"),
            "{matched:?}"
        );
    }

    #[test]
    fn two_that_fit_alike_are_a_doubt_and_a_variant_is_none() {
        let files =
            [("a/web/Dockerfile", FROM), ("a/web/x", ""), ("b/web/Dockerfile", FROM), ("b/web/x", "")];
        assert_eq!(named(&files, &["web"]), ["web a/web/Dockerfile", "? a/web/Dockerfile b/web/Dockerfile"]);
        let files = [("web/Dockerfile", FROM), ("web/Dockerfile.dev", FROM), ("web/x", "")];
        assert_eq!(named(&files, &["web"]), ["web web/Dockerfile"]);
    }
}
