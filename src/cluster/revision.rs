//! What was deployed, to go back to: one Secret a revision, written only after a good run.
//!
//! Whole rendered objects, because a way back that needs the old files is none. In Secrets, because the objects hold
//! secrets and Kubernetes guards them there.

use crate::cluster::apply::Applied;
use crate::cluster::kind;
use crate::cluster::retry::persist;
use crate::cluster::survey::tell;
use crate::cluster::survey::uid_of;
use crate::cluster::survey::unreadable;
use crate::cluster::target::Target;
use crate::cluster::wire::Propagation;
use crate::cluster::wire::Wire;
use crate::event::Finding;
use crate::event::Place;
use crate::event::Step;
use crate::fault;
use crate::fault::Fault;
use crate::fault::OrFault;
use crate::manifest::Object;
use crate::run::Run;
use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;
use serde_json::json;
use std::io::Read;

/// How many revisions are kept.
const KEPT: usize = 10;

/// A Secret holds 1 MiB (`core/v1: MaxSecretSize`), and etcd's request must hold it in base64.
const LARGEST: usize = 900 << 10;

const OF: &str = "todo.dev/revision-of";
const NUMBER: &str = "todo.dev/revision";

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
}

#[derive(Debug, Serialize, Deserialize)]
struct Payload {
    schema: u32,
    number: u64,
    created: Timestamp,
    version: String,
    objects: Vec<Value>,
}

/// Every revision that can be gone back to, the newest first.
pub async fn history(run: &Run, target: &Target) -> fault::Result<Vec<Revision>> {
    let wire = target.wire();
    run.or_stopped(async {
        let mut revisions: Vec<Revision> = secrets(run, target, &wire)
            .await?
            .iter()
            .filter_map(|(_, secret)| read(secret).ok())
            .map(|payload| Revision {
                number: payload.number,
                created: payload.created,
                objects: payload.objects.len(),
                images: images(&payload.objects),
            })
            .collect();
        revisions.sort_by_key(|revision| std::cmp::Reverse(revision.number));
        Ok(revisions)
    })
    .await
}

/// A revision, to go back to.
#[derive(Debug)]
pub struct Earlier {
    /// Its number.
    pub number: u64,
    /// What is to be applied again.
    pub objects: Vec<Object>,
    /// What belongs to it and is left as it is: going back must not run a migration again, and claims cannot shrink.
    pub left: Vec<Object>,
}

/// A revision, to go back to; the one before the newest if no number is given.
pub async fn earlier(run: &Run, target: &Target, number: Option<u64>) -> fault::Result<Earlier> {
    let wire = target.wire();
    run.or_stopped(async {
        let secrets = secrets(run, target, &wire).await?;
        let numbers: Vec<u64> = secrets.iter().map(|(number, _)| *number).collect();
        let wanted = number.or_else(|| numbers.iter().rev().nth(1).copied());
        let found = wanted.and_then(|wanted| secrets.iter().find(|(number, _)| *number == wanted));
        let Some((number, secret)) = found else {
            let there: Vec<String> = numbers.iter().map(ToString::to_string).collect();
            let message = match number {
                Some(number) => format!("there is no revision {number}"),
                None => "there is no earlier revision".to_owned(),
            };
            return Err(Fault::message(fault::Kind::Usage, message).hint(format!(
                "revisions that are kept: {}",
                if there.is_empty() { "none".into() } else { there.join(", ") }
            )));
        };
        let payload =
            read(secret).or_fault(fault::Kind::Apply, || format!("cannot read revision {number}"))?;
        let place = Place::file(format!("revision {number}"));
        let objects = payload.objects.into_iter().map(|object| Object::made(object, place.clone()));
        let (left, objects) = objects.partition(|object| {
            matches!(object.kind(), "Job" | "PersistentVolumeClaim" | "PersistentVolume")
        });
        Ok(Earlier { number: *number, objects, left })
    })
    .await
}

