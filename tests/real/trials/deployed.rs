//! The project of the trials, deployed, and what an undisturbed `up` of it ends in.

use crate::real::harness::Harness;
use crate::real::http;
use crate::real::trials::disturbed::Ended;
use crate::real::trials::disturbed::disturbed;
use crate::real::trials::disturbed::says;
use serde_json::Value;
use serde_json::json;
use std::cell::Cell;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;
use std::time::Instant;

pub(crate) const NAMESPACE: &str = "trials";

/// Where the project lies in the repository.
pub(crate) const FOLDER: &str = "tests/real/trials/project";

/// The two versions between which edits go to and fro.
const VERSIONS: [&str; 2] = ["one", "two"];

/// Everything of the project, and what every namespace has; of Secrets no values, of nothing what the cluster makes up.
const KINDS: &str = "deployments,statefulsets,services,configmaps,secrets,persistentvolumeclaims,leases";

/// What there is in the namespace.
pub(crate) type State = BTreeMap<String, Value>;

/// The project on a cluster.
pub(crate) struct Shelf {
    pub(crate) harness: Harness,
    version: Cell<usize>,
    peace: RefCell<BTreeMap<usize, State>>,
    /// The UID of `kube-system`; nothing where the cluster may be recreated.
    cluster: RefCell<Option<String>>,
}

impl Shelf {
    /// Deploys it, both of its versions one after the other, to a cluster of its own or to the one that is named.
    pub(crate) fn deployed() -> Shelf {
        let lent = std::env::var("TODO_TEST_PROFILE").ok();
        let is_lent = lent.is_some();
        let profile: &'static str = lent.map_or("todo-trials", |name| &*name.leak());
        let shelf = Shelf::on(Harness::in_cluster(profile, FOLDER, is_lent));
        if is_lent {
            shelf.harness.kubectl(&["delete", "namespace", NAMESPACE, "--ignore-not-found"]);
        }
        shelf.harness.up();
        for _ in VERSIONS {
            shelf.edit();
            shelf.harness.up();
            shelf.learns();
        }
        let peace = shelf.peace.borrow();
        assert_ne!(peace[&0], peace[&1], "an edit is seen in the state");
        drop(peace);
        shelf
    }

    /// The project on a cluster that may not be there yet.
    pub(crate) fn on(harness: Harness) -> Shelf {
        Shelf { harness, version: Cell::new(0), peace: RefCell::default(), cluster: RefCell::default() }
    }

    /// From now on this is what an `up` of this version ends in.
    pub(crate) fn learns(&self) {
        self.peace.borrow_mut().insert(self.version.get(), state(&self.harness));
        *self.cluster.borrow_mut() = Some(self.cluster());
    }

    /// Deletes the cluster: the next `up` is a first one.
    pub(crate) fn is_forgotten(&self) {
        self.harness.delete_cluster();
        *self.cluster.borrow_mut() = None;
    }

    /// Changes the project to its other version: the image and a setting.
    pub(crate) fn edit(&self) {
        let now = self.version.get();
        let (from, to) = (VERSIONS[now], VERSIONS[1 - now]);
        self.harness.edit("app/serve.py", &format!("VERSION = \"{from}\""), &format!("VERSION = \"{to}\""));
        self.harness.edit("deploy.toml", &format!("GREETING = \"{from}\""), &format!("GREETING = \"{to}\""));
        self.version.set(1 - now);
    }

    /// Runs `up` undisturbed, which must end in the state that it always ends in, and leave nothing to do.
    #[track_caller]
    pub(crate) fn recovers(&self) {
        let began = Instant::now();
        let url = self.harness.up();
        println!("   the next up took {:.1?}", began.elapsed());
        let (now, peace) = (state(&self.harness), self.peace.borrow()[&self.version.get()].clone());
        match &*self.cluster.borrow() {
            Some(cluster) => {
                assert_eq!(now, peace);
                assert_eq!(&self.cluster(), cluster, "the cluster is another one");
            }
            None => assert_eq!(built_elsewhere(now), built_elsewhere(peace)),
        }
        assert_eq!(http::get(&url).0, 200);
        self.is_up_to_date();
    }

    /// The same, and the note that [`Shelf::write_note`] wrote is still there.
    #[track_caller]
    pub(crate) fn recovers_with(&self, note: &str) {
        self.recovers();
        assert_eq!(http::get(&self.harness.up()).1, json!(note).to_string(), "the data");
    }

    /// Writes to the volume.
    pub(crate) fn write_note(&self, note: &str) {
        let url = self.harness.up();
        assert_eq!(http::ask("PUT", &url, Some(&json!(note))).unwrap().0, 200);
    }

    /// Runs `up`, which must find nothing to do.
    #[track_caller]
    fn is_up_to_date(&self) {
        let output = self.harness.todo(&["up", "--output", "json"]);
        assert_eq!(output.code, Some(0), "{}", output.stdout);
        let work = ["built", "created", "changed", "recreated", "removed"];
        for line in output.stdout.lines() {
            let event: Value = serde_json::from_str(line).unwrap();
            assert!(!work.iter().any(|word| event["outcome"] == *word), "not up to date: {event}");
        }
    }

