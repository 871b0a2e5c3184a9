//! `hostPath`: which files of its node a pod gets, and how long its own files are kept there.
//!
//! In minikube the node is a container or a virtual machine: its `/home` is not the user's, and everything outside of a
//! few directories is deleted with it. minikube keeps `/data`, `/tmp/hostpath_pv` and `/tmp/hostpath-provisioner` over
//! a stop (`minikube: deploy/kicbase/automount/minikube-automount`;
//! <https://minikube.sigs.k8s.io/docs/handbook/persistent_volumes/>).

use crate::event::Code;
use crate::event::Finding;
use crate::manifest::lint::Set;
use crate::manifest::lint::at;
use crate::manifest::lint::listed;
use crate::manifest::pods;
use crate::manifest::pods::PodTemplate;
use crate::manifest::pods::items;

/// What minikube keeps over a stop, and meant for this.
const KEPT: [&str; 3] = ["/data", "/tmp/hostpath_pv", "/tmp/hostpath-provisioner"];

/// A pod that writes here as root controls what the node runs (Pod Security Standards, "Baseline", forbid `hostPath`
/// for it).
const RUNS: [&str; 18] = [
    "/etc/kubernetes",
    "/etc/systemd",
    "/etc/docker",
    "/etc/containerd",
    "/etc/ld.so.preload",
    "/root",
    "/bin",
    "/sbin",
    "/usr/bin",
    "/usr/sbin",
    "/usr/local/bin",
    "/lib/systemd",
    "/usr/lib/systemd",
    "/var/lib/kubelet/config.yaml",
    "/var/lib/kubelet/pods",
    "/var/lib/docker",
    "/var/lib/containerd",
    "/var/lib/minikube",
];

/// Kernel interfaces by which root in a container reaches the node, such as `/proc/sys/kernel/core_pattern`.
const KERNEL: [&str; 2] = ["/proc", "/sys"];

/// Sockets that take orders: mounted read-only they still do.
const SOCKETS: [&str; 6] = [
    "/run/docker.sock",
    "/run/containerd/containerd.sock",
    "/run/cri-dockerd.sock",
    "/run/crio/crio.sock",
    "/run/podman/podman.sock",
    "/run/systemd/private",
];

/// Where kubeadm, minikube and the kubelet keep keys, certificates and the Secrets of pods.
const KEYS: [&str; 4] =
    ["/etc/kubernetes", "/var/lib/minikube", "/var/lib/kubelet/pki", "/var/lib/kubelet/pods"];

/// Paths of the node itself, without user data.
const SYSTEM: [&str; 12] = [
    "/bin",
    "/boot",
    "/dev",
    "/etc",
    "/lib",
    "/lib64",
    "/proc",
    "/sbin",
    "/sys",
    "/usr",
    "/var/lib/kubelet",
    "/var/log",
];

/// What pods, and PersistentVolumes that are directories of a node, mount.
pub(super) fn host_paths(set: &Set<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for (object, template) in pods::all(set.objects) {
        for (pointer, volume) in template.volumes() {
            let Some(path) = volume["hostPath"]["path"].as_str() else { continue };
            let name = volume["name"].as_str().unwrap_or_default();
            let (containers, writes) = users(&template, name);
            if containers.is_empty() {
                continue;
            }
            let who = match containers.as_slice() {
                [one] => format!("container `{one}` mounts"),
                several => format!("containers {} mount", listed(several.iter().copied())),
            };
            let finding = finding(set, &who, &normal(path), writes);
            found.extend(finding.map(|finding| at(object, &format!("{pointer}/hostPath/path"), finding)));
        }
    }
    for object in set.core("PersistentVolume") {
        for kind in ["hostPath", "local"] {
            let Some(path) = object.value["spec"][kind]["path"].as_str() else { continue };
            let finding = finding(set, "its claims mount", &normal(path), true);
            found.extend(finding.map(|finding| at(object, &format!("/spec/{kind}/path"), finding)));
        }
    }
    found
}

/// The containers that mount the volume, and whether one of them may write.
fn users<'a>(template: &PodTemplate<'a>, volume: &str) -> (Vec<&'a str>, bool) {
    let (mut containers, mut writes) = (Vec::new(), false);
    for container in template.every_container() {
        let mounts = items(&container.value["volumeMounts"]);
        let of_it = mounts.filter(|(_, mount)| mount["name"] == volume);
        let read_only: Vec<bool> = of_it.map(|(_, mount)| mount["readOnly"] == true).collect();
        if !read_only.is_empty() {
            containers.push(container.value["name"].as_str().unwrap_or_default());
            writes |= read_only.contains(&false);
        }
    }
    (containers, writes)
}

fn finding(set: &Set<'_>, who: &str, path: &str, writes: bool) -> Option<Finding> {
    let either = |list: &[&str]| list.iter().any(|other| is_within(path, other) || is_within(other, path));
    if either(&SOCKETS) {
        let message = format!(
            "{who} `{path}` of the node, with the socket of its container runtime: who uses that controls the node"
        );
        return Some(
            Code::HostPathDangerous
                .warning(message)
                .help("leave it out unless the program is there to manage containers"),
        );
    }
    if writes && (either(&RUNS) || either(&KERNEL)) {
        let message = format!("{who} `{path}` of the node and may write there: as root it controls the node");
        let help = "mount only the directory that it needs, with `readOnly: true`";
        return Some(Code::HostPathDangerous.warning(message).help(help));
    }
    if either(&KEYS) {
        let message = format!(
            "{who} `{path}` of the node, where credentials of the cluster are: a program that reads them can use them"
        );
        return Some(Code::HostPathDangerous.warning(message).help("mount only the directory that it needs"));
    }
    let within = |list: &[&str]| list.iter().any(|other| is_within(path, other));
    if within(&KEPT) || within(&SYSTEM) || !set.facts.minikube {
        return None;
    }
    let message = if within(&["/tmp", "/run"]) {
        format!("{who} `{path}` of the node, which is empty after each `minikube stop`")
    } else {
        format!(
            "{who} `{path}` of the node, not of this machine; minikube promises to keep only what is below `/data` over a stop, and `minikube delete` deletes that, too"
        )
    };
    let help = if writes {
        "for data take a PersistentVolumeClaim, or a path below `/data`; files of this machine get there with `minikube mount`"
    } else {
        "files of this machine get there with `minikube mount`, or into the image with `COPY`"
    };
    Some(Code::HostPathNotKept.note(message).help(help))
}

/// `/var/run//x/` as `/run/x`: the former is a link to the latter on every node of minikube.
fn normal(path: &str) -> String {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    let parts = parts.strip_prefix(&["var", "run"]).map_or(parts.clone(), |rest| [&["run"], rest].concat());
    format!("/{}", parts.join("/"))
}

/// Whether `path` is `folder`, or in it.
fn is_within(path: &str, folder: &str) -> bool {
    let rest = path.strip_prefix(folder.trim_end_matches('/'));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