/// Records what a good run has applied, unless the newest revision says the same. Returns its number.
pub(crate) async fn record(
    run: &Run,
    target: &Target,
    wire: &Wire,
    applied: &Applied,
    changed: bool,
) -> fault::Result<Option<u64>> {
    let secrets = secrets(run, target, wire).await?;
    let newest = secrets.last();
    let written = applied.objects.iter().map(|object| &object.object);
    let objects: Vec<Value> = written.chain(&applied.left).map(|object| object.value.clone()).collect();
    let same = |before: &[Value]| {
        before.len() == objects.len() && before.iter().all(|object| objects.contains(object))
    };
    if !changed && newest.is_some()
        || newest.and_then(|(_, secret)| read(secret).ok()).is_some_and(|newest| same(&newest.objects))
    {
        return Ok(None);
    }
    let number = newest.map_or(1, |(number, _)| number + 1);
    let payload = Payload {
        schema: 1,
        number,
        created: Timestamp::now(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        objects,
    };
    let packed = pack(&payload).or_fault(fault::Kind::Internal, || "cannot pack the revision".to_owned())?;
    if packed.len() > LARGEST {
        run.sink.warn(
            Finding::warning(format!("the objects are too large for a revision: {} KiB packed", packed.len() >> 10))
                .mend("move large ConfigMaps into an image or a volume; until then there is no way back by `todo rollback`"),
        );
        return Ok(None);
    }
    let name = name(target, number);
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "type": "todo.dev/revision.v1", "immutable": true,
        "metadata": {
            "name": name, "namespace": target.namespace.as_str(),
            "labels": {OF: target.project.as_str(), NUMBER: number.to_string()},
        },
        "data": {"payload": STANDARD.encode(packed)},
    });
    let (kind, home) = (kind::core("Secret"), Some(target.namespace.as_str()));
    persist(tell(run, Step::Apply, "revision"), || wire.create(&kind, home, &secret, false))
        .await
        .map_err(|failure| unreadable(failure, "cannot record the revision"))?;
    let surplus = (secrets.len() + 1).saturating_sub(KEPT);
    for (_, old) in secrets.iter().take(surplus) {
        drop_one(run, wire, target, old).await?;
    }
    Ok(Some(number))
}

/// Removes every revision.
pub(crate) async fn forget(run: &Run, target: &Target, wire: &Wire) -> fault::Result<()> {
    for (_, secret) in secrets(run, target, wire).await? {
        drop_one(run, wire, target, &secret).await?;
    }
    Ok(())
}

async fn drop_one(run: &Run, wire: &Wire, target: &Target, secret: &Value) -> fault::Result<()> {
    let (kind, home) = (kind::core("Secret"), Some(target.namespace.as_str()));
    let name = secret["metadata"]["name"].as_str().unwrap_or_default();
    persist(tell(run, Step::Apply, "revision"), || {
        wire.delete(&kind, home, name, uid_of(secret), Propagation::Background)
    })
    .await
    .map_err(|failure| unreadable(failure, "cannot remove an old revision"))?;
    Ok(())
}

/// The revisions' Secrets with their numbers, the oldest first.
async fn secrets(run: &Run, target: &Target, wire: &Wire) -> fault::Result<Vec<(u64, Value)>> {
    let (kind, home) = (kind::core("Secret"), Some(target.namespace.as_str()));
    let selector = format!("{OF}={}", target.project);
    let secrets = persist(tell(run, Step::Apply, "revision"), || wire.list(&kind, home, &selector))
        .await
        .map_err(|failure| unreadable(failure, "cannot read the revisions"))?;
    let mut numbered: Vec<(u64, Value)> = secrets
        .into_iter()
        .filter_map(|secret| {
            let number = secret["metadata"]["labels"][NUMBER].as_str()?.parse().ok()?;
            Some((number, secret))
        })
        .collect();
    numbered.sort_by_key(|(number, _)| *number);
    Ok(numbered)
}

fn name(target: &Target, number: u64) -> String {
    format!("todo.{}.v{number}", target.project)
}

fn pack(payload: &Payload) -> anyhow::Result<Vec<u8>> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    serde_json::to_writer(&mut gzip, payload)?;
    Ok(gzip.finish()?)
}

fn read(secret: &Value) -> anyhow::Result<Payload> {
    let packed = STANDARD.decode(secret["data"]["payload"].as_str().unwrap_or_default())?;
    let mut text = String::new();
    GzDecoder::new(packed.as_slice()).take(64 << 20).read_to_string(&mut text)?;
    let payload: Payload = serde_json::from_str(&text).context("it is no revision of `todo`")?;
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
