//! The real program against an API server in this process: how many requests, how much memory.

use crate::Figure;
use crate::program;
use crate::set;
use serde_json::Value;
use serde_json::json;
use simulator::api::Api;
use simulator::serve::kubeconfig;
use simulator::serve::serve;
use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;
use tokio::time::sleep;

const NAME: &str = "many";
const DEPLOYMENTS: &str = "apis/apps/v1/deployments";
const PODS: &str = "api/v1/pods";
const PODS_OF_EACH: u32 = 10;

/// How often every pod changes while memory is looked at.
const STIRS: u32 = 60;

pub(crate) fn figures() -> Vec<Figure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async { requests().await.into_iter().chain(memory().await).collect() })
}

/// A directory with a project, and a minikube in it that is this server.
struct Harness {
    folder: tempfile::TempDir,
    api: Api,
}

impl Harness {
    async fn new(replicas: u32) -> Harness {
        let (folder, api) = (tempfile::tempdir().unwrap(), Api::new());
        let address = serve(api.clone()).await.unwrap();
        set::project(folder.path(), NAME, &set::objects(replicas));
        profile(folder.path(), address);
        Harness { folder, api }
    }

    /// `todo up` here, not run yet.
    fn up(&self) -> Command {
        let mut command = Command::new(program::todo());
        command
            .args(["up", "--timeout", "10m"])
            .current_dir(self.folder.path())
            .env_clear()
            .env("PATH", self.folder.path().join("bin"))
            .env("HOME", self.folder.path())
            .env("KUBECONFIG", self.folder.path().join("kubeconfig"))
            .env("MINIKUBE_HOME", self.folder.path())
            .env("TODO_PROFILE", NAME)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        command
    }

