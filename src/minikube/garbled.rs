//! minikube's files and output, cut at every byte and with every byte replaced: parsed or refused, never a panic.
//!
//! In addition to `tests/garbled.rs`, which garbles the input from users and servers; these parsers are private to
//! this module.

use super::config::Config;
use super::events;
use super::status;
use crate::project::check::check;
use crate::project::name::Profile;
use std::path::Path;

const STEP: &str = r#"{"data":{"currentstep":"8","message":"Creating container …","name":"Creating Container","totalsteps":"19"},"type":"io.k8s.sigs.minikube.step"}"#;
const DOWNLOAD: &str = r#"{"data":{"artifact":"preload.tar.lz4","progress":"0.25"},"type":"io.k8s.sigs.minikube.download.progress"}"#;
const ERROR: &str = r#"{"data":{"advice":"a","exitcode":"80","issues":"","message":"é","name":"GUEST_PROVISION","url":"https://x"},"type":"io.k8s.sigs.minikube.error"}"#;
const STATUS: &str = r#"{"Name":"mini","Host":"Running","Kubelet":"Running","APIServer":"Paused","Kubeconfig":"Configured","Worker":false}"#;
const CONFIG: &str = r#"{"Name":"mini","Driver":"docker","CPUs":2,"Memory":4096,"DiskSize":20000,"APIServerPort":8443,
"KubernetesConfig":{"KubernetesVersion":"v1.35.1","ContainerRuntime":"docker"},"Addons":{"ingress":true},
"Nodes":[{"Name":"","IP":"192.168.49.2","Port":8443,"ControlPlane":true,"Worker":true}],"ExposedPorts":["30080:30080"]}"#;

/// Bytes that are difficult for parsers, in place of a byte.
const STUMBLES: [&[u8]; 9] =
    [b"", b"\0", b"\"", b"{", b"]", b"-1", b"1e999", b"\\ud800", b"99999999999999999999"];

fn each(good: &str, read: impl Fn(&str)) {
    let bytes = good.as_bytes();
    for at in 0..bytes.len() {
        read(&String::from_utf8_lossy(&bytes[..at]));
        for stumble in STUMBLES {
            read(&String::from_utf8_lossy(&[&bytes[..at], stumble, &bytes[at + 1..]].concat()));
        }
    }
}

#[test]
fn garbled_events_and_answers_of_minikube_are_read_without_a_panic() {
    for good in [STEP, DOWNLOAD, ERROR] {
        assert!(events::parse(good).is_some(), "{good}");
        each(good, |line| drop(events::parse(line)));
    }
    each(STATUS, |line| drop(status::parse(line, Some(0))));
}

#[test]
fn a_garbled_memory_of_a_profile_is_compared_without_a_panic() {
    let profile = Profile::parse("mini").unwrap();
    let text = "name = 'shop'\n[minikube]\ncpus = 4\nkubernetes = '1.30'\n[[manifests]]\npath = 'k8s'\n";
    let desired = check(Path::new("/nowhere/deploy.toml"), text).unwrap().minikube;
    let read = |text: &str| {
        serde_json::from_str::<Config>(text).map(|config| {
            (
                config.machines(&profile),
                config.address(),
                config.api_port(),
                config.differences(&desired).len(),
            )
        })
    };
    assert_eq!(read(CONFIG).unwrap().0, ["mini"]);
    each(CONFIG, |text| drop(read(text)));
}
