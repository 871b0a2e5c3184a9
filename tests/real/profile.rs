//! Every state that a profile can be in, and every moment at which a start can be interrupted. About fifteen minutes.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;
use std::time::Instant;
use todo::event::EventKind;
use todo::event::Outcome;
use todo::event::Sink;
use todo::fault::FaultKind;
use todo::minikube;
use todo::minikube::MinikubeState;
use todo::minikube::Node;
use todo::minikube::Pause;
use todo::project;
use todo::project::Publish;
use todo::project::Runtime;
use todo::project::name::Profile;
use todo::run::Run;
use todo::signal::Cancel;
use todo::world::World;

const PROFILE: &str = "todo-mini";
const PORT: u16 = 30099;

struct Harness {
    folder: tempfile::TempDir,
}

impl Harness {
    fn new() -> Harness {
        let bench = Harness { folder: tempfile::tempdir().unwrap() };
        bench.sh("minikube delete -p todo-mini");
        std::fs::write(
            bench.kubeconfig(),
            "apiVersion: v1\nkind: Config\ncurrent-context: work # mine\ncontexts:\n- name: work\n  context: {cluster: work, user: work}\nclusters:\n- name: work\n  cluster: {server: 'https://work.example'}\nusers:\n- name: work\n  user: {token: secret}\n",
        )
        .unwrap();
        bench
    }

    fn kubeconfig(&self) -> PathBuf {
        self.folder.path().join("kubeconfig")
    }

    fn world(&self) -> World {
        let mine = World::of_this_process().unwrap();
        let variables = mine
            .variables()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .chain([("KUBECONFIG".into(), self.kubeconfig().into())]);
        World::fake(mine.folder.clone(), variables.collect::<Vec<(OsString, OsString)>>())
    }

    fn sh(&self, script: &str) -> String {
        println!("$ {script}");
        let output =
            Command::new("sh").args(["-ec", script]).env("KUBECONFIG", self.kubeconfig()).output().unwrap();
        let stdout =
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{script}: {stdout}");
        stdout
    }

    /// Runs `ensure`, interrupted after `limit` if one is given.
    async fn ensure(&self, limit: Option<Duration>) -> Result<(Node, Duration), todo::fault::Fault> {
        let (asker, cancel) = Cancel::new();
        let (sink, mut events) = Sink::new();
        let run = Run::new(sink, cancel, self.world());
        let began = Instant::now();
        let telling = tokio::spawn(async move {
            while let Some(event) = events.recv().await {
                match event.kind {
                    EventKind::Progress { doing, .. } => println!("  {:>6} ms {doing}", event.at_ms),
                    EventKind::Log { line, .. } => println!("  {:>6} ms   | {line}", event.at_ms),
                    other => println!("  {:>6} ms {other:?}", event.at_ms),
                }
            }
        });
        let interrupting = async {
            match limit {
                Some(limit) => tokio::time::sleep(limit).await,
                None => std::future::pending().await,
            }
            asker.cancel(FaultKind::Interrupted);
            std::future::pending::<()>().await;
        };
        let desired = desired();
        let done = tokio::select! {
            done = run.or_stopped(Box::pin(minikube::ensure(&run, &desired))) => done,
            () = interrupting => unreachable!(),
        };
        drop(run);
        telling.await.unwrap();
        let took = began.elapsed();
        match &done {
            Ok(node) => println!("  = {:?} in {took:.2?}; {:?}", node.outcome, node.notes),
            Err(fault) => {
                println!("  = {:?} in {took:.2?}: {:?}; {:?}", fault.kind, fault.causes(), fault.hints);
            }
        }
        done.map(|node| (node, took))
    }

    async fn ensured(&self, outcome: Outcome) -> Node {
        let (node, _) = self.ensure(None).await.expect("it runs");
        assert_eq!(node.outcome, outcome);
        let text = std::fs::read_to_string(self.kubeconfig()).unwrap();
        let current: Vec<&str> = text.lines().filter(|line| line.starts_with("current-context")).collect();
        assert!(
            matches!(current[..], ["current-context: work" | "current-context: work # mine"]),
            "{current:?}"
        );
        assert!(text.contains("token: secret"));
        let engine = todo::docker::connect(node.docker.as_ref().unwrap()).unwrap();
        engine.negotiate_version().await.expect("the node's engine answers");
        node
    }

    async fn state(&self) -> MinikubeState {
        let (_asker, cancel) = Cancel::new();
        let (sink, _) = Sink::new();
        let run = Run::new(sink, cancel, self.world());
        let began = Instant::now();
        let state = minikube::inspect(&run, &desired()).await.unwrap();
        println!("  look: {:.1?}", began.elapsed());
        state
    }
}

impl Drop for Harness {
    fn drop(&mut self) {
        self.sh("minikube delete -p todo-mini");
    }
}

fn desired() -> project::Minikube {
    project::Minikube {
        profile: Profile::parse(PROFILE).unwrap(),
        cpus: Some(2),
        memory_mib: Some(2600),
        disk_mib: None,
        driver: Some("docker".to_owned()),
        kubernetes: None,
        runtime: Runtime::Docker,
        nodes: 1,
        addons: Vec::new(),
        publish: vec![Publish { node: PORT, local: Some(PORT) }],
    }
}

