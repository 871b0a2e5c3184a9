//! The room against a fake engine, a fake API server and a fake minikube.

mod harness;
mod proof;
mod publish;

use crate::event::EventKind;
use crate::event::Outcome;
use crate::fault::FaultKind;
use crate::minikube;
use crate::minikube::Break;
use crate::minikube::MinikubeState;
use crate::minikube::Pause;
use harness::Harness;

#[tokio::test]
async fn a_profile_that_runs_is_used_as_it_is_without_minikube() {
    let harness = Harness::running().await;
    std::fs::remove_file(harness.path("bin/minikube")).unwrap();
    let node = harness.ensure().await.unwrap();
    assert_eq!(node.outcome, Outcome::Unchanged);
    assert_eq!(node.docker.unwrap().to_string(), "tcp://127.0.0.1:32776");
    assert_eq!(node.address, Some("192.168.49.2".parse().unwrap()));
    assert_eq!(node.published[&30080].to_string(), "127.0.0.1:30080");
    assert_eq!(node.context, "mini");
    assert!(node.notes.is_empty(), "{:?}", node.notes);
    assert_eq!(harness.engine_saw("POST"), Vec::<String>::new());
}

#[tokio::test]
async fn a_profile_that_is_not_there_is_made_as_the_project_asks() {
    let mut harness = Harness::absent().await;
    harness.desired.cpus = Some(4);
    harness.desired.memory_mib = Some(4096);
    // The Ingress addon waits until it is known that no other controller serves its class.
    harness.desired.addons = vec!["ingress".to_owned(), "metrics-server".to_owned()];
    harness.on(
        "start",
        &format!("{}\n{}\n{}", harness::EVENTS, harness.runs(), harness.switches_context()),
        0,
    );
    let node = harness.ensure().await.unwrap();
    assert_eq!(node.outcome, Outcome::Created);
    assert_eq!(
        harness.calls(),
        [
            "start -o json --interactive=false --keep-context -p mini --driver=docker --container-runtime=docker --cpus=4 --memory=4096mb --addons=metrics-server",
            "addons enable metrics-server -p mini",
        ]
    );
    assert_eq!(harness.current_context(), "work");
    let events = harness.events();
    let progress: Vec<&str> = events
        .iter()
        .filter_map(
            |event| if let EventKind::Progress { doing, .. } = event { Some(doing.as_str()) } else { None },
        )
        .collect();
    assert_eq!(progress, ["Pulling base image", "downloading kicbase", "enabling the addon metrics-server"]);
    assert!(matches!(
        events.last(),
        Some(EventKind::ItemFinished { outcome: Outcome::Created, detail: Some(detail), .. }) if detail == "Kubernetes v1.35.1"
    ));
    assert!(
        !format!("{events:?}").contains("secret"),
        "the environment that minikube prints is not repeated"
    );
}

#[tokio::test]
async fn a_start_that_fails_is_told_by_minikubes_reason_whatever_else_it_printed() {
    let harness = Harness::absent().await;
    harness.on("start", &format!("echo 'E0116 klog noise' >&2\n{}", harness::OUT_OF_MEMORY), 23);
    let fault = harness.ensure().await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Prerequisite);
    assert_eq!(fault.causes().last().unwrap(), "Docker has 1000MB of memory");
    assert!(fault.causes()[0].contains("cannot start the profile `mini`"), "{:?}", fault.causes());
    assert!(fault.hints[0].starts_with("minikube advises:"), "{:?}", fault.hints);

    harness.on("start", "echo 'E0116 klog noise' >&2", 80);
    let fault = harness.ensure().await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Minikube);
    assert!(fault.causes().concat().contains("exit code 80"), "{:?}", fault.causes());
    assert!(fault.hints.concat().contains("minikube logs -p mini"));
}

#[tokio::test]
async fn exit_code_0_alone_is_not_believed() {
    let harness = Harness::absent().await;
    harness.on("start", "", 0);
    let fault = harness.ensure().await.unwrap_err();
    assert_eq!((fault.kind, harness.calls().len()), (FaultKind::Minikube, 1));
    assert!(!fault.hints.is_empty());
}

#[tokio::test]
async fn a_stale_kubeconfig_is_written_anew_and_the_current_context_stays() {
    let harness = Harness::running().await;
    let entry = harness.kubeconfig();
    harness.write("kubeconfig", &entry.replace("http://127.0.0.1:", "http://127.0.0.1:1"));
    assert!(matches!(harness.inspect().await.unwrap(), MinikubeState::Broken(Break::KubeconfigStale(_))));
    harness.write("right", &entry.replace("current-context: work", "current-context: mini"));
    harness.on("update-context", "cp \"$HERE/right\" \"$HERE/kubeconfig\"", 0);
    let node = harness.ensure().await.unwrap();
    assert_eq!(node.outcome, Outcome::Changed);
    assert_eq!(harness.calls(), ["update-context -p mini"]);
    assert_eq!(harness.kubeconfig(), entry);
}

