//! Whether a directory holds several applications and is not one itself: then each must be deployed from its own
//! directory.

use super::copies::copy_of;
use super::copies::may_be_lesson;
use super::evidence::Rank;
use super::method::Method;
use super::method::MethodKind;
use super::method::is_deployment_word;
use super::method::refers;
use super::tree::parent;
use crate::manifest::Object;
use crate::manifest::ObjectId;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

/// Directories named for a packaging, not for an application.
const PACKAGES: [&str; 10] =
    ["helm", "chart", "charts", "kustomize", "overlays", "base", "docker", "compose", "src", "config"];

/// The directories of the applications, where `methods` are of several that have nothing to do with one another.
#[must_use]
pub fn applications(methods: &[Method]) -> Vec<String> {
    let first = methods.iter().find(|method| !method.is_aside());
    let Some(first) = first else { return Vec::new() };
    let same_kind = |method: &&Method| {
        (method.kind < MethodKind::Compose) == (first.kind < MethodKind::Compose)
            && method.kind != MethodKind::Dockerfiles
    };
    let mut found: BTreeMap<String, Vec<&Method>> = BTreeMap::new();
    for method in methods.iter().filter(same_kind).filter(|method| !method.is_aside()) {
        if method.sources.len() > 1 && method.provenance.is_none() && parent(&method.path).is_empty() {
            return Vec::new();
        }
        found.entry(home(&method.path, method.kind)).or_default().push(method);
    }
    let lessons = are_lessons(&found) || are_steps(&found, first);
    let copies = !lessons && found.keys().any(|home| copy_of(home).is_some());
    if found.contains_key("") || found.len() < 2 || copies {
        return Vec::new();
    }
    let all: Vec<(&String, &Vec<&Method>)> = found.iter().collect();
    for (home, methods) in &all {
        // What deploys it stands outside of it: it is a part of something.
        let from_outside = |method: &&&Method| {
            method.provenance.as_ref().is_some_and(|provenance| {
                let file = provenance.place.file.to_string_lossy().replace('\\', "/");
                provenance.rank < Rank::Aside && !file.starts_with(&format!("{home}/"))
            })
        };
        if methods.iter().any(|method| from_outside(&method)) {
            return Vec::new();
        }
        for (other_home, others) in &all {
            let related = methods.iter().any(|method| {
                others.iter().any(|other| {
                    refers(&method.objects, &other.objects)
                        || method.uses.iter().any(|image| {
                            !lessons
                                && !super::published::is_public(&image.repository)
                                && other.uses.iter().any(|known| known.repository == image.repository)
                        })
                })
            });
            if home != other_home && related {
                return Vec::new();
            }
        }
    }
    found.into_keys().collect()
}

/// Whether nothing deploys what would be taken, and directories for examples and tests hold many deployments: a tool's own repository.
///
/// A compose file needs nothing that deploys it: `docker compose up` does.
#[must_use]
pub fn is_of_examples(methods: &[Method]) -> bool {
    const MANY: usize = 6;
    let aside: BTreeSet<String> = methods
        .iter()
        .filter(|method| method.is_aside())
        .map(|method| home(&method.path, method.kind))
        .collect();
    let first =
        methods.first().filter(|first| first.provenance.is_none() && first.kind != MethodKind::Compose);
    first.is_some_and(|first| !first.is_aside()) && aside.len() >= MANY
}

/// Whether the directories are numbered and none defines an object that another one defines, too: versions of one application do.
fn are_lessons(found: &BTreeMap<String, Vec<&Method>>) -> bool {
    let ids = |methods: &[&Method]| {
        methods.iter().flat_map(|method| &method.objects).map(Object::id).collect::<BTreeSet<_>>()
    };
    let all: Vec<BTreeSet<ObjectId>> = found.values().map(|methods| ids(methods)).collect();
    let apart = |(at, one): (usize, &BTreeSet<ObjectId>)| {
        !one.is_empty() && all[at + 1..].iter().all(|other| one.is_disjoint(other))
    };
    found.keys().all(|home| may_be_lesson(home)) && all.iter().enumerate().all(apart)
}

/// Whether `first` is one of three or more numbered directories that each declare their own deployment: steps of a course.
fn are_steps(found: &BTreeMap<String, Vec<&Method>>, first: &Method) -> bool {
    let declares = |home: &str, method: &Method| {
        let own = method.provenance.as_ref().filter(|provenance| provenance.rank == Rank::Declared);
        own.is_some_and(|provenance| provenance.place.file.starts_with(home))
    };
    let step = |(home, methods): &(&String, &Vec<&Method>)| {
        may_be_lesson(home) && methods.iter().any(|method| declares(home, method))
    };
    let steps: Vec<&String> = found.iter().filter(step).map(|(home, _)| home).collect();
    steps.len() > 2 && steps.contains(&&home(&first.path, first.kind))
}

