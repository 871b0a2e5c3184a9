//! The values of a compose project → its typed form. Every key of a service is read here, or reported (`untaken`).

mod build;
mod keys;
mod process;

use super::model::After;
use super::model::Bind;
use super::model::Compose;
use super::model::ComposePort;
use super::model::ComposeValue;
use super::model::Condition;
use super::model::EnvFileOf;
use super::model::MountSource;
use super::model::Mounted;
use super::model::Service;
use super::model::SharedFile;
use super::model::Untaken;
use super::model::Volume;
use super::node::Body;
use super::node::MapEntry;
use super::node::Node;
use super::scalar::Scalar;
use super::short;
use crate::discover::tree::join;
use crate::event::Code;
use crate::event::Place;
use keys::READ;
use keys::TOP;
use keys::UNTAKEN;
use std::collections::BTreeMap;
use std::rc::Rc;

/// Reads a project out of its values.
pub(super) fn read(root: &Rc<Node>, compose: &mut Compose) {
    for entry in root.entries() {
        if !TOP.contains(&entry.key.as_str()) && !entry.key.starts_with("x-") {
            let message = format!("`{}` is not a key of a compose file", entry.key);
            compose.wrong.push(
                Code::ComposeInvalid
                    .error(message)
                    .at(entry.place.clone())
                    .help("docker compose refuses it, too: correct or remove it"),
            );
        }
    }
    compose.name = text(root, "name").filter(|name| !name.is_empty());
    if let Some(volumes) = root.get("volumes") {
        for entry in volumes.entries() {
            volume(entry, compose);
        }
    }
    compose.secrets = shared(root, "secrets");
    compose.configs = shared(root, "configs");
    if let Some(services) = root.get("services") {
        for entry in services.entries() {
            let service = service(entry, compose);
            compose.services.push(service);
        }
    }
    let active = compose.active_profiles();
    for service in &mut compose.services {
        let on = |profile: &String| active.contains(profile) || active.iter().any(|item| item == "*");
        service.dormant = !service.profiles.is_empty() && !service.profiles.iter().any(on);
    }
    check(compose);
}

/// Finds errors for which compose refuses the whole project.
fn check(compose: &mut Compose) {
    if !compose.wrong.is_empty() {
        return;
    }
    let place = Place::file(&compose.path);
    let active: Vec<&Service> = compose.services.iter().filter(|service| !service.dormant).collect();
    if !active.iter().any(|service| service.image.is_some() || service.build.is_some()) {
        let message = match active.len() {
            0 => "no service of it starts".to_owned(),
            _ => "none of its services has an `image` or a `build`".to_owned(),
        };
        compose.wrong.push(Code::ComposeInvalid.error(message).at(place).help(
            "it is half of another file, or made for another tool: `todo init --from FILE` takes another one",
        ));
    }
}

fn text(node: &Node, key: &str) -> Option<String> {
    node.get(key).and_then(|node| node.text())
}

fn texts(node: &Node, key: &str) -> Vec<String> {
    let list = node.get(key).map(short::as_list);
    list.iter().flat_map(|list| list.items()).filter_map(|item| item.text()).collect()
}

fn shared(root: &Node, key: &str) -> BTreeMap<String, SharedFile> {
    let mut found = BTreeMap::new();
    for entry in root.get(key).map(|node| node.entries()).unwrap_or_default() {
        let node = &entry.node;
        let source = if let Some(file) = text(node, "file") {
            MountSource::File(join(&node.scope.folder, &file))
        } else if let Some(name) = text(node, "environment") {
            MountSource::Variable(name)
        } else if let Some(content) = text(node, "content") {
            MountSource::Content(content)
        } else {
            MountSource::External
        };
        found.insert(entry.key.clone(), SharedFile { source, place: entry.place.clone() });
    }
    found
}

