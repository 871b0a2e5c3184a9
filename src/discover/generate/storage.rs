//! Volumes, mounted files, secrets and configs of a service → claims, ConfigMaps, Secrets and mounts.
//!
//! A claim is only for data. Sources are in the image, sockets are of another machine, small files become a ConfigMap.

mod shared;

use super::Plan;
use super::Unit;
use super::names::Names;
use super::names::object_name;
use super::stage::is_code;
use super::stage::is_dependency_list;
use super::values::Values;
use crate::discover::compose::Bind;
use crate::discover::compose::Volume as Composed;
use crate::discover::tree::file_name;
use crate::discover::tree::parent;
use crate::discover::tree::shown;
use k8s_openapi::api::core::v1::ConfigMapVolumeSource;
use k8s_openapi::api::core::v1::EmptyDirVolumeSource;
use k8s_openapi::api::core::v1::KeyToPath;
use k8s_openapi::api::core::v1::PersistentVolumeClaimVolumeSource;
use k8s_openapi::api::core::v1::SecretVolumeSource;
use k8s_openapi::api::core::v1::Volume;
use k8s_openapi::api::core::v1::VolumeMount;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use std::collections::BTreeMap;

/// The most that a ConfigMap may hold, with room for the rest of it.
const LARGEST: usize = 900 << 10;
/// The most files of a directory that are taken for its configuration.
const MOST_FILES: usize = 30;

/// What a service mounts.
#[derive(Default)]
pub(super) struct Storage {
    /// Its claims: the name, and whether it has one of its own.
    pub(super) claims: Vec<String>,
    /// Its ConfigMap.
    pub(super) files: BTreeMap<String, String>,
    /// Its mounts.
    pub(super) mounts: Vec<VolumeMount>,
    /// Its volumes but the claims.
    pub(super) volumes: Vec<Volume>,
    /// Parts that are not taken over.
    pub(super) notes: Vec<(String, String)>,
    /// Whether a file of it is a program.
    executable: bool,
    items: BTreeMap<String, String>,
}

/// Everything that a unit mounts.
pub(super) fn storage(plan: &Plan<'_>, unit: &Unit<'_>, names: &Names, values: &mut Values<'_>) -> Storage {
    let mut storage = Storage::default();
    for volume in &unit.service.volumes {
        match volume {
            Composed::Memory { at, size, .. } => storage.memory(at, *size),
            Composed::Data { name, at, read_only, .. } if name.is_empty() => {
                if let Some(name) = anonymous(unit, at) {
                    storage.claim(name, at, *read_only);
                }
            }
            Composed::Data { name, at, read_only, place } => match plan.compose.volumes.get(name) {
                Some(device) => {
                    let bind = Bind {
                        at: at.clone(),
                        read_only: *read_only,
                        place: place.clone(),
                        ..device.clone()
                    };
                    storage.bind(plan, unit, &bind);
                }
                None if is_rebuilt(at) => {}
                None => storage.claim(object_name(name), at, *read_only),
            },
            Composed::Bind(bind) => storage.bind(plan, unit, bind),
        }
    }
    if let Some(size) = unit.service.shared_memory {
        storage.memory("/dev/shm", Some(size));
    }
    for mounted in &unit.service.secrets {
        storage.secret(plan, mounted, values);
    }
    for mounted in &unit.service.configs {
        storage.config(plan, unit, mounted, values);
    }
    for text in storage.files.values_mut() {
        *text = names.rewritten(text);
    }
    storage.close(unit);
    storage
}

/// The claim of a volume without a name; none where it only keeps a mount of sources from hiding what the image has.
fn anonymous(unit: &Unit<'_>, at: &str) -> Option<String> {
    let below = unit.service.volumes.iter().any(|volume| match volume {
        Composed::Bind(bind) => at.starts_with(&format!("{}/", bind.at.trim_end_matches('/'))),
        _ => false,
    });
    let name = object_name(&format!("{}-{}", unit.name, file_name(at.trim_end_matches('/'))));
    (!below && !is_rebuilt(at)).then_some(name)
}

/// What a build makes: the image has it.
fn is_rebuilt(at: &str) -> bool {
    const BUILT: [&str; 9] =
        ["node_modules", "vendor", ".next", ".nuxt", "target", ".venv", "venv", "__pycache__", ".pnpm-store"];
    BUILT.contains(&file_name(at.trim_end_matches('/')))
}

impl Storage {
    /// Puts a name before those of its volumes, so that they do not collide with those of another container.
    pub(super) fn rename(&mut self, unit: &str) {
        let named = |name: &str| format!("{unit}-{name}");
        for volume in &mut self.volumes {
            let old = volume.name.clone();
            volume.name = named(&old);
            for mount in self.mounts.iter_mut().filter(|mount| mount.name == old) {
                mount.name = named(&old);
            }
        }
    }

    /// Adds what another container of the pod mounts; its mounts stay its own.
    pub(super) fn join(&mut self, other: Storage) {
        self.volumes.extend(other.volumes);
        let new: Vec<String> = other.claims.into_iter().filter(|name| !self.claims.contains(name)).collect();
        self.claims.extend(new);
    }

