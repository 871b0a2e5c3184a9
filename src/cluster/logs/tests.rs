//! Logs from an API server with scripted answers.

use super::Ask;
use super::Line;
use super::Logs;
use super::Source;
use super::each_line;
use super::logs;
use crate::cluster::fake_api::FakeApi;
use crate::cluster::inventory;
use crate::cluster::inventory::Inventory;
use crate::cluster::target::Target;
use crate::event::EventKind;
use crate::fault::FaultKind;
use crate::project::name::Namespace;
use crate::project::name::ProjectName;
use crate::project::origin::Origin;
use crate::run::Run;
use crate::world::World;
use serde_json::json;
use std::sync::Arc;
use tokio::sync::mpsc;

const PODS: &str = "/api/v1/namespaces/shop/pods";

fn request() -> Ask {
    Ask { names: Vec::new(), container: None, previous: false, follow: false, lines: Some(100), since: None }
}

/// A project `shop` whose Deployment `web` has the pods of `pods`, each with a log.
fn stage(pods: &[(&str, &str)]) -> (FakeApi, Run, Target, mpsc::UnboundedReceiver<crate::event::Event>) {
    let (api, client) = FakeApi::start();
    let (namespace, project) = (Namespace::parse("shop").unwrap(), ProjectName::parse("shop").unwrap());
    let mut inventory = Inventory::new().unwrap();
    let web = crate::cluster::kind::made("apps", "v1", "Deployment", "deployments", true);
    let id = crate::manifest::ObjectId {
        group: "apps".to_owned(),
        kind: "Deployment".to_owned(),
        namespace: Some("shop".to_owned()),
        name: "web".to_owned(),
    };
    inventory.extend([inventory::InventoryEntry::new(id, &web)]);
    let secret = inventory.secret(&project, &namespace, None).unwrap();
    api.put_silently("/api/v1/namespaces/shop/secrets", secret);
    let owner = json!([{"kind": "Deployment", "name": "web", "uid": "d", "controller": true}]);
    let set =
        json!({"metadata": {"name": "web-1", "namespace": "shop", "uid": "rs", "ownerReferences": owner}});
    api.put_silently("/apis/apps/v1/namespaces/shop/replicasets", set);
    for (name, log) in pods {
        let owner = json!([{"kind": "ReplicaSet", "name": "web-1", "uid": "rs", "controller": true}]);
        let pod = json!({"metadata": {"name": name, "namespace": "shop", "uid": name, "ownerReferences": owner},
                         "spec": {"containers": [{"name": "web"}]}});
        api.put_silently(PODS, pod);
        if !log.is_empty() {
            api.log(name, log);
        }
    }
    let folder = std::env::temp_dir();
    let (run, events, _) = Run::fake(World::fake(&folder, [("", ""); 0]));
    let clock = run.world.clock.clone();
    let origin = Arc::new(Origin::locate(&run.world, &folder.join("deploy.toml")));
    (
        api,
        run,
        Target { client, namespace, project, origin, clock, lock: Arc::default(), profile: None },
        events,
    )
}

async fn read(mut logs: Logs) -> Vec<String> {
    let mut lines = Vec::new();
    while let Some(line) = logs.next().await {
        lines.push(format!("{}: {}", line.source.pod, line.text));
    }
    lines
}

#[tokio::test]
async fn the_lines_of_several_pods_come_in_the_order_of_time() {
    let (_, run, target, _) = stage(&[
        ("web-a", "2026-01-01T10:00:01Z one\n2026-01-01T10:00:03.5Z three\n"),
        ("web-b", "2026-01-01T10:00:02Z two\r\n2026-01-01T10:00:04Z \n"),
    ]);
    let logs = logs(&run, &target, request()).await.unwrap();
    assert!(logs.several);
    assert_eq!(read(logs).await, ["web-a: one", "web-b: two", "web-a: three", "web-b: "]);
}

