//! Our images into pod templates, wherever they are.
//!
//! Not a text replacement: an image is ours if its repository is the name in deploy.toml, whatever the tag, and never
//! because the name of somebody's registry happens to end with it.

use crate::event::Finding;
use crate::event::Place;
use crate::manifest::Object;
use crate::manifest::pods;
use crate::manifest::pods::items;
use crate::nearest::nearest;
use crate::project::Image;
use crate::project::name::ImageName;
use serde_json::Value;
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
    /// The images that some pod template names.
    pub used: BTreeSet<ImageName>,
}

/// Writes the reference and the pull policy of each built image into every container and image volume that names it.
///
/// The policy is written although the server has a default: it sets that at creation alone, so an `Always` that an
/// earlier `:latest` brought would stay.
pub fn bind(objects: &mut [Object], built: &BTreeMap<ImageName, String>, policy: PullPolicy) -> Bound {
    let mut bound = Bound::default();
    for object in objects {
        for site in sites(object) {
            let Some(name) = image_at(object, &site).and_then(|image| named_by(image, built.keys())) else {
                continue;
            };
            let (name, reference) = (name.clone(), built[name].clone());
            if let Some(holder) = object.value.pointer_mut(&site.holder).and_then(Value::as_object_mut) {
                holder.insert(site.field.to_owned(), Value::from(reference));
                holder.insert(site.policy.to_owned(), Value::from(policy.as_str()));
                bound.used.insert(name);
            }
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

/// Which of `names` the pod templates name, and what else.
#[must_use]
pub fn images_named<'a>(objects: &[Object], names: impl IntoIterator<Item = &'a ImageName>) -> Named {
    let ours: Vec<&ImageName> = names.into_iter().collect();
    let mut found = Named::default();
    for object in objects {
        for site in sites(object) {
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

/// A warning for each image of the project that no pod template names, with the name that was probably meant for it.
#[must_use]
pub fn unused(objects: &[Object], images: &[Image]) -> Vec<Finding> {
    let named = images_named(objects, images.iter().map(|image| &image.name));
    let unnamed = images.iter().filter(|image| !named.ours.contains_key(&image.name));
    unnamed
        .map(|image| {
            let name = image.name.as_str();
            let finding = Finding::warning(format!("no manifest names the image `{name}`"))
                .about(format!("image {name}"))
                .at(image.place.clone());
            let meant = nearest(name, named.foreign.iter().map(|(foreign, _)| repository(foreign)));
            let at = named.foreign.iter().find(|(foreign, _)| Some(repository(foreign)) == meant);
            match at {
                Some((foreign, place)) => {
                    finding.mend(format!("write `{name}` instead of `{foreign}` in {place}"))
                }
                None => {
                    finding.mend(format!("write `image: {name}` in a pod template, or remove [image.{name}]"))
                }
            }
        })
        .collect()
}

/// A field that names an image.
struct Site {
    /// The JSON pointer of the container or image volume.
    holder: String,
    field: &'static str,
    policy: &'static str,
}

fn sites(object: &Object) -> Vec<Site> {
    let Some(template) = pods::template(&object.value) else { return Vec::new() };
    let containers = template.containers().into_iter().map(|container| Site {
        holder: container.pointer,
        field: "image",
        policy: "imagePullPolicy",
    });
    let volumes = items(&template.spec()["volumes"]).filter(|(_, volume)| volume.get("image").is_some()).map(
        |(index, _)| Site {
            holder: format!("{}/spec/volumes/{index}/image", template.pointer),
            field: "reference",
            policy: "pullPolicy",
        },
    );
    containers.chain(volumes).collect()
}

fn image_at<'a>(object: &'a Object, site: &Site) -> Option<&'a str> {
    object.value.pointer(&site.holder)?[site.field].as_str()
}

/// The image of ours that `image` names.
fn named_by<'n>(image: &str, names: impl IntoIterator<Item = &'n ImageName>) -> Option<&'n ImageName> {
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
        bind(&mut objects, &built, PullPolicy::Never);
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
            "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: j}\nspec:\n  jobTemplate:\n    spec:\n      template:\n        spec:\n          initContainers: [{name: i, image: web}]\n          containers: [{name: c, image: 'web:1'}, {name: d, image: busybox}]\n          volumes: [{name: v, image: {reference: web}}]\n",
        );
        let bound =
            bind(&mut objects, &[(name("web"), "web:abc".to_owned())].into(), PullPolicy::IfNotPresent);
        assert_eq!(bound.used, [name("web")].into());
        let spec = &objects[0].value["spec"]["jobTemplate"]["spec"]["template"]["spec"];
        assert_eq!(
            spec["initContainers"][0],
            json!({"name": "i", "image": "web:abc", "imagePullPolicy": "IfNotPresent"})
        );
        assert_eq!(spec["containers"][0]["image"], "web:abc");
        assert_eq!(spec["containers"][1], json!({"name": "d", "image": "busybox"}));
        assert_eq!(
            spec["volumes"][0]["image"],
            json!({"reference": "web:abc", "pullPolicy": "IfNotPresent"})
        );
    }

    #[test]
    fn an_image_that_nothing_names_is_told_with_what_was_meant() {
        let objects = objects(&pod("todo-bakend:1"));
        assert_eq!(images_named(&objects, [&name("todo-bakend")]).ours[&name("todo-bakend")][0].line, 7);
        let told = |images: &[Image]| -> Vec<String> {
            let found = unused(&objects, images);
            found
                .into_iter()
                .map(|f| format!("{} {} → {}", f.place.unwrap(), f.message, f.mend.unwrap()))
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
}
