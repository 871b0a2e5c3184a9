//! Our images into pod templates, wherever they are.
//!
//! Not a text replacement: an image is the project's if its repository is the name in deploy.toml, whatever the tag,
//! and never because another registry's name happens to end with it.

mod image_field;

use crate::event::Code;
use crate::event::Finding;
use crate::event::Place;
use crate::manifest::Object;
use crate::manifest::ObjectId;
use crate::project::Binding;
use crate::project::Image;
use crate::project::name::ImageName;
use image_field::image_at;
use image_field::policy_at;
use image_field::sites;
use nearest::nearest;
use serde_json::Value;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

/// When a node fetches an image of the project.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PullPolicy {
    /// Never: it was built on, or shipped to, the node. A missing image is an error at once, and a foreign image of the
    /// same name on Docker Hub cannot take its place.
    #[default]
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

/// The bound images.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bound {
    /// Every field that was written.
    pub changes: Vec<ImageBinding>,
    /// The pull policy that was written.
    pub policy: PullPolicy,
}

/// A field that names an image of the project, and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageBinding {
    /// Of which object.
    pub id: ObjectId,
    /// Where it is written.
    pub place: Place,
    /// The image of the project.
    pub name: ImageName,
    /// What the manifest calls it.
    pub image: String,
    /// The pull policy that the manifest gives it, if any.
    pub policy: Option<String>,
}

impl ImageBinding {
    /// Whether a node would ask a registry for an image that only the node has: by its pull policy, or by the default
    /// for `latest`.
    #[must_use]
    pub fn would_pull(&self) -> bool {
        let (_, tag) = self.image.rsplit_once(':').unwrap_or(("", "latest"));
        let latest = tag == "latest" || tag.contains('/');
        let digest = self.image.contains('@');
        self.policy.as_deref().map_or(latest && !digest, |policy| policy == "Always")
    }
}

impl Bound {
    /// One note on all pull policies that would have kept a local image from being used; none if a registry has the images.
    #[must_use]
    pub fn note(&self) -> Option<Finding> {
        if self.policy != PullPolicy::Never {
            return None;
        }
        let pulls: Vec<&ImageBinding> = self.changes.iter().filter(|change| change.would_pull()).collect();
        let first = pulls.first()?;
        let message = "the pull policy of images built here is set to `Never`: no registry has them";
        let finding = Code::PullPolicyReplaced.note(message);
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
    let mut bound = Bound { policy, ..Bound::default() };
    for object in objects {
        for site in sites(object, rules) {
            let Some(image) = image_at(object, &site).map(str::to_owned) else { continue };
            let Some(name) = named_by(&image, built.keys()).cloned() else { continue };
            let change = ImageBinding {
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

/// The images in the manifests: the project's with every place, and the others as written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Named {
    /// The places of each named image of the project.
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
/// each namesake of one in another registry, which the node would pull instead.
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
            let message =
                format!("`{foreign}` is not the image `{last}` that is built here: the node would pull it");
            let help = format!(
                "if it is the same, write `[image.\"{path}\"]` instead of `[image.{last}]` ({}), or `{last}` here",
                image.place
            );
            found.push(
                Code::ImageNameMismatch
                    .warning(message)
                    .about(format!("image {last}"))
                    .at(place.clone())
                    .help(help),
            );
        }
    }
    for rule in rules.iter().filter(|rule| !objects.iter().any(|object| object.kind() == rule.kind)) {
        let message = format!("no manifest has an object of kind `{}`", rule.kind);
        found.push(
            Code::BindingUnused
                .warning(message)
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

/// The image of the project that `image` names.
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
mod tests;
