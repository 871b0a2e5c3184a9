//! The existing objects that the project wants, owns, or owned: one list per kind and namespace.
//!
//! Only reads. Objects are found by the label of the set; those that do not carry it yet are requested by name.

pub(crate) mod owned;
pub(crate) mod recover;

use crate::cluster::inventory;
use crate::cluster::inventory::Inventory;
use crate::cluster::inventory::InventoryEntry;
use crate::cluster::inventory::PART_OF;
use crate::cluster::inventory::Stored;
use crate::cluster::kind;
use crate::cluster::kind::Kinds;
use crate::cluster::lock;
use crate::cluster::order;
use crate::cluster::owner;
use crate::cluster::owner::Doing;
use crate::cluster::owner::OwnerFacts;
use crate::cluster::owner::Permit;
use crate::cluster::owner::Wants;
use crate::cluster::phase::Phase;
use crate::cluster::phase::phase;
use crate::cluster::request::AT_ONCE;
use crate::cluster::request::report_waiting;
use crate::cluster::request::unreadable;
use crate::cluster::retry::retry;
use crate::cluster::survey::owned::OwnedObject;
use crate::cluster::survey::owned::list;
use crate::cluster::target::Target;
use crate::cluster::wire::ApiKind;
use crate::event::Code;
use crate::event::Step;
use crate::fault;
use crate::manifest::Object;
use crate::manifest::ObjectId;
use crate::manifest::follow::Versions;
use crate::manifest::follow::follow;
use crate::manifest::shared::Shared;
use crate::run::Run;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures::StreamExt;
use futures::TryStreamExt;
use futures::stream;
use serde_json::Value;
use serde_json::json;
use std::collections::BTreeMap;

/// One object as it is to be applied.
#[derive(Debug, Clone)]
pub(crate) struct Desired {
    pub(crate) object: Object,
    pub(crate) id: ObjectId,
    pub(crate) kind: ApiKind,
    pub(crate) phase: Phase,
}

impl Desired {
    pub(crate) fn namespace(&self) -> Option<&str> {
        self.id.namespace.as_deref()
    }
}

/// The objects found in the cluster.
#[derive(Debug, Clone, Default)]
pub(crate) struct Survey {
    /// The project's list, if it has one.
    pub(crate) stored: Option<Stored>,
    /// The lock, if another run holds it.
    pub(crate) lease: Option<Value>,
    /// The target's namespace, if it exists.
    pub(crate) namespace: Option<Value>,
    /// The objects that carry our label, in every kind and namespace that we know of.
    pub(crate) members: BTreeMap<ObjectId, OwnedObject>,
    /// The desired objects that exist without our label.
    pub(crate) unowned: BTreeMap<ObjectId, Shared<Value>>,
    /// The permission regarding objects that another place may have deployed.
    pub(crate) permit: Permit,
}

impl Survey {
    /// A desired object in its current state, with or without our label.
    pub(crate) fn live(&self, id: &ObjectId) -> Option<&Value> {
        self.found(id).map(|object| &**object)
    }

    /// As [`Survey::live`], to be held as well.
    pub(crate) fn found(&self, id: &ObjectId) -> Option<&Shared<Value>> {
        self.members.get(id).map(|member| &member.object).or_else(|| self.unowned.get(id))
    }
}

/// The same objects, with a digest in their pod templates of the data that they read (see
/// [`crate::manifest::follow`]): with the salt of the inventory, or of the one that will be the first.
pub(crate) fn followed(desired: &[Desired], survey: &Survey, first: &Inventory) -> Vec<Desired> {
    let inventory = survey.stored.as_ref().map_or(first, |stored| &stored.inventory);
    let mut objects: Vec<Object> = desired.iter().map(|desired| desired.object.clone()).collect();
    let versions = Versions::from_objects(&objects, Some(&inventory.salt()));
    follow(&mut objects, &versions);
    let followed = desired.iter().zip(objects).map(|(desired, object)| Desired {
        object,
        id: desired.id.clone(),
        kind: desired.kind.clone(),
        phase: desired.phase,
    });
    followed.collect()
}

