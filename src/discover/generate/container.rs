//! The container of a unit.

use super::Unit;
use super::health;
use super::names::Names;
use super::resources;
use super::storage::Storage;
use super::values::Values;
use super::values::Variable;
use super::values::escaped;
use crate::discover::compose::Protocol;
use k8s_openapi::api::core::v1::Capabilities;
use k8s_openapi::api::core::v1::Container;
use k8s_openapi::api::core::v1::ContainerPort;
use k8s_openapi::api::core::v1::EnvFromSource;
use k8s_openapi::api::core::v1::EnvVar;
use k8s_openapi::api::core::v1::EnvVarSource;
use k8s_openapi::api::core::v1::SecretEnvSource;
use k8s_openapi::api::core::v1::SecretKeySelector;
use k8s_openapi::api::core::v1::SecurityContext;

/// The container with its environment, probes and mounts.
pub(super) fn container(
    unit: &Unit<'_>,
    names: &Names,
    storage: &Storage,
    values: &mut Values<'_>,
    notes: &mut Vec<(String, String)>,
) -> Container {
    let own: Vec<&str> = std::iter::once(unit.service.name.as_str())
        .chain([unit.name.as_str()])
        .chain(unit.service.names.iter().map(|(name, _)| name.as_str()))
        .collect();
    let probes = if unit.job { health::Probes::default() } else { health::probes(unit, &own) };
    let env_from: Vec<EnvFromSource> = unit
        .service
        .env_files
        .iter()
        .filter_map(|file| values.file(file))
        .map(|name| EnvFromSource {
            secret_ref: Some(SecretEnvSource { name, optional: None }),
            ..EnvFromSource::default()
        })
        .collect();
    let secret = values.secret();
    let env: Vec<EnvVar> =
        values.variables(unit).into_iter().map(|(name, variable)| env(name, variable, &secret)).collect();
    let (command, args) = command(unit, names, notes);
    Container {
        name: unit.name.clone(),
        image: Some(unit.image.clone()),
        command,
        args,
        working_dir: unit.service.folder.clone(),
        ports: ports(unit),
        env_from: (!env_from.is_empty()).then_some(env_from),
        env: (!env.is_empty()).then_some(env),
        readiness_probe: probes.readiness,
        startup_probe: probes.startup,
        resources: Some(resources::resources(unit, notes)),
        volume_mounts: (!storage.mounts.is_empty()).then(|| storage.mounts.clone()),
        security_context: security(unit),
        tty: unit.service.terminal.0.then_some(true),
        stdin: unit.service.terminal.1.then_some(true),
        ..Container::default()
    }
}

/// `entrypoint` and `command` in Kubernetes' names for them.
fn command(
    unit: &Unit<'_>,
    names: &Names,
    notes: &mut Vec<(String, String)>,
) -> (Option<Vec<String>>, Option<Vec<String>>) {
    if unit.adopted {
        return (None, None);
    }
    let words = |words: &Vec<String>| -> Option<Vec<String>> {
        let words = words.iter().map(|word| escaped(&names.rewritten(word))).collect::<Vec<_>>();
        (!words.is_empty()).then_some(words)
    };
    let service = unit.service;
    let args = service.command.as_ref().and_then(words);
    if service.entrypoint.as_ref().is_some_and(Vec::is_empty) {
        // The image's entrypoint is cleared, which Kubernetes cannot do: what would run is named instead.
        let own = unit.stage.as_ref().and_then(|stage| stage.command.as_ref()).and_then(words);
        if args.is_none() && own.is_none() {
            let message = format!(
                "`{}` has no entrypoint in compose; a cluster takes the image's ({})",
                service.name, service.place
            );
            notes.push((message, "write what it runs as `command`".to_owned()));
        }
        return (args.or(own), None);
    }
    (service.entrypoint.as_ref().and_then(words), args)
}

fn env(name: String, variable: Variable, secret: &str) -> EnvVar {
    match variable {
        Variable::Literal(value) => EnvVar { name, value: Some(value), value_from: None },
        Variable::Key(key, optional) => EnvVar {
            name,
            value: None,
            value_from: Some(EnvVarSource {
                secret_key_ref: Some(SecretKeySelector {
                    name: secret.to_owned(),
                    key,
                    optional: optional.then_some(true),
                }),
                ..EnvVarSource::default()
            }),
        },
    }
}

/// The protocol, where it is not the usual one.
pub(super) fn protocol(protocol: Protocol) -> Option<String> {
    match protocol {
        Protocol::Tcp => None,
        Protocol::Udp => Some("UDP".to_owned()),
        Protocol::Sctp => Some("SCTP".to_owned()),
    }
}

fn ports(unit: &Unit<'_>) -> Option<Vec<ContainerPort>> {
    let port = |(port, kind): &(u16, Protocol)| ContainerPort {
        container_port: i32::from(*port),
        protocol: protocol(*kind),
        ..ContainerPort::default()
    };
    (!unit.ports.is_empty()).then(|| unit.ports.iter().map(port).collect())
}

fn security(unit: &Unit<'_>) -> Option<SecurityContext> {
    let service = unit.service;
    let names = |names: &[String]| -> Option<Vec<String>> {
        let names = names.iter().map(|name| name.trim_start_matches("CAP_").to_owned()).collect::<Vec<_>>();
        (!names.is_empty()).then_some(names)
    };
    let capabilities =
        Capabilities { add: names(&service.capabilities.0), drop: names(&service.capabilities.1) };
    let context = SecurityContext {
        privileged: service.privileged.then_some(true),
        read_only_root_filesystem: service.read_only.then_some(true),
        capabilities: (capabilities != Capabilities::default()).then_some(capabilities),
        ..SecurityContext::default()
    };
    (context != SecurityContext::default()).then_some(context)
}
