//! The deployed revisions, for rollbacks: one record each, written only after a good run.
//!
//! Whole rendered objects, so that a rollback does not need the old files. In Secrets, because the objects contain
//! secrets and Kubernetes restricts access to those.

mod store;

use crate::cluster::applied::Applied;
use crate::cluster::inventory::Inventory;
use crate::cluster::target::Target;
use crate::cluster::wire::Wire;
use crate::event::Code;
use crate::event::Finding;
use crate::event::Outcome;
use crate::event::Place;
use crate::event::Step;
use crate::fault;
use crate::fault::Fault;
use crate::fault::OrFault;
use crate::manifest::Object;
use crate::run::Run;
use anyhow::Context;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;
use std::io::Read;
use store::Shelf;

/// How many revisions are kept.
const KEPT: usize = 10;

/// How many numbers are tried where Secrets of others have the names.
const TRIED: u64 = 20;

/// Largest packed size: no application needs more, and `todo` would not read it back either.
const LARGEST: usize = 16 << 20;

/// Unpacked, for the same reason.
const UNPACKED: u64 = 64 << 20;

/// A good run, as `todo history` shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Revision {
    /// Its number, from 1.
    pub number: u64,
    /// When it was good.
    pub created: Timestamp,
    /// How many objects it had.
    pub objects: usize,
    /// The images of its containers.
    pub images: Vec<String>,
    /// The git revision of the project's files, if that was known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub git: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Payload {
    schema: u32,
    number: u64,
    created: Timestamp,
    version: String,
    objects: Vec<Value>,
}

/// Every revision that can be rolled back to, the newest first.
pub async fn history(run: &Run, target: &Target) -> fault::Result<Vec<Revision>> {
    let wire = target.wire();
    let shelf = Shelf::new(run, target, &wire);
    let mut revisions = Vec::new();
    for (number, head) in shelf.heads().await? {
        let payload = match payload(&shelf, &head).await {
            Ok(payload) => payload,
            Err(fault) => {
                run.sink.warn(unreadable(number, &fault));
                continue;
            }
        };
        revisions.push(Revision {
            number,
            created: payload.created,
            objects: payload.objects.len(),
            images: images(&payload.objects),
            git: store::git(&head),
        });
    }
    revisions.sort_by_key(|revision| std::cmp::Reverse(revision.number));
    Ok(revisions)
}

/// The number of the newest revision, and the git revision that it was deployed from, if that was known.
pub async fn newest(run: &Run, target: &Target) -> fault::Result<Option<(u64, Option<String>)>> {
    let wire = target.wire();
    Shelf::new(run, target, &wire).newest().await
}

/// A revision to roll back to.
#[derive(Debug)]
pub struct Earlier {
    /// Its number.
    pub number: u64,
    /// The objects to apply again.
    pub objects: Vec<Object>,
    /// Objects that belong to it and are left as they are: a rollback must not run a migration again, and claims
    /// cannot shrink.
    pub left: Vec<Object>,
    /// The git revision of the project's files then, if that was known.
    pub git: Option<String>,
}

/// A revision to roll back to; the one before the newest if no number is given.
pub async fn earlier(run: &Run, target: &Target, number: Option<u64>) -> fault::Result<Earlier> {
    let wire = target.wire();
    let shelf = Shelf::new(run, target, &wire);
    let heads = shelf.heads().await?;
    let numbers: Vec<u64> = heads.iter().map(|(number, _)| *number).collect();
    let desired = number.or_else(|| numbers.iter().rev().nth(1).copied());
    let found = desired.and_then(|desired| heads.iter().find(|(number, _)| *number == desired));
    let Some((number, head)) = found else {
        let there: Vec<String> = numbers.iter().map(ToString::to_string).collect();
        let message = match number {
            Some(number) => format!("there is no revision {number}"),
            None => "there is no earlier revision".to_owned(),
        };
        return Err(Code::RevisionNotFound.fault(fault::FaultKind::Usage, message).hint(format!(
            "revisions that are kept: {}",
            if there.is_empty() { "none".into() } else { there.join(", ") }
        )));
    };
    let payload = match payload(&shelf, head).await {
        Ok(payload) => payload,
        Err(fault) => return Err(damaged(&shelf, &heads, *number, fault).await),
    };
    let place = Place::file(format!("revision {number}"));
    let objects = payload.objects.into_iter().map(|object| Object::made(object, place.clone()));
    let (left, objects) = objects
        .partition(|object| matches!(object.kind(), "Job" | "PersistentVolumeClaim" | "PersistentVolume"));
    Ok(Earlier { number: *number, objects, left, git: store::git(head) })
}

