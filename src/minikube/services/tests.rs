//! The output of the script, and the conclusion from two of its results.

use super::Report;
use super::ServiceState;
use super::down;
use super::go_duration;
use crate::project::Runtime;
use std::time::Duration;

fn printed(units: &[(&str, &str, u64)], rest: &str) -> Report {
    let block = |(name, active, restarts): &(&str, &str, u64)| {
        format!("Id={name}.service\nLoadState=loaded\nActiveState={active}\nNRestarts={restarts}\n")
    };
    let blocks: Vec<String> = units.iter().map(block).collect();
    Report::parse(&format!("{}\n{rest}", blocks.join("\n")))
}

#[test]
fn a_service_is_down_if_it_is_so_twice() {
    let well = [("docker", "active", 0), ("cri-docker", "active", 0), ("kubelet", "active", 0)];
    let with = |name: &str, active: &'static str, restarts: u64| {
        let unit = |item: &(&'static str, &'static str, u64)| {
            if item.0 == name { (item.0, active, restarts) } else { *item }
        };
        printed(&well.iter().map(unit).collect::<Vec<_>>(), "")
    };
    let docker = Runtime::Docker;
    let well = printed(&well, "");
    assert!(well.is_well(docker) && !with("docker", "activating", 0).is_well(docker));
    for (first, second, found) in [
        (well.clone(), well.clone(), None),
        (with("docker", "failed", 0), with("docker", "failed", 0), Some(("docker", ServiceState::Failed))),
        (
            with("docker", "inactive", 0),
            with("docker", "inactive", 0),
            Some(("docker", ServiceState::Stopped)),
        ),
        (with("docker", "inactive", 0), with("docker", "activating", 0), None),
        (with("docker", "activating", 3), with("docker", "activating", 4), None),
        (
            with("kubelet", "active", 3),
            with("kubelet", "activating", 7),
            Some(("kubelet", ServiceState::Restarting)),
        ),
        // `minikube start` is for a node whose kubelet does not run.
        (with("kubelet", "inactive", 0), with("kubelet", "inactive", 0), None),
    ] {
        let found = found.map(|(name, state): (&str, ServiceState)| (name.to_owned(), state));
        assert_eq!(down(&first, &second, docker), found, "{first:?} {second:?}");
    }
}

#[test]
fn a_service_that_a_connection_starts_is_not_down() {
    let stopped = |socket: &str| {
        let socket = format!("Id=docker.socket\nLoadState=loaded\nActiveState={socket}\nNRestarts=0\n");
        printed(&[("docker", "inactive", 0), ("kubelet", "active", 0)], &socket)
    };
    let found = |socket: &str| down(&stopped(socket), &stopped(socket), Runtime::Docker);
    assert_eq!(found("active"), None);
    assert_eq!(found("failed"), Some(("docker".to_owned(), ServiceState::Stopped)));
}

#[test]
fn services_of_another_runtime_do_not_count() {
    let report =
        printed(&[("docker", "failed", 0), ("containerd", "active", 0), ("kubelet", "active", 0)], "");
    assert_eq!(down(&report, &report, Runtime::Containerd), None);
    assert!(report.is_well(Runtime::Containerd));
}

#[test]
fn free_space_and_the_back_off_are_read() {
    let report = printed(
        &[("kubelet", "active", 0)],
        "Free= 1843200\nback-off 2m40s restarting failed container=etcd\n",
    );
    assert_eq!(report.free_kib, Some(1_843_200));
    assert_eq!(report.back_off, Some(("etcd".to_owned(), "2m40s".to_owned())));
    let nothing = Report::parse("sh: systemctl: not found\n");
    assert_eq!(nothing, Report::default());
    for (text, seconds) in
        [("10s", Some(10)), ("2m40s", Some(160)), ("5m0s", Some(300)), ("soon", None), ("", Some(0))]
    {
        assert_eq!(go_duration(text), seconds.map(Duration::from_secs), "{text}");
    }
}