#[tokio::test]
async fn an_entry_that_update_context_cannot_write_is_an_error_and_starts_nothing() {
    for lost in ["", "apiVersion: v1\nkind: Config\ncurrent-context: work\n"] {
        let harness = Harness::running().await;
        harness.write("kubeconfig", lost);
        harness.on("update-context", "", 1);
        let fault = harness.ensure().await.unwrap_err();
        assert_eq!(fault.kind, FaultKind::Minikube);
        assert!(!fault.hints.concat().contains("delete"), "{:?}", fault.hints);
        assert_eq!(harness.calls(), ["update-context -p mini"]);
        assert_eq!(harness.kubeconfig(), lost);
    }
}

#[tokio::test]
async fn a_frozen_node_is_let_run_by_the_engine_alone() {
    let harness = Harness::running().await;
    harness.container("paused");
    assert!(matches!(harness.inspect().await.unwrap(), MinikubeState::Paused(Pause::Container)));
    let node = harness.ensure().await.unwrap();
    assert_eq!(node.outcome, Outcome::Changed);
    assert_eq!(harness.engine_saw("POST"), ["POST /containers/mini/unpause"]);
    assert!(harness.calls().is_empty());
}

#[tokio::test]
async fn a_node_without_its_container_is_configured_anew_on_its_old_volume() {
    let harness = Harness::running().await;
    std::fs::remove_file(harness.path("container.json")).unwrap();
    harness.write("volume", "");
    harness.on("start", &harness.runs(), 0);
    let node = harness.ensure().await.unwrap();
    assert_eq!(node.outcome, Outcome::Recreated);
    assert!(node.notes.is_empty(), "{:?}", node.notes);
    let saw = harness.engine_saw("");
    let at = |what: &str| {
        saw.iter().position(|seen| seen.starts_with(what)).unwrap_or_else(|| panic!("{what}: {saw:?}"))
    };
    assert!(at("POST /images/create") < at("POST /containers/create"));
    assert!(at("POST /containers/create") < at("PUT /containers/empty/archive"));
    assert!(at("PUT /containers/empty/archive") < at("DELETE /containers/empty"));
    assert!(at("DELETE /containers/empty") < at("DELETE /images/sha256:empty"));
}

#[tokio::test]
async fn a_node_that_lost_what_kubeadm_made_is_configured_anew_and_a_whole_one_is_not() {
    for lost in [true, false] {
        let harness = Harness::running().await;
        harness.container("exited");
        if lost {
            harness.write("lost", "");
        }
        harness.on("start", &harness.runs(), 0);
        assert_eq!(harness.ensure().await.unwrap().outcome, Outcome::Changed);
        assert_eq!(!harness.engine_saw("PUT /containers/mini/archive").is_empty(), lost);
    }
}

#[tokio::test]
async fn a_container_whose_first_start_did_not_end_is_made_again_on_its_volume() {
    let config = ".minikube/profiles/mini/config.json";
    for (keyless, finished) in [(true, false), (false, false), (true, true)] {
        let harness = Harness::running().await;
        if keyless {
            std::fs::remove_file(harness.path(".minikube/machines/mini/id_rsa")).unwrap();
        } else {
            harness.write(config, &harness.read_file(config).replace("192.168.49.2", ""));
        }
        if !finished {
            harness.write(".minikube/profiles/mini/events.json", harness::BEGUN);
        }
        harness.container("exited");
        harness.write("volume", "");
        harness.on("start", &harness.runs(), 0);
        harness.ensure().await.unwrap();
        assert_eq!(harness.engine_saw("DELETE /containers/mini").len(), usize::from(!finished));
        assert!(harness.engine_saw("DELETE /volumes").is_empty());
    }
}

#[tokio::test]
async fn a_profile_that_runs_keeps_its_container_even_without_minikubes_key() {
    let harness = Harness::running().await;
    std::fs::remove_file(harness.path(".minikube/machines/mini/id_rsa")).unwrap();
    assert_eq!(harness.ensure().await.unwrap().outcome, Outcome::Unchanged);
    assert!(harness.engine_saw("DELETE").is_empty());
}