/// Records what a good run has applied, unless the newest revision is identical. Returns its number.
pub(crate) async fn record(
    run: &Run,
    target: &Target,
    wire: &Wire,
    inventory: &Inventory,
    applied: &Applied,
    changed: bool,
) -> fault::Result<Option<u64>> {
    let shelf = Shelf::new(run, target, wire);
    let heads = shelf.heads().await?;
    let newest = heads.last();
    let written = || applied.objects.iter().map(|object| &object.object).chain(&applied.left);
    let same = |before: &[Value]| {
        before.len() == written().count()
            && before.iter().all(|object| written().any(|now| *now.value == *object))
    };
    if let Some((_, head)) = newest
        && (!changed || payload(&shelf, head).await.is_ok_and(|newest| same(&newest.objects)))
    {
        return Ok(None);
    }
    let number = newest.map_or(1, |(number, _)| number + 1);
    let payload = Payload {
        schema: 1,
        number,
        created: target.clock.now(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        objects: written().map(|object| Value::clone(&object.value)).collect(),
    };
    let packed = pack(&payload).or_fault(Code::InternalError, fault::FaultKind::Internal, || {
        "cannot pack the revision".to_owned()
    })?;
    if packed.len() > LARGEST {
        run.sink.warn(
            Code::RevisionNotRecorded.warning(format!("the objects are too large for a revision: {} MiB packed", packed.len() >> 20))
                .help("move large ConfigMaps into an image or a volume; until then `todo rollback` cannot return to it"),
        );
        return Ok(None);
    }
    let keep: Vec<u64> = heads.iter().rev().take(KEPT - 1).map(|(number, _)| *number).collect();
    shelf.keep_only(&keep).await?;
    for number in number..number + TRIED {
        // A Secret that has lost its labels no longer counts as a revision, but still occupies its name.
        if shelf.put(number, &packed, &inventory.copy(), applied.git.as_deref()).await? {
            return Ok(Some(number));
        }
    }
    run.sink.warn(
        Code::RevisionNotRecorded
            .warning(format!("the revision is not recorded: the names from `{number}` on are taken"))
            .help("see which Secrets have them: `kubectl get secrets`; delete those that are not needed"),
    );
    Ok(None)
}

/// Removes every revision; no rollback is possible afterwards.
pub(crate) async fn forget(run: &Run, target: &Target, wire: &Wire) -> fault::Result<()> {
    let count = Shelf::new(run, target, wire).keep_only(&[]).await?;
    if count > 0 {
        let detail = format!("{count}, so `todo rollback` has none to go back to");
        run.sink.item(Step::Remove, "revisions").finish(Outcome::Removed, Some(detail));
    }
    Ok(())
}

async fn payload(shelf: &Shelf<'_>, head: &Value) -> fault::Result<Payload> {
    let packed = shelf.get(head).await?;
    decode(&packed)
        .or_fault(Code::RevisionDamaged, fault::FaultKind::Apply, || "cannot read a revision".to_owned())
}

/// Reports which revision can be used instead of one that cannot be read.
async fn damaged(shelf: &Shelf<'_>, heads: &[(u64, Value)], number: u64, fault: Fault) -> Fault {
    let fault = fault.context(format!("cannot roll back to revision {number}"));
    for (earlier, head) in heads.iter().rev().filter(|(earlier, _)| *earlier < number) {
        if payload(shelf, head).await.is_ok() {
            return fault.hint(format!(
                "the newest before it that can be read: `todo rollback {earlier}`; `todo history` lists all"
            ));
        }
    }
    fault.hint("choose another revision: `todo history` lists them")
}

fn unreadable(number: u64, fault: &Fault) -> Finding {
    Code::RevisionDamaged
        .warning(format!("cannot roll back to revision {number}: {}", fault.causes().join(": ")))
        .help("choose another revision; only the last ten are kept")
}

fn pack(payload: &Payload) -> anyhow::Result<Vec<u8>> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    serde_json::to_writer(&mut gzip, payload)?;
    Ok(gzip.finish()?)
}

fn decode(packed: &[u8]) -> anyhow::Result<Payload> {
    let mut text = String::new();
    GzDecoder::new(packed).take(UNPACKED).read_to_string(&mut text)?;
    let payload: Payload = serde_json::from_str(&text).context("it was not written by `todo`")?;
    anyhow::ensure!(payload.schema == 1, "it was written by a newer `todo`");
    Ok(payload)
}

/// The images of all containers, each once.
fn images(objects: &[Value]) -> Vec<String> {
    fn walk(value: &Value, into: &mut Vec<String>) {
        match value {
            Value::Object(fields) => {
                for list in ["initContainers", "containers"] {
                    for container in fields.get(list).and_then(Value::as_array).into_iter().flatten() {
                        into.extend(container["image"].as_str().map(str::to_owned));
                    }
                }
                fields.values().for_each(|value| walk(value, into));
            }
            Value::Array(items) => items.iter().for_each(|item| walk(item, into)),
            _ => {}
        }
    }
    let mut images = Vec::new();
    for object in objects {
        walk(object, &mut images);
    }
    images.sort();
    images.dedup();
    images
}