/// A top-level volume that stands for a directory of this machine, or that is created outside of the project.
fn volume(entry: &MapEntry, compose: &mut Compose) {
    let node = &entry.node;
    let at = || entry.place.to_string();
    let options = node.get("driver_opts");
    let option = |key: &str| options.and_then(|options| text(options, key));
    if let Some(device) = option("device").filter(|_| option("o").is_some_and(|o| o.contains("bind"))) {
        let elsewhere = device.starts_with(['/', '~']);
        let source = if elsewhere { device } else { join(&node.scope.folder, &device) };
        let bind =
            Bind { source, elsewhere, at: String::new(), read_only: false, place: entry.place.clone() };
        compose.volumes.insert(entry.key.clone(), bind);
    } else if option("type").is_some_and(|kind| kind != "tmpfs" && kind != "none") {
        compose.notes.push((
            format!(
                "the volume `{}` is one of another machine ({}); a claim of the cluster is written",
                entry.key,
                at()
            ),
            "write a PersistentVolume for it, if the application needs that data".to_owned(),
        ));
    } else if node.get("external").and_then(|node| node.flag()) == Some(true) {
        compose.notes.push((
            format!(
                "the volume `{}` is made outside of the compose file ({}); a new, empty claim is written",
                entry.key,
                at()
            ),
            "copy the data into it, if the application needs it: `kubectl cp`".to_owned(),
        ));
    }
}

fn service(entry: &MapEntry, compose: &mut Compose) -> Service {
    let node = &entry.node;
    let mut service = Service { name: entry.key.clone(), place: entry.place.clone(), ..Service::default() };
    for entry in node.entries() {
        let known = READ.contains(&entry.key.as_str()) || entry.key.starts_with("x-");
        let untaken = UNTAKEN.iter().find(|(key, _)| *key == entry.key);
        let empty = entry.node.is_null() || entry.node.flag() == Some(false);
        match untaken {
            Some((_, help)) if !empty => {
                // The network that every container has anyway.
                let mode = entry.node.text().filter(|_| entry.key == "network_mode");
                let shared = mode.as_deref().and_then(|mode| mode.strip_prefix("service:"));
                service.network_of = shared.map(str::to_owned).or(service.network_of.take());
                if mode.as_deref() != Some("bridge") && shared.is_none() {
                    service.untaken.push(Untaken {
                        key: entry.key.clone(),
                        place: entry.place.clone(),
                        help,
                    });
                }
            }
            None if !known => {
                let message = format!("`{}` is not a key of a service", entry.key);
                let help = "docker compose refuses it, too: correct or remove it";
                compose.wrong.push(Code::ComposeInvalid.error(message).at(entry.place.clone()).help(help));
            }
            _ => {}
        }
    }
    service.build = node.get("build").and_then(|build| build::build(build, &mut service.untaken));
    service.image = required(node, "image", compose);
    service.ports = list(node, "ports").iter().flat_map(|port| short::ports(port)).collect();
    let exposed = list(node, "expose").iter().flat_map(|port| short::ports(port)).collect::<Vec<_>>();
    service.ports.extend(exposed.into_iter().map(|port| ComposePort { published: None, ..port }));
    service.environment = environment(node, compose);
    service.env_files = env_files(node);
    service.after = after(node);
    let volumes = list(node, "volumes");
    service.volumes = volumes.iter().filter_map(|volume| short::volume(volume)).collect();
    compose.notes.extend(volumes.iter().filter_map(|volume| blank(volume)));
    for item in list(node, "tmpfs") {
        let Some(written) = item.text() else { continue };
        let (at, options) = written.split_once(':').unwrap_or((&written, ""));
        let size = options.split(',').find_map(|option| short::bytes(option.strip_prefix("size=")?));
        service.volumes.push(Volume::Memory { at: at.to_owned(), size, place: item.place.clone() });
    }
    service.secrets = mounted(node, "secrets", "/run/secrets/");
    service.configs = mounted(node, "configs", "/");
    service.health = node.get("healthcheck").map(|health| process::health(health, compose));
    service.entrypoint = node.get("entrypoint").and_then(|node| short::command(node));
    service.command = node.get("command").and_then(|node| short::command(node));
    service.user = text(node, "user").filter(|user| !user.is_empty());
    service.folder = text(node, "working_dir");
    service.profiles = texts(node, "profiles");
    service.restart = text(node, "restart");
    service.shared_memory = text(node, "shm_size").and_then(|size| short::bytes(&size));
    service.grace = text(node, "stop_grace_period").and_then(|time| short::seconds(&time));
    service.read_only = flag(node, "read_only");
    service.privileged = flag(node, "privileged");
    service.terminal = (flag(node, "tty"), flag(node, "stdin_open"));
    service.capabilities = (texts(node, "cap_add"), texts(node, "cap_drop"));
    process::deploy(node, &mut service);
    process::names(node, &mut service);
    service.labelled_port = process::labelled_port(node);
    service.routes = process::routes(node);
    service
}

