//! The watches: lists and changes of every kind that the tracker reads, as they arrive.
//!
//! One watch per kind and namespace. It lists again by itself after `410 Gone` or a lost connection; only a refusal
//! ends it, because kube's watcher would retry for ever. If watching is forbidden, the objects are polled by name.

use crate::cluster::applied::AppliedObject;
use crate::cluster::applied::waits;
use crate::cluster::target::Target;
use crate::manifest::ObjectId;
use futures::StreamExt as _;
use health::live;
use health::snapshot::KubeEvent;
use health::snapshot::Snapshot;
use kube::Api;
use kube::Client;
use kube::api::ListParams;
use kube::core::ApiResource;
use kube::core::DynamicObject;
use kube::core::GroupVersionKind;
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher;
use serde_json::Value;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

const POLL: Duration = Duration::from_secs(2);

/// The result of a wait.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum WatchEvent {
    /// Something is new in the snapshot.
    Update,
    /// The API server does not answer as it should; the request is repeated.
    Problem(String),
    /// This user may not watch these.
    Forbidden(String),
}

enum Message {
    Listed(ApiResource, Option<String>, Vec<Value>),
    Put(Value),
    Gone(ObjectId),
    Problem(String),
    Forbidden(ApiResource, Option<String>),
}

/// All watches of one rollout; they end when it is dropped.
pub(super) struct Watches {
    messages: mpsc::Receiver<Message>,
    _watches: JoinSet<()>,
}

impl Watches {
    /// Starts the watches needed to judge `objects`; `snapshot` then knows which lists to expect.
    pub(super) fn start(target: &Target, objects: &[AppliedObject], snapshot: &mut Snapshot) -> Watches {
        let (tell, messages) = mpsc::channel(256);
        let mut watches = JoinSet::new();
        for ((_, _, namespace), (resource, names)) in sources(objects) {
            snapshot.expect(&resource.group, &resource.kind, namespace.as_deref());
            let client = target.client.clone();
            watches.spawn(follow(client, resource, namespace, names, tell.clone()));
        }
        Watches { messages, _watches: watches }
    }

    /// Waits for events, and collects those that arrive within `breath` of the first.
    pub(super) async fn next(&mut self, snapshot: &mut Snapshot, breath: Duration) -> WatchEvent {
        let Some(first) = self.messages.recv().await else { return std::future::pending().await };
        let mut news = take_in(first, snapshot);
        let until = tokio::time::Instant::now() + breath;
        while news == WatchEvent::Update {
            match tokio::time::timeout_at(until, self.messages.recv()).await {
                Ok(Some(message)) => news = take_in(message, snapshot),
                _ => break,
            }
        }
        news
    }
}

type Sources = BTreeMap<(String, String, Option<String>), (ApiResource, Vec<String>)>;

/// The kinds to watch, each with the names of our objects.
fn sources(objects: &[AppliedObject]) -> Sources {
    let mut sources = Sources::new();
    let mut homes = BTreeSet::new();
    for object in objects.iter().filter(|object| waits(object)) {
        let key = (object.id.group.clone(), object.id.kind.clone(), object.id.namespace.clone());
        sources
            .entry(key)
            .or_insert_with(|| (object.resource.clone(), Vec::new()))
            .1
            .push(object.id.name.clone());
        homes.extend(object.id.namespace.clone());
    }
    for namespace in homes {
        for (group, version, kind) in [("", "v1", "Pod"), ("apps", "v1", "ReplicaSet"), ("", "v1", "Event")] {
            let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
            let key = (group.to_owned(), kind.to_owned(), Some(namespace.clone()));
            sources.entry(key).or_insert_with(|| (resource, Vec::new()));
        }
    }
    sources
}

pub(crate) fn api(client: &Client, resource: &ApiResource, namespace: Option<&str>) -> Api<DynamicObject> {
    match namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, resource),
        None => Api::all_with(client.clone(), resource),
    }
}

/// The object as JSON; items of a list do not contain their kind.
pub(crate) fn plain(object: DynamicObject, resource: &ApiResource) -> Value {
    let mut value = serde_json::to_value(object).unwrap_or_default();
    if let Some(fields) = value.as_object_mut() {
        fields.insert("apiVersion".to_owned(), resource.api_version.clone().into());
        fields.insert("kind".to_owned(), resource.kind.clone().into());
    }
    live::trim(&mut value);
    value
}

