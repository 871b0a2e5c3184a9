//! Our images into pod templates, wherever they are.
//!
//! Not a text replacement: an image is ours if its repository is the name in deploy.toml, whatever the tag, and never
//! because the name of somebody's registry happens to end with it.

mod site;

use crate::event::Code;
use crate::event::Finding;
use crate::event::Place;
use crate::manifest::Object;
use crate::manifest::ObjectId;
use crate::project::Binding;
use crate::project::Image;
use crate::project::name::ImageName;
use nearest::nearest;
use serde_json::Value;
use site::image_at;
use site::policy_at;
use site::sites;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

/// When a node fetches an image of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PullPolicy {
    /// Never: it was built on, or shipped to, the node. What is missing is an error at once, and no stranger's image of the
    /// same name on Docker Hub can take its place.
    Never,
    /// If the node lacks it: it is in a registry under a tag that never moves.
    IfNotPresent,
}

impl PullPolicy {
    /// As containers write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            PullPolicy::Never => "Never",
            PullPolicy::IfNotPresent => "IfNotPresent",
        }
    }
}

/// What was bound.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bound {
    /// Every field that was written.
    pub changes: Vec<Change>,
}

/// A field that names an image of ours, and what it said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Of which object.
    pub id: ObjectId,
    /// Where it is written.
    pub place: Place,
    /// The image of ours.
    pub name: ImageName,
    /// What the manifest calls it.
    pub image: String,
    /// The pull policy that the manifest gives it, if any.
    pub policy: Option<String>,
}

impl Change {
    /// Whether a node would ask a registry for an image that only the node has: told to, or by the default for `latest`.
    #[must_use]
    pub fn would_pull(&self) -> bool {
        let (_, tag) = self.image.rsplit_once(':').unwrap_or(("", "latest"));
        let latest = tag == "latest" || tag.contains('/');
        let digest = self.image.contains('@');
        self.policy.as_deref().map_or(latest && !digest, |policy| policy == "Always")
    }
}

impl Bound {
    /// One note on all pull policies that would have kept a local image from being used.
    #[must_use]
    pub fn note(&self) -> Option<Finding> {
        let pulls: Vec<&Change> = self.changes.iter().filter(|change| change.would_pull()).collect();
        let first = pulls.first()?;
        let told = "the pull policy of images built here is set to `Never`: no registry has them";
        let finding = Code::PullPolicyReplaced.note(told);
        let places =
            pulls.iter().map(|change| format!("{}: `{}` in {}", change.id, change.image, change.place));
        Some(finding.at(first.place.clone()).evidence(places).help("nothing has to be done"))
    }
}

/// Writes the reference and the pull policy of each built image into every container and image volume that names it, and
/// into the fields of custom resources that `rules` point at.
///
/// The policy is written although the server has a default: it sets that at creation alone, so an `Always` that an
/// earlier `:latest` brought would stay.
pub fn bind(
    objects: &mut [Object],
    rules: &[Binding],
    built: &BTreeMap<ImageName, String>,
    policy: PullPolicy,
) -> Bound {
    let mut bound = Bound::default();
    for object in objects {
        for site in sites(object, rules) {
            let Some(image) = image_at(object, &site).map(str::to_owned) else { continue };
            let Some(name) = named_by(&image, built.keys()).cloned() else { continue };
            let change = Change {
                id: object.id(),
                place: object.place_of(&format!("{}/{}", site.holder, site.field)).clone(),
                policy: policy_at(object, &site),
                name: name.clone(),
                image,
            };
            let Some(holder) = object.value.pointer_mut(&site.holder) else { continue };
            holder[site.field] = Value::from(built[&name].clone());
            if let Some(field) = site.policy {
                holder[field] = Value::from(policy.as_str());
            }
            bound.changes.push(change);
        }
    }
    bound
}

/// Where images are named: ours with every place, and the others as they are written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Named {
    /// The places of each image of ours that is named at all.
    pub ours: BTreeMap<ImageName, Vec<Place>>,
    /// Every other image, with its place.
    pub foreign: Vec<(String, Place)>,
}

