//! The inventory: a Secret that lists every object which this project has, or may have, created.
//!
//! Not the state of the objects; the cluster has that. From before the first write of a run on, the list names more
//! than exists; it is exact only after a good run, so that `down` finds everything after an interruption at any
//! point. The Secret is an ApplySet parent, too (KEP-3659), so that other tools see who owns the objects.

pub(crate) mod deployed;
mod read;
pub(crate) mod write;

use crate::cluster::diff::digest;
use crate::cluster::diff::meant;
use crate::cluster::kind;
use crate::cluster::refusal;
use crate::cluster::wire::ApiKind;
use crate::manifest::ObjectId;
use crate::project::name::Namespace;
use crate::project::name::ProjectName;
use crate::random;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use deployed::Beside;
pub(crate) use deployed::DeploymentRecord;
use deployed::is_salt;
use flate2::Compression;
use flate2::write::GzEncoder;
use kube::core::ApiResource;
pub(crate) use read::Unreadable;
pub(crate) use read::parse;
use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;
use serde_json::json;
use sha2::Digest;
use sha2::Sha256;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

/// The label that names the set of an object (KEP-3659, as kubectl spells it).
pub(crate) const PART_OF: &str = "applyset.kubernetes.io/part-of";

/// The annotation of a namespace that `todo` created, and may therefore delete: the project's name.
pub(crate) const MADE_BY: &str = "todo.dev/created-by";

/// The annotation of Secrets whose values were generated at random: they belong to the data that they protect.
pub const GENERATED: &str = "todo.dev/generated";

/// The label of the Secret with the list.
pub(crate) const ID: &str = "applyset.kubernetes.io/id";

/// The type of that Secret; the type of a Secret is immutable.
const TYPE: &str = "todo.dev/inventory.v1";

/// The annotation of that Secret that names the tool and its version.
pub(crate) const TOOLING: &str = "applyset.kubernetes.io/tooling";
const GROUP_KINDS: &str = "applyset.kubernetes.io/contains-group-kinds";
const NAMESPACES: &str = "applyset.kubernetes.io/additional-namespaces";

/// The list.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Inventory {
    schema: u32,
    salt: String,
    /// Whether the last run ended well: only then is the list exact.
    pub settled: bool,
    /// Whether charts have ever been deployed with it: only then is there a release record to read.
    #[serde(default = "may_be")]
    pub(crate) charts: bool,
    /// Every object, in the order of their ids.
    pub entries: Vec<InventoryEntry>,
    /// By whom and from where it was deployed, if that was recorded.
    #[serde(skip)]
    pub deployed: Option<DeploymentRecord>,
    /// Why the list had to be rebuilt, if it was: the Secret itself is unchanged.
    #[serde(skip)]
    pub(crate) damage: Option<String>,
}

/// One object that we created, or may have created.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InventoryEntry {
    /// Its ID.
    #[serde(flatten)]
    pub id: ObjectId,
    /// The version of its group that it was written in.
    pub version: String,
    /// Its kind's name in paths.
    pub plural: String,
    /// Its UID, once it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    /// Whether the object existed before the project.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub adopted: bool,
    /// Whether `down` has kept it on purpose.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub kept: bool,
    /// The digest of the applied object, at the end of a good run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied: Option<String>,
    /// The digest of the object as it was in the cluster then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
}

impl InventoryEntry {
    /// An entry without further data yet.
    pub(crate) fn new(id: ObjectId, kind: &ApiKind) -> InventoryEntry {
        InventoryEntry::for_resource(id, &kind.resource)
    }

    /// As [`InventoryEntry::new`], by how its kind is served.
    pub(crate) fn for_resource(id: ObjectId, resource: &ApiResource) -> InventoryEntry {
        InventoryEntry {
            id,
            version: resource.version.clone(),
            plural: resource.plural.clone(),
            uid: None,
            adopted: false,
            kept: false,
            applied: None,
            fingerprint: None,
        }
    }

    /// It and how its kind is served, for [`status()`](crate::cluster::status()).
    #[must_use]
    pub fn resource(&self) -> (ObjectId, ApiResource) {
        (self.id.clone(), self.kind().resource)
    }

    /// How its kind is served.
    pub(crate) fn kind(&self) -> ApiKind {
        let group = &self.id.group;
        let api_version =
            if group.is_empty() { self.version.clone() } else { format!("{group}/{}", self.version) };
        ApiKind {
            resource: ApiResource {
                group: group.clone(),
                version: self.version.clone(),
                api_version,
                kind: self.id.kind.clone(),
                plural: self.plural.clone(),
            },
            namespaced: self.id.namespace.is_some(),
        }
    }
}

