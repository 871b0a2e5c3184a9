//! Objects written: only those that differ, in phases, each refusal told as a line of a file.
//!
//! Not the wait for what they start (`rollout`), nor the end of the bookkeeping (`settle`). Before the first write the
//! inventory lists everything that may be made, so that whatever interrupts us, `down` finds it.

use crate::cluster::decide::Allowed;
use crate::cluster::decide::Decided;
use crate::cluster::decide::Todo;
use crate::cluster::decide::decide;
use crate::cluster::diff::meant;
use crate::cluster::inventory;
use crate::cluster::inventory::Entry;
use crate::cluster::inventory::Inventory;
use crate::cluster::inventory::MADE_BY;
use crate::cluster::inventory::PART_OF;
use crate::cluster::inventory::Stored;
use crate::cluster::kind;
use crate::cluster::lock;
use crate::cluster::lock::Held;
use crate::cluster::phase::Phase;
use crate::cluster::refusal;
use crate::cluster::retry::persist;
use crate::cluster::survey;
use crate::cluster::survey::AT_ONCE;
use crate::cluster::survey::Survey;
use crate::cluster::survey::Wanted;
use crate::cluster::survey::tell;
use crate::cluster::survey::uid_of;
use crate::cluster::survey::unreadable;
use crate::cluster::target::Target;
use crate::cluster::until::until;
use crate::cluster::wire::Failure;
use crate::cluster::wire::How;
use crate::cluster::wire::MANAGER;
use crate::cluster::wire::Propagation;
use crate::cluster::wire::Wire;
use crate::event::Finding;
use crate::event::OpenItem;
use crate::event::Outcome;
use crate::event::Step;
use crate::fault;
use crate::fault::Fault;
use crate::fault::OrFault;
use crate::manifest;
use crate::manifest::ObjectId;
use crate::run::Run;
use futures::StreamExt;
use futures::stream;
use kube::core::ApiResource;
use serde_json::Value;
use serde_json::json;
use std::time::Duration;

/// How long a namespace, or an object that is to be made again, may take to go.
const GONE: Duration = Duration::from_secs(5 * 60);

/// How long a CRD may take until it is served.
const ESTABLISHED: Duration = Duration::from_secs(60);

/// How long a new namespace may take to get its ServiceAccount `default`; pods made before it has one are refused.
const ACCOUNT: Duration = Duration::from_secs(10);

/// How long the endpoints of a webhook of the set may take to be ready.
const ENDPOINTS: Duration = Duration::from_secs(3 * 60);

/// What the user allows.
#[derive(Debug, Clone, Copy, Default)]
pub struct ApplyOptions {
    /// `--force-conflicts`: take fields and objects that others own.
    pub force_conflicts: bool,
    /// `--recreate`: make again what cannot be changed. Never volumes, namespaces and CRDs.
    pub recreate: bool,
    /// `--prune-data`: what is no longer wanted goes even where data hangs on it.
    pub prune_data: bool,
    /// `--yes`: what is no longer wanted goes even if that is most of what there is.
    pub yes: bool,
}

/// One object as it is in the cluster after this run's writes.
#[derive(Debug, Clone)]
pub struct AppliedObject {
    /// What names it.
    pub id: ObjectId,
    /// How its kind is served.
    pub resource: ApiResource,
    /// Its UID.
    pub uid: String,
    /// The generation that the controllers have to have observed.
    pub generation: Option<i64>,
    /// [`Outcome::Created`], [`Outcome::Changed`], [`Outcome::Recreated`] or [`Outcome::Unchanged`].
    pub outcome: Outcome,
    /// What was wanted, with its places.
    pub object: manifest::Object,
    /// The object in the cluster before our write; `None` if it was not there.
    pub before: Option<Value>,
    /// The object in the cluster after our write.
    pub after: Value,
    /// What was sent: what was wanted, without what is left to others.
    pub(crate) body: Value,
    /// Whether the inventory says all of it already.
    pub(crate) recorded: bool,
}

/// What a run has applied. Holds the project's lock if anything was written.
#[derive(Debug, Default)]
pub struct Applied {
    /// Every object of the set, in the order of the phases.
    pub objects: Vec<AppliedObject>,
    /// Jobs that ran, ended well and expired in an earlier run; they are not run again.
    pub expired: Vec<ObjectId>,
    /// What the user allows.
    pub options: ApplyOptions,
    pub(crate) stored: Option<Stored>,
    pub(crate) survey: Survey,
    pub(crate) lock: Option<Held>,
}