/// The directory of the application that a way deploys: `shop` for `shop/helm/web` and `shop/k8s`.
fn home(path: &str, kind: MethodKind) -> String {
    let folder = if kind == MethodKind::Compose { parent(path) } else { path };
    let parts = folder.split('/').filter(|part| *part != ".");
    let about_packaging = |part: &&str| {
        let mut words = part.split(['-', '_']);
        PACKAGES.contains(part) || words.all(is_deployment_word)
    };
    let parts: Vec<&str> = parts.take_while(|part| !about_packaging(part)).collect();
    let whole = parts.join("/");
    // A chart or a file of manifests is named like its application.
    if crate::discover::tree::ends(&whole, &["yaml", "yml", "json"]) {
        parent(&whole).to_owned()
    } else {
        whole
    }
}

#[cfg(test)]
mod tests {
    use super::applications;
    use crate::discover::compose;
    use crate::discover::dockerfile;
    use crate::discover::method::Programs;
    use crate::discover::method::all;
    use crate::discover::readers;
    use crate::discover::tree::Tree;

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        let tree = Tree::from_texts("x", files);
        let has = Programs { helm: true, kustomize: true };
        applications(
            &all(&tree, &readers::read(&tree), &compose::all(&tree, &[]), &dockerfile::all(&tree), has).0,
        )
    }

    fn app(name: &str, env: &str) -> String {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\nspec: {{containers: [{{name: c, image: {name}, env: [{{name: A, value: '{env}'}}]}}]}}\n---\napiVersion: v1\nkind: Service\nmetadata: {{name: {name}}}\nspec: {{ports: [{{port: 80}}]}}\n"
        )
    }

    #[test]
    fn a_tool_with_many_examples_is_no_application() {
        let (pod, up) = (app("web", ""), "kubectl apply -f k8s\n");
        let is = |count: usize, more: &[(&str, &str)]| {
            let paths: Vec<String> = (0..count).map(|at| format!("examples/e{at}/app.yaml")).collect();
            let files = paths.iter().map(|path| (path.as_str(), pod.as_str()));
            let files: Vec<(&str, &str)> = files.chain(more.iter().copied()).collect();
            let tree = Tree::from_texts("x", &files);
            let has = Programs { helm: true, kustomize: true };
            let composes = compose::all(&tree, &[]);
            let methods = all(&tree, &readers::read(&tree), &composes, &dockerfile::all(&tree), has).0;
            super::is_of_examples(&methods)
        };
        let own = ("k8s/app.yaml", pod.as_str());
        assert!(is(6, &[own]));
        assert!(is(6, &[("Dockerfile", "FROM x\n")]));
        assert!(!is(5, &[own]));
        assert!(!is(6, &[own, ("up.sh", up)]), "something deploys it");
        assert!(!is(6, &[("compose.yaml", "services: {web: {image: nginx}}\n")]));
    }

    #[test]
    fn applications_that_have_nothing_in_common_are_a_collection() {
        let compose = "services: {web: {image: nginx}}\n";
        assert_eq!(found(&[("a/compose.yaml", compose), ("b/compose.yaml", compose)]), ["a", "b"]);
        assert!(found(&[("compose.yaml", compose), ("b/compose.yaml", compose)]).is_empty());
        assert!(found(&[("deploy/compose.yaml", compose), ("b/compose.yaml", compose)]).is_empty());
        let (a, b, c) = (app("one", ""), app("two", ""), app("two", "http://one:80/"));
        assert_eq!(found(&[("one/app.yaml", &a), ("two/app.yaml", &b)]), ["one", "two"]);
        assert!(found(&[("one/app.yaml", &a), ("two/app.yaml", &c)]).is_empty(), "the one needs the other");
        let up = "kubectl apply -f one\nkubectl apply -f two\n";
        assert!(found(&[("one/app.yaml", &a), ("two/app.yaml", &b), ("up.sh", up)]).is_empty());
        assert!(found(&[("k8s/app.yaml", &a), ("helm/Chart.yaml", "name: x")]).is_empty());
        assert!(found(&[("phase-1/app.yaml", &a), ("phase-2/app.yaml", &b)]).is_empty(), "copies");
        let lessons =
            [("01-pods/kube-manifests/app.yaml", a.as_str()), ("02-services/kube-manifests/app.yaml", &b)];
        assert_eq!(found(&lessons), ["01-pods", "02-services"]);
        assert!(
            found(&[("01-begin/app.yaml", &a), ("02-end/app.yaml", &a)]).is_empty(),
            "steps of one application"
        );
        let tilt = "k8s_yaml('app.yaml')\n";
        let steps = ["0-base", "1-fast", "2-best"]
            .map(|step| [(step, "app.yaml", a.as_str()), (step, "Tiltfile", tilt)]);
        let steps: Vec<(String, &str)> =
            steps.iter().flatten().map(|(step, file, text)| (format!("{step}/{file}"), *text)).collect();
        let steps: Vec<(&str, &str)> = steps.iter().map(|(path, text)| (path.as_str(), *text)).collect();
        assert_eq!(found(&steps), ["0-base", "1-fast", "2-best"], "each declares how it is deployed");
    }
}