    fn mount(&mut self, name: &str, at: &str, sub_path: Option<String>, read_only: bool) {
        self.mounts.push(VolumeMount {
            name: name.to_owned(),
            mount_path: at.to_owned(),
            sub_path,
            read_only: read_only.then_some(true),
            ..VolumeMount::default()
        });
    }

    fn claim(&mut self, name: String, at: &str, read_only: bool) {
        // A disk's own `lost+found` would stop initdb.
        let sub_path = at.starts_with("/var/lib/postgresql").then(|| "data".to_owned());
        self.mount(&name, at, sub_path, read_only);
        if !self.claims.contains(&name) {
            self.claims.push(name);
        }
    }

    fn memory(&mut self, at: &str, size: Option<u64>) {
        let name = format!("memory-{}", object_name(at.trim_matches('/')));
        let size_limit = size.map(|size| Quantity(quantity(size)));
        self.volumes.push(Volume {
            name: name.clone(),
            empty_dir: Some(EmptyDirVolumeSource { medium: Some("Memory".to_owned()), size_limit }),
            ..Volume::default()
        });
        self.mount(&name, at, None, false);
    }

    fn note(&mut self, message: String, help: &str) {
        self.notes.push((message, help.to_owned()));
    }

    fn bind(&mut self, plan: &Plan<'_>, unit: &Unit<'_>, bind: &Bind) {
        let tree = &plan.survey.tree;
        let note = |what: &str| {
            let source = shown(&bind.source);
            format!("`{}` mounts `{source}` at `{}`, {what} ({})", unit.service.name, bind.at, bind.place)
        };
        if bind.elsewhere {
            let data = is_data_path(&bind.at) && !is_of_the_system(&bind.source);
            if data {
                self.claim(
                    object_name(&format!("{}-{}", unit.name, file_name(bind.at.trim_end_matches('/')))),
                    &bind.at,
                    bind.read_only,
                );
                self.note(
                    note("a directory of one machine: it becomes a claim, which begins empty"),
                    "copy the data into it, if the application needs it: `kubectl cp`",
                );
            } else if !matches!(bind.source.as_str(), "/etc/localtime" | "/etc/timezone") {
                self.note(
                    note("which is of one machine and is left out"),
                    "put it into this directory, a ConfigMap or the image, if the application needs it",
                );
            }
            return;
        }
        if tree.files.contains(&bind.source) && is_copied(unit, bind) {
            return;
        }
        if tree.files.contains(&bind.source) {
            match tree.text(&bind.source).filter(|text| text.len() < LARGEST && !text.contains('\u{fffd}')) {
                Some(text) => self.file(tree.executable.contains(&bind.source), &bind.source, text, &bind.at),
                None => {
                    self.note(
                        note("which is too large for a ConfigMap or no text"),
                        "copy it into the image",
                    );
                }
            }
            return;
        }
        if !tree.has_folder(&bind.source) {
            if file_name(&bind.at).contains('.')
                || file_name(&bind.source).contains('.') && !is_data_path(&bind.at)
            {
                self.note(
                    note("which is not there"),
                    "add the file, then `todo init --force`; Docker would make an empty directory of it",
                );
            } else if unit.stage.is_some() && !is_data_path(&bind.at) && !is_data_folder(&bind.source) {
                // A built image declares where it keeps its data; other files are created during development.
                self.note(
                    note("a directory that is not there and is left out"),
                    "write a volume for it, if the application keeps data there",
                );
            } else {
                let name = object_name(&format!("{}-{}", unit.name, file_name(&bind.source)));
                self.claim(name, &bind.at, bind.read_only);
            }
            return;
        }
        if is_source(unit, bind) {
            return;
        }
        let texts = texts(plan, bind);
        match texts {
            Some(texts) => {
                let all: Vec<(String, String)> = texts;
                for (path, text) in all {
                    let inside = path.strip_prefix(&format!("{}/", bind.source)).unwrap_or(&path).to_owned();
                    let at = format!("{}/{inside}", bind.at.trim_end_matches('/'));
                    self.file(tree.executable.contains(&path), &path, &text, &at);
                }
            }
            None if is_data_path(&bind.at) || is_data_folder(&bind.source) => {
                let name = object_name(&format!("{}-{}", unit.name, file_name(&bind.source)));
                self.claim(name, &bind.at, bind.read_only);
                self.note(
                    note("a directory that becomes a claim, which begins empty"),
                    "copy the data into it, if the application needs it: `kubectl cp`",
                );
            }
            None => self.note(note("which is too much for a ConfigMap"), "copy it into the image"),
        }
    }

    fn file(&mut self, executable: bool, source: &str, text: &str, at: &str) {
        let name = file_name(source);
        let plain = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
        let mut key: String = name.chars().map(|c| if plain(c) { c } else { '-' }).collect();
        if self.files.get(&key).is_some_and(|known| known != text) {
            key = format!("{}-{key}", object_name(file_name(parent(source))));
        }
        self.files.insert(key.clone(), text.replace("\r\n", "\n"));
        self.executable |= executable || text.starts_with("#!");
        self.mount("files", at, Some(key), false);
    }

