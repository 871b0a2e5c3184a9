//! Three hundred objects: deployed, found unchanged, edited, taken away.

use crate::real::trials::deployed::Shelf;
use crate::real::trials::table::play;
use crate::real::trials::table::trial;
use serde_json::Value;
use serde_json::json;
use std::collections::BTreeMap;

const NAMESPACE: &str = "trials-many";

/// How many of each kind; a Deployment has no pods, but the first two have one each.
const CONFIG_MAPS: usize = 180;
const SECRETS: usize = 40;
const SERVICES: usize = 40;
const DEPLOYMENTS: usize = 40;

/// The namespace is made, and is none of the objects.
const ALL: usize = CONFIG_MAPS + SECRETS + SERVICES + DEPLOYMENTS;

#[test]
#[ignore = "needs minikube"]
fn three_hundred_objects_come_stay_change_and_go() {
    play(vec![trial("many/300", |shelf| {
        let file = shelf.harness.path("many/deploy.toml");
        write(shelf, "one");
        let run = |command: &str| {
            let output =
                shelf.harness.todo(&[command, "--file", &file.to_string_lossy(), "--output", "json"]);
            assert_eq!(output.code, Some(0), "{}", output.stdout);
            println!("   {command}: {:.1?}, {:?}", output.took, outcomes(&output.stdout));
            outcomes(&output.stdout)
        };
        assert_eq!(run("up").get("created"), Some(&ALL));
        assert_eq!(run("up").get("unchanged"), Some(&ALL));
        write(shelf, "two");
        assert_eq!(run("up").get("changed"), Some(&CONFIG_MAPS));
        let gone = run("down");
        assert!(gone["removed"] >= ALL, "{gone:?}");
        assert!(!run("down").contains_key("removed"));
        std::fs::remove_dir_all(shelf.harness.path("many")).unwrap();
        shelf.recovers();
    })]);
}

/// How many items of `apply` and `remove` ended how.
fn outcomes(json: &str) -> BTreeMap<String, usize> {
    let mut outcomes = BTreeMap::new();
    for line in json.lines() {
        let event: Value = serde_json::from_str(line).unwrap();
        if event["event"] == "item-finished" && ["apply", "remove"].iter().any(|step| event["step"] == *step)
        {
            *outcomes.entry(event["outcome"].as_str().unwrap().to_owned()).or_default() += 1;
        }
    }
    outcomes
}

fn write(shelf: &Shelf, version: &str) {
    let path = |name: &str| shelf.harness.path(&format!("many/{name}"));
    std::fs::create_dir_all(path("manifests")).unwrap();
    std::fs::write(
        path("deploy.toml"),
        format!("namespace = \"{NAMESPACE}\"\n[[manifests]]\npath = \"manifests\"\n"),
    )
    .unwrap();
    for number in 0..ALL {
        let object = object(number, version);
        std::fs::write(path(&format!("manifests/{number:03}.yaml")), object.to_string()).unwrap();
    }
}

fn object(number: usize, version: &str) -> Value {
    let name = format!("n{number}");
    let meta = json!({"name": name});
    if number < CONFIG_MAPS {
        return json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {"version": version}});
    }
    if number < CONFIG_MAPS + SECRETS {
        return json!({"apiVersion": "v1", "kind": "Secret", "metadata": meta, "stringData": {"key": "value"}});
    }
    if number < CONFIG_MAPS + SECRETS + SERVICES {
        return json!({"apiVersion": "v1", "kind": "Service", "metadata": meta,
            "spec": {"selector": {"app": format!("n{}", number + SERVICES)}, "ports": [{"port": 80}]}});
    }
    let replicas = usize::from(number < ALL - DEPLOYMENTS + 2);
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": {
        "replicas": replicas, "selector": {"matchLabels": {"app": name}},
        "template": {"metadata": {"labels": {"app": name}}, "spec": {"terminationGracePeriodSeconds": 1,
            "containers": [{"name": "main", "image": "busybox:1.36", "command": ["sleep", "infinity"],
                "ports": [{"containerPort": 80}],
                "resources": {"requests": {"cpu": "5m", "memory": "8Mi"}, "limits": {"memory": "16Mi"}}}]}}}})
}