/// The inventory and the Secret that it was read from.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    pub(crate) inventory: Inventory,
    pub(crate) secret: Value,
}

/// An inventory written before this field existed may have a release record.
fn may_be() -> bool {
    true
}

/// The name of the Secret of `project`.
pub(crate) fn name(project: &ProjectName) -> String {
    format!("todo.{project}")
}

/// The ApplySet ID of a project in a namespace (KEP-3659).
pub(crate) fn id(project: &ProjectName, namespace: &Namespace) -> String {
    apply_set_id(&name(project), namespace.as_str(), "Secret", "")
}

fn apply_set_id(name: &str, namespace: &str, kind: &str, group: &str) -> String {
    let hash = Sha256::digest(format!("{name}.{namespace}.{kind}.{group}"));
    format!("applyset-{}-v1", URL_SAFE_NO_PAD.encode(hash))
}

impl Inventory {
    /// An empty one, with a salt of its own.
    pub(crate) fn new() -> anyhow::Result<Inventory> {
        let mut salt = [0; 32];
        random::fill(&mut salt)?;
        Ok(Inventory {
            schema: 1,
            salt: STANDARD.encode(salt),
            settled: false,
            charts: false,
            entries: Vec::new(),
            deployed: None,
            damage: None,
        })
    }

    /// A rebuilt inventory: `entries` are the objects that were found.
    pub(crate) fn rebuilt(
        copy: deployed::Copy,
        mut entries: Vec<InventoryEntry>,
        damage: String,
    ) -> anyhow::Result<Inventory> {
        entries.sort_by(|a, b| a.id.cmp(&b.id));
        entries.dedup_by(|a, b| a.id == b.id);
        let salt = if is_salt(&copy.salt) { copy.salt } else { Inventory::new()?.salt };
        let deployed = copy.deployed;
        Ok(Inventory {
            schema: 1,
            salt,
            settled: false,
            charts: true,
            entries,
            deployed,
            damage: Some(damage),
        })
    }

    /// The part of it that a revision keeps.
    pub(crate) fn copy(&self) -> deployed::Copy {
        let adopted = self.entries.iter().filter(|entry| entry.adopted).map(|entry| entry.id.clone());
        deployed::Copy {
            salt: self.salt.clone(),
            deployed: self.deployed.clone(),
            adopted: adopted.collect(),
        }
    }

    pub(crate) fn entry(&self, id: &ObjectId) -> Option<&InventoryEntry> {
        let found = self.entries.binary_search_by(|entry| entry.id.cmp(id));
        found.ok().and_then(|at| self.entries.get(at))
    }

    /// The digest of something to be applied.
    pub(crate) fn applied(&self, body: &Value) -> String {
        digest(&self.salt(), body)
    }

    /// The digest of an object of the cluster, without the fields that the server writes.
    pub(crate) fn fingerprint(&self, live: &Value) -> String {
        digest(&self.salt(), &meant(live))
    }

    /// The key of the digests of this project's data.
    pub(crate) fn salt(&self) -> [u8; 32] {
        let mut salt = [0; 32];
        if let Ok(bytes) = STANDARD.decode(&self.salt) {
            let len = bytes.len().min(32);
            salt[..len].copy_from_slice(&bytes[..len]);
        }
        salt
    }

    /// Adds the objects that may be created: existing entries stay, with everything recorded about them.
    pub(crate) fn extend(&mut self, entries: impl IntoIterator<Item = InventoryEntry>) {
        let mut known: BTreeMap<ObjectId, InventoryEntry> =
            self.entries.drain(..).map(|entry| (entry.id.clone(), entry)).collect();
        for entry in entries {
            let known = known.entry(entry.id.clone()).or_insert_with(|| entry.clone());
            known.kept = false;
            known.version = entry.version;
        }
        self.entries = known.into_values().collect();
    }

    /// Whether anything of the project is deployed: not only data that a `down` has kept.
    #[must_use]
    pub fn is_deployed(&self) -> bool {
        self.entries.iter().any(|entry| !entry.kept)
    }

    /// The kinds and namespaces to look through.
    pub(crate) fn kinds(&self) -> BTreeMap<(String, String, Option<String>), ApiKind> {
        self.entries
            .iter()
            .map(|entry| {
                ((entry.id.group.clone(), entry.id.kind.clone(), entry.id.namespace.clone()), entry.kind())
            })
            .collect()
    }

