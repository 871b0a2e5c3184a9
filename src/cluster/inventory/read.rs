//! Reads the inventory from its Secret, or reports what is wrong with it.
//!
//! A damaged inventory is distinguished from one of another owner: the first can be rebuilt, the second must not be
//! touched.

use super::ID;
use super::Inventory;
use super::Stored;
use super::TOOLING;
use super::TYPE;
use super::deployed::Beside;
use super::deployed::is_salt;
use super::id;
use super::name;
use crate::project::name::Namespace;
use crate::project::name::ProjectName;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::read::GzDecoder;
use serde_json::Value;
use serde_json::json;
use std::fmt;
use std::io::Read;

/// Decompressed, an inventory is a few hundred bytes an object.
const LARGEST: u64 = 64 << 20;

/// Why the Secret of an inventory is not read as one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// Its list cannot be read: it can be rebuilt.
    Damaged(String),
    /// It belongs to another owner, or to a newer `todo`.
    NotOurs(String),
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Unreadable::Damaged(why) | Unreadable::NotOurs(why)) = self;
        f.write_str(why)
    }
}

impl std::error::Error for Unreadable {}

/// Reads it. Missing labels and annotations are written again with the next change; those of another tool mean that
/// the other tool owns it now (KEP-3659).
pub(crate) fn parse(
    secret: Value,
    project: &ProjectName,
    namespace: &Namespace,
) -> Result<Stored, Unreadable> {
    let tooling = secret["metadata"]["annotations"][TOOLING].as_str().unwrap_or_default();
    let labelled = secret["metadata"]["labels"][ID] == json!(id(project, namespace));
    let name = name(project);
    if let Some((tool, _)) = tooling.split_once('/').filter(|(tool, _)| *tool != "todo") {
        let why = format!(
            "the Secret `{name}` in the namespace `{namespace}` is managed by `{tool}` (`{tooling}`)"
        );
        return Err(Unreadable::NotOurs(why));
    }
    if secret["type"] != TYPE && !(labelled && tooling.starts_with("todo/")) {
        let why = format!("the Secret `{name}` in the namespace `{namespace}` is not an inventory of `todo`");
        return Err(Unreadable::NotOurs(why));
    }
    let mut inventory = unpack(&secret["data"]["inventory"], tooling)?;
    let beside = Beside::from_secret(&secret);
    if !is_salt(&inventory.salt) {
        inventory.salt = beside.salt.ok_or_else(|| Unreadable::Damaged("it has lost its salt".to_owned()))?;
    }
    inventory.deployed = beside.deployed;
    inventory.entries.sort_by(|a, b| a.id.cmp(&b.id));
    inventory.entries.dedup_by(|a, b| a.id == b.id);
    Ok(Stored { inventory, secret })
}

fn unpack(data: &Value, tooling: &str) -> Result<Inventory, Unreadable> {
    let damaged = |why: &str| Unreadable::Damaged(why.to_owned());
    let data = data.as_str().filter(|data| !data.is_empty()).ok_or_else(|| damaged("it is empty"))?;
    let packed = STANDARD.decode(data).map_err(|_| damaged("it is not base64"))?;
    let mut text = String::new();
    GzDecoder::new(packed.as_slice())
        .take(LARGEST)
        .read_to_string(&mut text)
        .map_err(|error| Unreadable::Damaged(format!("it cannot be unpacked: {error}")))?;
    let value: Value = serde_json::from_str(&text)
        .map_err(|error| Unreadable::Damaged(format!("it is not JSON: {error}")))?;
    if value["schema"].as_u64().is_some_and(|schema| schema > 1) {
        let why = format!("the inventory was written by a newer `todo` ({tooling})");
        return Err(Unreadable::NotOurs(why));
    }
    serde_json::from_value(value)
        .map_err(|error| Unreadable::Damaged(format!("it is not a list of objects: {error}")))
}

#[cfg(test)]
mod tests {
    use super::Unreadable;
    use super::parse;
    use crate::clock::Clock;
    use crate::cluster::inventory::DeploymentRecord;
    use crate::cluster::inventory::Inventory;
    use crate::cluster::inventory::InventoryEntry;
    use crate::cluster::kind;
    use crate::manifest::ObjectId;
    use crate::project::name::Namespace;
    use crate::project::name::ProjectName;
    use crate::project::origin::Origin;
    use crate::world::World;
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use serde_json::Value;
    use serde_json::json;
    use std::io::Write;
    use std::path::Path;

    fn names() -> (ProjectName, Namespace) {
        (ProjectName::parse("p").unwrap(), Namespace::parse("a").unwrap())
    }