impl Applied {
    /// Whether nothing had to be written.
    #[must_use]
    pub fn is_unchanged(&self) -> bool {
        self.objects.iter().all(|object| object.outcome == Outcome::Unchanged)
    }

    /// Gives the lock back, for a run that ends without [`crate::cluster::settle::settle`].
    pub async fn release(mut self) {
        if let Some(lock) = self.lock.take() {
            lock.release().await;
        }
    }
}

/// Makes the cluster agree with `objects`, as far as writing goes.
///
/// # Errors
/// Every object that is refused is a finding; what was written until then stays, and is listed in the inventory.
pub async fn apply(
    run: &Run,
    target: &Target,
    objects: &[manifest::Object],
    options: &ApplyOptions,
) -> fault::Result<Applied> {
    run.or_stopped(async {
        let wanted = survey::prepare(run, target, objects).await?;
        let (mut survey, mut decided) = plan(run, target, &wanted, *options).await?;
        if !writes(&decided) {
            if !lock::wait(run, &target.wire(), target, survey.lease.as_ref()).await? {
                return Ok(unchanged(run, survey, decided, *options));
            }
            // Whoever held the lock may have changed what we looked at.
            (survey, decided) = plan(run, target, &wanted, *options).await?;
            if !writes(&decided) {
                return Ok(unchanged(run, survey, decided, *options));
            }
        }
        write(run, target, &wanted, survey, decided, *options).await
    })
    .await
}

fn writes(decided: &[Decided]) -> bool {
    decided.iter().any(|one| !matches!(one.todo, Todo::Keep { .. } | Todo::Expired))
}

/// Looks, decides, and looks again if a namespace had to go first.
async fn plan(
    run: &Run,
    target: &Target,
    wanted: &[Wanted],
    options: ApplyOptions,
) -> fault::Result<(Survey, Vec<Decided>)> {
    let allowed = Allowed { force: options.force_conflicts, recreate: options.recreate };
    let mut survey = survey::look(run, target, wanted).await?;
    if wait_for_dying_namespaces(run, target, wanted, &survey).await? {
        survey = survey::look(run, target, wanted).await?;
    }
    let (decided, refused) = decide(run, target, wanted, &survey, allowed).await;
    if !refused.is_empty() {
        return Err(refusals(refused, wanted.len()));
    }
    Ok((survey, decided))
}

fn refusals(findings: Vec<Finding>, of: usize) -> Fault {
    let mut subjects: Vec<&str> = findings.iter().filter_map(|f| f.subject.as_deref()).collect();
    subjects.sort_unstable();
    subjects.dedup();
    let (count, objects) = (subjects.len(), if of == 1 { "object" } else { "objects" });
    Fault::message(fault::Kind::Apply, format!("the cluster refuses {count} of {of} {objects}"))
        .findings(findings)
}

fn unchanged(run: &Run, survey: Survey, decided: Vec<Decided>, options: ApplyOptions) -> Applied {
    let mut applied = Applied { options, stored: survey.stored.clone(), survey, ..Applied::default() };
    for one in decided {
        for note in &one.notes {
            run.sink.warn(note.clone());
        }
        kept(run, one, &mut applied);
    }
    applied
}

fn kept(run: &Run, one: Decided, applied: &mut Applied) {
    let item = run.sink.item(Step::Apply, one.wanted.id.to_string());
    match (one.todo, one.live) {
        (Todo::Keep { recorded }, Some(live)) => {
            item.finish(Outcome::Unchanged, None);
            let before = Some(live.clone());
            applied.objects.push(done(one.wanted, Outcome::Unchanged, before, live, one.body, recorded));
        }
        _ => {
            item.finish(Outcome::Skipped, Some("it has run".to_owned()));
            applied.expired.push(one.wanted.id);
        }
    }
}

fn done(
    wanted: Wanted,
    outcome: Outcome,
    before: Option<Value>,
    after: Value,
    body: Value,
    recorded: bool,
) -> AppliedObject {
    AppliedObject {
        uid: uid_of(&after).to_owned(),
        generation: after["metadata"]["generation"].as_i64(),
        id: wanted.id,
        resource: wanted.kind.resource,
        outcome,
        object: wanted.object,
        before,
        after,
        body,
        recorded,
    }
}

