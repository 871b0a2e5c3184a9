//! Project + manifests → the desired state of the cluster: all decisions, no effects.
//!
//! Not the reading (that was done) and not the images' references (they are known only once built): the plan ends where
//! the first effect begins, so everything that can be wrong in the project's own files has been found by then.

use crate::event::Finding;
use crate::event::Place;
use crate::event::Severity;
use crate::manifest::Object;
use crate::manifest::Release;
use crate::manifest::bind::unused;
use crate::manifest::lint;
use crate::manifest::lint::Scope;
use crate::manifest::lint::lint;
use crate::manifest::read::unite;
use crate::pointer::below;
use crate::project::Project;
use crate::project::name::DataKey;
use crate::project::name::ImageName;
use crate::project::name::ObjectName;
use crate::project::secret::Secret;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

/// The inputs, before they are checked as a whole.
#[derive(Debug, Default)]
pub struct PlanInputs {
    /// The objects of every source.
    pub objects: Vec<Object>,
    /// The releases that charts make of some of them.
    pub releases: Vec<Release>,
    /// The values of each `[secret.NAME]`, in the order of the project.
    pub secrets: Vec<BTreeMap<DataKey, Secret>>,
    /// The values of each `[config.NAME]`, in the order of the project.
    pub configs: Vec<BTreeMap<DataKey, String>>,
    /// How the variables begin that the build of each image takes up.
    pub taken_up: BTreeMap<ImageName, BTreeSet<&'static str>>,
    /// How much of the project could be read.
    pub scope: Scope,
    /// Where values stand that are not in deploy.toml: of each `[secret.NAME]`, then of each `[config.NAME]`.
    pub places: Vec<BTreeMap<DataKey, Place>>,
}

/// The objects that are to be in the cluster; pod templates still name images as the manifests do.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The objects, those of deploy.toml first.
    pub objects: Vec<Object>,
    /// The releases that charts make of some of them, and their hooks.
    pub releases: Vec<Release>,
    /// Worth knowing before anything happens.
    pub warnings: Vec<Finding>,
}

/// Decides the desired state of the cluster, and finds every reason why it is impossible.
pub fn make(project: &Project, facts: PlanInputs) -> (Plan, Vec<Finding>) {
    let hooks = facts.releases.iter().flat_map(|release| &release.hooks).map(|hook| &hook.object);
    let judged: Vec<Object> = facts.objects.iter().chain(hooks).cloned().collect();
    let mut findings = lint(&judged, &known(project, &facts));
    if facts.scope == Scope::Everything {
        findings.extend(unused(&judged, &project.bindings, &project.images));
    }
    let secrets = project.secrets.iter().zip(&facts.secrets);
    let configs = project.configs.iter().zip(&facts.configs);
    let made = secrets
        .map(|(spec, values)| secret(project, &spec.name, &spec.place, values))
        .chain(configs.map(|(spec, values)| config(project, &spec.name, &spec.place, values)));
    let places = facts.places.iter().map(Some).chain(std::iter::repeat(None));
    let made = made.zip(places).map(|(mut object, places)| {
        let places = places.into_iter().flatten();
        object.places = places.map(|(key, place)| (below("/data", key.as_str()), place.clone())).collect();
        object
    });
    let mut objects: Vec<Object> = made.chain(facts.objects).collect();
    findings.extend(unite(&mut objects, Some(&project.namespace)));
    findings.sort_by(|one, other| one.place.cmp(&other.place));
    let (mistakes, warnings) = findings.into_iter().partition(|finding| finding.severity == Severity::Error);
    (Plan { objects, releases: facts.releases, warnings }, mistakes)
}

/// The inputs of lint in addition to the objects.
fn known(project: &Project, facts: &PlanInputs) -> lint::LintFacts {
    let names = project.configs.iter().map(|config| config.name.as_str());
    let keys: BTreeMap<&str, &BTreeMap<DataKey, String>> = names.zip(&facts.configs).collect();
    let files = |name: &str| {
        keys.get(name).into_iter().flat_map(|values| values.keys().map(DataKey::as_str)).collect()
    };
    let taken_up = facts.taken_up.clone();
    let mut known =
        lint::LintFacts { taken_up, scope: facts.scope, ..lint::LintFacts::from_project(project, files) };
    // Without a list of keys, the .env file is the list.
    for (spec, values) in project.secrets.iter().zip(&facts.secrets) {
        for provided in known.provided.iter_mut().filter(|provided| provided.name == spec.name.as_str()) {
            provided.keys.extend(values.keys().map(ToString::to_string));
        }
    }
    known
}