async fn follow(
    client: Client,
    resource: ApiResource,
    namespace: Option<String>,
    names: Vec<String>,
    tell: mpsc::Sender<Message>,
) {
    let api = api(&client, &resource, namespace.as_deref());
    let mut changes = watcher(api.clone(), watcher::Config::default()).default_backoff().boxed();
    let mut listed = Vec::new();
    while let Some(change) = changes.next().await {
        let message = match change {
            Ok(watcher::Event::Init) => {
                listed.clear();
                continue;
            }
            Ok(watcher::Event::InitApply(object)) => {
                listed.push(plain(object, &resource));
                continue;
            }
            Ok(watcher::Event::InitDone) => {
                Message::Listed(resource.clone(), namespace.clone(), std::mem::take(&mut listed))
            }
            Ok(watcher::Event::Apply(object)) => Message::Put(plain(object, &resource)),
            Ok(watcher::Event::Delete(object)) => Message::Gone(live::id(&plain(object, &resource))),
            Err(error) if is_forbidden(&error) => {
                let forbidden = Message::Forbidden(resource.clone(), namespace.clone());
                if tell.send(forbidden).await.is_ok() {
                    drop(changes);
                    poll(&api, &resource, namespace.as_ref(), &names, &tell).await;
                }
                return;
            }
            // The watch starts over with a list: no news, no loss.
            Err(watcher::Error::WatchError(status)) if status.code == 410 => continue,
            Err(error) => Message::Problem(words(&error)),
        };
        if tell.send(message).await.is_err() {
            return;
        }
    }
}

/// Polls our own objects by name; without any there is nothing to poll.
async fn poll(
    api: &Api<DynamicObject>,
    resource: &ApiResource,
    namespace: Option<&String>,
    names: &[String],
    tell: &mpsc::Sender<Message>,
) {
    while !names.is_empty() {
        for name in names {
            let message = match api.get_opt(name).await {
                Ok(Some(object)) => Message::Put(plain(object, resource)),
                Ok(None) => Message::Gone(ObjectId {
                    group: resource.group.clone(),
                    kind: resource.kind.clone(),
                    namespace: namespace.cloned(),
                    name: name.clone(),
                }),
                Err(error) => Message::Problem(error.to_string()),
            };
            if tell.send(message).await.is_err() {
                return;
            }
        }
        tokio::time::sleep(POLL).await;
    }
}

fn is_forbidden(error: &watcher::Error) -> bool {
    use watcher::Error;
    let (Error::InitialListFailed(kube::Error::Api(status))
    | Error::WatchStartFailed(kube::Error::Api(status))
    | Error::WatchFailed(kube::Error::Api(status))
    | Error::WatchError(status)) = error
    else {
        return false;
    };
    status.code == 403
}

/// The innermost cause: kube's own texts repeat their sources.
fn words(error: &watcher::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

fn take_in(message: Message, snapshot: &mut Snapshot) -> WatchEvent {
    match message {
        Message::Listed(resource, namespace, objects) => {
            snapshot.replace(&resource.group, &resource.kind, namespace.as_deref(), objects);
        }
        Message::Put(object) if live::kind(&object) == "Event" => {
            snapshot.add_event(live::name(&object), KubeEvent::from_object(&object));
        }
        Message::Put(object) => snapshot.put(object),
        Message::Gone(id) => snapshot.remove(&id),
        Message::Problem(why) => return WatchEvent::Problem(why),
        Message::Forbidden(resource, namespace) => {
            snapshot.expect_no_more(&resource.group, &resource.kind, namespace.as_deref());
            return WatchEvent::Forbidden(resource.plural);
        }
    }
    WatchEvent::Update
}

/// One list, as JSON.
pub(crate) async fn list(
    target: &Target,
    resource: &ApiResource,
    namespace: Option<&str>,
) -> std::result::Result<Vec<Value>, kube::Error> {
    let answer = api(&target.client, resource, namespace).list(&ListParams::default()).await?;
    Ok(answer.items.into_iter().map(|object| plain(object, resource)).collect())
}