async fn write(
    run: &Run,
    target: &Target,
    wanted: &[Wanted],
    survey: Survey,
    decided: Vec<Decided>,
    options: ApplyOptions,
) -> fault::Result<Applied> {
    let wire = target.wire();
    let new = survey.namespace.is_none();
    if new {
        make_namespace(run, &wire, target).await?;
    }
    let lock = lock::take(run, &wire, target).await?;
    let seen = version(survey.stored.as_ref());
    let (secrets, name) = (inventory::secrets(), inventory::name(&target.project));
    let now = persist(tell(run, Step::Apply, "cluster"), || {
        wire.get(&secrets, Some(target.namespace.as_str()), &name)
    });
    let now = now.await.map_err(|failure| unreadable(failure, "cannot read the inventory"))?;
    let intervened =
        now.as_ref().and_then(|secret| secret["metadata"]["resourceVersion"].as_str()) != seen.as_deref();
    let (survey, decided) = if new || intervened || survey.lease.is_some() {
        // In a namespace that was just made the server can say now what it could not say before.
        plan(run, target, wanted, options).await?
    } else {
        (survey, decided)
    };
    for note in decided.iter().flat_map(|one| &one.notes) {
        run.sink.warn(note.clone());
    }
    let mut stored = superset(run, target, &wire, &survey, wanted).await?;
    stored.inventory.settled = false;

    let mut applied =
        Applied { options, stored: Some(stored), survey, lock: Some(lock), ..Applied::default() };
    let mut rest = decided;
    while let Some(phase) = rest.first().map(|one| one.wanted.phase) {
        let (these, later) = rest.into_iter().partition(|one| one.wanted.phase == phase);
        rest = later;
        if phase == Phase::Admission {
            endpoints(run, &wire, &these).await?;
        }
        if applied.lock.as_ref().is_some_and(Held::is_lost) {
            return Err(Fault::message(fault::Kind::Locked, "another run has taken the lock away")
                .hint("see what it does, then run `todo up` again"));
        }
        write_phase(run, &wire, these, &mut applied, wanted.len()).await?;
        if phase == Phase::Ground {
            barrier(run, &wire, &applied).await?;
        }
    }
    Ok(applied)
}

fn version(stored: Option<&Stored>) -> Option<String> {
    stored.and_then(|stored| stored.secret["metadata"]["resourceVersion"].as_str()).map(str::to_owned)
}

/// Tries every object of a phase, then says what was refused.
async fn write_phase(
    run: &Run,
    wire: &Wire,
    these: Vec<Decided>,
    applied: &mut Applied,
    of: usize,
) -> fault::Result<()> {
    let (kept_ones, written): (Vec<Decided>, Vec<Decided>) =
        these.into_iter().partition(|one| matches!(one.todo, Todo::Keep { .. } | Todo::Expired));
    for one in kept_ones {
        kept(run, one, applied);
    }
    let results: Vec<Result<AppliedObject, Vec<Finding>>> =
        stream::iter(written).map(|one| write_one(run, wire, one)).buffered(AT_ONCE).collect().await;
    let mut refused = Vec::new();
    for result in results {
        match result {
            Ok(object) => applied.objects.push(object),
            Err(findings) => refused.extend(findings),
        }
    }
    if refused.is_empty() { Ok(()) } else { Err(refusals(refused, of)) }
}

async fn write_one(run: &Run, wire: &Wire, one: Decided) -> Result<AppliedObject, Vec<Finding>> {
    let item = run.sink.item(Step::Apply, one.wanted.id.to_string());
    let result = match one.todo {
        Todo::Recreate(propagation) => recreate(&item, wire, &one, propagation).await,
        _ => send(&item, wire, &one).await.map_err(|failure| refusal::findings(&one.wanted.object, &failure)),
    };
    let after = result?;
    let outcome = match one.todo {
        Todo::Create => Outcome::Created,
        // The namespace that this run made bare, before it could write anything else.
        Todo::Change if made_by_us(one.live.as_ref()) && one.live.as_ref().is_some_and(is_unlabelled) => {
            Outcome::Created
        }
        Todo::Recreate(_) => Outcome::Recreated,
        _ => Outcome::Changed,
    };
    item.finish(outcome, None);
    Ok(done(one.wanted, outcome, one.live, after, one.body, false))
}

