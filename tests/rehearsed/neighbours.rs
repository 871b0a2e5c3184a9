//! Two projects in one namespace: distinguished where they have one name, side by side where they have two.

use crate::rehearsed::harness::Harness;
use crate::rehearsed::harness::Project;
use crate::rehearsed::harness::RunOutput;
use serde_json::Value;
use std::collections::BTreeMap;
use todo::answer::status::ProjectHealth;
use todo::answer::status::StatusReport;
use todo::flow::Answer;

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

/// A cluster with the project `a` deployed, and a second directory.
async fn two() -> (Harness, Project) {
    let harness = Harness::new().await;
    write(&harness.project, None, &objects("a", "1"));
    ended(&harness.todo(&["up"]).await, 0);
    let second = Project::at(harness.address);
    write(&second, None, &objects("b", "1"));
    (harness, second)
}

#[track_caller]
fn ended(output: &RunOutput, code: u8) {
    assert_eq!(output.code, code, "{output:#?}");
}

fn status(output: RunOutput) -> StatusReport {
    match output.answer {
        Some(Answer::Status(report)) => *report,
        other => panic!("{other:?}"),
    }
}

/// The project is this one: its workload and its claim are shown.
#[track_caller]
fn is_shown(output: RunOutput) {
    let report = status(output);
    assert_eq!((report.workloads.len(), report.other), (2, None), "{:?}", report.workloads);
}

/// Everything in the namespace that begins with `letter`, by its UID and its version; without what keeps moving.
fn versions(harness: &Harness, letter: &str) -> BTreeMap<String, (Value, Value)> {
    let api = harness.cluster.api();
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
    let (harness, second) = two().await;
    let (before, records) = (versions(&harness, "a-"), versions(&harness, "todo."));
    assert!(before.len() > 6 && records.len() > 1, "{before:?} {records:?}");
    let (first, here) = (harness.project.folder.path(), second.folder.path());
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
        let output = second.todo(command).await;
        ended(&output, 40);
        for place in [first, here] {
            assert!(output.report.contains(place.to_str().unwrap()), "{place:?} is not in {}", output.report);
        }
        assert!(output.report.contains("--adopt") && output.report.contains("name = "), "{}", output.report);
        assert_eq!(output.done, Vec::<String>::new(), "{command:?}");
    }
    let report = status(second.todo(&["status"]).await);
    assert_eq!((report.verdict, report.workloads.len()), (ProjectHealth::Absent, 0));
    let other = report.other.unwrap();
    assert!(other.origin.unwrap().contains(first.to_str().unwrap()));
    assert_eq!((versions(&harness, "a-"), versions(&harness, "todo.")), (before, records));
    assert_eq!(versions(&harness, "b-"), BTreeMap::new());
    ended(&harness.todo(&["up"]).await, 0);
}