/// The prepared objects of a set.
#[derive(Debug, Default)]
pub(crate) struct Prepared {
    /// The objects as they are to be applied, in the order of the phases.
    pub(crate) desired: Vec<Desired>,
    /// Objects of kinds that another object of the set will register.
    pub(crate) later: Vec<Object>,
}

/// Normalises `objects` for this target: namespace, label, kind. Every mistake at once.
pub(crate) async fn prepare(run: &Run, target: &Target, objects: Vec<Object>) -> fault::Result<Prepared> {
    let wire = target.wire();
    let kinds = retry(report_waiting(run, Step::Apply, "cluster"), || Kinds::discover(&wire, &objects))
        .await
        .map_err(|failure| unreadable(failure, "cannot ask the API server for its kinds"))?;
    let part_of = target.part_of();
    let mut desired: BTreeMap<ObjectId, Desired> = BTreeMap::new();
    let (mut findings, mut later) = (Vec::new(), Vec::new());
    let brought: Vec<bool> =
        objects.iter().map(|object| kinds.get(object).is_none() && is_brought(object, &objects)).collect();
    for (mut object, brought) in objects.into_iter().zip(brought) {
        if brought {
            later.push(object);
            continue;
        }
        let Some(kind) = kinds.get(&object) else {
            findings.push(
                Code::KindUnknown.error(format!(
                    "the cluster has no kind `{}` in `{}`",
                    object.kind(),
                    object.api_version()
                ))
                .about(object.id().to_string())
                .at(object.place_of("/kind").clone())
                .help(
                    "correct `apiVersion` and `kind`, or install the CRD that defines it first; if an operator of the project installs it: annotate it with `todo.dev/depends-on: Deployment/OPERATOR`",
                ),
            );
            continue;
        };
        normalise(&mut object.value, kind, target.namespace.as_str(), &part_of);
        let id = object.id();
        if let Some(other) = desired.get(&id) {
            findings.push(
                Code::ObjectDuplicate
                    .error(format!("`{id}` is also defined at {}", other.object.place))
                    .about(id.to_string())
                    .at(object.place.clone())
                    .help("keep one of them"),
            );
            continue;
        }
        let phase = phase(&id.group, &id.kind);
        desired.insert(id.clone(), Desired { object, id, kind: kind.clone(), phase });
    }
    if !findings.is_empty() {
        return Err(Code::ObjectsRefused
            .fault(fault::FaultKind::Apply, "the objects cannot be applied")
            .findings(findings));
    }
    let mut desired: Vec<Desired> = desired.into_values().collect();
    desired.sort_by(|a, b| (a.phase, &a.id).cmp(&(b.phase, &b.id)));
    Ok(Prepared { desired, later })
}

/// Whether the set may contain the operator that registers the kind of `object`: an operator needs a role for the
/// group, or the object itself declares a dependency. A misspelt kind of Kubernetes' own does not count.
fn is_brought(object: &Object, set: &[Object]) -> bool {
    let group = object.group();
    let grants = |role: &&Object| {
        let rules = role.value["rules"].as_array().into_iter().flatten();
        let mut groups = rules.flat_map(|rule| rule["apiGroups"].as_array().into_iter().flatten());
        matches!(role.kind(), "ClusterRole" | "Role") && groups.any(|granted| granted == group)
    };
    group.contains('.')
        && !group.ends_with(".k8s.io")
        && (order::is_ordered(&object.value) || set.iter().any(|role| grants(&role)))
}