#[tokio::test]
async fn a_first_start_that_did_not_end_is_finished_without_another_if_its_api_server_answers() {
    let harness = Harness::running().await;
    harness.write(".minikube/profiles/mini/events.json", harness::BEGUN);
    assert!(matches!(harness.inspect().await.unwrap(), MinikubeState::Running(_)));
    assert_eq!(harness.ensure().await.unwrap().outcome, Outcome::Changed);
    assert_eq!(
        harness.calls(),
        ["addons enable storage-provisioner -p mini", "addons enable default-storageclass -p mini"]
    );
}

#[tokio::test]
async fn a_cluster_that_the_first_start_left_incomplete_is_configured_anew_even_if_its_api_server_answers() {
    let harness = Harness::running().await;
    harness.write(".minikube/profiles/mini/events.json", harness::BEGUN);
    harness.write("incomplete", "");
    harness.write("volume", "");
    harness.on("start", &harness.runs(), 0);
    assert_eq!(harness.ensure().await.unwrap().outcome, Outcome::Changed);
    let calls = harness.calls();
    assert!(calls.len() == 1 && calls[0].starts_with("start "), "{calls:?}");
    // minikube's copy of kubeadm's settings.
    assert_eq!(harness.engine_saw("PUT /containers/mini/archive").len(), 1);
}

#[tokio::test]
async fn a_minikube_that_another_run_has_started_is_waited_for() {
    let harness = Harness::running().await;
    harness.container("exited");
    harness.on("start", &format!("sleep 1\n{}", harness.runs()), 0);
    let (one, other) = tokio::join!(harness.ensure(), harness.ensure());
    let outcomes = [one.unwrap().outcome, other.unwrap().outcome];
    assert!(outcomes.contains(&Outcome::Changed) && outcomes.contains(&Outcome::Unchanged), "{outcomes:?}");
    assert_eq!(harness.calls().iter().filter(|call| call.starts_with("start ")).count(), 1);
}