#[tokio::test(start_paused = true)]
async fn two_names_live_side_by_side_through_all_that_happens_to_one_of_them() {
    let (harness, second) = two().await;
    write(&second, Some("b"), &objects("b", "1"));
    ended(&second.todo(&["up"]).await, 0);
    let (a, a_records) = (versions(&harness, "a-"), versions(&harness, "todo.shared"));
    let untouched = |after: &str| {
        assert_eq!(
            (versions(&harness, "a-"), versions(&harness, "todo.shared")),
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
    is_shown(harness.todo(&["status"]).await);
    ended(&second.todo(&["up"]).await, 0);
    ended(&second.todo(&["down", "--purge"]).await, 0);
    untouched("down --purge");
    assert_eq!(versions(&harness, "b-"), BTreeMap::new());
    assert_eq!(versions(&harness, "todo.b"), BTreeMap::new());

    // And the other way round: the namespace was made for `a`, and is deleted with the last project in it.
    ended(&second.todo(&["up"]).await, 0);
    let b = versions(&harness, "b-");
    ended(&harness.todo(&["down", "--purge"]).await, 0);
    assert_eq!(versions(&harness, "b-"), b);
    is_shown(second.todo(&["status"]).await);
    ended(&second.todo(&["down", "--purge"]).await, 0);
    assert!(harness.cluster.api().get("api/v1/namespaces", "", "shared").is_none());
}

#[tokio::test(start_paused = true)]
async fn an_object_that_both_want_is_told_with_its_owner_before_anything_is_written() {
    let (harness, second) = two().await;
    let before = versions(&harness, "a-");
    write(&second, Some("b"), &format!("{}{}", objects("b", "1"), objects("a", "2")));
    for command in ["up", "plan"] {
        let output = second.todo(&[command]).await;
        ended(&output, 40);
        for word in ["ConfigMap/a-1", "the project `shared`", harness.project.folder.path().to_str().unwrap()]
        {
            assert!(output.report.contains(word), "{word} is not in {}", output.report);
        }
    }
    assert_eq!((versions(&harness, "a-"), versions(&harness, "b-")), (before, BTreeMap::new()));
    assert_eq!(versions(&harness, "todo.b"), BTreeMap::new());
}

#[tokio::test(start_paused = true)]
async fn the_namespace_that_both_write_down_is_shared() {
    let harness = Harness::new().await;
    let second = Project::at(harness.address);
    let home = |label: &str| {
        format!("---\napiVersion: v1\nkind: Namespace\nmetadata: {{name: shared, labels: {{of: {label}}}}}\n")
    };
    write(&harness.project, Some("a"), &format!("{}{}", objects("a", "1"), home("a")));
    write(&second, Some("b"), &format!("{}{}", objects("b", "1"), home("b")));
    ended(&harness.todo(&["up"]).await, 0);
    let output = second.todo(&["up"]).await;
    ended(&output, 0);
    assert!(output.report.contains("the project `a`"), "{}", output.report);
    let namespace = || harness.cluster.api().get("api/v1/namespaces", "", "shared");
    let before = namespace().unwrap();
    assert_eq!(before["metadata"]["labels"]["of"], "a");
    let output = second.todo(&["up"]).await;
    assert_eq!((output.code, output.report.as_str()), (0, ""), "it is told once");
    ended(&harness.todo(&["up"]).await, 0);
    assert_eq!(namespace().unwrap(), before, "neither takes it from the other");
    ended(&second.todo(&["down", "--purge"]).await, 0);
    assert!(namespace().is_some());
    ended(&second.todo(&["up"]).await, 0);
    ended(&harness.todo(&["down", "--purge"]).await, 0);
    ended(&second.todo(&["up"]).await, 0);
    ended(&second.todo(&["down", "--purge"]).await, 0);
    assert!(namespace().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_folder_that_was_moved_goes_on_and_is_told_once() {
    let (harness, second) = two().await;
    let before = versions(&harness, "a-");
    write(&second, None, &objects("a", "1"));
    ended(&second.todo(&["status"]).await, 0);
    ended(&second.todo(&["up"]).await, 40);
    std::fs::remove_file(harness.project.folder.path().join("deploy.toml")).unwrap();
    is_shown(second.todo(&["status"]).await);
    let output = second.todo(&["up"]).await;
    ended(&output, 0);
    let first = harness.project.folder.path().to_str().unwrap();
    assert!(output.report.contains(first), "{}", output.report);
    assert_eq!(versions(&harness, "a-"), before);
    let output = second.todo(&["up"]).await;
    assert_eq!((output.code, output.report.as_str()), (0, ""));

    // A new project in the old directory is another one, even with equal object names.
    write(&harness.project, None, &objects("a", "1"));
    ended(&harness.todo(&["up"]).await, 40);
    ended(&second.todo(&["down", "--purge"]).await, 0);
    assert_eq!(versions(&harness, "a-"), BTreeMap::new());
}

#[tokio::test(start_paused = true)]
async fn what_is_in_the_old_place_of_a_folder_no_more_is_not_taken_for_anything_else() {
    let (harness, second) = two().await;
    std::fs::remove_file(harness.project.folder.path().join("deploy.toml")).unwrap();
    let before = versions(&harness, "a-");
    for command in ["up", "plan", "down"] {
        ended(&second.todo(&[command]).await, 40);
    }
    assert_eq!((versions(&harness, "a-"), versions(&harness, "b-")), (before, BTreeMap::new()));
}

#[tokio::test(start_paused = true)]
async fn a_second_clone_and_a_worktree_are_the_same_project() {
    let harness = Harness::new().await;
    let clone = Project::at(harness.address);
    let worktree = Project::at(harness.address);
    let config = |url: &str| format!("[remote \"origin\"]\n\turl = {url}\n");
    harness.project.write(".git/config", &config("https://kim:hunter2@git.example/kim/shop.git"));
    harness.project.write(".git/worktrees/w/commondir", "../..");
    clone.write(".git/config", &config("git@git.example:kim/shop"));
    let git = harness.project.folder.path().join(".git/worktrees/w");
    worktree.write(".git", &format!("gitdir: {}\n", git.display()));
    for project in [&harness.project, &clone, &worktree] {
        write(project, None, &objects("a", "1"));
    }
    ended(&harness.todo(&["up"]).await, 0);
    let before = versions(&harness, "a-");
    for project in [&clone, &worktree] {
        is_shown(project.todo(&["status"]).await);
        let output = project.todo(&["up"]).await;
        assert_eq!((output.code, output.report.as_str()), (0, ""), "nothing is written, so nothing is told");
    }
    assert_eq!(versions(&harness, "a-"), before);
    write(&clone, None, &objects("a", "2"));
    let output = clone.todo(&["up"]).await;
    ended(&output, 0);
    assert!(
        output.report.contains("git.example/kim/shop") && !output.report.contains("hunter2"),
        "{}",
        output.report
    );
    ended(&worktree.todo(&["down", "--purge"]).await, 0);
    assert_eq!(versions(&harness, "a-"), BTreeMap::new());

    // A repository of its own is another project, in whatever directory it is.
    ended(&harness.todo(&["up"]).await, 0);
    clone.write(".git/config", &config("git@git.example:kim/another"));
    ended(&clone.todo(&["up"]).await, 40);
}

#[tokio::test(start_paused = true)]
async fn what_is_adopted_is_ours_from_then_on_and_prunes_what_we_have_not() {
    let (harness, second) = two().await;
    let plan = second.todo(&["plan", "--adopt"]).await;
    ended(&plan, 0);
    let Some(Answer::Planned { listing, .. }) = &plan.answer else { panic!("{plan:?}") };
    let deleted = listing.rows.iter().filter(|row| row[0] == "delete" && !row[3].is_empty()).count();
    assert_eq!(deleted, 6, "{:?}", listing.rows);
    ended(&second.todo(&["up", "--adopt"]).await, 0);
    let left: Vec<String> = versions(&harness, "a-").into_keys().collect();
    assert!(left.iter().all(|key| key.contains("persistentvolumeclaims")), "{left:?}");
    ended(&second.todo(&["up"]).await, 0);
    ended(&harness.todo(&["up"]).await, 40);
    ended(&harness.todo(&["down"]).await, 40);
    ended(&harness.todo(&["down", "--adopt"]).await, 0);
    ended(&second.todo(&["up"]).await, 40);
}

#[tokio::test(start_paused = true)]
async fn data_that_down_has_kept_is_still_the_others() {
    let (harness, second) = two().await;
    ended(&harness.todo(&["down"]).await, 0);
    let kept = versions(&harness, "a-data");
    assert_eq!(kept.len(), 1);
    for command in [&["up"][..], &["down", "--purge"]] {
        let output = second.todo(command).await;
        ended(&output, 40);
        assert!(output.report.contains("PersistentVolumeClaim/a-data"), "{}", output.report);
    }
    assert_eq!(versions(&harness, "a-data"), kept);
    ended(&harness.todo(&["up"]).await, 0);
    ended(&harness.todo(&["down", "--purge"]).await, 0);
    ended(&second.todo(&["up"]).await, 0);
}