    /// Adds the volumes that the mounts of files refer to.
    fn close(&mut self, unit: &Unit<'_>) {
        if !self.files.is_empty() {
            let mode = self.executable.then_some(0o755);
            let source = ConfigMapVolumeSource {
                name: format!("{}-files", unit.name),
                default_mode: mode,
                ..ConfigMapVolumeSource::default()
            };
            self.volumes.push(Volume {
                name: "files".to_owned(),
                config_map: Some(source),
                ..Volume::default()
            });
        }
        if let Some(secret) = self.items.values().next() {
            let items =
                self.items.keys().map(|key| KeyToPath { key: key.clone(), path: key.clone(), mode: None });
            let source = SecretVolumeSource {
                secret_name: Some(secret.clone()),
                items: Some(items.collect()),
                ..SecretVolumeSource::default()
            };
            self.volumes.push(Volume {
                name: "secret-files".to_owned(),
                secret: Some(source),
                ..Volume::default()
            });
        }
    }

    /// The volumes of its claims.
    pub(super) fn claimed(&self) -> impl Iterator<Item = Volume> + '_ {
        self.claims.iter().map(|claim| Volume {
            name: claim.clone(),
            persistent_volume_claim: Some(PersistentVolumeClaimVolumeSource {
                claim_name: claim.clone(),
                read_only: None,
            }),
            ..Volume::default()
        })
    }
}

/// Whether a mounted directory is what the image holds at that place anyway.
pub(super) fn is_source(unit: &Unit<'_>, bind: &Bind) -> bool {
    let Some(build) = &unit.service.build else { return unit.adopted };
    let within = |inner: &str, outer: &str| {
        inner == outer || outer.is_empty() || inner.starts_with(&format!("{outer}/"))
    };
    if within(&build.context, &bind.source) {
        return true;
    }
    // `config/repo` at `/config` is not a part of the image's own directory, `src` at `/app/src` is.
    let relative = bind.source.strip_prefix(&build.context).unwrap_or_default().trim_start_matches('/');
    within(&bind.source, &build.context)
        && !relative.is_empty()
        && bind.at.trim_end_matches('/').ends_with(&format!("/{}", file_name(relative)))
        && bind.at.matches('/').count() > 1
}

/// The small files of a directory; `None` where there are too many of them, or too large ones.
pub(super) fn texts(plan: &Plan<'_>, bind: &Bind) -> Option<Vec<(String, String)>> {
    let tree = &plan.survey.tree;
    let mut size = 0;
    let mut found = Vec::new();
    for path in tree.below(&bind.source) {
        if file_name(path).starts_with('.') {
            continue;
        }
        let text = tree.text(path).filter(|text| !text.contains('\u{fffd}'))?;
        size += text.len();
        found.push((path.to_owned(), text.to_owned()));
        if size > LARGEST || found.len() > MOST_FILES {
            return None;
        }
    }
    (!found.is_empty()).then_some(found)
}

/// Whether a mounted file is code, or a list of dependencies, of what the image is built from.
fn is_copied(unit: &Unit<'_>, bind: &Bind) -> bool {
    let Some(build) = &unit.service.build else { return false };
    let inside = build.context.is_empty() || bind.source.starts_with(&format!("{}/", build.context));
    let relative = bind.source.strip_prefix(&build.context).unwrap_or(&bind.source).trim_start_matches('/');
    let code = is_code(relative) || is_dependency_list(file_name(relative));
    inside && code && bind.at.ends_with(&format!("/{relative}"))
}

/// Where programs keep data.
pub(super) fn is_data_path(at: &str) -> bool {
    const DATA: [&str; 8] = [
        "/var/lib/",
        "/data",
        "/bitnami",
        "/var/opt/",
        "/usr/share/elasticsearch/data",
        "/qdrant/storage",
        "/root/.ollama",
        "/chroma",
    ];
    DATA.iter().any(|path| at.starts_with(path)) || is_data_folder(at)
}

/// Whether a directory is called like one for data.
pub(super) fn is_data_folder(path: &str) -> bool {
    const DATA: [&str; 9] =
        ["data", "db", "database", "storage", "uploads", "media", "pgdata", "volumes", "logs"];
    path.split('/').any(|part| DATA.contains(&part.trim_start_matches('.')))
}

/// Directories of the machine itself: what mounts them looks at the machine.
pub(super) fn is_of_the_system(source: &str) -> bool {
    const SYSTEM: [&str; 6] = ["/proc", "/sys", "/dev", "/var/lib/docker", "/var/run", "/run"];
    source == "/" || SYSTEM.iter().any(|path| source == *path || source.starts_with(&format!("{path}/")))
}

/// Bytes as Kubernetes writes them.
pub(super) fn quantity(bytes: u64) -> String {
    for (power, unit) in [(30, "Gi"), (20, "Mi"), (10, "Ki")] {
        if bytes >= 1 << power && bytes.is_multiple_of(1 << power) {
            return format!("{}{unit}", bytes >> power);
        }
    }
    bytes.to_string()
}