/// Which of `names` the objects name, and what else.
#[must_use]
pub fn images_named<'a>(
    objects: &[Object],
    rules: &[Binding],
    names: impl IntoIterator<Item = &'a ImageName>,
) -> Named {
    let ours: Vec<&ImageName> = names.into_iter().collect();
    let mut found = Named::default();
    for object in objects {
        for site in sites(object, rules) {
            let Some(image) = image_at(object, &site) else { continue };
            let place = object.place_of(&format!("{}/{}", site.holder, site.field)).clone();
            match named_by(image, ours.iter().copied()) {
                Some(name) => found.ours.entry(name.clone()).or_default().push(place),
                None => found.foreign.push((image.to_owned(), place)),
            }
        }
    }
    found
}

/// A warning for each image of the project that no object names, with the name that was probably meant for it, and for
/// each namesake of one in somebody's registry, which the node would pull instead.
#[must_use]
pub fn unused(objects: &[Object], rules: &[Binding], images: &[Image]) -> Vec<Finding> {
    let named = images_named(objects, rules, images.iter().map(|image| &image.name));
    let mut found = Vec::new();
    let mut meant_for = BTreeSet::new();
    for (foreign, place) in &named.foreign {
        let path = repository(foreign);
        let Some((_, last)) = path.rsplit_once('/') else { continue };
        for image in images.iter().filter(|image| !image.name.as_str().contains('/')) {
            if image.name.as_str() != last || !meant_for.insert((path, image.name.as_str())) {
                continue;
            }
            let told =
                format!("`{foreign}` is not the image `{last}` that is built here: the node would pull it");
            let help = format!(
                "if it is the same, write `[image.\"{path}\"]` instead of `[image.{last}]` ({}), or `{last}` here",
                image.place
            );
            found.push(
                Code::ImageNameMismatch
                    .warning(told)
                    .about(format!("image {last}"))
                    .at(place.clone())
                    .help(help),
            );
        }
    }
    for rule in rules.iter().filter(|rule| !objects.iter().any(|object| object.kind() == rule.kind)) {
        let told = format!("no manifest has an object of kind `{}`", rule.kind);
        found.push(
            Code::BindingUnused
                .warning(told)
                .at(rule.place.clone())
                .help("correct `kind`, or remove the [[binding]]"),
        );
    }
    let unnamed = images.iter().filter(|image| !named.ours.contains_key(&image.name));
    found.extend(unnamed.filter(|image| !meant_for.iter().any(|(_, name)| *name == image.name.as_str())).map(|image| {
        let name = image.name.as_str();
        let finding = Code::ImageUnused.warning(format!("no manifest names the image `{name}`"))
            .about(format!("image {name}"))
            .at(image.place.clone());
        let meant = nearest(name, named.foreign.iter().map(|(foreign, _)| repository(foreign)));
        let at = named.foreign.iter().find(|(foreign, _)| Some(repository(foreign)) == meant);
        match at {
            Some((foreign, place)) => finding.help(format!("write `{name}` instead of `{foreign}` in {place}")),
            None => finding.help(format!(
                "write `image: {name}` in a pod template, name its field in a [[binding]], or remove [image.{name}]"
            )),
        }
    }));
    found
}

/// The image of ours that `image` names.
pub(crate) fn named_by<'n>(
    image: &str,
    names: impl IntoIterator<Item = &'n ImageName>,
) -> Option<&'n ImageName> {
    let repository = local(repository(image));
    names.into_iter().find(|name| local(name.as_str()) == repository)
}

/// The repository of an image reference: without tag and digest.
#[must_use]
pub fn repository(image: &str) -> &str {
    let image = image.split_once('@').map_or(image, |(name, _)| name);
    match image.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => name,
        _ => image,
    }
}