async fn send(item: &OpenItem, wire: &Wire, one: &Decided) -> Result<Value, Failure> {
    let (kind, namespace) = (&one.wanted.kind, one.wanted.namespace());
    let name = &one.wanted.id.name;
    let tell = |why: String| item.waiting(why);
    if one.todo == Todo::Create
        && let Some(dying) = &one.live
    {
        item.waiting("the old one is being deleted");
        gone(wire, one, uid_of(dying)).await?;
    }
    if let Some(patch) = &one.migrate {
        match persist(tell, || wire.json_patch(kind, namespace, name, patch)).await {
            // Somebody has written since: the fields stay with their old manager until the next run.
            Err(failure) if !failure.is_conflict() => return Err(failure),
            _ => {}
        }
    }
    let how = How { dry_run: false, force: one.force };
    persist(tell, || wire.apply(kind, namespace, MANAGER, &one.body, how)).await
}

/// Waits until the object with this UID is gone.
async fn gone(wire: &Wire, one: &Decided, uid: &str) -> Result<(), Failure> {
    let fits = |seen: Option<&Value>| seen.is_none_or(|seen| uid_of(seen) != uid);
    match until(wire, &one.wanted.kind, one.wanted.namespace(), &one.wanted.id.name, GONE, fits).await? {
        (_, true) => Ok(()),
        (seen, false) => Err(Failure::Unreachable(format!(
            "the old one does not go; its finalizers are {}",
            seen.map_or(Value::Null, |seen| seen["metadata"]["finalizers"].clone())
        ))),
    }
}

/// Deletes an object and makes it anew; if that fails, as it was.
async fn recreate(
    item: &OpenItem,
    wire: &Wire,
    one: &Decided,
    propagation: Propagation,
) -> Result<Value, Vec<Finding>> {
    let object = &one.wanted.object;
    let (kind, namespace, name) = (&one.wanted.kind, one.wanted.namespace(), &one.wanted.id.name);
    let refused = |failure: Failure| refusal::findings(object, &failure);
    let Some(live) = &one.live else { return send(item, wire, one).await.map_err(refused) };
    // The server judges a new object before it looks whether the name is taken: "already exists" means that it is good.
    match wire.create(kind, namespace, &preflight(&one.body), true).await {
        Err(failure) if failure.status().is_some_and(kube::core::Status::is_already_exists) => {}
        Err(failure) => return Err(refused(failure)),
        Ok(_) => {}
    }
    item.progress("deleting the old one", None);
    persist(|why| item.waiting(why), || wire.delete(kind, namespace, name, uid_of(live), propagation))
        .await
        .map_err(refused)?;
    gone(wire, one, uid_of(live)).await.map_err(refused)?;
    let how = How { dry_run: false, force: true };
    match persist(|why| item.waiting(why), || wire.apply(kind, namespace, MANAGER, &one.body, how)).await {
        Ok(after) => Ok(after),
        Err(failure) => {
            let mut findings = refused(failure);
            let back = wire.create(kind, namespace, &meant(live), false).await;
            findings.push(match back {
                Ok(_) => Finding::warning("the old one is there again")
                    .about(one.wanted.id.to_string())
                    .mend("correct the manifest and run `todo up` again"),
                Err(why) => Finding::error(format!("the old one could not be brought back: {why}"))
                    .about(one.wanted.id.to_string())
                    .mend("correct the manifest and run `todo up` again"),
            });
            Err(findings)
        }
    }
}

/// What to ask the server about while the old object still holds its ports and address.
fn preflight(body: &Value) -> Value {
    let mut body = body.clone();
    if body["kind"] == "Service" {
        if let Some(spec) = body["spec"].as_object_mut() {
            spec.remove("clusterIP");
            spec.remove("clusterIPs");
        }
        for port in body["spec"]["ports"].as_array_mut().into_iter().flatten() {
            if let Some(port) = port.as_object_mut() {
                port.remove("nodePort");
            }
        }
    }
    body
}

