//! Compose files → services, as far as a cluster can have them (`compose-spec: spec.md`).
//!
//! Not compose: nothing is run, and `${NAME}` stays as it is written, because what stands for it decides where the value has
//! to come from. What a cluster cannot have is kept by name, so that it can be told.

mod short;

use super::tree::Tree;
use super::tree::ends;
use super::tree::file_name;
use super::tree::join;
use super::tree::parent;
use super::tree::shown;
use crate::event::Finding;
use crate::event::Place;
use crate::manifest::yaml::Document;
use crate::manifest::yaml::documents;
use serde_json::Value;
use short::command;
pub use short::default_of;
use short::pairs;
use short::port;
use short::seconds;
use short::text;
use short::volume;
use std::collections::BTreeMap;
use std::path::Path;

/// A compose file.
#[derive(Debug, Clone)]
pub struct Compose {
    /// Its path.
    pub path: String,
    /// Its top-level `name`.
    pub name: Option<String>,
    /// Its services, by name.
    pub services: Vec<Service>,
    /// What is wrong with it.
    pub wrong: Vec<Finding>,
}

/// A service.
#[derive(Debug, Clone)]
pub struct Service {
    /// Its name.
    pub name: String,
    /// Where it is written.
    pub place: Place,
    /// How its image is built.
    pub build: Option<Build>,
    /// Its image.
    pub image: Option<String>,
    /// Its ports: the one on the host, if any, and the container's.
    pub ports: Vec<(Option<u16>, u16)>,
    /// Its environment; `None` where the value is the caller's.
    pub environment: Vec<(String, Option<String>)>,
    /// Its env files.
    pub env_files: Vec<String>,
    /// What it starts after.
    pub after: Vec<String>,
    /// Its volumes.
    pub volumes: Vec<Volume>,
    /// Its health check.
    pub health: Option<Health>,
    /// What is put in the place of the image's `ENTRYPOINT`.
    pub entrypoint: Option<Vec<String>>,
    /// What is put in the place of the image's `CMD`.
    pub command: Option<Vec<String>>,
    /// Its user, where that is a number.
    pub uid: Option<u32>,
    /// Its working directory.
    pub folder: Option<String>,
    /// How many of it.
    pub replicas: Option<u64>,
    /// Whether it starts only when its profile is asked for.
    pub dormant: bool,
    /// What a cluster does not have.
    pub foreign: Vec<&'static str>,
}

impl Service {
    /// A service of which nothing is known but its name.
    #[must_use]
    pub fn blank(name: &str, place: Place) -> Service {
        Service {
            name: name.to_owned(),
            place,
            build: None,
            image: None,
            ports: Vec::new(),
            environment: Vec::new(),
            env_files: Vec::new(),
            after: Vec::new(),
            volumes: Vec::new(),
            health: None,
            entrypoint: None,
            command: None,
            uid: None,
            folder: None,
            replicas: None,
            dormant: false,
            foreign: Vec::new(),
        }
    }
}

/// How an image is built.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Build {
    /// The context.
    pub context: String,
    /// The Dockerfile.
    pub dockerfile: String,
    /// The stage.
    pub target: Option<String>,
    /// The arguments that have values.
    pub args: BTreeMap<String, String>,
}

impl Build {
    /// The context as people write it.
    #[must_use]
    pub fn context_shown(&self) -> &str {
        shown(&self.context)
    }
}

/// A volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Volume {
    /// One with a name, or with none: data.
    Data {
        /// Its name; empty for an anonymous one.
        name: String,
        /// Where it is mounted.
        at: String,
    },
    /// A file or folder of this machine.
    Bind {
        /// Its path in the tree.
        source: String,
        /// Where it is mounted.
        at: String,
    },
}

/// A health check.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Health {
    /// The words of its command.
    pub words: Vec<String>,
    /// Seconds between two, and until the first may fail.
    pub interval: Option<u64>,
    /// Seconds for an answer.
    pub timeout: Option<u64>,
    /// How many may fail.
    pub retries: Option<u64>,
    /// Seconds in which failing does not count.
    pub start: Option<u64>,
}