/// The repository as Docker abbreviates it: `docker.io/library/web`, `localhost/web` (Podman's) and `web` are one.
fn local(repository: &str) -> &str {
    let path = ["docker.io/", "index.docker.io/", "localhost/"]
        .iter()
        .find_map(|host| repository.strip_prefix(host))
        .unwrap_or(repository);
    path.strip_prefix("library/").unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::PullPolicy;
    use super::bind;
    use super::images_named;
    use super::unused;
    use crate::event::Place;
    use crate::manifest::read::objects;
    use crate::project::Binding;
    use crate::project::Image;
    use crate::project::name::ImageName;
    use serde_json::Value;
    use serde_json::json;
    use std::collections::BTreeMap;

    fn name(text: &str) -> ImageName {
        ImageName::parse(text).unwrap()
    }

    fn image(text: &str) -> Image {
        Image {
            name: name(text),
            place: Place { file: "deploy.toml".into(), line: 3, column: 8 },
            context: ".".into(),
            dockerfile: "Dockerfile".into(),
            target: None,
            args: BTreeMap::new(),
            secrets: BTreeMap::new(),
            platform: None,
            max_size: None,
            sync: true,
        }
    }

    fn pod(image: &str) -> String {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec:\n  containers:\n    - name: c\n      image: {image}\n      imagePullPolicy: Always\n"
        )
    }

    fn bound(image: &str) -> Value {
        let mut objects = objects(&pod(image));
        let built = [("web", "web:abc"), ("team/api", "team/api:def")]
            .map(|(key, to)| (name(key), to.to_owned()))
            .into();
        bind(&mut objects, &[], &built, PullPolicy::Never);
        objects[0].value["spec"]["containers"][0].clone()
    }

    #[test]
    fn an_image_is_ours_by_its_repository() {
        for ours in [
            "web",
            "web:latest",
            "web:1.2",
            "web@sha256:aa",
            "web:1@sha256:aa",
            "docker.io/library/web",
            "docker.io/web:2",
            "library/web",
            "localhost/web:dev",
        ] {
            assert_eq!(
                bound(ours),
                json!({"name": "c", "image": "web:abc", "imagePullPolicy": "Never"}),
                "{ours}"
            );
        }
        assert_eq!(bound("docker.io/team/api:2")["image"], "team/api:def");
        for foreign in [
            "my-web",
            "ghcr.io/acme/web",
            "ghcr.io/web:1",
            "team/web",
            "localhost:5000/web",
            "api",
            "webs",
            "web/x",
        ] {
            let left = json!({"name": "c", "image": foreign, "imagePullPolicy": "Always"});
            assert_eq!(bound(foreign), left, "{foreign}");
        }
    }

    #[test]
    fn every_kind_of_container_is_bound() {
        let mut objects = objects(
            "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: j}\nspec:\n  jobTemplate:\n    spec:\n      template:\n        spec:\n          initContainers: [{name: i, image: web}]\n          ephemeralContainers: [{name: e, image: web}]\n          containers: [{name: c, image: 'web:1'}, {name: d, image: busybox}]\n          volumes: [{name: v, image: {reference: web}}]\n",
        );
        let bound =
            bind(&mut objects, &[], &[(name("web"), "web:abc".to_owned())].into(), PullPolicy::IfNotPresent);
        assert_eq!(bound.changes.len(), 4);
        let spec = &objects[0].value["spec"]["jobTemplate"]["spec"]["template"]["spec"];
        assert_eq!(
            spec["initContainers"][0],
            json!({"name": "i", "image": "web:abc", "imagePullPolicy": "IfNotPresent"})
        );
        assert_eq!(spec["containers"][0]["image"], "web:abc");
        assert_eq!(spec["ephemeralContainers"][0]["image"], "web:abc");
        assert_eq!(spec["containers"][1], json!({"name": "d", "image": "busybox"}));
        assert_eq!(
            spec["volumes"][0]["image"],
            json!({"reference": "web:abc", "pullPolicy": "IfNotPresent"})
        );
    }

    #[test]
    fn an_image_that_nothing_names_is_told_with_what_was_meant() {
        let objects = objects(&pod("todo-bakend:1"));
        assert_eq!(images_named(&objects, &[], [&name("todo-bakend")]).ours[&name("todo-bakend")][0].line, 7);
        let told = |images: &[Image]| -> Vec<String> {
            let found = unused(&objects, &[], images);
            found
                .into_iter()
                .map(|f| format!("{} {} → {}", f.place.unwrap(), f.message, f.help.unwrap()))
                .collect()
        };
        assert_eq!(
            told(&[image("todo-backend")]),
            [
                "deploy.toml:3:8 no manifest names the image `todo-backend` → write `todo-backend` instead of `todo-bakend:1` in app.yaml:7:14"
            ]
        );
        assert!(told(&[image("worker")])[0].contains("remove [image.worker]"));
        assert!(told(&[image("todo-bakend")]).is_empty());
    }

    #[test]
    fn a_custom_resource_is_bound_where_the_project_file_says() {
        let rule = |path: &str, policy: Option<&str>| Binding {
            place: Place { file: "deploy.toml".into(), line: 9, column: 1 },
            kind: "Function".to_owned(),
            path: path.split('.').map(str::to_owned).collect(),
            policy: policy.map(str::to_owned),
        };
        let rules = [rule("spec.image", None), rule("spec.workers[].run.image", Some("pullPolicy"))];
        let text = "apiVersion: x.io/v1\nkind: Function\nmetadata: {name: f}\nspec:\n  image: web:1\n  workers:\n  - run: {image: web}\n  - run: {image: other}\n  - {}\n---\napiVersion: x.io/v1\nkind: Other\nmetadata: {name: o}\nspec: {image: web}\n";
        let mut objects = objects(text);
        let built = [(name("web"), "web:abc".to_owned())].into();
        assert_eq!(images_named(&objects, &rules, [&name("web")]).ours[&name("web")].len(), 2);
        bind(&mut objects, &rules, &built, PullPolicy::Never);
        assert_eq!(
            objects[0].value["spec"],
            json!({"image": "web:abc", "workers": [
                {"run": {"image": "web:abc", "pullPolicy": "Never"}}, {"run": {"image": "other"}}, {}]})
        );
        assert_eq!(objects[1].value["spec"]["image"], "web");
        assert!(
            unused(&objects[1..], &rules[..1], &[])[0]
                .message
                .contains("no manifest has an object of kind `Function`")
        );
    }

    #[test]
    fn a_namesake_in_a_registry_is_never_taken_for_ours_in_silence() {
        let objects = objects(&pod("ghcr.io/acme/todo-backend:v1"));
        let found = unused(&objects, &[], &[image("todo-backend")]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(
            (found[0].message.as_str(), found[0].help.as_deref().unwrap()),
            (
                "`ghcr.io/acme/todo-backend:v1` is not the image `todo-backend` that is built here: the node would pull it",
                "if it is the same, write `[image.\"ghcr.io/acme/todo-backend\"]` instead of `[image.todo-backend]` (deploy.toml:3:8), or `todo-backend` here"
            )
        );
        assert!(unused(&objects, &[], &[image("ghcr.io/acme/todo-backend")]).is_empty());
    }

    #[test]
    fn a_policy_that_would_ask_a_registry_is_told_once() {
        let bound = |image: &str, policy: &str| {
            let text = pod(image).replace("imagePullPolicy: Always", policy);
            let built = [(name("web"), "web:abc".to_owned())].into();
            bind(&mut objects(&text), &[], &built, PullPolicy::Never).note()
        };
        for (image, policy, told) in [
            ("web:1", "imagePullPolicy: Always", true),
            ("web", "", true),
            ("docker.io/library/web:latest", "", true),
            ("web:1", "", false),
            ("web", "imagePullPolicy: IfNotPresent", false),
            ("web:latest", "imagePullPolicy: Never", false),
            ("nginx", "imagePullPolicy: Always", false),
        ] {
            assert_eq!(bound(image, policy).is_some(), told, "{image} {policy}");
        }
        let note = bound("web", "").unwrap();
        assert_eq!(note.evidence, ["Pod/p: `web` in app.yaml:7:14"]);
    }
}
