//! A copy of this repository's project, a profile of its own to deploy it to, and the program.

use serde_json::Value;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Output;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;
use tempfile::TempDir;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// A project and a profile that are deleted with it.
pub(crate) struct Harness {
    folder: TempDir,
    profile: &'static str,
    /// The cluster belongs to another user, and is kept.
    lent: bool,
}

/// The output of a run of `todo`, how long it took and how much memory it held at the most.
#[derive(Debug)]
#[must_use]
pub(crate) struct RunOutput {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) took: Duration,
    pub(crate) peak_mib: u64,
}

impl Harness {
    /// The project as it is committed or edited here, and no cluster.
    pub(crate) fn new(profile: &'static str) -> Harness {
        Harness::create(profile, &["docker", "manifests", "deploy.toml"])
    }

    /// These files and directories of the repository as they are committed or edited here, and no cluster.
    pub(crate) fn create(profile: &'static str, parts: &[&str]) -> Harness {
        let harness = Harness { folder: tempfile::tempdir().unwrap(), profile, lent: false };
        let files = run(Command::new("git").arg("ls-files").args(parts).current_dir(ROOT));
        for file in files.lines().filter(|file| Path::new(ROOT).join(file).is_file()) {
            let to = harness.path(file);
            std::fs::create_dir_all(to.parent().unwrap()).unwrap();
            std::fs::copy(Path::new(ROOT).join(file), to).unwrap();
        }
        harness.delete_cluster();
        harness
    }

    /// The files of one directory of the repository, and no cluster; or, where it is `lent`, the one that runs.
    pub(crate) fn in_cluster(profile: &'static str, folder: &str, lent: bool) -> Harness {
        let harness = Harness { folder: tempfile::tempdir().unwrap(), profile, lent };
        copy(&Path::new(ROOT).join(folder), &harness.path(""));
        if lent {
            harness.minikube(&["update-context"]);
        } else {
            harness.delete_cluster();
        }
        harness
    }

    /// The files of one directory, in the cluster that `TODO_TEST_PROFILE` names, else in one of their own.
    pub(crate) fn lent_or(profile: &'static str, folder: &str) -> Harness {
        match std::env::var("TODO_TEST_PROFILE") {
            Ok(lent) => Harness::in_cluster(lent.leak(), folder, true),
            Err(_) => Harness::in_cluster(profile, folder, false),
        }
    }

