//! A profile's `config.json`: minikube's saved configuration, and where deploy.toml differs from it.
//!
//! Not the running state: the file outlives the node. Changed flags of an existing profile are ignored by
//! `minikube start` with a warning at most (`cmd/minikube/cmd/start.go`: `updateExistingConfigFromFlags`), so the
//! difference is reported here.

use crate::event::Code;
use crate::event::Finding;
use crate::event::Severity;
use crate::file;
use crate::minikube::INGRESS;
use crate::minikube::text;
use crate::project;
use crate::project::Runtime;
use crate::project::name::Profile;
use crate::world::World;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;
use std::path::PathBuf;

/// The addons of every profile, without which no volume claim is ever bound (`pkg/minikube/assets/addons.go`).
pub(crate) const DEFAULTS: [&str; 2] = ["storage-provisioner", "default-storageclass"];

/// The saved configuration of a profile (`minikube: pkg/minikube/config/types.go`: `ClusterConfig`).
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Config {
    pub(crate) driver: String,
    /// 0 for no limit.
    #[serde(rename = "CPUs")]
    pub(crate) cpus: i64,
    /// MiB; 0 for no limit.
    pub(crate) memory: i64,
    /// MiB.
    pub(crate) disk_size: i64,
    #[serde(rename = "APIServerPort")]
    pub(crate) api_server_port: u16,
    #[serde(rename = "KubernetesConfig")]
    pub(crate) kubernetes: Kubernetes,
    pub(crate) nodes: Option<Vec<Machine>>,
    pub(crate) addons: Option<BTreeMap<String, bool>>,
    /// The value of `--ports` when the node was created, in the format of `docker run -p`.
    pub(crate) exposed_ports: Option<Vec<String>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Kubernetes {
    #[serde(rename = "KubernetesVersion")]
    pub(crate) version: String,
    pub(crate) container_runtime: String,
    #[serde(rename = "APIServerHAVIP")]
    pub(crate) api_server_havip: String,
}

/// One node.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct Machine {
    /// Empty for the first.
    pub(crate) name: String,
    #[serde(rename = "IP")]
    pub(crate) ip: String,
    pub(crate) port: u16,
}

impl Config {
    /// The nodes' machine names: the profile's for the first, `PROFILE-m02` and so on for the others
    /// (`pkg/minikube/config/profile.go`: `MachineName`).
    pub(crate) fn machines(&self, profile: &Profile) -> Vec<String> {
        let named = |machine: &Machine| {
            if machine.name.is_empty() || machine.name == profile.as_str() {
                profile.to_string()
            } else {
                format!("{profile}-{}", machine.name)
            }
        };
        match self.nodes.as_deref() {
            // The first node of an old profile may be called m01.
            None | Some([] | [_]) => vec![profile.to_string()],
            Some(nodes) => nodes.iter().map(named).collect(),
        }
    }

    /// The runtime, or the name of one that we cannot use.
    pub(crate) fn runtime(&self) -> Result<Runtime, &str> {
        match self.kubernetes.container_runtime.as_str() {
            "docker" | "" => Ok(Runtime::Docker),
            "containerd" => Ok(Runtime::Containerd),
            other => Err(other),
        }
    }

    /// The first node's address, as it was when the profile was last started.
    pub(crate) fn address(&self) -> Option<IpAddr> {
        self.nodes.as_deref()?.first()?.ip.parse().ok()
    }

    /// The API server's port inside the node.
    pub(crate) fn api_port(&self) -> u16 {
        let of_node = self.nodes.as_deref().and_then(|nodes| nodes.first()).map_or(0, |node| node.port);
        [of_node, self.api_server_port].into_iter().find(|port| *port != 0).unwrap_or(8443)
    }