#[tokio::test]
async fn a_later_start_that_did_not_end_changes_nothing_of_what_runs() {
    let harness = Harness::running().await;
    let config = ".minikube/profiles/mini/config.json";
    let addons = r#""Addons":{"storage-provisioner":true,"default-storageclass":false}"#;
    harness.write(config, &harness.read_file(config).replace(r#""Addons":null"#, addons));
    harness.write(".minikube/profiles/mini/events.json", harness::BEGUN);
    assert_eq!(harness.ensure().await.unwrap().outcome, Outcome::Unchanged);
    assert!(harness.calls().is_empty());
}

#[tokio::test]
async fn data_that_went_with_the_volume_is_not_passed_over() {
    let harness = Harness::running().await;
    std::fs::remove_file(harness.path("container.json")).unwrap();
    harness.on("start", &harness.runs(), 0);
    let node = harness.ensure().await.unwrap();
    assert!(node.notes[0].message.contains("volume is gone") && node.notes[0].help.is_some());
    assert!(harness.engine_saw("PUT").is_empty());
}

#[tokio::test]
async fn minikube_is_killed_before_a_reset_that_it_announces() {
    for processes in ["/sbin/init", "/sbin/init\nsudo env PATH=/x:/y kubeadm reset --cri-socket /x --force"] {
        let harness = Harness::running().await;
        harness.container("exited");
        harness.write("processes", processes);
        harness.on("start", &format!("{}\nsleep 60\ntouch \"$HERE/went-on\"", harness::RESET), 0);
        let fault = harness.ensure().await.unwrap_err();
        assert_eq!(fault.kind, FaultKind::Minikube);
        assert!(fault.causes().concat().contains("is there as it was"), "{:?}", fault.causes());
        assert!(!harness.path("went-on").exists());
        assert_eq!(harness.engine_saw("POST /containers/mini/kill").is_empty(), processes == "/sbin/init");
    }
}

#[tokio::test]
async fn a_reset_of_a_cluster_that_was_never_finished_is_told() {
    let harness = Harness::running().await;
    harness.container("exited");
    harness.write(".minikube/profiles/mini/events.json", harness::BEGUN);
    harness.on("start", &format!("{}\n{}", harness::RESET, harness.runs()), 0);
    let node = harness.ensure().await.unwrap();
    assert!(node.notes[0].message.contains("all objects in it are gone"), "{:?}", node.notes);
    harness.container("exited");
    harness.on("start", harness::RESET, 80);
    let fault = harness.ensure().await.unwrap_err();
    assert_eq!(fault.findings.len(), 1, "a start that fails tells it, too: {:?}", fault.findings);
}

#[tokio::test]
async fn somebody_elses_container_is_left_alone() {
    let harness = Harness::running().await;
    let theirs = harness.read_file("container.json").replace("name.minikube.sigs.k8s.io", "other");
    harness.write("container.json", &theirs);
    let fault = harness.ensure().await.unwrap_err();
    assert!(fault.hints[0].contains("docker rename mini"), "{:?}", fault.hints);
    assert!(minikube::delete(&harness.run, &harness.desired.profile).await.is_err());
    assert!(harness.calls().is_empty() && harness.engine_saw("POST").is_empty());
}

#[tokio::test]
async fn without_an_engine_nothing_is_done_to_a_profile() {
    let harness = Harness::running().await;
    std::fs::remove_file(harness.path("docker.sock")).unwrap();
    for fault in [
        harness.ensure().await.unwrap_err(),
        minikube::stop(&harness.run, &harness.desired.profile).await.unwrap_err(),
        minikube::delete(&harness.run, &harness.desired.profile).await.unwrap_err(),
    ] {
        assert_eq!(fault.kind, FaultKind::Prerequisite);
        assert!(fault.causes().concat().contains("no Docker engine listens"), "{:?}", fault.causes());
    }
    assert!(harness.calls().is_empty());

    let mut harness = Harness::absent().await;
    harness.desired.driver = Some("docker".to_owned());
    std::fs::remove_file(harness.path("docker.sock")).unwrap();
    assert_eq!(harness.ensure().await.unwrap_err().kind, FaultKind::Prerequisite);
    assert!(harness.calls().is_empty());
}

#[tokio::test]
async fn a_profile_that_differs_from_the_project_says_so_and_how_to_apply_it() {
    let mut harness = Harness::running().await;
    harness.desired.cpus = Some(4);
    harness.desired.memory_mib = Some(2048);
    harness.desired.driver = Some("kvm2".to_owned());
    harness.desired.kubernetes = Some("1.34".to_owned());
    let node = harness.ensure().await.unwrap();
    let messages: Vec<&str> = node.notes.iter().map(|note| note.message.as_str()).collect();
    assert_eq!(
        messages,
        [
            "the profile has 2 CPUs, deploy.toml asks for 4",
            "the profile has 3072 MiB of memory, deploy.toml asks for 2048 MiB",
            "the profile has the driver `docker`, deploy.toml asks for `kvm2`",
            "the profile has Kubernetes v1.35.1, deploy.toml asks for 1.34",
        ]
    );
    assert!(
        node.notes.iter().all(|note| note.help.as_deref().is_some_and(|help| help.contains("`minikube ")))
    );
    harness.desired.kubernetes = Some("v1.35".to_owned());
    assert_eq!(harness.ensure().await.unwrap().notes.len(), 3);
}

#[tokio::test]
async fn stop_and_delete_do_only_what_is_left_to_do() {
    let harness = Harness::running().await;
    let profile = harness.desired.profile.clone();
    harness.on("stop", "sed -i s/running/exited/ \"$HERE/container.json\"", 0);
    assert_eq!(minikube::stop(&harness.run, &profile).await.unwrap(), Outcome::Done);
    assert_eq!(minikube::stop(&harness.run, &profile).await.unwrap(), Outcome::Unchanged);
    harness.on("delete", "rm -r \"$HERE/container.json\" \"$HERE/.minikube/profiles/mini\"", 0);
    assert_eq!(minikube::delete(&harness.run, &profile).await.unwrap(), Outcome::Removed);
    assert_eq!(minikube::delete(&harness.run, &profile).await.unwrap(), Outcome::Unchanged);
    assert_eq!(harness.calls(), ["stop -o json --keep-context-active -p mini", "delete -o json -p mini"]);
}

#[tokio::test]
async fn a_delete_that_leaves_the_data_behind_is_a_failure() {
    let harness = Harness::running().await;
    harness.write("volume", "");
    harness.on("delete", "rm -r \"$HERE/container.json\" \"$HERE/.minikube/profiles/mini\"", 0);
    let fault = minikube::delete(&harness.run, &harness.desired.profile).await.unwrap_err();
    assert!(fault.hints[0].contains("docker volume rm mini"), "{:?}", fault.hints);
}

#[tokio::test]
async fn a_stopped_run_stops_minikube_and_says_so() {
    let harness = Harness::absent().await;
    harness.on("start", "trap 'exit 130' TERM; touch \"$HERE/began\"; while :; do sleep 0.05; done", 0);
    let began = harness.path("began");
    let asking = async {
        while !began.exists() {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        harness.asker.cancel(FaultKind::Interrupted);
        std::future::pending::<()>().await;
    };
    let fault = tokio::select! {
        done = harness.ensure() => done.unwrap_err(),
        () = asking => unreachable!(),
    };
    assert_eq!(fault.kind, FaultKind::Interrupted);
}