fn secret(project: &Project, name: &ObjectName, place: &Place, values: &BTreeMap<DataKey, Secret>) -> Object {
    use base64::Engine;
    let base64 = base64::engine::general_purpose::STANDARD;
    let data =
        values.iter().map(|(key, value)| (key.to_string(), Value::String(base64.encode(value.expose()))));
    let mut object = data_object(project, "Secret", name, data.collect());
    object["type"] = json!("Opaque");
    Object::made(object, place.clone())
}

fn config(project: &Project, name: &ObjectName, place: &Place, values: &BTreeMap<DataKey, String>) -> Object {
    let data = values.iter().map(|(key, value)| (key.to_string(), Value::String(value.clone())));
    Object::made(data_object(project, "ConfigMap", name, data.collect()), place.clone())
}

fn data_object(project: &Project, kind: &str, name: &ObjectName, data: Map<String, Value>) -> Value {
    let mut object = json!({
        "apiVersion": "v1",
        "kind": kind,
        "metadata": { "name": name.as_str(), "namespace": project.namespace.as_str() },
    });
    object["data"] = Value::Object(data);
    object
}

#[cfg(test)]
mod tests {
    use super::PlanInputs;
    use super::make;
    use crate::event::Place;
    use crate::manifest::Object;
    use crate::project::Project;
    use crate::project::check::check;
    use crate::project::name::DataKey;
    use crate::project::secret::Secret;
    use serde_json::json;
    use std::collections::BTreeMap;
    use std::path::Path;

    fn project() -> Project {
        let text = "namespace = 'shop'\n[[manifests]]\npath = 'k8s'\n[secret.keys]\nfrom-env = true\nkeys = ['A']\n\
                    [config.settings]\nvalues = { LEVEL = 'info' }\n";
        check(Path::new("/p/deploy.toml"), text).unwrap()
    }

    fn facts(objects: Vec<Object>) -> PlanInputs {
        let secret = BTreeMap::from([(DataKey::parse("A").unwrap(), Secret::new("s3cret"))]);
        let config = BTreeMap::from([(DataKey::parse("LEVEL").unwrap(), "info".to_owned())]);
        PlanInputs { objects, secrets: vec![secret], configs: vec![config], ..PlanInputs::default() }
    }

    #[test]
    fn what_the_project_file_says_becomes_objects() {
        let place = Place { file: ".env".into(), line: 3, column: 1 };
        let places = vec![BTreeMap::from([(DataKey::parse("A").unwrap(), place)])];
        let plan = make(&project(), PlanInputs { places, ..facts(Vec::new()) }).0;
        assert_eq!(plan.objects[0].place_of("/data/A").to_string(), ".env:3:1");
        assert_eq!(plan.objects[0].value["data"]["A"], "czNjcmV0");
        assert_eq!(plan.objects[0].namespace(), Some("shop"));
        assert_eq!(plan.objects[1].value["data"], json!({ "LEVEL": "info" }));
        assert_eq!(plan.objects[1].place.to_string(), "deploy.toml:7:9");
    }

    #[test]
    fn an_object_in_the_project_file_and_in_a_manifest_is_a_mistake_that_names_both_places() {
        let place = Place { file: "k8s/a.yaml".into(), line: 3, column: 1 };
        let written = Object::made(
            json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "keys" }, "data": {} }),
            place,
        );
        let (_, mistakes) = make(&project(), facts(vec![written]));
        assert_eq!(mistakes.len(), 1, "{mistakes:?}");
        assert_eq!(mistakes[0].place.as_ref().unwrap().to_string(), "k8s/a.yaml:3:1");
        assert!(mistakes[0].message.contains("deploy.toml:4:9"), "{}", mistakes[0].message);
    }
}
