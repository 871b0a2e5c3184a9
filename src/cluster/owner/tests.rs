//! The owner of a project, by place and by objects, and the data of a refusal.

use super::Doing;
use super::Owner;
use super::OwnerFacts;
use super::Wants;
use super::another_name;
use super::owner;
use super::permit;
use crate::clock::Clock;
use crate::cluster::fake_api::FakeApi;
use crate::cluster::inventory::DeploymentRecord;
use crate::cluster::inventory::InventoryEntry;
use crate::cluster::kind;
use crate::cluster::target::Target;
use crate::event::Place;
use crate::manifest::Object;
use crate::manifest::ObjectId;
use crate::project::name::Namespace;
use crate::project::name::ProjectName;
use crate::project::origin::Origin;
use serde_json::json;
use std::sync::Arc;

fn at(folder: &str) -> Origin {
    Origin { machine: "box".into(), folder: folder.into(), file: "deploy.toml".into(), repository: None }
}

fn target(folder: &str) -> Target {
    Target {
        client: FakeApi::start().1,
        namespace: Namespace::parse("shop").unwrap(),
        project: ProjectName::parse("shop").unwrap(),
        origin: Arc::new(at(folder)),
        clock: Clock::system(),
        lock: std::sync::Arc::default(),
        profile: None,
    }
}

fn deployed(folder: &str) -> DeploymentRecord {
    DeploymentRecord::now(None, &at(folder), Clock::system().now()).unwrap()
}

fn entries(names: &str, kept: bool) -> Vec<InventoryEntry> {
    let entry = |name: &str| {
        let (kind, name) = name.split_once('/').unwrap();
        let namespace = (kind != "Namespace").then(|| "shop".to_owned());
        let id = ObjectId { group: String::new(), kind: kind.into(), namespace, name: name.into() };
        InventoryEntry { kept, ..InventoryEntry::new(id, &kind::core(kind)) }
    };
    names.split_whitespace().map(entry).collect()
}

fn desired(names: &str) -> Wants {
    let mut desired = Wants::default();
    for (kind, name) in names.split_whitespace().filter_map(|name| name.split_once('/')) {
        desired.add("", kind, name);
    }
    desired
}

#[tokio::test]
async fn whose_it_is_follows_from_the_place_and_where_that_is_in_doubt_from_the_objects() {
    // A directory that exists, and one that does not.
    let there = tempfile::tempdir().unwrap();
    std::fs::write(there.path().join("deploy.toml"), "").unwrap();
    let there = there.path().to_str().unwrap();
    let (us, record, undecided, others) = ("us", "us, to be written down", "undecided", "others");
    // deployed from, existing objects, desired objects: the owner
    let table = [
        (Some("/here"), "ConfigMap/a", Some("ConfigMap/b"), us),
        (Some(there), "ConfigMap/a", Some("ConfigMap/a"), others),
        (Some(there), "ConfigMap/a", None, others),
        (Some(there), "", Some("ConfigMap/a"), us),
        (Some("/gone"), "ConfigMap/a ConfigMap/b", Some("ConfigMap/b ConfigMap/c"), record),
        (Some("/gone"), "ConfigMap/a ConfigMap/b Secret/c", Some("ConfigMap/b"), others),
        (Some("/gone"), "ConfigMap/a", None, undecided),
        (Some("/gone"), "Namespace/shop ConfigMap/a", Some("Namespace/shop"), others),
        (None, "ConfigMap/a ConfigMap/b", Some("ConfigMap/a"), record),
        (None, "ConfigMap/a ConfigMap/b", Some("ConfigMap/c"), others),
        (None, "ConfigMap/a", None, undecided),
        (None, "", None, us),
    ];
    let here = target("/here");
    for (from, listed, wants, expected) in table {
        let (deployed, entries) = (from.map(deployed), entries(listed, false));
        let known = OwnerFacts { deployed: deployed.as_ref(), entries: &entries, charts: false };
        let found = match owner(&here, known, wants.map(desired).as_ref()) {
            Owner::Us { record: true, .. } => record,
            Owner::Us { .. } => us,
            Owner::Undecided => undecided,
            Owner::Others => others,
        };
        assert_eq!(found, expected, "{from:?} {listed} {wants:?}");
    }
}

#[tokio::test]
async fn claims_that_a_stateful_set_has_made_are_wanted_with_it() {
    let set = json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "db"},
        "spec": {"volumeClaimTemplates": [{"metadata": {"name": "data"}}]}});
    let desired = Wants::from_objects(&[Object::made(set, Place::file("a.yaml"))]);
    let here = target("/here");
    for (claim, expected) in [("data-db-0", true), ("data-db-x", false), ("data-web-0", false)] {
        let entries = entries(&format!("PersistentVolumeClaim/{claim}"), true);
        let deployed = deployed("/gone");
        let known = OwnerFacts { deployed: Some(&deployed), entries: &entries, charts: false };
        assert_eq!(matches!(owner(&here, known, Some(&desired)), Owner::Us { .. }), expected, "{claim}");
    }
}

#[tokio::test]
async fn a_refusal_names_both_places_and_the_ways_on_and_adopt_is_one() {
    let there = tempfile::tempdir().unwrap();
    std::fs::write(there.path().join("deploy.toml"), "").unwrap();
    let there = there.path().to_str().unwrap();
    let (here, deployed) = (target("/src/here"), deployed(there));
    let entries = entries("ConfigMap/a Secret/b", false);
    let known = OwnerFacts { deployed: Some(&deployed), entries: &entries, charts: false };
    for doing in [Doing::Up, Doing::Down, Doing::Using] {
        let fault = permit(&here, known, None, false, doing).unwrap_err();
        assert_eq!(fault.kind.exit_code(), 40);
        let all = format!("{:?} {:?}", fault.findings, fault.hints);
        // As `{:?}` shows it, with backslashes twice.
        let escaped = there.escape_debug().to_string();
        for word in [escaped.as_str(), "/src/here on box", "ConfigMap/a", "name = \\\"here\\\"", "--adopt"] {
            assert!(all.contains(word), "{word} is not in {all}");
        }
    }
    let permit = permit(&here, known, None, true, Doing::Up).unwrap();
    assert!(permit.record && permit.note.is_some_and(|note| note.message.contains(there)));
}

#[tokio::test]
async fn another_name_is_one_and_is_another() {
    for (folder, name) in [
        ("/src/todo-b", "todo-b"),
        ("/src/shop", "shop-2"),
        ("/src/My App (2)", "my-app--2"),
        ("/", "shop-2"),
        ("/src/___", "shop-2"),
    ] {
        let name_of = another_name(&target(folder));
        assert_eq!(name_of, name);
        assert!(ProjectName::parse(name_of).is_ok());
    }
}