    /// A path in the project.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("project").join(name)
    }

    /// Replaces `from`, which must be there, by `to` in a file of the project.
    pub(crate) fn edit(&self, name: &str, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.path(name)).unwrap();
        assert!(text.contains(from), "{name} does not say {from}");
        std::fs::write(self.path(name), text.replacen(from, to, 1)).unwrap();
    }

    /// A program with this stage's profile and kubeconfig.
    pub(crate) fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(self.path(""))
            .env("KUBECONFIG", self.folder.path().join("kubeconfig"))
            .env("TODO_PROFILE", self.profile)
            .env("XDG_CACHE_HOME", self.folder.path().join("cache"))
            .env("XDG_STATE_HOME", self.folder.path().join("state"))
            .stdin(Stdio::null());
        command
    }

    /// The program that is tried: the one that people get, or the one that `cargo test` built.
    pub(crate) fn program() -> PathBuf {
        option_env_at_run("TODO_TEST_PROGRAM")
            .map_or_else(|| env!("CARGO_BIN_EXE_todo").into(), PathBuf::from)
    }

    /// Runs `todo` to its end.
    pub(crate) fn todo(&self, arguments: &[&str]) -> RunOutput {
        self.todo_with(arguments, &[])
    }

    /// The same with variables of its own.
    pub(crate) fn todo_with(&self, arguments: &[&str], variables: &[(&str, &str)]) -> RunOutput {
        let mut command = self.command(Harness::program());
        command.args(arguments).envs(variables.iter().copied()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let began = Instant::now();
        let child = command.spawn().unwrap();
        let memory = watch_memory(child.id());
        let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
        let output = RunOutput {
            code: status.code(),
            stdout: String::from_utf8(stdout).unwrap(),
            stderr: String::from_utf8(stderr).unwrap(),
            took: began.elapsed(),
            peak_mib: memory.join().unwrap(),
        };
        println!(
            "todo {}: {:?} in {:.2?}, {} MiB",
            arguments.join(" "),
            output.code,
            output.took,
            output.peak_mib
        );
        println!("{}{}", output.stderr, output.stdout);
        assert!(output.peak_mib < 100, "todo held {} MiB", output.peak_mib);
        output
    }

    /// Runs `todo up`, which must succeed, and returns the URL it printed.
    pub(crate) fn up(&self) -> String {
        self.todo(&["up"]).url()
    }

    /// Runs minikube for this profile.
    pub(crate) fn minikube(&self, arguments: &[&str]) {
        run(self.command("minikube").args(arguments).args(["-p", self.profile]));
    }

    /// Runs docker on the host's engine.
    pub(crate) fn docker(&self, arguments: &[&str]) {
        run(self.command("docker").args(arguments));
    }

    /// Runs a script in the node, as root.
    pub(crate) fn node_runs(&self, script: &str) {
        self.docker(&["exec", self.profile, "sh", "-c", script]);
    }

    /// What distinguishes this cluster from one that was reset: the UID of its oldest namespace.
    pub(crate) fn cluster(&self) -> String {
        self.kubectl(&["get", "namespace", "kube-system", "-o", "jsonpath={.metadata.uid}"])
    }

    /// The node's container, which is called like the profile.
    pub(crate) fn node(&self) -> &str {
        self.profile
    }

    /// The address at which the cluster reaches this machine.
    pub(crate) fn gateway(&self) -> String {
        let format = "{{(index .IPAM.Config 0).Gateway}}";
        let address = run(self.command("docker").args(["network", "inspect", self.profile, "-f", format]));
        address.trim().to_owned()
    }

    /// What kubectl prints for this profile.
    pub(crate) fn kubectl(&self, arguments: &[&str]) -> String {
        run(self.command("kubectl").args(["--context", self.profile]).args(arguments))
    }

    /// Has Ingresses of class nginx served by the command that `TODO_TEST_INGRESS` names, for machines that cannot have the
    /// addon's images; returns whether there is one.
    pub(crate) fn serve_ingresses(&self) -> bool {
        let Ok(how) = std::env::var("TODO_TEST_INGRESS") else { return false };
        run(self.command("sh").args(["-c", &format!("{how} {}", self.profile)]));
        true
    }

    /// Objects of the application's namespace.
    pub(crate) fn objects(&self, kinds: &str) -> Vec<Value> {
        self.objects_in("todo-chatbot", kinds)
    }

    /// Objects of a namespace.
    pub(crate) fn objects_in(&self, namespace: &str, kinds: &str) -> Vec<Value> {
        let list = self.kubectl(&["get", kinds, "-n", namespace, "-o", "json"]);
        serde_json::from_str::<Value>(&list).unwrap()["items"].as_array().unwrap().clone()
    }

    /// The UIDs of the running pods of a Deployment, sorted.
    pub(crate) fn pods(&self, deployment: &str) -> Vec<String> {
        let of_it = |pod: &&Value| {
            pod["metadata"]["name"].as_str().is_some_and(|name| name.starts_with(deployment))
                && pod["metadata"]["deletionTimestamp"].is_null()
        };
        let pods = self.objects("pods");
        let mut uids: Vec<String> =
            pods.iter().filter(of_it).map(|pod| pod["metadata"]["uid"].to_string()).collect();
        uids.sort();
        assert!(!uids.is_empty(), "{deployment} has no pods");
        uids
    }

    /// How long ago the youngest pod was made.
    pub(crate) fn since_youngest_pod(&self) -> Duration {
        let youngest = self.objects("pods").iter().map(created).max().expect("there is a pod");
        let now = jiff::Timestamp::now();
        Duration::try_from(now.duration_since(youngest)).unwrap_or_default()
    }

    /// Takes the power from the Docker engine and gives it back, where the machine's environment defines how.
    pub(crate) fn cut_the_power(&self) {
        let how = option_env_at_run("TODO_TEST_POWER_CUT")
            .expect("TODO_TEST_POWER_CUT says how: see .ci/power-cut");
        run(self.command("sh").args(["-c", &how]));
    }

    /// Deletes the cluster and everything in it.
    pub(crate) fn delete_cluster(&self) {
        let deleted = self.command("minikube").args(["delete", "-p", self.profile]).output().unwrap();
        assert!(deleted.status.success(), "{}", String::from_utf8_lossy(&deleted.stderr));
    }
}

impl Drop for Harness {
    fn drop(&mut self) {
        if self.lent {
            return;
        }
        let deleted = self.command("minikube").args(["delete", "-p", self.profile]).output();
        if !deleted.is_ok_and(|output| output.status.success()) {
            println!("the profile {} could not be deleted", self.profile);
        }
    }
}

impl RunOutput {
    /// The URL of a run that succeeded.
    #[track_caller]
    pub(crate) fn url(&self) -> String {
        assert_eq!(self.code, Some(0), "{}", self.stderr);
        let url = self.stdout.trim();
        assert!(url.starts_with("http://") && !url.contains(char::is_whitespace), "not a URL: {url:?}");
        url.to_owned()
    }

    /// Fails unless the run ended with `code` and printed each of `words` on standard error.
    #[track_caller]
    pub(crate) fn failed_with(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, Some(code), "{}", self.stderr);
        assert_eq!(self.stdout, "", "the answer of a failure is empty");
        for word in words {
            assert!(self.stderr.contains(word), "{word:?} is not in:\n{}", self.stderr);
        }
    }
}

/// Copies a directory with all that is in it.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn created(object: &Value) -> jiff::Timestamp {
    object["metadata"]["creationTimestamp"].as_str().unwrap().parse().unwrap()
}

fn option_env_at_run(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[track_caller]
fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The most memory that the process held, in MiB, as Linux counts it while it lives.
fn watch_memory(process: u32) -> std::thread::JoinHandle<u64> {
    std::thread::spawn(move || {
        let mut peak = 0;
        while let Ok(status) = std::fs::read_to_string(format!("/proc/{process}/status")) {
            let Some(line) = status.lines().find(|line| line.starts_with("VmHWM:")) else { break };
            peak = line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(peak);
            std::thread::sleep(Duration::from_millis(20));
        }
        peak / 1024
    })
}