#[tokio::test]
#[ignore = "needs minikube"]
async fn whatever_happened_to_the_profile_it_runs_again_with_its_data() {
    let bench = Harness::new();
    assert!(matches!(bench.state().await, MinikubeState::Absent));
    let node = bench.ensured(Outcome::Created).await;
    assert_eq!(node.published[&PORT].to_string(), format!("127.0.0.1:{PORT}"));
    assert!(node.published.contains_key(&8443) && node.address.is_some());
    assert_eq!(node.engines[0].container, PROFILE);

    let fastest = {
        let mut times = Vec::new();
        for _ in 0..5 {
            times.push(bench.ensure(None).await.unwrap().1);
        }
        times.into_iter().min().unwrap()
    };
    assert!(fastest < Duration::from_millis(100), "{fastest:?}");
    bench.ensured(Outcome::Unchanged).await;
    bench.sh("kubectl --context todo-mini create namespace keep-me");
    let still_there = || bench.sh("kubectl --context todo-mini get namespace keep-me");

    bench.sh("minikube stop -p todo-mini");
    assert!(matches!(bench.state().await, MinikubeState::Stopped));
    bench.ensured(Outcome::Changed).await;
    still_there();

    bench.sh("minikube pause -p todo-mini");
    assert!(matches!(bench.state().await, MinikubeState::Paused(Pause::Kubernetes)));
    bench.ensured(Outcome::Changed).await;
    still_there();

    bench.sh("docker pause todo-mini");
    assert!(matches!(bench.state().await, MinikubeState::Paused(Pause::Container)));
    bench.ensured(Outcome::Changed).await;
    still_there();

    bench.sh("docker kill todo-mini");
    bench.ensured(Outcome::Changed).await;
    still_there();

    bench.sh("kubectl config delete-context todo-mini; kubectl config delete-cluster todo-mini");
    assert!(matches!(bench.state().await, MinikubeState::Broken(minikube::Break::KubeconfigStale(_))));
    bench.ensured(Outcome::Changed).await;
    still_there();

    bench.sh("kubectl config set-cluster todo-mini --server=https://127.0.0.1:9");
    bench.ensured(Outcome::Changed).await;
    still_there();

    bench.sh("docker exec todo-mini systemctl stop kubelet; docker exec todo-mini sh -c 'docker rm -f $(docker ps -q --filter name=k8s_kube-apiserver)'");
    assert!(matches!(bench.state().await, MinikubeState::Broken(minikube::Break::ApiDown(_))));
    bench.ensured(Outcome::Changed).await;
    still_there();

    bench.sh("docker exec todo-mini sh -c 'docker rm -f $(docker ps -q --filter name=k8s_kube-apiserver)'");
    bench.ensured(Outcome::Unchanged).await;
    still_there();

    bench.sh("docker rm -f todo-mini");
    assert!(matches!(
        bench.state().await,
        MinikubeState::Broken(minikube::Break::ContainerGone { volume: true })
    ));
    let node = bench.ensured(Outcome::Recreated).await;
    assert!(node.published.contains_key(&PORT));
    still_there();

    bench.sh("docker rm -f todo-mini; docker volume rm todo-mini");
    assert!(matches!(
        bench.state().await,
        MinikubeState::Broken(minikube::Break::ContainerGone { volume: false })
    ));
    let node = bench.ensured(Outcome::Recreated).await;
    assert!(node.notes.iter().any(|note| note.message.contains("volume is gone")), "{:?}", node.notes);
}

#[tokio::test]
#[ignore = "needs minikube"]
async fn a_profile_that_minikube_forgot_takes_its_volume_over() {
    let bench = Harness::new();
    bench.ensured(Outcome::Created).await;
    bench.sh("kubectl --context todo-mini create namespace keep-me");
    // What `minikube delete` leaves when the engine is down.
    let home = bench.world().minikube_folder().unwrap();
    bench.sh("docker rm -f todo-mini");
    for folder in ["profiles", "machines"] {
        std::fs::remove_dir_all(home.join(folder).join(PROFILE)).unwrap();
    }
    assert!(matches!(bench.state().await, MinikubeState::Absent));
    let node = bench.ensured(Outcome::Created).await;
    assert!(node.notes.iter().any(|note| note.message.contains("left its volume")), "{:?}", node.notes);
    bench.sh("kubectl --context todo-mini get namespace keep-me");
}

#[tokio::test]
#[ignore = "needs minikube"]
async fn whenever_the_start_is_interrupted_the_next_one_goes_on() {
    let bench = Harness::new();
    for seconds in [0.3, 3.0, 6.0, 9.0, 12.0, 15.0, 17.0, 19.0, 21.0, 24.0] {
        println!("== interrupted after {seconds} s");
        let Err(fault) = bench.ensure(Some(Duration::from_secs_f64(seconds))).await else { break };
        assert_eq!(fault.kind, FaultKind::Interrupted);
        bench.ensured_after_interruption().await;
        bench.sh("minikube delete -p todo-mini");
    }
}

impl Harness {
    async fn ensured_after_interruption(&self) {
        let (node, _) = self.ensure(None).await.expect("it runs");
        assert_ne!(node.outcome, Outcome::Unchanged);
        self.sh("kubectl --context todo-mini get storageclass standard; kubectl --context todo-mini -n kube-system get pod storage-provisioner");
        self.ensured(Outcome::Unchanged).await;
    }
}