    /// The addons that the project needs and the profile has not got, in the order of the project, without [`INGRESS`].
    pub(crate) fn lacking<'a>(&self, desired: &'a [String]) -> Vec<&'a str> {
        let on =
            |name: &str| self.addons.as_ref().and_then(|addons| addons.get(name)).copied().unwrap_or(false);
        desired.iter().map(String::as_str).filter(|name| *name != INGRESS && !on(name)).collect()
    }

    /// Whether no start has completed: the default addons are recorded by its last step, on or off.
    pub(crate) fn lacks_defaults(&self) -> bool {
        DEFAULTS.iter().any(|name| self.addons.as_ref().is_none_or(|addons| !addons.contains_key(*name)))
    }

    /// Where deploy.toml differs from this profile, with what applies the change.
    pub(crate) fn differences(&self, desired: &project::Minikube) -> Vec<Finding> {
        let profile = &desired.profile;
        let recreate = |key: &str| {
            format!(
                "`minikube delete -p {profile}`, then `todo up`, recreates it (the data in its volumes is lost); or change `{key}` in deploy.toml"
            )
        };
        let mut found = Vec::new();
        let mut amount = |key: &str, what: &str, has: i64, asked: Option<i64>, unit: &str| {
            let Some(asked) = asked.filter(|asked| has != 0 && *asked != has) else { return };
            let message = format!("the profile has {has}{unit} {what}, deploy.toml asks for {asked}{unit}");
            let severity = if has < asked { Severity::Warning } else { Severity::Note };
            found.push(
                Finding { severity, ..Code::ProfileSettingsDiffer.warning(message) }.help(recreate(key)),
            );
        };
        amount("cpus", "CPUs", self.cpus, desired.cpus.map(i64::from), "");
        amount(
            "memory",
            "of memory",
            self.memory,
            desired.memory_mib.and_then(|mib| mib.try_into().ok()),
            " MiB",
        );
        if !matches!(self.driver.as_str(), "docker" | "podman" | "none" | "ssh") {
            amount(
                "disk",
                "of disk",
                self.disk_size,
                desired.disk_mib.and_then(|mib| mib.try_into().ok()),
                " MiB",
            );
        }
        if let Some(driver) = desired.driver.as_deref().filter(|driver| !same_driver(driver, &self.driver)) {
            let message =
                format!("the profile has the driver `{}`, deploy.toml asks for `{driver}`", self.driver);
            found.push(Code::ProfileSettingsDiffer.warning(message).help(recreate("driver")));
        }
        if let Some(version) = desired.kubernetes.as_deref().filter(|version| !self.is_kubernetes(version)) {
            let has = &self.kubernetes.version;
            found.push(
                Code::ProfileSettingsDiffer.warning(format!("the profile has Kubernetes {has}, deploy.toml asks for {version}")).help(
                    format!(
                        "to a newer version: `minikube start -p {profile} --kubernetes-version={version} --keep-context`; an older one requires a new cluster: `minikube delete -p {profile}`, then `todo up`"
                    ),
                ),
            );
        }
        if self.runtime().is_ok_and(|runtime| runtime != desired.runtime) {
            let has = &self.kubernetes.container_runtime;
            let message =
                format!("the profile's container runtime is {has}, which deploy.toml does not ask for");
            let severity = Severity::Note;
            found.push(
                Finding { severity, ..Code::ProfileSettingsDiffer.warning(message) }
                    .help(recreate("runtime")),
            );
        }
        let nodes = self.nodes.as_ref().map_or(1, Vec::len);
        if nodes != desired.nodes as usize && desired.nodes != 0 {
            let message = format!("the profile has {nodes} node(s), deploy.toml asks for {}", desired.nodes);
            let (severity, help) = if nodes < desired.nodes as usize {
                (Severity::Warning, format!("`minikube node add -p {profile}` adds one"))
            } else {
                (
                    Severity::Note,
                    format!(
                        "`minikube node list -p {profile}` lists them; `minikube node delete NAME -p {profile}` removes one"
                    ),
                )
            };
            found.push(Finding { severity, ..Code::ProfileSettingsDiffer.warning(message) }.help(help));
        }
        for finding in &mut found {
            finding.subject = Some(format!("profile {profile}"));
        }
        found
    }

    /// `1.34` means any patch of it, as it does for minikube.
    fn is_kubernetes(&self, version: &str) -> bool {
        let has = self.kubernetes.version.trim_start_matches('v');
        let asked = version.trim_start_matches('v');
        has.is_empty()
            || matches!(asked, "stable" | "latest")
            || has == asked
            || has.strip_prefix(asked).is_some_and(|rest| rest.starts_with('.'))
    }
}

/// `qemu` is minikube's alias of `qemu2`, and so on (`pkg/minikube/driver/driver.go`).
fn same_driver(asked: &str, has: &str) -> bool {
    asked == has || matches!((asked, has), ("qemu", "qemu2") | ("virtualbox", "vbox") | ("native", "none"))
}

/// The profile's directory.
pub(crate) fn folder(world: &World, profile: &Profile) -> Option<PathBuf> {
    world.minikube_folder().map(|home| home.join("profiles").join(profile.as_str()))
}

/// The profiles that minikube remembers; none where its directory cannot be read.
pub fn profiles(world: &World) -> Vec<String> {
    let Some(entries) = world.minikube_folder().and_then(|home| home.join("profiles").read_dir().ok()) else {
        return Vec::new();
    };
    let known = entries.flatten().filter(|entry| entry.path().join("config.json").is_file());
    known.filter_map(|entry| entry.file_name().into_string().ok()).collect()
}