/// Every compose file, those for running before those for developing, the nearest first.
#[must_use]
pub fn all(tree: &Tree) -> Vec<Compose> {
    let mut paths: Vec<&String> = tree.texts.keys().filter(|path| is_compose(file_name(path))).collect();
    paths.sort_by_key(|path| {
        (super::dockerfile::is_aside(path), path.matches('/').count(), variant(path), (*path).clone())
    });
    paths.into_iter().map(|path| read(tree, path)).collect()
}

/// `compose.yaml`, `docker-compose.yml`, `docker-compose.prod.yml`; not overrides, which are half of one.
#[must_use]
pub fn is_compose(name: &str) -> bool {
    let small = name.to_ascii_lowercase();
    let yaml = ends(name, &["yaml", "yml"]);
    let begins = ["docker-compose", "docker_compose", "compose", "podman-compose"];
    yaml && begins
        .iter()
        .any(|word| small.strip_prefix(word).is_some_and(|rest| rest.starts_with(['.', '-', '_'])))
        && !small.contains("override")
}

fn variant(path: &str) -> u8 {
    let words = ["prod", "local", "dev", "test", "ci"];
    let name = file_name(path).to_ascii_lowercase();
    words.iter().position(|word| name.contains(word)).map_or(0, |at| u8::try_from(at + 1).unwrap_or(9))
}

impl Compose {
    /// The project's name as compose has it.
    #[must_use]
    pub fn project(&self, folder: &str) -> String {
        let folder = if parent(&self.path).is_empty() { folder } else { file_name(parent(&self.path)) };
        let name = self.name.as_deref().unwrap_or(folder).to_lowercase();
        name.chars().filter(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(*c)).collect()
    }
}

fn read(tree: &Tree, path: &str) -> Compose {
    let (read, wrong) = documents(tree.text(path).unwrap_or_default(), Path::new(path));
    let mut compose = Compose { path: path.to_owned(), name: None, services: Vec::new(), wrong };
    let Some(document) = read.into_iter().next() else { return compose };
    compose.name = document.value["name"].as_str().filter(|name| !name.contains('$')).map(str::to_owned);
    let named = document.value["services"].as_object();
    compose.services =
        named.into_iter().flatten().map(|(name, value)| service(path, &document, name, value)).collect();
    // As written, not by name: the first is what the file is about.
    compose.services.sort_by_key(|service| service.place.line);
    compose
}

fn service(path: &str, document: &Document, name: &str, value: &Value) -> Service {
    let folder = parent(path);
    let pointer = format!("/services/{}", name.replace('~', "~0").replace('/', "~1"));
    let place = Place { column: 0, ..document.places.get(&pointer).unwrap_or(&document.place).clone() };
    let blank = Service::blank(name, place);
    let health = &value["healthcheck"];
    let foreign =
        ["privileged", "network_mode", "devices", "cap_add", "pid", "ipc", "extends", "configs", "secrets"];
    let listed =
        |list: &Value| -> Vec<String> { list.as_array().into_iter().flatten().filter_map(text).collect() };
    let env_files = match &value["env_file"] {
        Value::String(file) => vec![join(folder, file)],
        Value::Array(files) => {
            let path = |file: &Value| file.as_str().or(file["path"].as_str()).map(|file| join(folder, file));
            files.iter().filter_map(path).collect()
        }
        _ => Vec::new(),
    };
    let after = match &value["depends_on"] {
        Value::Object(fields) => fields.keys().cloned().collect(),
        other => listed(other),
    };
    Service {
        build: build(folder, &value["build"]),
        image: value["image"].as_str().map(default_of),
        ports: value["ports"]
            .as_array()
            .into_iter()
            .flatten()
            .chain(value["expose"].as_array().into_iter().flatten())
            .filter_map(port)
            .collect(),
        environment: pairs(&value["environment"]),
        env_files,
        after,
        volumes: value["volumes"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|one| volume(folder, one))
            .collect(),
        health: (!health.is_null() && health["disable"] != true).then(|| Health {
            words: match &health["test"] {
                Value::String(line) => vec!["CMD-SHELL".to_owned(), line.clone()],
                other => listed(other),
            },
            interval: seconds(&health["interval"]),
            timeout: seconds(&health["timeout"]),
            retries: health["retries"].as_u64(),
            start: seconds(&health["start_period"]),
        }),
        entrypoint: command(&value["entrypoint"]),
        command: command(&value["command"]),
        uid: text(&value["user"]).and_then(|user| user.split(':').next()?.parse().ok()),
        folder: value["working_dir"].as_str().map(str::to_owned),
        replicas: value["deploy"]["replicas"].as_u64().or(value["scale"].as_u64()),
        dormant: value["profiles"].as_array().is_some_and(|profiles| !profiles.is_empty()),
        foreign: foreign.into_iter().filter(|key| !value[*key].is_null() && value[*key] != false).collect(),
        ..blank
    }
}