#[tokio::test]
async fn a_pod_without_a_log_is_told_and_the_others_are_read() {
    let (_, run, target, mut events) = stage(&[("web-a", ""), ("web-b", "2026-01-01T10:00:02Z two\n")]);
    assert_eq!(read(logs(&run, &target, request()).await.unwrap()).await, ["web-b: two"]);
    let EventKind::Warned { finding } = events.recv().await.unwrap().kind else { panic!("no warning") };
    assert_eq!(finding.subject.as_deref(), Some("Pod/web-a"));
    assert!(finding.message.contains("NotFound"), "{}", finding.message);
}

#[tokio::test]
async fn a_name_that_nothing_has_and_a_project_that_is_not_there_are_mistakes() {
    let (_, run, target, _) = stage(&[("web-a", "")]);
    let wrong = Ask { names: vec!["wbe".to_owned()], ..request() };
    let fault = logs(&run, &target, wrong).await.unwrap_err();
    assert_eq!(
        (fault.kind, fault.hints.as_slice()),
        (FaultKind::Usage, &["did you mean `web`?".to_owned()][..])
    );
    let wrong = Ask { container: Some("x".to_owned()), ..request() };
    let fault = logs(&run, &target, wrong).await.unwrap_err();
    assert_eq!(fault.causes(), ["the project has no container `x`"]);
    let other = Target { project: ProjectName::parse("other").unwrap(), ..target };
    assert_eq!(logs(&run, &other, request()).await.unwrap_err().kind, FaultKind::Usage);
}

#[tokio::test(start_paused = true)]
async fn a_log_that_is_followed_goes_on_in_the_pods_that_come() {
    let (api, run, target, _) = stage(&[("web-a", "2026-01-01T10:00:01Z one\n")]);
    let mut logs = logs(&run, &target, Ask { follow: true, ..request() }).await.unwrap();
    assert_eq!(logs.next().await.unwrap().text, "one");
    // The container starts again, and its log still begins with the lines already read.
    api.log("web-a", "2026-01-01T10:00:01Z one\n2026-01-01T10:00:09Z again\n");
    let line = logs.next().await.unwrap();
    assert_eq!((line.source.pod.as_str(), line.text.as_str()), ("web-a", "again"));
    let owner = json!([{"kind": "ReplicaSet", "name": "web-1", "uid": "rs", "controller": true}]);
    api.log("web-b", "2026-01-01T10:00:11Z new\n");
    api.put_silently(
        PODS,
        json!({"metadata": {"name": "web-b", "namespace": "shop", "uid": "b", "ownerReferences": owner},
               "spec": {"containers": [{"name": "web"}]}}),
    );
    let line = logs.next().await.unwrap();
    assert_eq!((line.source.pod.as_str(), line.text.as_str()), ("web-b", "new"));
}

#[tokio::test]
async fn a_line_without_end_comes_in_pieces() {
    let source = Source {
        namespace: "shop".to_owned(),
        pod: "web".to_owned(),
        container: "web".to_owned(),
        init: false,
    };
    let limit = usize::try_from(super::LONGEST).unwrap();
    let (tell, mut lines) = mpsc::channel(8);
    each_line(&vec![b'x'; 2 * limit + 7][..], &source, None, &tell).await;
    drop(tell);
    let mut lengths = Vec::new();
    while let Some(Line { text, .. }) = lines.recv().await {
        lengths.push(text.len());
    }
    assert_eq!(lengths, [limit, limit, 7]);
}

#[tokio::test]
async fn what_is_no_text_and_has_no_time_is_shown_as_it_is() {
    let source = Source {
        namespace: "shop".to_owned(),
        pod: "web".to_owned(),
        container: "web".to_owned(),
        init: false,
    };
    let (tell, mut lines) = mpsc::channel(8);
    each_line(&b"no time here\n\xff\xfe\n2026-01-01T10:00:01Z end"[..], &source, None, &tell).await;
    drop(tell);
    let mut texts = Vec::new();
    while let Some(Line { text, .. }) = lines.recv().await {
        texts.push(text);
    }
    assert_eq!(texts, ["no time here", "\u{fffd}\u{fffd}", "end"]);
}