/// Reads the saved configuration of `profile`; `None` if minikube has no such profile.
///
/// # Errors
/// With path, line and column, if the file exists and cannot be read, or is not a profile of minikube's.
pub(crate) fn read(world: &World, profile: &Profile) -> Result<Option<Config>, String> {
    let Some(path) = folder(world, profile).map(|folder| folder.join("config.json")) else { return Ok(None) };
    let Some(text) = text::read(&path)? else { return Ok(None) };
    let config: Config =
        serde_json::from_str(&text).map_err(|error| format!("cannot read `{}`: {error}", path.display()))?;
    // minikube writes it into every profile; without it the file does not describe a cluster.
    if config.driver.is_empty() {
        return Err(format!(
            "cannot read `{}`: it is not a minikube profile: `Driver` is missing",
            path.display()
        ));
    }
    Ok(Some(config))
}

/// Whether the last `minikube start` of `profile` did not complete, though the API server may answer by now.
///
/// kubeadm continues in the node when minikube is interrupted, and the API server starts, but without addons there is
/// no StorageClass and every volume claim waits for ever (tried with v1.38.1). minikube keeps the events of its last
/// command (`pkg/minikube/out/register/cloud_events.go`), in whatever format it printed them.
pub(crate) fn is_unfinished(world: &World, profile: &Profile) -> bool {
    let read = || file::read_text(&folder(world, profile)?.join("events.json"), file::TEXT).ok();
    read().is_some_and(|events| tells_no_end(&events))
}

fn tells_no_end(events: &str) -> bool {
    let names = |line: &str| {
        let event: serde_json::Value = serde_json::from_str(line).ok()?;
        event["data"]["name"].as_str().map(str::to_owned)
    };
    let names: Vec<String> = events.lines().filter_map(names).collect();
    let has = |name: &str| names.iter().any(|known| known == name);
    // In text mode events are only written in addition, and the very last may be lost when the process ends.
    has("Initial Minikube Setup") && !has("Done") && !has("Enabling Addons")
}

/// The driver that the user chose for all of their profiles: `MINIKUBE_DRIVER`, or `minikube config set driver`.
pub(crate) fn preferred_driver(world: &World) -> Option<String> {
    let of_file = |home: &Path| {
        let text = file::read(&home.join("config").join("config.json"), file::TEXT).ok()?;
        let settings: serde_json::Value = serde_json::from_slice(&text).ok()?;
        ["driver", "vm-driver"].into_iter().find_map(|key| settings[key].as_str().map(str::to_owned))
    };
    ["MINIKUBE_DRIVER", "MINIKUBE_VM_DRIVER"]
        .into_iter()
        .find_map(|name| world.var(name).map(str::to_owned))
        .or_else(|| of_file(&world.minikube_folder()?))
        .filter(|driver| !driver.is_empty())
}

#[cfg(test)]
mod tests {
    use super::Config;
    use super::tells_no_end;
    use crate::project::name::Profile;

    #[test]
    fn a_start_without_an_end_is_told_from_one_that_ended_and_from_other_commands() {
        let event = |name: &&str| format!("{{\"data\":{{\"name\":\"{name}\"}}}}\n");
        let events = |names: &[&str]| names.iter().map(event).collect::<Vec<String>>().concat();
        for (names, unfinished) in [
            (&["Initial Minikube Setup", "Booting control plane"][..], true),
            (&["Initial Minikube Setup", "GUEST_START"], true),
            (&["Initial Minikube Setup", "Enabling Addons", "Done"], false),
            (&["Initial Minikube Setup", "Enabling Addons"], false),
            (&["Pausing"], false),
            (&[], false),
        ] {
            assert_eq!(tells_no_end(&events(names)), unfinished, "{names:?}");
        }
        assert!(!tells_no_end("nonsense\n{}"));
    }

    #[test]
    fn machines_are_named_as_minikube_names_them() {
        let profile = Profile::parse("mini").unwrap();
        let machines = |nodes: &str| {
            let config: Config = serde_json::from_str(&format!("{{\"Nodes\":{nodes}}}")).unwrap();
            config.machines(&profile)
        };
        assert_eq!(machines("null"), ["mini"]);
        assert_eq!(machines("[]"), ["mini"]);
        assert_eq!(machines(r#"[{"Name":"m01"}]"#), ["mini"]);
        assert_eq!(machines(r#"[{"Name":""},{"Name":"m02"}]"#), ["mini", "mini-m02"]);
    }
}
