//! The proven defects, and the remedies: each kind of damage against a record of every call.

use crate::event::Outcome;
use crate::fault::FaultKind;
use crate::minikube;
use crate::minikube::Break;
use crate::minikube::MinikubeState;
use crate::minikube::tests::harness::Harness;

/// Files that exist and cannot be read, by the shell commands that create them.
const UNREADABLE: [&str; 8] = [
    "echo '{{{{ not yaml' >\"$FILE\"",
    "printf '\\377\\376a\\000' >\"$FILE\"",
    "printf 'apiVersion: v2\\nkind: Config\\n' >\"$FILE\"",
    "printf 'apiVersion: v1\\nkind: Pod\\n' >\"$FILE\"",
    "rm -f \"$FILE\"; mkdir \"$FILE\"",
    "rm -f \"$FILE\"; ln -s nowhere \"$FILE\"",
    "rm -f \"$FILE\"; mkfifo \"$FILE\"",
    "truncate -s 17M \"$FILE\"",
];

#[tokio::test]
async fn a_file_that_cannot_be_read_is_an_error_and_nothing_is_started_or_changed() {
    for (index, script) in UNREADABLE.iter().enumerate() {
        for file in ["kubeconfig", "second", ".minikube/profiles/mini/config.json"] {
            for status in ["running", "exited"] {
                let mut harness = Harness::running().await;
                harness.container(status);
                harness.kubeconfig_is("kubeconfig:second");
                harness.sh(&format!("FILE=\"$HERE/{file}\"; {script}")).await;
                let what = format!("{index}: {file} of a node that is {status}: {script}");
                let fault = harness.ensure().await.expect_err(&what);
                assert_eq!(fault.kind, FaultKind::Minikube, "{what}");
                let causes = fault.causes().concat();
                assert!(causes.contains(file), "{what}: {causes}");
                let state = harness.inspect().await.unwrap();
                assert!(matches!(&state, MinikubeState::Broken(Break::Unreadable(_))), "{what}: {state:?}");
                let same = minikube::refusal(&harness.desired.profile, &state).expect(&what);
                assert_eq!((same.causes(), same.hints), (fault.causes(), fault.hints), "{what}");
                assert!(harness.calls().is_empty(), "{what}: {:?}", harness.calls());
                for changing in ["POST", "PUT", "DELETE"] {
                    assert!(harness.engine_saw(changing).is_empty(), "{what}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_kubeconfig_that_cannot_be_read_keeps_a_new_profile_from_being_made() {
    let harness = Harness::absent().await;
    harness.write("kubeconfig", "clusters: [");
    assert_eq!(harness.ensure().await.unwrap_err().kind, FaultKind::Minikube);
    assert!(harness.calls().is_empty());
}

#[tokio::test]
async fn an_api_server_that_answers_is_never_started_whatever_it_answers() {
    for status in ["401", "403"] {
        let harness = Harness::running().await;
        harness.write("status", status);
        let fault = harness.ensure().await.unwrap_err();
        assert!(fault.causes().concat().contains(status), "{:?}", fault.causes());
        assert!(harness.calls().is_empty(), "{status}: {:?}", harness.calls());
    }
    let harness = Harness::running().await;
    harness.write("status", "500");
    let state = harness.inspect().await.unwrap();
    assert!(
        matches!(&state, MinikubeState::Broken(Break::ApiFails(why)) if why.contains("500")),
        "{state:?}"
    );
}

#[tokio::test]
async fn an_api_server_that_is_silent_is_down_only_if_no_kubelet_runs() {
    for (processes, down) in [("/sbin/init", true), ("/sbin/init\n/usr/bin/kubelet", false)] {
        let harness = Harness::running().await;
        harness.write("processes", processes);
        harness.silence();
        let state = harness.inspect().await.unwrap();
        match state {
            MinikubeState::Broken(Break::ApiDown(_)) => assert!(down, "{processes}"),
            MinikubeState::Broken(Break::ApiFails(_)) => assert!(!down, "{processes}"),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn certificates_that_moved_are_corrected_in_the_entry_and_nothing_is_started() {
    let harness = Harness::running().await;
    let own = harness.path(".minikube/profiles/mini");
    for file in ["client.crt", "client.key"] {
        std::fs::write(own.join(file), "-----BEGIN -----\n").unwrap();
    }
    let right = harness.kubeconfig().replace(
        "user: {}",
        &format!(
            "user: {{client-certificate: '{0}/client.crt', client-key: '{0}/client.key'}} # mine",
            own.display()
        ),
    );
    let moved = right.replace(&own.display().to_string(), "/moved/.minikube/profiles/mini");
    harness.write("kubeconfig", &moved);
    assert!(matches!(harness.inspect().await.unwrap(), MinikubeState::Broken(Break::KubeconfigStale(_))));
    harness.on("update-context", "", 0);
    // The named files do not contain a valid certificate; whatever the result, nothing is started.
    let _ = harness.ensure().await;
    assert_eq!(harness.kubeconfig(), right);
    assert_eq!(harness.calls(), ["update-context -p mini"]);
    // And where minikube's own are missing, no entry can be right.
    std::fs::remove_file(own.join("client.key")).unwrap();
    let state = harness.inspect().await.unwrap();
    assert!(
        matches!(&state, MinikubeState::Broken(Break::Unreadable(file)) if file.why.contains("client.key")),
        "{state:?}"
    );
}

#[tokio::test]
async fn an_authority_that_is_missing_is_not_made_anew_under_a_cluster() {
    let harness = Harness::running().await;
    harness.container("exited");
    std::fs::remove_file(harness.path(".minikube/ca.key")).unwrap();
    let fault = harness.ensure().await.unwrap_err();
    assert!(fault.causes().concat().contains("ca.key"), "{:?}", fault.causes());
    assert!(harness.calls().is_empty());
}

#[tokio::test]
async fn a_key_that_is_none_is_told_before_a_start_that_would_keep_it() {
    let harness = Harness::running().await;
    harness.container("exited");
    harness.write(".minikube/profiles/mini/client.key", "garbage");
    let fault = harness.ensure().await.unwrap_err();
    assert!(fault.causes().concat().contains("client.key"), "{:?}", fault.causes());
    assert!(harness.calls().is_empty());
}

#[tokio::test]
async fn an_entry_of_another_cluster_is_not_overwritten() {
    let foreign = "apiVersion: v1\nkind: Config\nclusters:\n- name: mini\n  cluster: {server: 'https://prod.example.com'}\ncontexts:\n- name: mini\n  context: {cluster: mini, user: mini}\nusers:\n- name: mini\n  user: {token: t}\n";
    for harness in [Harness::running().await, Harness::absent().await] {
        harness.write("kubeconfig", foreign);
        let fault = harness.ensure().await.unwrap_err();
        assert_eq!(fault.kind, FaultKind::Minikube);
        assert!(fault.causes().concat().contains("prod.example.com"), "{:?}", fault.causes());
        assert!(harness.calls().is_empty());
        assert_eq!(harness.kubeconfig(), foreign);
    }
}

#[tokio::test]
async fn a_node_that_minikube_does_not_remember_is_not_replaced() {
    for status in ["running", "exited"] {
        let harness = Harness::running().await;
        harness.container(status);
        std::fs::remove_file(harness.path(".minikube/profiles/mini/config.json")).unwrap();
        let fault = harness.ensure().await.unwrap_err();
        assert!(fault.causes().concat().contains("config.json"), "{:?}", fault.causes());
        assert!(harness.calls().is_empty());
    }
}

#[tokio::test]
async fn kubectl_gets_a_current_context_only_where_it_has_none() {
    for (line, after) in [
        ("current-context: work\n", "current-context: work\n"),
        ("current-context: gone\n", "current-context: gone\n"),
        ("current-context: \"\"\n", "current-context: mini\n"),
        ("", "current-context: mini\n"),
    ] {
        let harness = Harness::running().await;
        let entry = harness.kubeconfig().replace("current-context: work\n", "");
        harness.write("kubeconfig", &format!("{entry}# mine\n{line}"));
        assert_eq!(harness.ensure().await.unwrap().outcome, Outcome::Unchanged);
        assert_eq!(harness.kubeconfig(), format!("{entry}# mine\n{after}"));
    }
    let mut harness = Harness::running().await;
    harness.kubeconfig_is("kubeconfig:second");
    let entry = harness.kubeconfig().replace("current-context: work\n", "");
    harness.write("kubeconfig", &entry);
    harness.write("second", "current-context: other\n");
    harness.ensure().await.unwrap();
    assert_eq!(harness.kubeconfig(), entry, "another file of KUBECONFIG names one");
}
