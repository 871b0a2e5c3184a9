//! The five directories of `examples/`, each from an empty namespace to its page and back, one after another in one cluster.

use crate::real::harness::Harness;
use crate::real::http;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

struct Example {
    folder: &'static str,
    namespace: &'static str,
    /// The claims that `down` leaves.
    claims: usize,
    /// What `init` asks the user to add to deploy.toml, because nothing in the tree shows its contents.
    asked_for: Option<&'static str>,
}

/// The ConfigMap that the chart of `versioned` reads and does not have.
const CONFIG: &str = "[config.todo-chatbot-config]\nvalues = { ENVIRONMENT = \"local\" }\n";

/// The first makes the cluster, so it is the one that asks for ports on localhost, which a node is made with.
const EXAMPLES: [Example; 5] = [
    Example { folder: "versioned", namespace: "todo-app", claims: 0, asked_for: Some(CONFIG) },
    Example { folder: "two-charts", namespace: "default", claims: 0, asked_for: None },
    Example { folder: "volume", namespace: "todo-chatbot", claims: 1, asked_for: None },
    Example { folder: "replicas", namespace: "default", claims: 1, asked_for: None },
    Example { folder: "ingress", namespace: "todo-app", claims: 1, asked_for: None },
];

#[test]
#[ignore = "needs minikube"]
fn each_example_comes_up_stays_and_goes_with_and_without_its_deploy_toml() {
    let harness = Harness::create("todo-ex", &["docker", "examples"]);
    for example in &EXAMPLES {
        println!("── {}", example.folder);
        let (project, namespace) = (format!("examples/{}", example.folder), example.namespace.to_owned());
        let visit = Visit { harness: &harness, example, project, namespace };
        visit.prepare();
        visit.comes_up_and_goes();
    }
    without_their_deploy_toml(&harness);
}

/// The trees of the examples as their own repositories had them, before anybody wrote a deploy.toml.
fn without_their_deploy_toml(harness: &Harness) {
    for example in &EXAMPLES {
        println!("── {}", example.folder);
        alone(harness, example.folder);
        let written = harness
            .command(Harness::program())
            .args(["init", "--yes"])
            .current_dir(harness.path(example.folder))
            .output()
            .unwrap();
        assert!(written.status.success(), "{}", String::from_utf8_lossy(&written.stderr));
        let path = harness.path(example.folder).join("deploy.toml");
        let mut toml = std::fs::read_to_string(&path).unwrap();
        if let Some(config) = example.asked_for {
            let name = config.lines().next().unwrap();
            assert!(toml.contains(&format!("# {name}")), "init asks for it: {toml}");
            toml.push_str(config);
            std::fs::write(&path, &toml).unwrap();
        }
        let named = toml.lines().find_map(|line| line.strip_prefix("namespace = "));
        let namespace = named.map_or("default", |named| named.trim_matches('"')).to_owned();
        let visit = Visit { harness, example, project: example.folder.to_owned(), namespace };
        visit.prepare();
        visit.comes_up_and_goes();
    }
}

/// Makes an example a tree of its own: its files next to the sources, whose Dockerfiles are replaced where it has
/// others.
fn alone(harness: &Harness, folder: &str) {
    let (from, to) = (harness.path(&format!("examples/{folder}")), harness.path(folder));
    copy(&harness.path("docker"), &to.join("docker"));
    if !["two-charts", "ingress"].contains(&folder) {
        for part in ["backend", "frontend"] {
            std::fs::remove_file(to.join("docker").join(part).join("Dockerfile")).unwrap();
        }
    }
    copy(&from, &to);
    std::fs::remove_file(to.join("deploy.toml")).unwrap();
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in from.read_dir().unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// One project in the cluster of all.
struct Visit<'a> {
    harness: &'a Harness,
    example: &'a Example,
    project: String,
    namespace: String,
}

impl Visit<'_> {
    /// The cluster serves Ingresses, by the command that the machine names where the addon's images cannot be had; such
    /// a machine has no metrics, either.
    fn prepare(&self) {
        if self.example.folder != "ingress" {
            return;
        }
        if self.harness.serve_ingresses() {
            let toml = self.harness.path(&self.project).join("deploy.toml");
            let text = std::fs::read_to_string(&toml).unwrap();
            std::fs::write(&toml, text.replace("addons = [\"metrics-server\"]\n", "")).unwrap();
        }
        let node = self.harness.kubectl(&[
            "get",
            "nodes",
            "-o",
            "jsonpath={.items[0].status.addresses[?(@.type=='InternalIP')].address}",
        ]);
        http::resolve("todo.local", &node);
    }

    fn comes_up_and_goes(&self) {
        let url = self.up();
        let (status, page) = http::get(&url);
        assert_eq!(status, 200);
        assert!(page.contains("<div id=\"root\""), "{page}");
        let answer = http::chat(&url, "add buy milk");
        assert_eq!(answer["actions"][0]["kind"], "added", "{answer}");
        for _ in 0..8 {
            assert_eq!(http::tasks(&url), ["buy milk"], "whichever pod answers");
        }

        let before = self.versions();
        assert!(before.len() > 4, "{before:?}");
        assert_eq!(self.up(), url);
        assert_eq!(self.versions(), before, "an unchanged project writes nothing");
        assert_eq!(self.todo(&["status"]), Some(0));

        assert_eq!(self.todo(&["down"]), Some(0));
        let left: Vec<String> = self.versions().into_keys().collect();
        assert!(left.iter().all(|object| object.starts_with("\"PersistentVolumeClaim\"")), "{left:?}");
        assert_eq!(left.len(), self.example.claims, "{left:?}");
        if self.example.claims > 0 {
            let url = self.up();
            assert_eq!(http::tasks(&url), ["buy milk"], "a task outlasts down and up");
        }
        assert_eq!(self.todo(&["down", "--purge"]), Some(0));
        assert_eq!(self.versions().len(), 0);
    }

    fn todo(&self, arguments: &[&str]) -> Option<i32> {
        let mut all = vec!["--file", &self.project];
        all.extend(arguments);
        self.harness.todo(&all).code
    }

    /// Runs `todo up`, and returns the URL that it printed.
    fn up(&self) -> String {
        self.harness.todo(&["--file", &self.project, "up"]).url()
    }

    /// Every object of the application and its version.
    fn versions(&self) -> BTreeMap<String, String> {
        let kinds = "deployments,pods,services,configmaps,secrets,persistentvolumeclaims,ingresses,horizontalpodautoscalers";
        let arguments = ["get", kinds, "-n", &self.namespace, "-o", "json", "--ignore-not-found"];
        let list = self.harness.kubectl(&arguments);
        let list: Value = if list.is_empty() { Value::Null } else { serde_json::from_str(&list).unwrap() };
        let of_it = |object: &&Value| {
            let name = object["metadata"]["name"].as_str().unwrap();
            let everywhere = ["kubernetes", "kube-root-ca.crt"].contains(&name);
            !everywhere && object["type"].as_str().is_none_or(|kind| !kind.starts_with("todo.dev/"))
        };
        let key = |object: &Value| format!("{}/{}", object["kind"], object["metadata"]["name"]);
        let version = |object: &Value| object["metadata"]["resourceVersion"].to_string();
        let objects = list["items"].as_array().cloned().unwrap_or_default();
        objects.iter().filter(of_it).map(|object| (key(object), version(object))).collect()
    }
}
