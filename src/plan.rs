//! Project + what is written → what is to be in the cluster: all decisions, no effects.
//!
//! Not the reading (that was done) and not the images' references (they are known only once built): the plan ends where
//! the first effect begins, so everything that can be wrong in the project's own files has been found by then.

use crate::event::Finding;
use crate::event::Place;
use crate::manifest::Object;
use crate::manifest::ObjectId;
use crate::project::Project;
use crate::project::name::DataKey;
use crate::project::name::ObjectName;
use crate::project::secret::Secret;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;
use std::collections::BTreeMap;

/// What was read, before it is judged as a whole.
#[derive(Debug, Default)]
pub struct Facts {
    /// The objects of every source.
    pub objects: Vec<Object>,
    /// The values of each `[secret.NAME]`, in the order of the project.
    pub secrets: Vec<BTreeMap<DataKey, Secret>>,
    /// The values of each `[config.NAME]`, in the order of the project.
    pub configs: Vec<BTreeMap<DataKey, String>>,
}

/// The objects that are to be in the cluster; pod templates still name images as the manifests do.
#[derive(Debug)]
pub struct Plan {
    /// The objects, those of deploy.toml first.
    pub objects: Vec<Object>,
    /// Worth knowing before anything happens.
    pub warnings: Vec<Finding>,
}

/// Decides what is to be in the cluster, or tells every reason why that cannot be decided.
pub fn make(project: &Project, facts: Facts) -> Result<Plan, Vec<Finding>> {
    let secrets = project.secrets.iter().zip(&facts.secrets);
    let configs = project.configs.iter().zip(&facts.configs);
    let mut objects: Vec<Object> = secrets
        .map(|(spec, values)| secret(project, &spec.name, &spec.place, values))
        .chain(configs.map(|(spec, values)| config(project, &spec.name, &spec.place, values)))
        .collect();
    let mut mistakes = Vec::new();
    let made: BTreeMap<ObjectId, Place> =
        objects.iter().map(|object| (object.id(), object.place.clone())).collect();
    for object in facts.objects {
        let mut id = object.id();
        id.namespace.get_or_insert_with(|| project.namespace.to_string());
        if let Some(place) = made.get(&id) {
            let twice = Finding::error(format!("{id} is written in {place}, too"));
            mistakes.push(twice.at(object.place.clone()).mend("keep one of the two"));
        }
        objects.push(object);
    }
    if mistakes.is_empty() { Ok(Plan { objects, warnings: Vec::new() }) } else { Err(mistakes) }
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
    json!({
        "apiVersion": "v1",
        "kind": kind,
        "metadata": { "name": name.as_str(), "namespace": project.namespace.as_str() },
        "data": data,
    })
}

#[cfg(test)]
mod tests {
    use super::Facts;
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

    fn facts(objects: Vec<Object>) -> Facts {
        let secret = BTreeMap::from([(DataKey::parse("A").unwrap(), Secret::new("s3cret"))]);
        let config = BTreeMap::from([(DataKey::parse("LEVEL").unwrap(), "info".to_owned())]);
        Facts { objects, secrets: vec![secret], configs: vec![config] }
    }

    #[test]
    fn what_the_project_file_says_becomes_objects() {
        let plan = make(&project(), facts(Vec::new())).unwrap();
        assert_eq!(plan.objects[0].value["data"]["A"], "czNjcmV0");
        assert_eq!(plan.objects[0].namespace(), Some("shop"));
        assert_eq!(plan.objects[1].value["data"], json!({ "LEVEL": "info" }));
        assert_eq!(plan.objects[1].place.to_string(), "deploy.toml:7:9");
    }

    #[test]
    fn an_object_in_the_project_file_and_in_a_manifest_is_a_mistake_that_names_both_places() {
        let place = Place { file: "k8s/a.yaml".into(), line: 3, column: 1 };
        let written = Object::made(
            json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "keys" } }),
            place,
        );
        let mistakes = make(&project(), facts(vec![written])).unwrap_err();
        assert_eq!(mistakes.len(), 1);
        assert_eq!(mistakes[0].place.as_ref().unwrap().to_string(), "k8s/a.yaml:3:1");
        assert!(mistakes[0].message.contains("deploy.toml:4:9"), "{}", mistakes[0].message);
    }
}