    async fn upped(&self) {
        let mut command = self.up();
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// Lets every Deployment be as its controller would have it in the end.
    fn finish(&self) {
        for (key, _) in self.api.all() {
            let Some(name) = key.strip_prefix(&format!("{DEPLOYMENTS} {NAME}/")) else { continue };
            let mut object = self.api.get(DEPLOYMENTS, NAME, name).unwrap();
            let (replicas, generation) = (&object["spec"]["replicas"], &object["metadata"]["generation"]);
            object["status"] = json!({
                "observedGeneration": generation, "replicas": replicas, "updatedReplicas": replicas,
                "readyReplicas": replicas, "availableReplicas": replicas,
                "conditions": [{"type": "Available", "status": "True"},
                    {"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"}],
            });
            self.api.put(DEPLOYMENTS, object);
        }
    }
}

/// minikube's files of a profile whose node is a machine of its own, at `address`.
fn profile(folder: &Path, address: SocketAddr) {
    fs::write(folder.join("kubeconfig"), kubeconfig(NAME, address)).unwrap();
    let config = json!({
        "Name": NAME, "Driver": "ssh",
        "KubernetesConfig": {"KubernetesVersion": "v1.35.1", "ClusterName": NAME, "ContainerRuntime": "containerd"},
        "Nodes": [{"Name": "", "IP": address.ip().to_string(), "Port": address.port(),
            "KubernetesVersion": "v1.35.1", "ContainerRuntime": "containerd", "ControlPlane": true, "Worker": true}],
    });
    let home = folder.join(".minikube/profiles").join(NAME);
    fs::create_dir_all(&home).unwrap();
    fs::write(home.join("config.json"), config.to_string()).unwrap();
    fs::write(home.join("client.crt"), "").unwrap();
    let bin = folder.join("bin");
    fs::create_dir_all(&bin).unwrap();
    for program in ["minikube", "kubectl", "docker"] {
        let script = bin.join(program);
        fs::write(&script, "#!/bin/sh\necho '{\"minikubeVersion\":\"v1.38.1\"}'\n").unwrap();
        #[cfg(unix)]
        fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    }
}

/// Of an `up` that has nothing to do: the most requests for any kind in any namespace, and all writes.
async fn requests() -> Vec<Figure> {
    let harness = Harness::new(0).await;
    let settling = tokio::spawn({
        let harness = Harness { folder: tempfile::tempdir().unwrap(), api: harness.api.clone() };
        async move {
            loop {
                harness.finish();
                sleep(Duration::from_millis(200)).await;
            }
        }
    });
    harness.upped().await;
    settling.abort();
    harness.upped().await;
    let _ = harness.api.asked();
    harness.upped().await;
    let asked = harness.api.asked();
    let (mut kinds, mut writes, mut dry) = (BTreeMap::<String, u32>::new(), 0, 0);
    for ask in &asked {
        // `/api/v1/namespaces/many/configmaps/part-1` counts for configmaps.
        let parts: Vec<&str> = ask.path.trim_matches('/').split('/').collect();
        let deep = parts.iter().position(|part| *part == "namespaces").map_or(parts.len(), |at| at + 3);
        *kinds.entry(parts[..deep.min(parts.len())].join("/")).or_default() += 1;
        writes += u32::from(ask.writes());
        dry += u32::from(ask.query.contains_key("dryRun"));
    }
    println!("requests of an `up` of 200 objects that has nothing to do: {} in all", asked.len());
    for (path, count) in &kinds {
        println!("  {count} {path}");
    }
    println!();
    let most = kinds.values().max().copied().unwrap_or_default();
    let figure = |what, found: u32, limit: f64| Figure { what, found: f64::from(found), limit, unit: "" };
    vec![
        figure("requests a kind and namespace, nothing changed", most, 2.0),
        figure("dry runs, nothing changed", dry, 0.0),
        figure("writes, nothing changed", writes, 0.0),
    ]
}

/// Of an `up` that waits for 500 pods which change and change: the most, and whether it grows.
async fn memory() -> Vec<Figure> {
    let harness = Harness::new(PODS_OF_EACH).await;
    let mut child = harness.up().stderr(Stdio::null()).spawn().unwrap();
    while !harness
        .api
        .asked()
        .iter()
        .any(|ask| ask.query.contains_key("watch") && ask.path.ends_with("/pods"))
    {
        assert!(child.try_wait().unwrap().is_none(), "it ended before it watched");
        sleep(Duration::from_millis(20)).await;
    }
    let mut early = 0.0;
    let mut now = (0.0, 0.0);
    for stir in 0..STIRS {
        for deployment in 0..50 {
            for pod in 0..PODS_OF_EACH {
                harness.api.put(PODS, a_pod(deployment, pod, stir));
            }
        }
        sleep(Duration::from_millis(150)).await;
        now = program::memory(child.id()).expect("it still waits");
        if stir == STIRS / 3 {
            early = now.1;
        }
        // Old events are not requested again.
        let _ = harness.api.asked();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    vec![
        Figure {
            what: "memory at the most, 200 objects, 500 pods, 30000 changes",
            found: now.0,
            limit: 80.0,
            unit: "MiB",
        },
        Figure {
            what: "memory after all changes beyond that after a third",
            found: now.1 - early,
            limit: 4.0,
            unit: "MiB",
        },
    ]
}

/// A pod as the kubelet reports it, still starting, with all fields of such a pod.
fn a_pod(deployment: u32, pod: u32, stir: u32) -> Value {
    let name = format!("part-{deployment}-7d4b9c6f5-{pod:05}");
    let state = json!({"waiting": {"reason": "ContainerCreating", "message": format!("step {stir}")}});
    let env: Vec<Value> = (0..20)
        .map(|n| json!({"name": format!("SETTING_{n}"), "value": "some value of some length"}))
        .collect();
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "namespace": NAME, "labels": {"app": format!("part-{deployment}"), "pod-template-hash": "7d4b9c6f5"},
            "annotations": {"note": "x".repeat(500)},
            "managedFields": [{"manager": "kubelet", "operation": "Update", "fieldsV1": {"f:status": {"f:conditions": {}}}}],
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": format!("part-{deployment}-7d4b9c6f5"),
                "uid": format!("replica-set-{deployment}"), "controller": true}]},
        "spec": {"nodeName": "many", "containers": [{"name": "main", "image": "busybox:1.36", "env": env}]},
        "status": {"phase": "Pending", "containerStatuses": [{"name": "main", "ready": false, "restartCount": 0, "state": state}],
            "conditions": [{"type": "PodScheduled", "status": "True"}, {"type": "Ready", "status": "False", "reason": "ContainersNotReady"}]},
    })
}
