//! A project of a given size.

use serde_json::Value;
use serde_json::json;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

pub(crate) const NAME: &str = "scale";

/// How much there is of everything.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sample {
    /// A quarter each of ConfigMaps, Secrets, Services and Deployments.
    pub(crate) objects: u32,
    /// The first so many Deployments run one each; where there are fewer Deployments, there are more.
    pub(crate) images: u32,
    /// Of each Deployment.
    pub(crate) replicas: u32,
}

impl Sample {
    /// A directory with the project.
    pub(crate) fn written(&self) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        let mut project = format!(
            "name = \"{NAME}\"\nnamespace = \"{NAME}\"\n[minikube]\nprofile = \"{NAME}\"\n[[manifests]]\npath = \"k8s\"\n"
        );
        for image in 0..self.images {
            let _ = writeln!(project, "[image.image-{image}]\ncontext = \"image-{image}\"");
            source(&folder.path().join(format!("image-{image}")));
        }
        fs::write(folder.path().join("deploy.toml"), project).unwrap();
        let documents: Vec<String> = self.parts().iter().map(Value::to_string).collect();
        fs::create_dir(folder.path().join("k8s")).unwrap();
        fs::write(folder.path().join("k8s/all.yaml"), documents.join("\n---\n")).unwrap();
        folder
    }

    fn parts(&self) -> Vec<Value> {
        let whole = self.objects.div_ceil(4);
        let mut all: Vec<Value> = (0..whole).flat_map(data).collect();
        all.extend((0..whole.max(self.images)).map(|n| {
            let image = if n < self.images { format!("image-{n}") } else { "busybox:1.36".to_owned() };
            deployment(n, &image, self.replicas)
        }));
        all
    }
}

fn data(n: u32) -> [Value; 3] {
    let name = format!("part-{n}");
    [
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"PART": name}}),
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": {"TOKEN": name}}),
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
            "spec": {"selector": {"app": name}, "ports": [{"port": 80, "targetPort": 8080}]}}),
    ]
}

fn deployment(n: u32, image: &str, replicas: u32) -> Value {
    let labels = json!({"app": format!("part-{n}")});
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": format!("part-{n}")}, "spec": {
        "replicas": replicas, "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": {"containers": [{
            "name": "main", "image": image, "command": ["sleep", "3600"], "ports": [{"containerPort": 8080}],
            "resources": {"requests": {"cpu": "1m", "memory": "1Mi"}}}]}}}})
}

/// A Dockerfile and some files.
fn source(folder: &Path) {
    fs::create_dir_all(folder.join("src")).unwrap();
    fs::write(folder.join("Dockerfile"), "FROM busybox:1.36\nEXPOSE 8080\nCOPY src /src\n").unwrap();
    for number in 0..10 {
        fs::write(folder.join(format!("src/{number}.txt")), format!("file {number}\n").repeat(50)).unwrap();
    }
}