fn normalise(value: &mut Value, kind: &ApiKind, namespace: &str, part_of: &str) {
    if let Some(top) = value.as_object_mut() {
        top.remove("status");
    }
    if !value["metadata"].is_object() {
        value["metadata"] = json!({});
    }
    if let Some(metadata) = value["metadata"].as_object_mut() {
        for field in
            ["managedFields", "resourceVersion", "uid", "generation", "creationTimestamp", "selfLink"]
        {
            metadata.remove(field);
        }
        if kind.namespaced {
            let written = metadata.get("namespace").and_then(Value::as_str);
            if written.is_none_or(str::is_empty) {
                metadata.insert("namespace".to_owned(), json!(namespace));
            }
        } else {
            metadata.remove("namespace");
        }
        if !metadata.get("labels").is_some_and(Value::is_object) {
            metadata.insert("labels".to_owned(), json!({}));
        }
    }
    value["metadata"]["labels"][PART_OF] = json!(part_of);
    // Server-side apply never removes a key that is removed from stringData (kubernetes#108008).
    if value["kind"] == "Secret"
        && let Some(Value::Object(texts)) = value.as_object_mut().and_then(|top| top.remove("stringData"))
    {
        for (key, text) in texts {
            if let Some(text) = text.as_str() {
                value["data"][key] = json!(STANDARD.encode(text));
            }
        }
    }
}

/// Looks at everything.
pub(crate) async fn inspect(run: &Run, target: &Target, desired: &[Desired]) -> fault::Result<Survey> {
    let wire = target.wire();
    let namespace = target.namespace.as_str();
    let mut kinds: BTreeMap<(String, String, Option<String>), ApiKind> = desired
        .iter()
        .map(|w| ((w.id.group.clone(), w.id.kind.clone(), w.id.namespace.clone()), w.kind.clone()))
        .collect();
    let waiting = || report_waiting(run, Step::Apply, "cluster");
    let reading = |failure| unreadable(failure, "cannot read what is in the cluster");

    let secrets = inventory::secrets();
    let name = inventory::name(&target.project);
    let namespaces = kind::core("Namespace");
    let listed = kinds.iter().map(|(key, kind)| (key.2.clone(), kind.clone())).collect();
    let records = async {
        let secret = retry(waiting(), || wire.get(&secrets, Some(namespace), &name)).await?;
        let lease = retry(waiting(), || lock::get(&wire, target)).await?;
        let found = retry(waiting(), || wire.get(&namespaces, None, namespace)).await?;
        Ok((secret, lease, found))
    };
    let lists = list(&wire, target, run, listed);
    let ((secret, lease, found), mut members) = tokio::try_join!(records, lists).map_err(reading)?;
    let stored = match found {
        Some(_) => recover::stored(run, &wire, target, secret).await?,
        None => None,
    };
    let before = stored.as_ref().map(|stored| stored.inventory.kinds()).unwrap_or_default();
    let mut more = Vec::new();
    for (key, kind) in before {
        let namespace = key.2.clone();
        kinds.entry(key).or_insert_with(|| {
            more.push((namespace, kind.clone()));
            kind
        });
    }
    members.extend(list(&wire, target, run, more).await.map_err(reading)?);

    let missing = desired.iter().filter(|desired| !members.contains_key(&desired.id));
    let found_by_name: Vec<Option<(ObjectId, Shared<Value>)>> = stream::iter(missing)
        .map(|desired| {
            let wire = &wire;
            async move {
                let object =
                    retry(waiting(), || wire.get(&desired.kind, desired.namespace(), &desired.id.name));
                Ok(object.await?.map(|object| (desired.id.clone(), object.into())))
            }
        })
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await
        .map_err(reading)?;
    let unowned = found_by_name.into_iter().flatten().collect();
    Ok(Survey { stored, lease, namespace: found, members, unowned, permit: Permit::default() })
}

/// Allows a run that wants these objects, unless the existing ones were deployed from another place; `adopt` takes
/// them over.
pub(crate) fn permit(
    target: &Target,
    survey: &mut Survey,
    desired: &[Desired],
    adopt: bool,
) -> fault::Result<()> {
    let labelled: Vec<InventoryEntry>;
    let known = match &survey.stored {
        Some(stored) => OwnerFacts::from_inventory(&stored.inventory),
        None => {
            let entry =
                |(id, member): (&ObjectId, &OwnedObject)| InventoryEntry::new(id.clone(), &member.kind);
            labelled = survey.members.iter().map(entry).collect();
            OwnerFacts::labelled(&labelled)
        }
    };
    let wants = Wants::from_objects(desired.iter().map(|desired| &desired.object));
    survey.permit = owner::permit(target, known, Some(&wants), adopt, Doing::Up)?;
    Ok(())
}