    /// Runs `down` undisturbed, after one that was disturbed: only kept objects of the project are left.
    #[track_caller]
    pub(crate) fn goes(&self, arguments: &[&str]) {
        let output = self.harness.todo(arguments);
        assert_eq!(output.code, Some(0), "{}", output.stderr);
        let purged = arguments.contains(&"--purge");
        let names =
            self.harness.kubectl(&["get", "namespace", NAMESPACE, "--ignore-not-found", "-o", "name"]);
        assert!(!purged || names.is_empty(), "the namespace is still there");
        if names.is_empty() {
            return;
        }
        let kept = ["PersistentVolumeClaim", "Secret"];
        let left: Vec<String> = state(&self.harness)
            .into_keys()
            .filter(|name| !kept.iter().any(|kind| name.starts_with(kind)))
            .collect();
        assert_eq!(left, Vec::<String>::new(), "left over after down");
    }

    /// What of others is in the way of the next trial is taken away, after one that failed.
    pub(crate) fn tidy(&self) {
        let kubectl = |arguments: &[&str]| {
            let _ = self
                .harness
                .command("kubectl")
                .args(["--context", self.harness.node()])
                .args(arguments)
                .output();
        };
        let mine = "trial=disturbance";
        for kind in ["validatingwebhookconfigurations", "mutatingwebhookconfigurations"] {
            kubectl(&["delete", kind, "-l", mine, "--ignore-not-found"]);
        }
        for kind in ["resourcequotas", "limitranges"] {
            kubectl(&["delete", kind, "--all", "-n", NAMESPACE, "--ignore-not-found"]);
        }
        let held = r#"{"metadata":{"finalizers":null}}"#;
        for name in ["configmap/held", "configmap/labels-of-shelves"] {
            kubectl(&["patch", name, "-n", NAMESPACE, "--type=merge", "-p", held]);
        }
        kubectl(&["delete", "configmap", "held", "-n", NAMESPACE, "--ignore-not-found"]);
        let _ = self.harness.todo(&["up"]);
    }

    fn cluster(&self) -> String {
        self.harness.kubectl(&["get", "namespace", "kube-system", "-o", "jsonpath={.metadata.uid}"])
    }

    /// Runs `todo` with its events; nothing happens to it but what the cluster does.
    pub(crate) fn ended(&self, arguments: &[&str]) -> Ended {
        disturbed(&self.harness, arguments, &says("run-started"), |_| ())
    }

    /// Applies an object to the cluster, as another client would.
    pub(crate) fn applies(&self, object: &Value) {
        let file = self.harness.path("../object.json");
        std::fs::write(&file, object.to_string()).unwrap();
        self.harness.kubectl(&["apply", "--server-side", "-f", &file.to_string_lossy()]);
    }

    /// Waits until something holds that takes care of itself, and fails after a minute.
    #[track_caller]
    pub(crate) fn until(what: &str, holds: impl Fn() -> bool) {
        let end = Instant::now() + Duration::from_secs(60);
        while !holds() {
            assert!(Instant::now() < end, "{what}: not within a minute");
        }
    }
}

/// The same without the tags of its images: another engine builds it again, with other times in its layers.
fn built_elsewhere(state: State) -> State {
    let hide = |(name, object): (String, Value)| {
        let text = object.to_string();
        let mut parts = text.split(":i-");
        let first = parts.next().unwrap_or_default().to_owned();
        let rest = parts.map(|part| part.trim_start_matches(|letter: char| letter.is_ascii_hexdigit()));
        (name, Value::String(rest.fold(first, |all, part| all + ":i-" + part)))
    };
    state.into_iter().map(hide).collect()
}

/// What there is of the project, without what the cluster or chance makes of it.
pub(crate) fn state(harness: &Harness) -> State {
    let objects = harness.objects_in(NAMESPACE, KINDS);
    let ours = objects.into_iter().filter(|object| {
        let name = object["metadata"]["name"].as_str().unwrap();
        // Its own records: the inventory, and the revisions. The lock is not one of them.
        let record = object["kind"] == "Secret" && name.starts_with("todo.");
        name != "kube-root-ca.crt" && !record
    });
    ours.map(|mut object| {
        let name =
            format!("{}/{}", object["kind"].as_str().unwrap(), object["metadata"]["name"].as_str().unwrap());
        let generated = object["kind"] == "Secret";
        let mut spec = object["spec"].take();
        if let Some(spec) = spec.as_object_mut() {
            spec.retain(|name, _| !["clusterIP", "clusterIPs", "volumeName"].contains(&name.as_str()));
        }
        let ports = spec.get_mut("ports").and_then(Value::as_array_mut);
        for port in ports.into_iter().flatten().filter_map(Value::as_object_mut) {
            port.remove("nodePort");
        }
        if let Some(annotations) =
            spec.pointer_mut("/template/metadata/annotations").and_then(Value::as_object_mut)
        {
            // Digests that have a new salt in each inventory.
            annotations.retain(|name, _| !name.starts_with("todo.dev/"));
        }
        let data = if generated { Value::Null } else { object["data"].take() };
        let labels = object["metadata"]["labels"].take();
        (name, json!({"spec": spec, "data": data, "labels": labels}))
    })
    .collect()
}
