//! Two projects in one namespace: told apart where they have one name, side by side where they have two.

use crate::rehearsed::stage::Project;
use crate::rehearsed::stage::Stage;
use crate::rehearsed::stage::Told;
use serde_json::Value;
use std::collections::BTreeMap;
use todo::flow::Answer;
use todo::report::status::StatusReport;
use todo::report::status::Verdict;

/// `maps` ConfigMaps, a Deployment that reads the first of them and a Secret, and a claim, all called after `letter`.
fn objects(letter: &str, value: &str) -> String {
    let map = |n: u32| {
        format!(
            "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {letter}-{n}}}\ndata: {{x: '{value}'}}\n"
        )
    };
    let maps: String = (1..=4).map(map).collect();
    format!(
        "{maps}---
apiVersion: v1
kind: Secret
metadata: {{name: {letter}-keys}}
stringData: {{key: '{value}'}}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {{name: {letter}-data}}
spec: {{accessModes: [ReadWriteOnce], resources: {{requests: {{storage: 10Mi}}}}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {letter}-web}}
spec:
  selector: {{matchLabels: {{app: {letter}}}}}
  template:
    metadata: {{labels: {{app: {letter}}}}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: web
          image: nginx:1
          envFrom: [{{configMapRef: {{name: {letter}-1}}}}, {{secretRef: {{name: {letter}-keys}}}}]
"
    )
}

fn write(project: &Project, name: Option<&str>, text: &str) {
    let name = name.map(|name| format!("name = '{name}'\n")).unwrap_or_default();
    project.write("deploy.toml", &format!("namespace = 'shared'\n{name}[[manifests]]\npath = 'app.yaml'\n"));
    project.write("app.yaml", text);
}

/// A cluster with the project `a` deployed, and a second folder.
async fn two() -> (Stage, Project) {
    let stage = Stage::new().await;
    write(&stage.project, None, &objects("a", "1"));
    ended(&stage.todo(&["up"]).await, 0);
    let second = Project::at(stage.address);
    write(&second, None, &objects("b", "1"));
    (stage, second)
}

#[track_caller]
fn ended(told: &Told, code: u8) {
    assert_eq!(told.code, code, "{told:#?}");
}

fn status(told: Told) -> StatusReport {
    match told.answer {
        Some(Answer::Status(report)) => *report,
        other => panic!("{other:?}"),
    }
}

/// The project is this one: its workload and its claim are shown.
#[track_caller]
fn is_shown(told: Told) {
    let report = status(told);
    assert_eq!((report.workloads.len(), report.other), (2, None), "{:?}", report.workloads);
}

/// Everything in the namespace that begins with `letter`, by its UID and its version; without what keeps moving.
fn versions(stage: &Stage, letter: &str) -> BTreeMap<String, (Value, Value)> {
    let api = stage.cluster.api();
    let ours = |key: &String| {
        let name = key.split_once(" shared/").map_or("", |(_, name)| name);
        name.starts_with(letter) && !key.contains("events") && !key.contains("leases")
    };
    let found = api.all().into_keys().filter(ours);
    found
        .map(|key| {
            let (collection, rest) = key.split_once(' ').unwrap();
            let (namespace, name) = rest.split_once('/').unwrap();
            let metadata = api.get(collection, namespace, name).unwrap()["metadata"].clone();
            (key, (metadata["uid"].clone(), metadata["resourceVersion"].clone()))
        })
        .collect()
}

#[tokio::test(start_paused = true)]
async fn another_folder_of_the_same_name_touches_nothing_and_says_so() {
    let (stage, second) = two().await;
    let (before, records) = (versions(&stage, "a-"), versions(&stage, "todo."));
    assert!(before.len() > 6 && records.len() > 1, "{before:?} {records:?}");
    let (first, here) = (stage.project.folder.path(), second.folder.path());
    for command in [
        &["up"][..],
        &["up", "--yes", "--force-conflicts", "--prune-data"],
        &["plan"],
        &["down"],
        &["down", "--purge"],
        &["restart"],
        &["rollback"],
        &["logs"],
        &["history"],
        &["unlock"],
    ] {
        let told = second.todo(command).await;
        ended(&told, 40);
        for place in [first, here] {
            assert!(told.report.contains(place.to_str().unwrap()), "{place:?} is not in {}", told.report);
        }
        assert!(told.report.contains("--adopt") && told.report.contains("name = "), "{}", told.report);
        assert_eq!(told.done, Vec::<String>::new(), "{command:?}");
    }
    let report = status(second.todo(&["status"]).await);
    assert_eq!((report.verdict, report.workloads.len()), (Verdict::Absent, 0));
    let other = report.other.unwrap();
    assert!(other.origin.unwrap().contains(first.to_str().unwrap()));
    assert_eq!((versions(&stage, "a-"), versions(&stage, "todo.")), (before, records));
    assert_eq!(versions(&stage, "b-"), BTreeMap::new());
    ended(&stage.todo(&["up"]).await, 0);
}

#[tokio::test(start_paused = true)]
async fn two_names_live_side_by_side_through_all_that_happens_to_one_of_them() {
    let (stage, second) = two().await;
    write(&second, Some("b"), &objects("b", "1"));
    ended(&second.todo(&["up"]).await, 0);
    let (a, a_records) = (versions(&stage, "a-"), versions(&stage, "todo.shared"));
    let untouched = |after: &str| {
        assert_eq!(
            (versions(&stage, "a-"), versions(&stage, "todo.shared")),
            (a.clone(), a_records.clone()),
            "{after}"
        );
    };
    write(&second, Some("b"), &objects("b", "2"));
    ended(&second.todo(&["up"]).await, 0);
    untouched("an edit");
    ended(&second.todo(&["rollback"]).await, 0);
    untouched("a rollback");
    ended(&second.todo(&["restart"]).await, 0);
    untouched("a restart");
    ended(&second.todo(&["down"]).await, 0);
    untouched("down");
    is_shown(stage.todo(&["status"]).await);
    ended(&second.todo(&["up"]).await, 0);
    ended(&second.todo(&["down", "--purge"]).await, 0);
    untouched("down --purge");
    assert_eq!(versions(&stage, "b-"), BTreeMap::new());
    assert_eq!(versions(&stage, "todo.b"), BTreeMap::new());

    // And the other way round: the namespace was made for `a`, and goes with the last project that is in it.
    ended(&second.todo(&["up"]).await, 0);
    let b = versions(&stage, "b-");
    ended(&stage.todo(&["down", "--purge"]).await, 0);
    assert_eq!(versions(&stage, "b-"), b);
    is_shown(second.todo(&["status"]).await);
    ended(&second.todo(&["down", "--purge"]).await, 0);
    assert!(stage.cluster.api().get("api/v1/namespaces", "", "shared").is_none());
}

#[tokio::test(start_paused = true)]
async fn an_object_that_both_want_is_told_with_its_owner_before_anything_is_written() {
    let (stage, second) = two().await;
    let before = versions(&stage, "a-");
    write(&second, Some("b"), &format!("{}{}", objects("b", "1"), objects("a", "2")));
    for command in ["up", "plan"] {
        let told = second.todo(&[command]).await;
        ended(&told, 40);
        for word in ["ConfigMap/a-1", "the project `shared`", stage.project.folder.path().to_str().unwrap()] {
            assert!(told.report.contains(word), "{word} is not in {}", told.report);
        }
    }
    assert_eq!((versions(&stage, "a-"), versions(&stage, "b-")), (before, BTreeMap::new()));
    assert_eq!(versions(&stage, "todo.b"), BTreeMap::new());
}

#[tokio::test(start_paused = true)]
async fn the_namespace_that_both_write_down_is_shared() {
    let stage = Stage::new().await;
    let second = Project::at(stage.address);
    let home = |label: &str| {
        format!("---\napiVersion: v1\nkind: Namespace\nmetadata: {{name: shared, labels: {{of: {label}}}}}\n")
    };
    write(&stage.project, Some("a"), &format!("{}{}", objects("a", "1"), home("a")));
    write(&second, Some("b"), &format!("{}{}", objects("b", "1"), home("b")));
    ended(&stage.todo(&["up"]).await, 0);
    let told = second.todo(&["up"]).await;
    ended(&told, 0);
    assert!(told.report.contains("the project `a`"), "{}", told.report);
    let namespace = || stage.cluster.api().get("api/v1/namespaces", "", "shared");
    let before = namespace().unwrap();
    assert_eq!(before["metadata"]["labels"]["of"], "a");
    let told = second.todo(&["up"]).await;
    assert_eq!((told.code, told.report.as_str()), (0, ""), "it is told once");
    ended(&stage.todo(&["up"]).await, 0);
    assert_eq!(namespace().unwrap(), before, "neither takes it from the other");
    ended(&second.todo(&["down", "--purge"]).await, 0);
    assert!(namespace().is_some());
    ended(&second.todo(&["up"]).await, 0);
    ended(&stage.todo(&["down", "--purge"]).await, 0);
    ended(&second.todo(&["up"]).await, 0);
    ended(&second.todo(&["down", "--purge"]).await, 0);
    assert!(namespace().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_folder_that_was_moved_goes_on_and_is_told_once() {
    let (stage, second) = two().await;
    let before = versions(&stage, "a-");
    write(&second, None, &objects("a", "1"));
    ended(&second.todo(&["status"]).await, 0);
    ended(&second.todo(&["up"]).await, 40);
    std::fs::remove_file(stage.project.folder.path().join("deploy.toml")).unwrap();
    is_shown(second.todo(&["status"]).await);
    let told = second.todo(&["up"]).await;
    ended(&told, 0);
    let first = stage.project.folder.path().to_str().unwrap();
    assert!(told.report.contains(first), "{}", told.report);
    assert_eq!(versions(&stage, "a-"), before);
    let told = second.todo(&["up"]).await;
    assert_eq!((told.code, told.report.as_str()), (0, ""));

    // What is made in the old folder is another project, whatever its objects are called.
    write(&stage.project, None, &objects("a", "1"));
    ended(&stage.todo(&["up"]).await, 40);
    ended(&second.todo(&["down", "--purge"]).await, 0);
    assert_eq!(versions(&stage, "a-"), BTreeMap::new());
}

#[tokio::test(start_paused = true)]
async fn what_is_in_the_old_place_of_a_folder_no_more_is_not_taken_for_anything_else() {
    let (stage, second) = two().await;
    std::fs::remove_file(stage.project.folder.path().join("deploy.toml")).unwrap();
    let before = versions(&stage, "a-");
    for command in ["up", "plan", "down"] {
        ended(&second.todo(&[command]).await, 40);
    }
    assert_eq!((versions(&stage, "a-"), versions(&stage, "b-")), (before, BTreeMap::new()));
}

#[tokio::test(start_paused = true)]
async fn a_second_clone_and_a_worktree_are_the_same_project() {
    let stage = Stage::new().await;
    let clone = Project::at(stage.address);
    let worktree = Project::at(stage.address);
    let config = |url: &str| format!("[remote \"origin\"]\n\turl = {url}\n");
    stage.project.write(".git/config", &config("https://kim:hunter2@git.example/kim/shop.git"));
    stage.project.write(".git/worktrees/w/commondir", "../..");
    clone.write(".git/config", &config("git@git.example:kim/shop"));
    let git = stage.project.folder.path().join(".git/worktrees/w");
    worktree.write(".git", &format!("gitdir: {}\n", git.display()));
    for project in [&stage.project, &clone, &worktree] {
        write(project, None, &objects("a", "1"));
    }
    ended(&stage.todo(&["up"]).await, 0);
    let before = versions(&stage, "a-");
    for project in [&clone, &worktree] {
        is_shown(project.todo(&["status"]).await);
        let told = project.todo(&["up"]).await;
        assert_eq!((told.code, told.report.as_str()), (0, ""), "nothing is written, so nothing is told");
    }
    assert_eq!(versions(&stage, "a-"), before);
    write(&clone, None, &objects("a", "2"));
    let told = clone.todo(&["up"]).await;
    ended(&told, 0);
    assert!(
        told.report.contains("git.example/kim/shop") && !told.report.contains("hunter2"),
        "{}",
        told.report
    );
    ended(&worktree.todo(&["down", "--purge"]).await, 0);
    assert_eq!(versions(&stage, "a-"), BTreeMap::new());

    // A repository of its own is another project, in whatever folder it is.
    ended(&stage.todo(&["up"]).await, 0);
    clone.write(".git/config", &config("git@git.example:kim/another"));
    ended(&clone.todo(&["up"]).await, 40);
}

#[tokio::test(start_paused = true)]
async fn what_is_adopted_is_ours_from_then_on_and_prunes_what_we_have_not() {
    let (stage, second) = two().await;
    let plan = second.todo(&["plan", "--adopt"]).await;
    ended(&plan, 0);
    let Some(Answer::Planned { listing, .. }) = &plan.answer else { panic!("{plan:?}") };
    let deleted = listing.rows.iter().filter(|row| row[0] == "delete" && !row[3].is_empty()).count();
    assert_eq!(deleted, 6, "{:?}", listing.rows);
    ended(&second.todo(&["up", "--adopt"]).await, 0);
    let left: Vec<String> = versions(&stage, "a-").into_keys().collect();
    assert!(left.iter().all(|key| key.contains("persistentvolumeclaims")), "{left:?}");
    ended(&second.todo(&["up"]).await, 0);
    ended(&stage.todo(&["up"]).await, 40);
    ended(&stage.todo(&["down"]).await, 40);
    ended(&stage.todo(&["down", "--adopt"]).await, 0);
    ended(&second.todo(&["up"]).await, 40);
}

#[tokio::test(start_paused = true)]
async fn data_that_down_has_kept_is_still_the_others() {
    let (stage, second) = two().await;
    ended(&stage.todo(&["down"]).await, 0);
    let kept = versions(&stage, "a-data");
    assert_eq!(kept.len(), 1);
    for command in [&["up"][..], &["down", "--purge"]] {
        let told = second.todo(command).await;
        ended(&told, 40);
        assert!(told.report.contains("PersistentVolumeClaim/a-data"), "{}", told.report);
    }
    assert_eq!(versions(&stage, "a-data"), kept);
    ended(&stage.todo(&["up"]).await, 0);
    ended(&stage.todo(&["down", "--purge"]).await, 0);
    ended(&second.todo(&["up"]).await, 0);
}
