//! What a project with a deploy.toml needs that `todo up` does not bring, read from the same files as `todo init` reads.

use super::evidence::Evidence;
use super::evidence::Rank;
use super::evidence::Sort;
use super::published::is_public;
use super::readers;
use super::tree::Tree;
use super::tree::parent;
use super::variant::distance;
use crate::event::Code;
use crate::event::Finding;
use crate::manifest::Object;
use crate::manifest::bind::images_named;
use crate::project::Project;
use crate::project::SourceKind;
use std::collections::BTreeSet;
use std::path::Path;
use std::path::PathBuf;

/// What may be missing when `objects` are deployed.
#[must_use]
pub fn missing(tree: &Tree, project: &Project, objects: &[Object]) -> Vec<Finding> {
    let mut findings = installs(&readers::read(tree), project);
    findings.extend(images(project, objects));
    findings
}

/// What the scripts that deploy the project's manifests install besides.
fn installs(evidence: &Evidence, project: &Project) -> Vec<Finding> {
    let sources: Vec<String> =
        project.sources.iter().filter_map(|source| path_of(&project.root, &source.kind)).collect();
    let deployed = |path: &str| {
        sources.iter().any(|source| source == path || parent(path) == source || parent(source) == path)
    };
    let applied = evidence.applied.iter().filter(|one| deployed(&one.path)).map(|one| &one.said);
    let released = evidence.releases.iter().filter(|one| deployed(&one.chart)).map(|one| &one.said);
    let scripts: BTreeSet<&PathBuf> = applied
        .chain(released)
        .filter(|said| said.rank < Rank::Aside && said.distance <= distance(""))
        .map(|said| &said.entry)
        .collect();
    let besides = evidence.besides.iter().filter(|one| {
        one.sort == Sort::Install && scripts.contains(&one.said.entry) && one.said.distance <= distance("")
    });
    besides
        .map(|one| {
            let told = format!("{} {}", one.said.place, one.what);
            Code::InstallNotIncluded.note(told).at(one.said.place.clone()).help(one.help.clone())
        })
        .collect()
}

/// Images without an owner that are not of this project: on Docker Hub only published software has such names.
fn images(project: &Project, objects: &[Object]) -> Vec<Finding> {
    let named = images_named(objects, &project.bindings, project.images.iter().map(|image| &image.name));
    let mut seen = BTreeSet::new();
    let unknown = named.foreign.into_iter().filter(|(image, _)| {
        let name = image.split(['@', ':']).next().unwrap_or(image);
        !name.contains('/') && !is_public(name) && seen.insert(name.to_owned())
    });
    unknown
        .map(|(image, place)| {
            let told = format!("nothing here builds `{image}`, and no image of that name is known");
            let help = "add `[image.…]` to deploy.toml, or correct the name; put it on the node before `todo up` if something else builds it";
            Code::ImageNotBuilt.warning(told).at(place).help(help)
        })
        .collect()
}

/// The path of a source below the project's folder.
fn path_of(root: &Path, source: &SourceKind) -> Option<String> {
    let path = match source {
        SourceKind::Path(path) | SourceKind::Kustomize(path) => path,
        SourceKind::Chart(chart) => &chart.folder,
    };
    let inside = path.strip_prefix(root).ok()?;
    Some(inside.to_string_lossy().replace('\\', "/").trim_end_matches("/.").to_owned())
}

#[cfg(test)]
mod tests {
    use super::missing;
    use crate::discover::tree::Tree;
    use crate::manifest::read::objects;
    use crate::project::check::check;
    use std::path::Path;

    fn codes(script: &str, image: &str) -> Vec<&'static str> {
        let tree = Tree::of("x", &[("up.sh", script), ("k8s/a.yaml", ""), ("old/a.yaml", "")]);
        let text = "[image.web]\ncontext = \"web\"\n[[manifests]]\npath = \"k8s\"\n";
        let project = check(Path::new("/p/deploy.toml"), text).unwrap();
        let pod = format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: a}}\nspec: {{containers: [{{name: c, image: '{image}'}}]}}\n"
        );
        missing(&tree, &project, &objects(&pod)).iter().map(|finding| finding.code.as_str()).collect()
    }

    #[test]
    fn what_the_deploying_script_installs_and_what_nothing_builds_is_told() {
        let install = "helm install kafka bitnami/kafka\n";
        for (script, image, told) in [
            (format!("{install}kubectl apply -f k8s\n"), "web", &["install-not-included"][..]),
            (format!("{install}kubectl apply -f k8s/a.yaml\n"), "web", &["install-not-included"]),
            (format!("{install}kubectl apply -f old\n"), "web", &[]),
            ("kubectl apply -f k8s\n".to_owned(), "catalog:1", &["image-not-built"]),
            (String::new(), "nginx:1.29", &[]),
            (String::new(), "ghcr.io/acme/web", &[]),
        ] {
            assert_eq!(codes(&script, image), told, "{script} {image}");
        }
    }
}