fn build(folder: &str, value: &Value) -> Option<Build> {
    let context = value.as_str().or_else(|| value["context"].as_str());
    if value.is_null() || context.is_some_and(|context| context.contains("://")) {
        return None;
    }
    let context = join(folder, &default_of(context.unwrap_or(".")));
    let dockerfile = value["dockerfile"].as_str().unwrap_or("Dockerfile");
    let args = pairs(&value["args"]).into_iter().filter_map(|(key, value)| {
        let value = default_of(&value?);
        (!value.contains('$')).then_some((key, value))
    });
    Some(Build {
        dockerfile: join(&context, dockerfile),
        target: value["target"].as_str().map(str::to_owned),
        args: args.collect(),
        context,
    })
}

#[cfg(test)]
mod tests {
    use super::Volume;
    use super::all;
    use super::default_of;
    use crate::discover::tree::Tree;

    #[test]
    fn services_are_read_in_both_spellings() {
        let text = "name: shop\nservices:\n  web:\n    build: {context: ./web, dockerfile: prod.Dockerfile, target: run, args: [URL=http://x, NONE]}\n    \
            ports: ['127.0.0.1:8080:80/tcp', {published: '90', target: 91}, '53:53/udp']\n    env_file: .env\n    depends_on: {db: {condition: service_healthy}}\n    \
            command: sh -c 'a b'\n    healthcheck: {test: curl -f http://localhost/, interval: 1m30s, retries: 5}\n    \
            volumes: ['data:/data', './web:/src:ro', '/cache']\n  db:\n    image: 'postgres:${TAG:-16}'\n    environment: [A=1, B]\n    expose: ['5432']\n    privileged: true\n    profiles: [x]\n";
        let tree = Tree::of(
            "x",
            &[("deploy/docker-compose.yml", text), ("docker-compose.override.yml", "services: {}")],
        );
        let composes = all(&tree);
        assert_eq!(composes.len(), 1);
        assert_eq!(composes[0].project("x"), "shop");
        let [web, db] = &composes[0].services[..] else { panic!("{composes:?}") };
        let build = web.build.as_ref().unwrap();
        assert_eq!(
            (build.context.as_str(), build.dockerfile.as_str()),
            ("deploy/web", "deploy/web/prod.Dockerfile")
        );
        assert_eq!((build.target.as_deref(), build.args.len()), (Some("run"), 1));
        assert_eq!(web.ports, [(Some(8080), 80), (Some(90), 91)]);
        assert_eq!(
            (&web.env_files[..], &web.after[..]),
            (&["deploy/.env".to_owned()][..], &["db".to_owned()][..])
        );
        assert_eq!(web.command.as_deref(), Some(&["sh", "-c", "a b"].map(str::to_owned)[..]));
        assert_eq!(web.health.as_ref().unwrap().interval, Some(90));
        assert_eq!(web.volumes[0], Volume::Data { name: "data".to_owned(), at: "/data".to_owned() });
        assert_eq!(web.volumes[1], Volume::Bind { source: "deploy/web".to_owned(), at: "/src".to_owned() });
        assert_eq!((db.image.as_deref(), db.ports[0]), (Some("postgres:16"), (None, 5432)));
        assert_eq!(db.environment, [("A".to_owned(), Some("1".to_owned())), ("B".to_owned(), None)]);
        assert_eq!((&db.foreign[..], db.dormant), (&["privileged"][..], true));
    }

    #[test]
    fn defaults_stand_for_variables() {
        assert_eq!(default_of("a${B:-c}d${E}"), "acd${E}");
    }
}
