//! Which values are hidden from everything that a run prints: those of the project's files, of its objects, and of the
//! Secrets that its pods read in the cluster.

use crate::cluster::Target;
use crate::cluster::secrets;
use crate::event::Code;
use crate::event::Step;
use crate::go_base64;
use crate::manifest::Object;
use crate::project::Project;
use crate::project::values;
use crate::run::Run;
use serde_json::Value;

/// Redacts the values of deploy.toml's secrets, if they can be read: unreadable ones are reported elsewhere.
pub(crate) fn project(run: &Run, project: &Project) {
    let redactor = run.sink.redactor();
    let images = project.images.iter().map(|image| image.name.as_str());
    let services = project.services.iter().map(|service| service.name.as_str());
    let others = [project.name.as_str(), project.namespace.as_str(), project.minikube.profile.as_str()];
    redactor.keep(images.chain(services).chain(others));
    for secret in values::known(&run.world, project) {
        run.sink.hide(secret.expose());
    }
}

/// Redacts the values of the Secrets among `objects`: programs repeat their input in their output. The names of the
/// objects are not secret.
pub(crate) fn objects<'a>(run: &Run, objects: impl IntoIterator<Item = &'a Object>) {
    values_of(run, objects.into_iter().map(|object| &*object.value));
}

/// As [`objects`], of objects as the API server has them.
pub(crate) fn values_of<'a>(run: &Run, objects: impl IntoIterator<Item = &'a Value>) {
    let redactor = run.sink.redactor();
    for object in objects {
        let named = ["name", "namespace"].map(|field| object["metadata"][field].as_str());
        redactor.keep(named.into_iter().flatten());
        if object["kind"] == "Secret" {
            secret(run, object);
        }
        values_of(run, object["items"].as_array().into_iter().flatten());
    }
}

fn secret(run: &Run, object: &Value) {
    let values = |field: &str| object[field].as_object().into_iter().flatten();
    for text in values("stringData").filter_map(|(_, value)| value.as_str()) {
        run.sink.hide(text.as_bytes());
    }
    let decoded = |value: &Value| value.as_str().and_then(go_base64::decode);
    for bytes in values("data").filter_map(|(_, value)| decoded(value)) {
        run.sink.hide(&bytes);
    }
}

/// Redacts the values of the Secrets in the project's namespaces: its pods may read all of them. If they cannot be
/// read, a warning explains the consequence.
pub(crate) async fn cluster(run: &Run, target: &Target, step: Step) {
    match secrets(run, target, step).await {
        Ok(found) => values_of(run, &found),
        // A run that was stopped reports that itself.
        Err(_) if run.stopped().is_some() => {}
        Err(fault) => {
            let why = fault.causes().pop().unwrap_or_default();
            let message = format!("the Secrets of namespace `{}` cannot be read: {why}", target.namespace);
            let help = "values of them may be shown where programs print them; with the right to list Secrets they are hidden";
            run.sink.warn(Code::SecretsUnreadable.warning(message).help(help));
        }
    }
}