/// Writes down everything that this run may make, before it makes any of it.
async fn superset(
    run: &Run,
    target: &Target,
    wire: &Wire,
    survey: &Survey,
    wanted: &[Wanted],
) -> fault::Result<Stored> {
    let doing = || "cannot write the inventory".to_owned();
    let (mut inventory, before) = match &survey.stored {
        Some(stored) => (stored.inventory.clone(), Some(stored.secret.clone())),
        None => (Inventory::new().or_fault(fault::Kind::Internal, doing)?, None),
    };
    let part_of = json!(target.part_of());
    inventory.extend(wanted.iter().map(|wanted| {
        let live = survey.live.get(&wanted.id);
        Entry {
            uid: live.map(|live| uid_of(live).to_owned()),
            adopted: live.is_some_and(|live| live["metadata"]["labels"][PART_OF] != part_of)
                && !made_by_us(live),
            ..Entry::new(wanted.id.clone(), &wanted.kind)
        }
    }));
    // Members that the list has lost are ours all the same.
    inventory.extend(survey.members.iter().map(|(id, member)| Entry {
        uid: Some(uid_of(&member.object).to_owned()),
        ..Entry::new(id.clone(), &member.kind)
    }));
    inventory.settled = false;
    store(run, target, wire, inventory, before.as_ref()).await
}

fn is_unlabelled(live: &Value) -> bool {
    live["metadata"]["labels"][PART_OF].is_null()
}

fn made_by_us(live: Option<&Value>) -> bool {
    live.is_some_and(|live| refusal::annotation(live, MADE_BY).is_some())
}

/// Writes the inventory over the one that was read.
pub(crate) async fn store(
    run: &Run,
    target: &Target,
    wire: &Wire,
    inventory: Inventory,
    before: Option<&Value>,
) -> fault::Result<Stored> {
    let kind = inventory::secrets();
    let namespace = Some(target.namespace.as_str());
    let secret = inventory
        .secret(&target.project, &target.namespace, before)
        .or_fault(fault::Kind::Internal, || "cannot write the inventory".to_owned())?;
    let written = persist(tell(run, Step::Apply, "inventory"), || async {
        match before {
            Some(_) => wire.replace(&kind, namespace, &secret).await,
            None => wire.create(&kind, namespace, &secret, false).await,
        }
    })
    .await
    .map_err(|failure| unreadable(failure, "cannot write the inventory"))?;
    Ok(Stored { inventory, secret: written })
}

/// Makes the target's namespace, marked as made by us.
async fn make_namespace(run: &Run, wire: &Wire, target: &Target) -> fault::Result<()> {
    let body = json!({
        "apiVersion": "v1", "kind": "Namespace",
        "metadata": {"name": target.namespace.as_str(), "annotations": {MADE_BY: target.project.as_str()}},
    });
    let kind = kind::core("Namespace");
    let told = || tell(run, Step::Apply, "namespace");
    // A manager of its own, so that the mark stays when the manifests define the namespace, too.
    let how = How::default();
    persist(told(), || wire.apply(&kind, None, "todo-namespace", &body, how))
        .await
        .map_err(|failure| unreadable(failure, "cannot make the namespace"))?;
    let accounts = kind::core("ServiceAccount");
    until(wire, &accounts, Some(target.namespace.as_str()), "default", ACCOUNT, |seen| seen.is_some())
        .await
        .map_err(|failure| unreadable(failure, "cannot use the new namespace"))?;
    Ok(())
}

/// Waits for namespaces that somebody is deleting. Returns whether there was one.
async fn wait_for_dying_namespaces(
    run: &Run,
    target: &Target,
    wanted: &[Wanted],
    survey: &Survey,
) -> fault::Result<bool> {
    let wire = target.wire();
    let live = wanted.iter().filter(|w| w.id.kind == "Namespace").filter_map(|w| survey.live.get(&w.id));
    let mut dying: Vec<&Value> = live
        .chain(survey.namespace.as_ref())
        .filter(|namespace| !namespace["metadata"]["deletionTimestamp"].is_null())
        .collect();
    dying.dedup_by_key(|namespace| uid_of(namespace));
    for namespace in &dying {
        let name = namespace["metadata"]["name"].as_str().unwrap_or_default();
        tell(run, Step::Apply, &format!("Namespace/{name}"))("it is being deleted".to_owned());
        let fits = |seen: Option<&Value>| seen.is_none_or(|seen| uid_of(seen) != uid_of(namespace));
        let (seen, ok) = until(&wire, &kind::core("Namespace"), None, name, GONE, fits)
            .await
            .map_err(|failure| unreadable(failure, "cannot wait for a namespace that is being deleted"))?;
        if !ok {
            return Err(Fault::message(
                fault::Kind::Apply,
                format!("the namespace `{name}` is being deleted, and does not go"),
            )
            .findings(crate::cluster::remove::stuck_namespace(name, seen.as_ref()))
            .hint(format!("see what remains in it: `kubectl get namespace {name} -o yaml`")));
        }
    }
    Ok(!dying.is_empty())
}

