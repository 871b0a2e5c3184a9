//! The node's Docker engine and the API server restarted at each stage of `up` and `down`.

use crate::real::trials::deployed::Shelf;
use crate::real::trials::disturbed::disturbed;
use crate::real::trials::disturbed::says;
use crate::real::trials::table::play;
use crate::real::trials::table::sample;
use crate::real::trials::table::trial;

/// The component to restart in the node: its name, and the command. The kubelet starts the API server again.
const RESTARTED: [(&str, &str); 2] = [
    ("engine", "systemctl restart docker"),
    ("api", "docker kill $(docker ps --quiet --filter name=k8s_kube-apiserver)"),
];

/// Each stage of a run by the event that it begins with.
const OF_UP: [(&str, &str); 8] = [
    ("preflight", r#""event":"step-started","step":"preflight""#),
    ("minikube", r#""event":"step-started","step":"minikube""#),
    ("image", r#""event":"step-started","step":"image""#),
    ("building", r#""event":"progress","step":"image""#),
    ("apply", r#""event":"step-started","step":"apply""#),
    ("writing", r#""event":"item-finished","step":"apply""#),
    ("rollout", r#""event":"step-started","step":"rollout""#),
    ("service", r#""event":"step-started","step":"service""#),
];

const OF_DOWN: [(&str, &str); 3] = [
    ("begin", r#""event":"step-started","step":"remove""#),
    ("deleting", r#""event":"item-started","step":"remove""#),
    ("deleted", r#""event":"item-finished","step":"remove""#),
];

#[test]
#[ignore = "needs minikube"]
fn whatever_restarts_in_the_node_the_next_up_ends_well() {
    let mut trials = Vec::new();
    for (what, command) in RESTARTED {
        for (harness, event) in OF_UP {
            let name = format!("restart/{what}/up/{harness}");
            let play = move |shelf: &Shelf| {
                if harness == "building" {
                    without_image(shelf);
                }
                during_up(shelf, command, event);
            };
            trials.push(if (what, harness) == ("api", "rollout") {
                sample(name, play)
            } else {
                trial(name, play)
            });
        }
        for (harness, event) in OF_DOWN {
            for (way, arguments) in [("down", &["down"][..]), ("purge", &["down", "--purge"][..])] {
                let name = format!("restart/{what}/{way}/{harness}");
                trials.push(trial(name, move |shelf| during_down(shelf, command, event, arguments)));
            }
        }
    }
    trials.push(trial("restart/refused", refused));
    play(trials);
}

/// A Docker engine that does not start is named by each command, with its message; and started when it can be.
fn refused(shelf: &Shelf) {
    without_back_off(shelf);
    in_node(
        shelf,
        "cp /etc/docker/daemon.json /etc/docker/kept && echo '{' >/etc/docker/daemon.json && ! systemctl restart docker",
    );
    for arguments in [&["up"][..], &["status"], &["down"], &["plan"]] {
        let output = shelf.harness.todo(arguments);
        output.failed_with(20, &["node-service-down", "`docker`", "daemon.json"]);
    }
    in_node(shelf, "mv /etc/docker/kept /etc/docker/daemon.json");
    shelf.recovers();
}

fn in_node(shelf: &Shelf, command: &str) {
    shelf.harness.docker(&["exec", shelf.harness.node(), "sh", "-c", command]);
}

/// The trials before have ended etcd and the API server, and the kubelet waits up to five minutes before it starts them for
/// the fifth time; one that is restarted has forgotten that.
fn without_back_off(shelf: &Shelf) {
    in_node(shelf, "systemctl restart kubelet");
}

/// A built image is found again, so the image of the version that does not run is removed; its layers stay in the
/// cache.
fn without_image(shelf: &Shelf) {
    in_node(
        shelf,
        "docker images --quiet --filter reference=todo.local/trials/shelf | sort -u | xargs --no-run-if-empty docker rmi --force; true",
    );
}

fn during_up(shelf: &Shelf, command: &str, event: &str) {
    without_back_off(shelf);
    shelf.write_note("kept");
    shelf.edit();
    let ended = disturbed(&shelf.harness, &["up"], &says(event), |_| in_node(shelf, command));
    assert!(ended.after.is_some(), "{event} never came");
    shelf.recovers_with("kept");
}

fn during_down(shelf: &Shelf, command: &str, event: &str, arguments: &[&str]) {
    without_back_off(shelf);
    shelf.write_note("kept");
    let ended = disturbed(&shelf.harness, arguments, &says(event), |_| in_node(shelf, command));
    assert!(ended.after.is_some(), "{event} never came");
    shelf.goes(arguments);
    if arguments.contains(&"--purge") { shelf.recovers() } else { shelf.recovers_with("kept") }
}
