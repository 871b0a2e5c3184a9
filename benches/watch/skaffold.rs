//! Skaffold's `dev` for the same project, where the variable `SKAFFOLD` names the program.

use crate::page::Page;
use crate::save;
use std::ffi::OsStr;
use std::fs;
use std::io::BufRead;
use std::io::BufReader;
use std::path::Path;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

const NAMESPACE: &str = "bench-skaffold";

/// Files of the page are copied by its sync rules; other changes are built.
const CONFIG: &str = "apiVersion: skaffold/v4beta11
kind: Config
build:
  artifacts:
    - image: page
      context: .
      docker: {dockerfile: Dockerfile}
SYNC  local: {push: false}
manifests: {rawYaml: ['k8s/*.yaml']}
deploy: {kubectl: {}}
";
const SYNC: &str = "      sync: {manual: [{src: 'site/**', dest: /usr/share/nginx/html, strip: site/}]}\n";

/// A `skaffold dev` that runs.
pub(crate) struct Skaffold {
    child: Child,
    url: String,
}

impl Skaffold {
    /// Starts it and waits until it watches; the page is at `url`. `interval` is how often it looks, in milliseconds.
    pub(crate) fn start(
        program: &OsStr,
        folder: &Path,
        url: &str,
        copies: bool,
        interval: Option<u32>,
    ) -> Skaffold {
        let profile = std::env::var("TODO_PROFILE").unwrap();
        let sync = if copies { SYNC } else { "" };
        fs::write(folder.join("skaffold.yaml"), CONFIG.replace("SYNC", sync)).unwrap();
        let kubectl = |arguments: &[&str]| {
            let mut kubectl = Command::new("kubectl");
            kubectl.args(["--context", &profile]).args(arguments).stdout(Stdio::null()).status().unwrap()
        };
        kubectl(&["create", "namespace", NAMESPACE]);
        let mut command = Command::new(program);
        command.args(["dev", "--kube-context", &profile, "--namespace", NAMESPACE, "--tail=false"]);
        if let Some(interval) = interval {
            command.args(["--watch-poll-interval", &interval.to_string()]);
        }
        let mut child = command
            .current_dir(folder)
            .env("SKAFFOLD_UPDATE_CHECK", "false")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        assert!(lines.any(|line| line.contains("Watching for changes")), "skaffold ended");
        std::thread::spawn(move || lines.for_each(drop));
        let skaffold = Skaffold { child, url: url.to_owned() };
        Page::new(url).until("/", "", Instant::now());
        skaffold
    }

    /// Saves a file; the seconds until it is served.
    pub(crate) fn served(&self, path: &Path, mark: &str) -> f64 {
        let mut page = Page::new(&self.url);
        page.until("/", "", Instant::now());
        let began = Instant::now();
        save(path, mark);
        let served = page.until("/", mark, began);
        std::thread::sleep(Duration::from_secs(2));
        served
    }
}

impl Drop for Skaffold {
    fn drop(&mut self) {
        let _ = Command::new("kill").args(["-INT", &self.child.id().to_string()]).status();
        let _ = self.child.wait();
    }
}
