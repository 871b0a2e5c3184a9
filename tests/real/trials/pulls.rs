//! Registries that answer garbage: for the base of an image, and for images that are pushed.

use crate::real::trials::deployed::Shelf;
use crate::real::trials::endpoint::Answers;
use crate::real::trials::endpoint::registry;
use crate::real::trials::table::play;
use crate::real::trials::table::sample;
use crate::real::trials::table::trial;
use serde_json::Value;
use serde_json::json;

const ALL: [(&str, Answers); 5] = [
    ("html", Answers::Html),
    ("truncated", Answers::Truncated),
    ("silence", Answers::Silence),
    ("close", Answers::Close),
    ("noise", Answers::Noise),
];

/// The settings of the node's engine.
const SETTINGS: &str = "/etc/docker/daemon.json";

const BASE: &str = "FROM python:3.12-slim";

#[test]
#[ignore = "needs minikube"]
fn a_registry_that_answers_garbage_is_named() {
    let mut trials = Vec::new();
    for (name, answers) in ALL {
        let base = move |shelf: &Shelf| base(shelf, answers);
        let node = format!("registry/base/{name}");
        trials.push(if name == "html" { sample(node, base) } else { trial(node, base) });
        trials.push(trial(format!("registry/target-base/{name}"), move |shelf| target_base(shelf, answers)));
        trials.push(trial(format!("registry/push/{name}"), move |shelf| push(shelf, answers)));
    }
    play(trials);
}

/// The node's engine connects by TLS, and by plain HTTP only where it is configured; both are tried.
fn base(shelf: &Shelf, answers: Answers) {
    let address = format!("{}:{}", shelf.harness.gateway(), registry(answers));
    for plain in [false, true] {
        let _settings = plain.then(|| trusts_plain_http(shelf, &address));
        from(shelf, &format!("FROM {address}/base:1"), || {
            shelf.ended(&["up"]).failed_with(30, &[&address, "shelf"]);
        });
    }
}

fn target_base(shelf: &Shelf, answers: Answers) {
    let address = format!("127.0.0.1:{}", registry(answers));
    targeted(shelf, "127.0.0.1:1/never-asked", || {
        from(shelf, &format!("FROM {address}/base:1"), || {
            shelf.ended(&["up", "--target", "other"]).failed_with(30, &[&address, "shelf"]);
        });
    });
}

fn push(shelf: &Shelf, answers: Answers) {
    let address = format!("127.0.0.1:{}", registry(answers));
    let target = format!("{address}/acme");
    targeted(shelf, &target, || {
        // Nothing is pulled: the host's engine may have no way to a registry.
        from(shelf, "FROM scratch", || {
            shelf.ended(&["up", "--target", "other"]).failed_with(30, &[&address, "shelf"]);
        });
    });
}

/// Does `work` with another base, and restores the usual one.
fn from(shelf: &Shelf, base: &str, work: impl FnOnce()) {
    let dockerfile = shelf.harness.path("app/Dockerfile");
    let usual = std::fs::read_to_string(&dockerfile).unwrap();
    let scratch = "FROM scratch\nCOPY serve.py /\nCMD [\"/serve.py\"]\n".to_owned();
    let other = if base == "FROM scratch" { scratch } else { usual.replacen(BASE, base, 1) };
    assert_ne!(usual, other);
    std::fs::write(&dockerfile, other).unwrap();
    let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
    std::fs::write(&dockerfile, usual).unwrap();
    done.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    shelf.recovers();
}

/// Does `work` in a project that names a target whose images are pushed to `registry`.
fn targeted(shelf: &Shelf, registry: &str, work: impl FnOnce()) {
    let file = shelf.harness.path("deploy.toml");
    let usual = std::fs::read_to_string(&file).unwrap();
    let context = shelf.harness.node();
    let target = format!("\n[target.other]\ncontext = \"{context}\"\nregistry = \"{registry}\"\n");
    std::fs::write(&file, usual.clone() + &target).unwrap();
    let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
    std::fs::write(&file, usual).unwrap();
    done.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
}

/// Has the node's engine speak plain HTTP to a registry; it reads that again without a restart.
fn trusts_plain_http<'s>(shelf: &'s Shelf, address: &str) -> Settings<'s> {
    let read = shelf
        .harness
        .command("docker")
        .args(["exec", shelf.harness.node(), "cat", SETTINGS])
        .output()
        .unwrap();
    let before = String::from_utf8(read.stdout).unwrap();
    let mut settings: Value = serde_json::from_str(&before).unwrap_or_else(|_| json!({}));
    let mut plain = settings["insecure-registries"].as_array().cloned().unwrap_or_default();
    plain.push(json!(address));
    settings["insecure-registries"] = json!(plain);
    write_settings(shelf, &settings.to_string());
    shelf.harness.docker(&["exec", shelf.harness.node(), "systemctl", "kill", "-s", "HUP", "docker"]);
    Settings { shelf, before }
}

/// The settings file of the node's engine. The engine reads `insecure-registries` from it at a SIGHUP, but does not start with
/// it next to minikube's flag of that name, so it is written back.
struct Settings<'s> {
    shelf: &'s Shelf,
    before: String,
}

impl Drop for Settings<'_> {
    fn drop(&mut self) {
        write_settings(self.shelf, &self.before);
    }
}

fn write_settings(shelf: &Shelf, text: &str) {
    let script = format!("printf %s '{text}' >{SETTINGS}");
    shelf.harness.docker(&["exec", shelf.harness.node(), "sh", "-c", &script]);
}