/// A required string; a variable in it without a value is reported.
fn required(node: &Node, key: &str, compose: &mut Compose) -> Option<String> {
    let value = node.get(key)?;
    for open in value.template()?.open() {
        let message =
            format!("`{key}` needs `{}`, which `{}` does not give ({})", open.name, compose.env, value.place);
        let help = format!(
            "write `{}=…` into `{}` and `todo init --force`, or correct the manifest",
            open.name, compose.env
        );
        compose.notes.push((message, help));
    }
    value.text().filter(|text| !text.is_empty())
}

/// `./data : /data`: compose takes the blank as a part of the name, so it mounts an empty directory, or refuses the file.
fn blank(volume: &Node) -> Option<(String, String)> {
    let written = volume.text().filter(|written| written.contains(" :") || written.contains(": "))?;
    let message =
        format!("`{written}` has a blank next to its colon, which is left out here ({})", volume.place);
    Some((message, "remove it there: compose takes it as a part of the name".to_owned()))
}

fn flag(node: &Node, key: &str) -> bool {
    node.get(key).and_then(|node| node.flag()) == Some(true)
}

fn list(node: &Node, key: &str) -> Vec<Rc<Node>> {
    let list = node.get(key).map(short::as_list);
    list.iter().flat_map(|list| list.items()).cloned().collect()
}

fn environment(node: &Node, compose: &mut Compose) -> Vec<ComposeValue> {
    let Some(pairs) = node.get("environment").map(short::as_map) else { return Vec::new() };
    let mut values = Vec::new();
    for entry in pairs.entries() {
        let node = &entry.node;
        if let Some(Err(message)) = node.raw().map(|raw| super::Template::parse(&raw, &node.scope.values)) {
            // The text may hold a secret; the name does not.
            let message = message.split(':').next().unwrap_or_default().to_owned();
            let help = "write `$$` for a `$` that does not start a variable: docker compose refuses it, too";
            compose.wrong.push(
                Code::ComposeInvalid
                    .error(format!("`{}`: {message}", entry.key))
                    .at(node.place.clone())
                    .help(help),
            );
        }
        let value = match (&node.body, node.scope.values.get(&entry.key)) {
            (Body::Scalar(Scalar::Null), Some(value)) => {
                Some(super::Template(vec![super::Part::Variable(super::Variable {
                    name: entry.key.clone(),
                    value: Some(value.clone()),
                    colon: false,
                    fallback: super::Fallback::Nothing,
                })]))
            }
            _ => node.template(),
        };
        let converted = match &node.body {
            Body::Scalar(Scalar::Number(printed, written)) if printed != written => Some(written.clone()),
            _ => None,
        };
        values.push(ComposeValue { key: entry.key.clone(), value, converted, place: entry.place.clone() });
    }
    values
}

fn env_files(node: &Node) -> Vec<EnvFileOf> {
    let read = |file: &Rc<Node>| {
        let path = short::file_path(file);
        let required = file.get("required").and_then(|node| node.flag()) != Some(false);
        (!path.is_empty()).then(|| EnvFileOf {
            path: join(&file.scope.folder, &path),
            required,
            place: file.place.clone(),
        })
    };
    list(node, "env_file").iter().filter_map(read).collect()
}

fn after(node: &Node) -> Vec<After> {
    let Some(after) = node.get("depends_on").map(short::names_as_map) else { return Vec::new() };
    let read = |entry: &MapEntry| After {
        service: entry.key.clone(),
        condition: match text(&entry.node, "condition").as_deref() {
            Some("service_healthy") => Condition::Healthy,
            Some("service_completed_successfully") => Condition::Completed,
            _ => Condition::Started,
        },
        required: entry.node.get("required").and_then(|node| node.flag()) != Some(false),
    };
    after.entries().iter().map(read).collect()
}

fn mounted(node: &Node, key: &str, folder: &str) -> Vec<Mounted> {
    let read = |item: &Rc<Node>| {
        let source = item.text().or_else(|| text(item, "source"))?;
        let target = text(item, "target").unwrap_or_else(|| source.clone());
        let at = if target.starts_with('/') { target } else { format!("{folder}{target}") };
        let mode =
            item.get("mode").and_then(|mode| mode.raw()).and_then(|mode| match mode.strip_prefix('0') {
                // Quoted it is octal text, unquoted YAML has read the octal number.
                Some(octal) => u32::from_str_radix(octal.trim_start_matches('o'), 8).ok(),
                None => mode.parse().ok(),
            });
        Some(Mounted { source, at, mode, place: item.place.clone() })
    };
    list(node, key).iter().filter_map(read).collect()
}
