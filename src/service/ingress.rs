//! Which controller serves the project's Ingresses: that of an existing IngressClass, minikube's addon, or none.
//!
//! A controller that the user has installed is left alone: if the class exists, it counts as served, and only the
//! addon's own pods (which an interrupted start may have left half-way) are examined more closely. Whether it really
//! serves is tested when the URL is verified.

use super::backend;
use crate::event::Code;
use crate::event::Finding;
use crate::event::Place;
use crate::fault::Fault;
use crate::fault::FaultKind;
use crate::fault::Result;
use crate::limit;
use crate::manifest::Object;
use crate::project::name::Namespace;
use crate::project::name::ObjectName;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::networking::v1::IngressClass;
use kube::Api;
use kube::Client;
use kube::api::ListParams;
use std::time::Duration;
use tokio::time::Instant;

/// Where minikube's addon has its controller, its Services and its jobs (`minikube: deploy/addons/ingress`).
pub(super) const NAMESPACE: &str = "ingress-nginx";

/// The Service in front of the addon's controller.
pub(super) const CONTROLLER: &str = "ingress-nginx-controller";

/// The addon's class.
const CLASS: &str = "nginx";

/// The Service behind the webhook that judges every Ingress: until it answers, the API server refuses them.
const ADMISSION: &str = "ingress-nginx-controller-admission";

const DEFAULT: &str = "ingressclass.kubernetes.io/is-default-class";

/// How long to look again.
const PAUSE: Duration = Duration::from_millis(500);

/// How long a refused pull must last: the first refusal may be a registry's bad moment.
const REFUSED: Duration = Duration::from_secs(5);

/// How long a controller may take after its image was pulled until it admits.
const PATIENCE: Duration = Duration::from_secs(180);

/// An Ingress and the class that it requests.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Asking {
    name: String,
    class: Option<String>,
    place: Place,
}

/// What the cluster must provide before Ingresses are applied.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Need {
    /// minikube's addon has to be enabled.
    pub addon: bool,
    /// The addon's controller exists and does not run yet.
    pub coming: bool,
    /// Ingresses without a controller: by name, each with what to do.
    pub unserved: Vec<(String, Finding)>,
}

/// Determines the controllers of the Ingresses among `objects`, and the addon's if it is `wanted` anyhow. Makes no
/// request if there is no Ingress, and waits without end: the caller has a time limit.
///
/// # Errors
/// The API server's, when its IngressClasses or the addon's pods cannot be read.
pub async fn inspect(client: &Client, objects: &[Object], wanted: bool) -> kube::Result<Need> {
    let asking = asking(objects);
    if asking.is_empty() && !wanted {
        return Ok(Need::default());
    }
    let classes: Api<IngressClass> = Api::all(client.clone());
    let mut classes = classes.list(&ListParams::default()).await?.items;
    let written = objects.iter().filter(|object| object.kind() == "IngressClass");
    classes.extend(written.filter_map(|object| serde::Deserialize::deserialize(&*object.value).ok()));
    Ok(decide(&asking, wanted, &classes, &controllers(client).await?))
}

fn asking(objects: &[Object]) -> Vec<Asking> {
    let of = |object: &&Object| object.kind() == "Ingress" && object.group() == "networking.k8s.io";
    let asks = |object: &Object| {
        let annotated = "/metadata/annotations/kubernetes.io~1ingress.class";
        let (class, pointer) = match object.value["spec"]["ingressClassName"].as_str() {
            Some(class) => (Some(class), "/spec/ingressClassName"),
            None => (object.value.pointer(annotated).and_then(|class| class.as_str()), annotated),
        };
        Asking {
            name: object.name().to_owned(),
            class: class.map(str::to_owned),
            place: object.place_of(if class.is_some() { pointer } else { "/spec" }).clone(),
        }
    };
    objects.iter().filter(of).map(asks).collect()
}

fn decide(asking: &[Asking], wanted: bool, classes: &[IngressClass], pods: &[Pod]) -> Need {
    let names: Vec<&str> = classes.iter().filter_map(|class| class.metadata.name.as_deref()).collect();
    let default = classes.iter().any(|class| {
        class.metadata.annotations.iter().flatten().any(|(key, value)| key == DEFAULT && value == "true")
    });
    let mut need = Need::default();
    let mut asks_addon = wanted;
    for item in asking {
        match item.class.as_deref() {
            Some(CLASS) => asks_addon = true,
            Some(class) if names.contains(&class) => {}
            Some(class) => need.unserved.push((item.name.clone(), unserved(item, class, &names))),
            None if default => {}
            None if names.is_empty() || names.contains(&CLASS) => asks_addon = true,
            None => {
                let message =
                    "it names no class, and the cluster has no default one: no controller will serve it";
                let help = format!("write `ingressClassName: {}`", names[0]);
                let finding = Code::IngressClassMissing
                    .error(message)
                    .about(format!("Ingress/{}", item.name))
                    .at(item.place.clone());
                need.unserved.push((item.name.clone(), finding.help(help)));
            }
        }
    }
    need.addon = asks_addon && !names.contains(&CLASS);
    need.coming = !need.addon && !pods.is_empty() && !pods.iter().any(is_ready);
    need
}