    fn stored() -> (Inventory, Value) {
        let (project, namespace) = names();
        let mut inventory = Inventory::new().unwrap();
        for (kind, name) in [("Secret", "s"), ("ConfigMap", "c")] {
            let id = ObjectId {
                group: String::new(),
                kind: kind.into(),
                namespace: Some("a".into()),
                name: name.into(),
            };
            inventory.extend([InventoryEntry::new(id, &kind::core(kind))]);
        }
        let origin = Origin::locate(&World::fake("/", [("A", "b")]), Path::new("/nowhere/deploy.toml"));
        inventory.deployed = Some(DeploymentRecord::now(None, &origin, Clock::system().now()).unwrap());
        let secret = inventory.secret(&project, &namespace, None).unwrap();
        (inventory, secret)
    }

    fn packed(text: &str) -> Value {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(text.as_bytes()).unwrap();
        json!(STANDARD.encode(gzip.finish().unwrap()))
    }

    type Change<'a> = &'a dyn Fn(&mut Value);

    #[test]
    fn what_is_written_is_read_back() {
        let ((project, namespace), (inventory, secret)) = (names(), stored());
        assert_eq!(
            secret["metadata"]["annotations"]["applyset.kubernetes.io/contains-group-kinds"],
            "ConfigMap,Secret"
        );
        let stored = parse(secret, &project, &namespace).unwrap();
        assert_eq!(stored.inventory.entries, inventory.entries);
        assert_eq!(stored.inventory.deployed, inventory.deployed);
        let body = json!({"a": 1});
        assert_eq!(stored.inventory.applied(&body), inventory.applied(&body));
        assert_ne!(Inventory::new().unwrap().applied(&body), inventory.applied(&body));
    }

    #[test]
    fn what_is_damaged_is_told_apart_from_what_is_somebody_elses() {
        let (project, namespace) = names();
        let read = |change: &dyn Fn(&mut Value)| {
            let (_, mut secret) = stored();
            change(&mut secret);
            match parse(secret, &project, &namespace) {
                Ok(_) => "read",
                Err(Unreadable::Damaged(_)) => "damaged",
                Err(Unreadable::NotOurs(_)) => "not ours",
            }
        };
        let list = |value: Value| move |secret: &mut Value| secret["data"]["inventory"] = value.clone();
        let label = "applyset.kubernetes.io/id";
        let tooling = |tool: Value| {
            move |secret: &mut Value| {
                secret["metadata"]["annotations"]["applyset.kubernetes.io/tooling"] = tool.clone();
            }
        };
        let (_, whole) = stored();
        let half = STANDARD.decode(whole["data"]["inventory"].as_str().unwrap()).unwrap();
        let half = json!(STANDARD.encode(&half[..half.len() / 2]));
        let salt = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
        let json = |text: &str| list(packed(text));
        let table: [(&str, Change<'_>, &str); 17] = [
            ("untouched", &|_| {}, "read"),
            ("empty", &list(json!("")), "damaged"),
            ("without its key", &|secret| secret["data"] = json!({}), "damaged"),
            ("without data", &|secret| secret["data"] = Value::Null, "damaged"),
            ("not base64", &list(json!("%%%")), "damaged"),
            ("not gzip", &list(json!("AAAA")), "damaged"),
            ("truncated", &list(half), "damaged"),
            ("not JSON", &json("{"), "damaged"),
            ("of wrong types", &json(r#"{"schema": "1", "salt": 1, "entries": {}}"#), "damaged"),
            ("a list of something else", &json("[]"), "damaged"),
            ("with a broken salt", &json(r#"{"schema":1,"salt":"x","settled":true,"entries":[]}"#), "read"),
            ("newer", &json(&format!(r#"{{"schema":2,"salt":"{salt}","x":[]}}"#)), "not ours"),
            ("without its label", &|secret| secret["metadata"]["labels"] = Value::Null, "read"),
            ("with another's label", &|secret| secret["metadata"]["labels"][label] = json!("x"), "read"),
            ("without its tool", &tooling(Value::Null), "read"),
            ("of another tool", &tooling(json!("kubectl/v1.35.0")), "not ours"),
            (
                "a Secret of somebody",
                &|secret| *secret = json!({"type": "Opaque", "metadata": {"name": "todo.p"}, "data": {}}),
                "not ours",
            ),
        ];
        for (what, change, expected) in table {
            assert_eq!(read(change), expected, "{what}");
        }
    }

    #[test]
    fn a_list_that_has_lost_its_salt_takes_the_one_beside_it() {
        let ((project, namespace), (inventory, mut secret)) = (names(), stored());
        secret["data"]["inventory"] = packed(r#"{"schema":1,"salt":"","settled":true,"entries":[]}"#);
        assert_eq!(parse(secret.clone(), &project, &namespace).unwrap().inventory.salt(), inventory.salt());
        secret["data"]["salt"] = json!("AAAA");
        assert!(matches!(parse(secret, &project, &namespace), Err(Unreadable::Damaged(_))));
    }
}
