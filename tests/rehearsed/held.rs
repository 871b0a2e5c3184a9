//! Objects and namespaces that another client deletes, and finalizers that no controller removes.

use crate::rehearsed::harness::Harness;
use crate::rehearsed::harness::RunOutput;
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use kube::Client;
use kube::Config;
use kube::api::DeleteParams;
use kube::api::Patch;
use kube::api::PatchParams;
use kube::config::KubeConfigOptions;
use kube::config::Kubeconfig;
use serde_json::json;
use simulator::serve::kubeconfig;
use std::time::Duration;

const PROJECT: &str = "name = \"shop\"\nnamespace = \"shop\"\n\n[[manifests]]\npath = \"manifests\"\n";

const KEPT: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: kept }\ndata: { a: '1' }\n";

const NEVER: &str = "example.test/never";

/// A run of that length has waited for a finalizer as long as for a controller that works.
const SOON: Duration = Duration::from_secs(4 * 60);

async fn deployed(name: &str) -> (Harness, Client) {
    let harness = Harness::new().await;
    let held = format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{ name: {name}, finalizers: [{NEVER}] }}\ndata: {{ a: '1' }}\n"
    );
    harness.write("deploy.toml", PROJECT);
    harness.write("manifests/kept.yaml", KEPT);
    harness.write("manifests/held.yaml", &held);
    assert_eq!(harness.todo(&["up"]).await.code, 0);
    let file = Kubeconfig::from_yaml(&kubeconfig("mini", harness.address)).unwrap();
    let config = Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await.unwrap();
    (harness, Client::try_from(config).unwrap())
}

async fn free(client: &Client, name: &str) {
    let patch = Patch::Merge(json!({"metadata": {"finalizers": null}}));
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), "shop");
    maps.patch(name, &PatchParams::default(), &patch).await.unwrap();
}

#[track_caller]
fn names(output: &RunOutput, words: &[&str]) {
    assert_eq!(output.code, 40, "{output:#?}");
    assert!(output.took < SOON, "{output:#?}");
    for word in words {
        assert!(output.report.contains(word), "{word} is not in {output:#?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_pruned_and_held_is_named_each_time_until_it_is_free() {
    let (harness, client) = deployed("held").await;
    std::fs::remove_file(harness.project.folder.path().join("manifests/held.yaml")).unwrap();
    for _ in 0..2 {
        names(&harness.todo(&["up"]).await, &["ConfigMap/held", NEVER]);
    }
    free(&client, "held").await;
    let output = harness.todo(&["up"]).await;
    assert_eq!(output.code, 0, "{output:#?}");
}

#[tokio::test(start_paused = true)]
async fn what_is_wanted_and_being_deleted_is_named_and_made_again() {
    let (harness, client) = deployed("held").await;
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), "shop");
    let _ = maps.delete("held", &DeleteParams::default()).await.unwrap();
    names(&harness.todo(&["up"]).await, &["ConfigMap/held", NEVER, "manifests/held.yaml"]);
    free(&client, "held").await;
    let output = harness.todo(&["up"]).await;
    assert_eq!(output.code, 0, "{output:#?}");
    assert!(maps.get("held").await.is_ok_and(|map| map.metadata.deletion_timestamp.is_none()));
}

#[tokio::test(start_paused = true)]
async fn what_down_cannot_delete_is_named_each_time_until_it_is_free() {
    for arguments in [&["down"][..], &["down", "--purge"]] {
        let (harness, client) = deployed("held").await;
        for _ in 0..2 {
            names(&harness.todo(arguments).await, &["ConfigMap/held", NEVER]);
        }
        free(&client, "held").await;
        let output = harness.todo(arguments).await;
        assert_eq!(output.code, 0, "{output:#?}");
        let namespaces: Api<Namespace> = Api::all(client);
        assert!(namespaces.get_opt("shop").await.unwrap().is_none(), "{output:#?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_namespace_that_is_being_deleted_is_waited_for_and_what_holds_it_is_named() {
    let (harness, client) = deployed("held").await;
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let _ = namespaces.delete("shop", &DeleteParams::default()).await.unwrap();
    let output = harness.todo(&["plan"]).await;
    assert!(output.report.contains("Namespace/shop") && output.report.contains(NEVER), "{output:#?}");
    names(&harness.todo(&["up"]).await, &["`shop`", NEVER]);
    names(&harness.todo(&["down"]).await, &["ConfigMap/held", NEVER]);
    free(&client, "held").await;
    let output = harness.todo(&["up"]).await;
    assert_eq!(output.code, 0, "{output:#?}");
    let maps: Api<ConfigMap> = Api::namespaced(client, "shop");
    assert!(maps.get("kept").await.is_ok() && maps.get("held").await.is_ok());
}
