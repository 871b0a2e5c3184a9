//! The project's charts in this cluster: the deployed releases, and the objects that their hooks have left.
//!
//! A Secret of its own, separate from the inventory, because it is exact at another moment: a release counts as
//! deployed when its last hook has succeeded, and until then the next run runs the hooks again. It holds the hooks
//! themselves, so that `down` and `rollback` need no chart.

use crate::cluster::inventory;
use crate::cluster::inventory::InventoryEntry;
use crate::cluster::request::report_waiting;
use crate::cluster::request::uid_of;
use crate::cluster::request::unreadable;
use crate::cluster::retry::retry;
use crate::cluster::target::Target;
use crate::cluster::wire::How;
use crate::cluster::wire::MANAGER;
use crate::cluster::wire::Propagation;
use crate::event::Code;
use crate::event::Place;
use crate::event::Step;
use crate::fault;
use crate::fault::OrFault;
use crate::manifest::Object;
use crate::manifest::hook::Hook;
use crate::run::Run;
use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;
use serde_json::json;
use std::collections::BTreeMap;
use std::io::Read;

/// Every release of a project, by `namespace/name`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ReleaseRecord {
    schema: u32,
    /// The releases.
    pub releases: BTreeMap<String, ReleaseEntry>,
}

/// One release.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ReleaseEntry {
    /// The release's name.
    pub name: String,
    /// Where it is.
    pub namespace: String,
    /// Whether its hooks of the installation have ended well once.
    pub installed: bool,
    /// The digest of its objects and hooks at the end of the last good run.
    pub digest: Option<String>,
    /// Its hooks at that time.
    pub hooks: Vec<Value>,
    /// The objects that its hooks may have left.
    pub left: Vec<InventoryEntry>,
    /// Helm's revision, where Helm itself has installed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub helm: Option<u64>,
    /// Its objects, where Helm itself has installed it: they are in no inventory.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub objects: Vec<InventoryEntry>,
}

impl ReleaseEntry {
    /// The hooks, as they were read from the chart then.
    #[must_use]
    pub fn hooks(&self) -> Vec<Hook> {
        let place = Place::file(format!("release {}", self.name));
        let objects = self.hooks.iter().map(|value| Object::made(value.clone(), place.clone()));
        objects.filter_map(|object| Hook::from_object(&object)?.ok()).collect()
    }
}

fn name(target: &Target) -> String {
    format!("{}.releases", inventory::name(&target.project))
}

/// Reads the record; an empty one if there is none.
pub async fn load(run: &Run, target: &Target) -> fault::Result<ReleaseRecord> {
    let (wire, name) = (target.wire(), name(target));
    let (secrets, home) = (inventory::secrets(), Some(target.namespace.as_str()));
    let waiting = report_waiting(run, Step::Apply, "releases");
    let secret = retry(waiting, || wire.get(&secrets, home, &name)).await;
    let secret = secret.map_err(|failure| unreadable(failure, "cannot read the project's releases"))?;
    let Some(secret) = secret else { return Ok(ReleaseRecord { schema: 1, ..ReleaseRecord::default() }) };
    unpack(&secret).or_fault(Code::ClusterRequestFailed, fault::FaultKind::Apply, || "cannot read the project's releases".to_owned()).map_err(|fault| {
        let home = target.namespace.as_str();
        fault.hint(format!("if it is broken, delete it: `kubectl -n {home} delete secret {name}`; then hooks run as for a first installation"))
    })
}

/// Writes the record, or removes it with the last release.
pub async fn write(run: &Run, target: &Target, record: &ReleaseRecord) -> fault::Result<()> {
    let (wire, name) = (target.wire(), name(target));
    let (secrets, home) = (inventory::secrets(), Some(target.namespace.as_str()));
    let waiting = || report_waiting(run, Step::Apply, "releases");
    if record.releases.is_empty() {
        if let Some(live) = retry(waiting(), || wire.get(&secrets, home, &name)).await.map_err(unwritable)? {
            let uid = uid_of(&live);
            retry(waiting(), || wire.delete(&secrets, home, &name, uid, Propagation::Background))
                .await
                .map_err(unwritable)?;
        }
        return Ok(());
    }
    let packed = pack(record).or_fault(Code::InternalError, fault::FaultKind::Internal, || {
        "cannot pack the releases".to_owned()
    })?;
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "type": "todo.dev/releases.v1",
        "metadata": {"name": name, "namespace": target.namespace.as_str()},
        "data": {"payload": STANDARD.encode(packed)},
    });
    let how = How { dry_run: false, force: true };
    retry(waiting(), || wire.apply(&secrets, home, MANAGER, &secret, how)).await.map_err(unwritable)?;
    Ok(())
}

fn unwritable(failure: crate::cluster::wire::Failure) -> fault::Fault {
    unreadable(failure, "cannot write down the project's releases")
}

fn pack(record: &ReleaseRecord) -> anyhow::Result<Vec<u8>> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    serde_json::to_writer(&mut gzip, record)?;
    Ok(gzip.finish()?)
}

fn unpack(secret: &Value) -> anyhow::Result<ReleaseRecord> {
    let packed = STANDARD.decode(secret["data"]["payload"].as_str().unwrap_or_default())?;
    let mut text = String::new();
    GzDecoder::new(packed.as_slice()).take(64 << 20).read_to_string(&mut text)?;
    let record: ReleaseRecord = serde_json::from_str(&text).context("it was not written by `todo`")?;
    anyhow::ensure!(record.schema == 1, "it was written by a newer `todo`");
    Ok(record)
}

#[cfg(test)]
mod tests {
    use super::ReleaseEntry;
    use super::ReleaseRecord;
    use super::pack;
    use super::unpack;
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use serde_json::json;

    #[test]
    fn a_record_is_read_as_it_was_written_and_gives_its_hooks_back() {
        let hook = json!({"apiVersion": "batch/v1", "kind": "Job",
            "metadata": {"name": "clean", "annotations": {"helm.sh/hook": "pre-delete"}}});
        let deployed = ReleaseEntry { name: "web".into(), hooks: vec![hook], ..ReleaseEntry::default() };
        let record = ReleaseRecord { schema: 1, releases: [("shop/web".to_owned(), deployed)].into() };
        let read = unpack(&json!({"data": {"payload": STANDARD.encode(pack(&record).unwrap())}})).unwrap();
        assert_eq!(read, record);
        assert_eq!(read.releases["shop/web"].hooks()[0].object.name(), "clean");
        let newer = ReleaseRecord { schema: 2, ..ReleaseRecord::default() };
        assert!(unpack(&json!({"data": {"payload": STANDARD.encode(pack(&newer).unwrap())}})).is_err());
    }
}
