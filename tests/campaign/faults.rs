//! Scenarios at random.

use super::random::Rng;
use std::fmt::Write;

const ENGINE: [&str; 14] = [
    "*",
    "GET *",
    "GET /_ping",
    "GET /images/*/json",
    "GET /images/json",
    "GET /containers/*",
    "GET /info",
    "POST /images/create",
    "POST /images/*/tag",
    "POST /session",
    "POST /build",
    "STEP RUN *",
    "STEP COPY *",
    "DELETE *",
];
const MINIKUBE: [&str; 7] = [
    "start",
    "STEP Pulling Base Image",
    "STEP Creating Container",
    "STEP Generating certificates",
    "STEP Booting control plane",
    "STEP Verifying Kubernetes",
    "STEP Done",
];
const API: [&str; 16] = [
    "*",
    "get *",
    "list *",
    "watch *",
    "apply *",
    "create *",
    "delete *",
    "patch *",
    "update leases *",
    "create leases *",
    "apply deployments *",
    "apply services *",
    "list pods",
    "watch pods",
    "get secrets *",
    "create secrets *",
];
/// Not pods that are never ready: without a liveness probe such a pod is not restarted, and `up` is not meant to.
const PODS: [&str; 3] = ["crash", "evict", "out-of-memory"];

/// The fault, in the syntax of a scenario.
pub(crate) fn scenario(chance: &mut Rng, effects: u64) -> String {
    let mut text = String::new();
    for _ in 0..chance.below(4) {
        let (of, calls): (&str, &[&str]) = match chance.below(8) {
            0..3 => ("engine", &ENGINE),
            3 => ("minikube", &MINIKUBE),
            _ => ("api", &API),
        };
        let call = chance.pick(calls);
        let does = match chance.below(if of == "api" { 8 } else { 7 }) {
            0 if of == "minikube" => format!("\"fail\"\ncode = {}", chance.pick(&[1, 80, 100])),
            0 | 1 if of != "minikube" => {
                format!("\"fail\"\ncode = {}", chance.pick(&[400, 403, 409, 429, 500, 503]))
            }
            // A step of a build, and minikube, may take as long as they like.
            2 if of != "minikube" && !call.starts_with("STEP") => "\"hang\"".to_owned(),
            3 => format!("\"slow\"\nseconds = {}", chance.pick(&[1, 4, 40])),
            4 => format!("\"cut\"\nbytes = {}", chance.pick(&[0, 1, 40, 400, 4000])),
            5 => "\"garbage\"".to_owned(),
            7 => "\"gone\"".to_owned(),
            _ => "\"close\"".to_owned(),
        };
        let times = chance.pick(&[1, 1, 1, 2, 5, 30]);
        let _ = write!(
            text,
            "[[fault]]\nof = \"{of}\"\ncall = \"{call}\"\ndoes = {does}\nafter = {}\ntimes = {times}\n",
            chance.below(if call.ends_with('*') && call.len() < 6 { 30 } else { 3 })
        );
    }
    if chance.one_in(3) {
        let _ = write!(
            text,
            "[[pod]]\nname = \"{}\"\ndoes = \"{}\"\ntimes = {}\n",
            chance.pick(&["*", "front-*", "work-*"]),
            chance.pick(&PODS),
            1 + chance.below(6)
        );
    }
    if chance.one_in(3) {
        let does = match chance.below(5) {
            0 => "\"engine-restart\"".to_owned(),
            1 => format!("\"image-vanish\"\nimage = \"{}\"", chance.pick(&["*", "image-0"])),
            2 => format!("\"clock-jump\"\nby = {}", chance.pick(&[-7200, -30, 30, 7200])),
            3 => "\"second-run\"".to_owned(),
            _ => "\"delete\"\nobject = \"/apis/apps/v1/namespaces/shop/deployments/front\"".to_owned(),
        };
        let _ = write!(text, "[[event]]\neffect = {}\ndoes = {does}\n", chance.below(effects + 1));
    }
    text
}
