//! A project at random: images, some of which start from another, workloads of several kinds, settings, a secret, a volume,
//! and what people open.

use super::random::Rng;
use std::fmt::Write;
use std::path::Path;

/// What no output may hold.
pub(crate) const SECRET: &str = "hunter2-never-to-be-seen";

/// A project on disk.
pub(crate) struct RandomProject {
    pub(crate) namespace: &'static str,
}

/// Writes a project into `folder`.
pub(crate) fn make(folder: &Path, chance: &mut Rng) -> RandomProject {
    let namespace = *chance.pick(&["shop", "default"]);
    let mut toml =
        format!("name = \"shop\"\nnamespace = \"{namespace}\"\n[minikube]\nprofile = \"minikube\"\n");
    let mut manifests = String::new();
    let images = 1 + chance.below(3);
    for number in 0..images {
        let name = format!("image-{number}");
        let mut dockerfile = if number > 0 && chance.one_in(3) {
            format!("FROM image-{}\n", number - 1)
        } else {
            format!("FROM {}\n", chance.pick(&["debian:12", "python:3.12-slim", "node:22-alpine"]))
        };
        for step in 0..chance.below(4) {
            let _ = writeln!(dockerfile, "RUN make step-{step}");
        }
        if chance.one_in(2) {
            dockerfile.push_str("RUN --mount=type=secret,id=token cat /run/secrets/token\n");
            let _ = write!(
                toml,
                "[image.{name}]\ncontext = \"{name}\"\nsecrets = {{ token = {{ env = \"TOKEN\" }} }}\n"
            );
        } else {
            let _ = write!(toml, "[image.{name}]\ncontext = \"{name}\"\n");
        }
        dockerfile.push_str("COPY src /src\nUSER 1000\nCMD [\"serve\"]\n");
        write(folder, &format!("{name}/Dockerfile"), &dockerfile);
        for file in 0..=chance.below(4) {
            write(folder, &format!("{name}/src/{file}.txt"), &format!("{number} {file} {}", chance.next()));
        }
    }
    toml.push_str("[[manifests]]\npath = \"k8s\"\n");
    if namespace != "default" && chance.one_in(2) {
        write(
            folder,
            "k8s/00-namespace.yaml",
            &format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: {namespace}}}\n"),
        );
    }
    toml.push_str("[secret.keys]\nenv-file = \".env\"\n");
    write(folder, ".env", &format!("PASSWORD={SECRET}\n"));
    write(folder, ".gitignore", ".env\n");
    config(&mut manifests, chance);
    for number in 0..=chance.below(4) {
        workload(&mut manifests, number, images, chance);
    }
    // What people open.
    manifests.push_str(
        "---\napiVersion: v1\nkind: Service\nmetadata: {name: front}\nspec:\n  type: NodePort\n  selector: {app: front}\n  \
         ports: [{name: http, port: 80, targetPort: 8080, nodePort: 30080}]\n",
    );
    deployment(&mut manifests, "front", "image-0", 1 + chance.below(3), "");
    toml.push_str("[service.front]\n");
    write(folder, "k8s/objects.yaml", &manifests);
    write(folder, "deploy.toml", &toml);
    RandomProject { namespace }
}

/// Changes the project as an edit would: an image, and the objects.
pub(crate) fn edit(folder: &Path) {
    write(folder, "image-0/src/0.txt", "edited");
    let objects = std::fs::read_to_string(folder.join("k8s/objects.yaml")).unwrap();
    write(folder, "k8s/objects.yaml", &objects.replacen("periodSeconds: 1}", "periodSeconds: 2}", 1));
}

/// Leaves one replica of what people open.
pub(crate) fn leave_one_replica(folder: &Path) {
    let objects = std::fs::read_to_string(folder.join("k8s/objects.yaml")).unwrap();
    let (before, front) = objects.split_once("metadata: {name: front}\nspec:\n  replicas: ").unwrap();
    let one = format!("{before}metadata: {{name: front}}\nspec:\n  replicas: 1{}", &front[1..]);
    write(folder, "k8s/objects.yaml", &one);
}

/// Changes the image of what people open, each time to another.
pub(crate) fn revise(folder: &Path, number: u32) {
    write(folder, "image-0/src/0.txt", &format!("revision {number}"));
}

fn config(manifests: &mut String, chance: &mut Rng) {
    for number in 0..chance.below(3) {
        let _ = write!(
            manifests,
            "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: settings-{number}}}\ndata: {{LEVEL: \"{}\"}}\n",
            chance.below(9)
        );
    }
}

fn workload(manifests: &mut String, number: u64, images: u64, chance: &mut Rng) {
    let image = format!("image-{}", chance.below(images));
    let name = format!("work-{number}");
    match chance.below(5) {
        0 => {
            let _ = write!(
                manifests,
                "---\napiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {{name: {name}-data}}\nspec:\n  accessModes: [ReadWriteOnce]\n  \
                 resources: {{requests: {{storage: 1Gi}}}}\n"
            );
            let volume = format!(
                "      volumes: [{{name: data, persistentVolumeClaim: {{claimName: {name}-data}}}}]\n"
            );
            deployment(manifests, &name, &image, 1, &volume);
        }
        1 => {
            let _ = write!(
                manifests,
                "---\napiVersion: batch/v1\nkind: Job\nmetadata: {{name: {name}}}\nspec:\n  template:\n    spec:\n      restartPolicy: Never\n      \
                 containers: [{{name: main, image: busybox:1.36, command: [\"true\"]}}]\n"
            );
        }
        2 => {
            let _ = write!(
                manifests,
                "---\napiVersion: v1\nkind: Service\nmetadata: {{name: {name}}}\nspec:\n  clusterIP: None\n  selector: {{app: {name}}}\n  ports: [{{port: 5432}}]\n\
                 ---\napiVersion: apps/v1\nkind: StatefulSet\nmetadata: {{name: {name}}}\nspec:\n  serviceName: {name}\n  replicas: {}\n  \
                 selector: {{matchLabels: {{app: {name}}}}}\n  template:\n    metadata: {{labels: {{app: {name}}}}}\n    spec:\n      \
                 containers: [{{name: main, image: {image}, ports: [{{containerPort: 5432}}]}}]\n  \
                 volumeClaimTemplates:\n  - metadata: {{name: data}}\n    spec: {{accessModes: [ReadWriteOnce], resources: {{requests: {{storage: 1Gi}}}}}}\n",
                1 + chance.below(2)
            );
        }
        _ => deployment(manifests, &name, &image, 1 + chance.below(3), ""),
    }
}

fn deployment(manifests: &mut String, name: &str, image: &str, replicas: u64, volumes: &str) {
    let _ = write!(
        manifests,
        "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}}}\nspec:\n  replicas: {replicas}\n  \
         selector: {{matchLabels: {{app: {name}}}}}\n  template:\n    metadata: {{labels: {{app: {name}}}}}\n    spec:\n      containers:\n      \
         - name: main\n        image: {image}\n        ports: [{{containerPort: 8080}}]\n        \
         readinessProbe: {{httpGet: {{path: /, port: 8080}}, periodSeconds: 1}}\n        \
         env: [{{name: PASSWORD, valueFrom: {{secretKeyRef: {{name: keys, key: PASSWORD}}}}}}]\n{volumes}"
    );
}

fn write(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}