fn unserved(item: &Asking, class: &str, names: &[&str]) -> Finding {
    let help = match names {
        [] => format!(
            "write `ingressClassName: {CLASS}`, for which `todo` enables minikube's addon, or install the controller of `{class}` first"
        ),
        names => {
            let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
            format!(
                "the cluster has {}: name that, or install the controller of `{class}` first",
                names.join(", ")
            )
        }
    };
    Code::IngressControllerMissing
        .error(format!("no controller is installed for IngressClass `{class}`"))
        .about(format!("Ingress/{}", item.name))
        .at(item.place.clone())
        .help(help)
}

fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
    conditions.into_iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

/// The addon's controllers; none where its namespace is not there.
async fn controllers(client: &Client) -> kube::Result<Vec<Pod>> {
    let pods: Api<Pod> = Api::namespaced(client.clone(), NAMESPACE);
    let controller = ListParams::default()
        .labels("app.kubernetes.io/name=ingress-nginx,app.kubernetes.io/component=controller");
    Ok(limit::with_timeout(pods.list(&controller)).await?.items)
}

/// Waits until the addon's controller runs and its webhook admits Ingresses. `tell` receives what is waited for.
pub async fn admits(client: &Client, tell: impl Fn(String)) -> Result<()> {
    let until = Instant::now() + PATIENCE;
    loop {
        let pods = controllers(client).await.unwrap_or_default();
        let why = if !pods.iter().any(is_ready) {
            "the Ingress controller is not ready yet"
        } else if judges(client).await {
            return Ok(());
        } else {
            "the Ingress controller's webhook has no endpoint yet"
        };
        if Instant::now() + PAUSE >= until {
            return Err(Code::IngressControllerNotReady
                .fault(FaultKind::Minikube, why)
                .hint(format!("see why: `kubectl -n {NAMESPACE} describe pods`")));
        }
        tell(why.to_owned());
        tokio::time::sleep(PAUSE).await;
    }
}

/// Whether the webhook answers; a controller without one does not validate.
async fn judges(client: &Client) -> bool {
    let services: Api<Service> = Api::namespaced(client.clone(), NAMESPACE);
    let (Ok(namespace), Ok(name)) = (Namespace::parse(NAMESPACE), ObjectName::parse(ADMISSION)) else {
        return true;
    };
    match limit::with_timeout(services.get_opt(ADMISSION)).await {
        Ok(None) => true,
        Ok(Some(_)) => backend::inspect(client, &namespace, &name, Some("https-webhook"))
            .await
            .is_ok_and(|backends| backends.ready > 0),
        Err(_) => false,
    }
}

/// Ends once the addon of `profile` cannot start: an image of its pods cannot be pulled. Otherwise never.
pub async fn cannot_come_up(client: &Client, profile: &str) -> Fault {
    refused_for(client, profile, PAUSE, REFUSED).await
}

async fn refused_for(client: &Client, profile: &str, pause: Duration, lasting: Duration) -> Fault {
    let pods: Api<Pod> = Api::namespaced(client.clone(), NAMESPACE);
    let mut since: Option<Instant> = None;
    loop {
        tokio::time::sleep(pause).await;
        let Ok(found) = limit::with_timeout(pods.list(&ListParams::default())).await else { continue };
        match found.items.iter().find_map(|pod| refused(pod, profile)) {
            None => since = None,
            Some(finding) if since.get_or_insert_with(Instant::now).elapsed() >= lasting => {
                let message = "minikube's addon `ingress` cannot come up: its image cannot be pulled";
                return Code::IngressControllerNotReady.fault(FaultKind::Minikube, message).findings([finding]).hint(format!(
                    "or put another controller in its place, after `minikube addons disable ingress -p {profile}` and, for what an addon that never came up leaves behind, `kubectl delete --ignore-not-found namespace/ingress-nginx ingressclass/nginx validatingwebhookconfiguration/ingress-nginx-admission`: where another controller serves the IngressClass `nginx`, `todo` does not enable the addon"
                ));
            }
            Some(_) => {}
        }
    }
}