    /// The Secret that holds it; `before` is the one that it was read from.
    pub(crate) fn secret(
        &self,
        project: &ProjectName,
        namespace: &Namespace,
        before: Option<&Value>,
    ) -> anyhow::Result<Value> {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
        serde_json::to_writer(&mut gzip, self)?;
        let data = STANDARD.encode(gzip.finish()?);
        let group_kinds: BTreeSet<String> = self
            .entries
            .iter()
            .map(|InventoryEntry { id, .. }| match id.group.as_str() {
                "" => id.kind.clone(),
                group => format!("{}.{group}", id.kind),
            })
            .collect();
        let others: BTreeSet<&str> = self
            .entries
            .iter()
            .filter_map(|entry| entry.id.namespace.as_deref())
            .filter(|other| *other != namespace.as_str())
            .collect();
        let joined = |texts: Vec<&str>| texts.join(",");
        let mut secret = before.filter(|before| !before.is_null()).cloned().unwrap_or_else(|| {
            json!({
                "apiVersion": "v1", "kind": "Secret", "type": TYPE,
                "metadata": {"name": name(project), "namespace": namespace.as_str()},
            })
        });
        secret["metadata"]["labels"][ID] = json!(id(project, namespace));
        let annotations = &mut secret["metadata"]["annotations"];
        annotations[TOOLING] = json!(concat!("todo/v", env!("CARGO_PKG_VERSION")));
        annotations[GROUP_KINDS] = json!(joined(group_kinds.iter().map(String::as_str).collect()));
        annotations[NAMESPACES] = json!(joined(others.into_iter().collect()));
        secret["data"] = json!({"inventory": data});
        Beside { salt: Some(self.salt.clone()), deployed: self.deployed.clone() }
            .write(&mut secret["data"])?;
        Ok(secret)
    }
}

/// The namespaces other than the project's own that a Secret which holds an inventory names.
pub(crate) fn other_namespaces(secret: &Value) -> Vec<String> {
    let names = secret["metadata"]["annotations"][NAMESPACES].as_str().unwrap_or_default();
    names.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

/// The kind of the Secret that holds it.
pub(crate) fn secrets() -> ApiKind {
    kind::core("Secret")
}

pub(crate) fn is_unlabelled(live: &Value) -> bool {
    live["metadata"]["labels"][PART_OF].is_null()
}

pub(crate) fn made_by_us(live: Option<&Value>) -> bool {
    live.is_some_and(|live| refusal::annotation(live, MADE_BY).is_some())
}

pub(crate) fn knows_charts(stored: Option<&Stored>) -> bool {
    stored.is_some_and(|stored| stored.inventory.charts)
}

#[cfg(test)]
mod tests {
    use super::Inventory;
    use super::InventoryEntry;
    use super::apply_set_id;
    use crate::cluster::kind;
    use crate::manifest::ObjectId;

    fn entry(kind: &str, name: &str) -> InventoryEntry {
        let id = ObjectId {
            group: String::new(),
            kind: kind.into(),
            namespace: Some("a".into()),
            name: name.into(),
        };
        InventoryEntry::new(id, &kind::core(kind))
    }

    #[test]
    fn ids_are_kubectls() {
        assert_eq!(
            apply_set_id("my-set", "test", "Secret", ""),
            "applyset-0eFHV8ySqp7XoShsGvyWFQD3s96yqwHmzc4e0HR1dsY-v1"
        );
        assert_eq!(
            apply_set_id("my-set", "", "ApplySet", "company.com"),
            "applyset-rhp1a-HVAVT_dFgyEygyA1BEB82HPp2o10UiFTpqtAs-v1"
        );
    }

    #[test]
    fn extending_keeps_what_is_known() {
        let mut inventory = Inventory::new().unwrap();
        let known =
            InventoryEntry { uid: Some("1".into()), adopted: true, kept: true, ..entry("Secret", "s") };
        inventory.entries.push(known);
        assert!(!inventory.is_deployed());
        inventory.extend([entry("Secret", "s"), entry("Secret", "t")]);
        assert_eq!(inventory.entries.len(), 2);
        let known = inventory.entry(&entry("Secret", "s").id).unwrap();
        assert_eq!((known.uid.as_deref(), known.adopted, known.kept), (Some("1"), true, false));
        assert!(inventory.is_deployed());
    }
}