/// Waits until what gives the others a kind or a place does so.
async fn barrier(run: &Run, wire: &Wire, applied: &Applied) -> fault::Result<()> {
    for object in applied.objects.iter().filter(|o| o.outcome != Outcome::Unchanged) {
        if object.id.kind != "CustomResourceDefinition" {
            continue;
        }
        let kind = kind::well_known(&object.id.group, "v1", &object.id.kind);
        let Some(kind) = kind else { continue };
        tell(run, Step::Apply, &object.id.to_string())("until its kind is served".to_owned());
        let established = |seen: Option<&Value>| {
            let conditions = seen.and_then(|seen| seen["status"]["conditions"].as_array());
            conditions
                .is_some_and(|all| all.iter().any(|c| c["type"] == "Established" && c["status"] == "True"))
        };
        let (seen, ok) = until(wire, &kind, None, &object.id.name, ESTABLISHED, established)
            .await
            .map_err(|failure| unreadable(failure, "cannot wait for a CRD"))?;
        if !ok {
            let conditions = seen.map_or(Value::Null, |seen| seen["status"]["conditions"].clone());
            let why = conditions
                .as_array()
                .into_iter()
                .flatten()
                .filter(|c| c["status"] == "False")
                .filter_map(|c| c["message"].as_str().map(str::to_owned));
            let finding = Finding::error("the API server does not serve it")
                .about(object.id.to_string())
                .at(object.object.place.clone())
                .evidence(why)
                .mend("correct its names and versions");
            return Err(refusals(vec![finding], applied.objects.len()));
        }
        served(wire, &object.object).await?;
    }
    Ok(())
}

/// Waits until every version of a CRD is listed: `Established` comes a moment before it can be asked for.
async fn served(wire: &Wire, crd: &manifest::Object) -> fault::Result<()> {
    for kind in kind::defined(std::slice::from_ref(crd)) {
        let end = tokio::time::Instant::now() + ACCOUNT;
        while let Err(failure) = wire.list(&kind, None, "").await {
            if !failure.is_absent() || tokio::time::Instant::now() > end {
                return Err(unreadable(failure, "cannot use the kind of a new CRD"));
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
    Ok(())
}

/// Waits for the pods behind the webhooks of the set: one that must not fail and has none would block all that follows.
async fn endpoints(run: &Run, wire: &Wire, these: &[Decided]) -> fault::Result<()> {
    let written = these.iter().filter(|one| !matches!(one.todo, Todo::Keep { .. } | Todo::Expired));
    for one in written {
        let value = &one.body;
        let hooks =
            value["webhooks"].as_array().into_iter().flatten().map(|hook| &hook["clientConfig"]["service"]);
        for service in hooks.chain([&value["spec"]["service"]]) {
            let (Some(name), Some(namespace)) = (service["name"].as_str(), service["namespace"].as_str())
            else {
                continue;
            };
            tell(run, Step::Apply, &one.wanted.id.to_string())(format!("until Service/{name} has endpoints"));
            let ready = |seen: Option<&Value>| {
                seen.is_some_and(|seen| {
                    let subsets = seen["subsets"].as_array();
                    subsets.is_some_and(|all| {
                        all.iter().any(|s| s["addresses"].as_array().is_some_and(|a| !a.is_empty()))
                    })
                })
            };
            let (_, ok) = until(wire, &kind::core("Endpoints"), Some(namespace), name, ENDPOINTS, ready)
                .await
                .map_err(|failure| unreadable(failure, "cannot wait for a webhook's endpoints"))?;
            if !ok {
                let finding = Finding::error(format!("Service/{name}, which it calls, has no ready pod"))
                    .about(one.wanted.id.to_string())
                    .at(one.wanted.object.place.clone())
                    .mend(format!("see why: `kubectl -n {namespace} get pods`"));
                return Err(refusals(vec![finding], these.len()));
            }
        }
    }
    Ok(())
}