/// The finding about a pod's image that cannot be pulled, with the runtime's message.
fn refused(pod: &Pod, profile: &str) -> Option<Finding> {
    let status = pod.status.as_ref()?;
    let containers = status.init_container_statuses.iter().chain(&status.container_statuses).flatten();
    containers.into_iter().find_map(|container| {
        let waiting = container.state.as_ref()?.waiting.as_ref()?;
        let reason = waiting.reason.as_deref()?;
        let pull = ["ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName"];
        pull.contains(&reason).then(|| {
            let image = &container.image;
            let name = pod.metadata.name.as_deref().unwrap_or_default();
            Code::ImagePullFailed
                .error(format!("the image `{image}` cannot be pulled: {reason}"))
                .about(format!("Pod/{name} in {NAMESPACE}"))
                .evidence(waiting.message.iter().map(|message| message.trim().to_owned()))
                .help(format!(
                    "give the node a network or a proxy; or bring the image: `minikube image load -p {profile} {}`",
                    image.split('@').next().unwrap_or(image)
                ))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::Need;
    use super::asking;
    use super::decide;
    use super::refused_for;
    use crate::event::Place;
    use crate::fault::FaultKind;
    use crate::manifest::Object;
    use crate::service::fake;
    use crate::service::tests::client;
    use k8s_openapi::api::core::v1::Pod;
    use k8s_openapi::api::networking::v1::IngressClass;
    use serde_json::Value;
    use serde_json::json;
    use std::time::Duration;

    fn ingress(class: Option<&str>) -> Object {
        let mut value = json!({"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": "web"}, "spec": {}});
        if let Some(class) = class {
            value["spec"]["ingressClassName"] = json!(class);
        }
        Object::made(value, Place::file("web.yaml"))
    }

    fn class(name: &str, default: bool) -> IngressClass {
        let annotations = json!({"ingressclass.kubernetes.io/is-default-class": default.to_string()});
        serde_json::from_value(json!({"metadata": {"name": name, "annotations": annotations}, "spec": {}}))
            .unwrap()
    }

    fn pod(ready: &str) -> Pod {
        let status = json!({"conditions": [{"type": "Ready", "status": ready}]});
        serde_json::from_value(json!({"metadata": {"name": "c"}, "status": status})).unwrap()
    }

    #[test]
    fn the_addon_is_for_those_who_brought_no_controller() {
        let none: [IngressClass; 0] = [];
        let own = [class("nginx", true)];
        let bare = [class("nginx", false)];
        let other = [class("traefik", false)];
        let other_default = [class("traefik", true)];
        let (addon, nothing) = (Need { addon: true, ..Need::default() }, Need::default());
        for (asks, classes, need) in [
            (None, &none as &[IngressClass], Some(&addon)),
            (Some("nginx"), &none[..], Some(&addon)),
            (None, &own[..], Some(&nothing)),
            (Some("nginx"), &own[..], Some(&nothing)),
            (None, &bare[..], Some(&nothing)),
            (Some("nginx"), &other[..], Some(&addon)),
            (Some("traefik"), &other[..], Some(&nothing)),
            (None, &other_default[..], Some(&nothing)),
            // No controller serves these.
            (None, &other[..], None),
            (Some("alb"), &none[..], None),
            (Some("alb"), &own[..], None),
        ] {
            let found = decide(&asking(&[ingress(asks)]), false, classes, &[]);
            match need {
                Some(need) => assert_eq!(&found, need, "{asks:?}"),
                None => {
                    let (name, finding) = &found.unserved[0];
                    assert_eq!((name.as_str(), found.addon), ("web", false), "{asks:?}");
                    assert!(finding.place.is_some() && finding.help.is_some());
                }
            }
        }
        assert!(decide(&[], true, &[], &[]).addon, "deploy.toml asks for it");
        assert!(!decide(&[], true, &own, &[]).addon);
        assert!(decide(&[], true, &own, &[pod("False")]).coming, "an enabling that was interrupted");
        assert!(!decide(&[], true, &own, &[pod("False"), pod("True")]).coming);
    }

    #[test]
    fn the_old_annotation_is_a_class_too() {
        let mut old = ingress(None).value.into_inner();
        old["metadata"]["annotations"] = json!({"kubernetes.io/ingress.class": "alb"});
        let asking = asking(&[Object::made(old, Place::file("web.yaml"))]);
        assert_eq!(asking[0].class.as_deref(), Some("alb"));
    }

    #[tokio::test]
    async fn an_addon_whose_image_cannot_be_pulled_is_told_with_the_cause() {
        let waiting = |reason: &str| -> Value {
            json!({"metadata": {"name": "controller-1"}, "spec": {"containers": []}, "status": {"containerStatuses": [{
                "name": "controller", "image": "registry.k8s.io/ingress-nginx/controller:v1.14.3@sha256:1", "imageID": "",
                "ready": false, "restartCount": 0,
                "state": {"waiting": {"reason": reason, "message": "dial tcp: lookup registry.k8s.io: no such host"}},
            }]}})
        };
        let at = fake::server(move |number, _| {
            let reason = if number < 2 { "ContainerCreating" } else { "ErrImagePull" };
            fake::json(&json!({"metadata": {}, "items": [waiting(reason)]}))
        })
        .await;
        let brief = Duration::from_millis(20);
        let fault = refused_for(&client(at), "shop", brief, brief * 3).await;
        assert_eq!(fault.kind, FaultKind::Minikube);
        let finding = &fault.findings[0];
        assert!(finding.message.contains("controller:v1.14.3@sha256:1` cannot be pulled: ErrImagePull"));
        assert_eq!(finding.evidence, ["dial tcp: lookup registry.k8s.io: no such host"]);
        assert!(
            finding
                .help
                .as_ref()
                .unwrap()
                .contains("`minikube image load -p shop registry.k8s.io/ingress-nginx/controller:v1.14.3`")
        );
    }
}
