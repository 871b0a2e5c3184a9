//! How a running container is reached: through the Docker engine of its node, where the pods are that engine's, else by
//! commands in the container.

mod by_exec;

use crate::cluster::Target;
use crate::cluster::exec;
use crate::cluster::exec::NO_INPUT;
use crate::cluster::synced::Running;
use crate::image::archive::Container;
use crate::image::archive::NotWritten;
use crate::image::archive::Observed;
use crate::image::archive::Stamps;
use crate::image::archive::image_process;
use crate::image::engine::Engine;
use crate::image::sync::After;
use crate::image::sync::Plan;
use crate::image::sync::facts::Accounts;
use crate::image::sync::facts::PathKind;
use by_exec::ByExec;
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

/// Time limit for a command of deploy.toml.
const COMMAND: Duration = Duration::from_secs(300);

/// How many of the last lines of a command are shown.
const LINES: usize = 10;

/// A running container that can be reached.
#[derive(Debug, Clone)]
pub(super) struct Access {
    exec: exec::Container,
    id: String,
    engine: Option<Engine>,
}

/// The Docker engines of a cluster, and the one that builds.
#[derive(Debug, Clone)]
pub(super) struct Engines {
    /// Those of the nodes.
    pub(super) nodes: Vec<Engine>,
    pub(super) builder: Engine,
}

impl Access {
    /// Determines how a container is accessed, and the properties that decide whether files can be written into it.
    pub(super) async fn find(
        target: &Target,
        engines: &Engines,
        pod: &serde_json::Value,
        item: &Running,
        reference: &str,
    ) -> Result<(Access, Observed), NotWritten> {
        let exec = exec::Container {
            client: target.client.clone(),
            namespace: item.namespace.clone(),
            pod: item.pod.clone(),
            container: item.container.clone(),
        };
        let access = |engine| Access { exec: exec.clone(), id: item.id.clone(), engine };
        for engine in engines.nodes.iter().filter(|_| item.is_docker) {
            match (Container { engine, id: &item.id }).observe().await {
                Ok(observed) => return Ok((access(Some(engine.clone())), observed)),
                Err(NotWritten::Gone) => {}
                Err(error) => return Err(error),
            }
        }
        let image = image_process(&engines.builder, reference).await?;
        let observed = ByExec(&exec).observe(pod, image).await?;
        Ok((access(None), observed))
    }

    /// The type of the file at a path, itself if it is a link.
    pub(super) async fn kind(&self, path: &str) -> Result<PathKind, NotWritten> {
        match self.container() {
            Some(container) => container.kind(path).await,
            None => ByExec(&self.exec).kind(path).await,
        }
    }

    /// Its users and groups.
    pub(super) async fn accounts(&self) -> Result<Accounts, NotWritten> {
        match self.container() {
            Some(container) => container.accounts().await,
            None => ByExec(&self.exec).accounts().await,
        }
    }

    /// The IDs of its processes.
    pub(super) async fn processes(&self) -> Result<BTreeSet<String>, NotWritten> {
        match self.container() {
            Some(container) => container.processes().await,
            None => ByExec(&self.exec).processes().await,
        }
    }

    /// Carries out the plan; `root` is the context's directory.
    pub(super) async fn apply(&self, root: &Path, plan: &Plan, stamps: &Stamps) -> Result<(), NotWritten> {
        match self.container() {
            Some(container) => container.apply(root, plan, stamps).await?,
            None => ByExec(&self.exec).apply(root, plan, stamps).await?,
        }
        for after in &plan.then {
            match (after, self.container()) {
                (After::Run(command), _) => self.command(command).await?,
                (After::Signal(signal), Some(container)) => container.signal(*signal).await?,
                (After::Signal(signal), None) => ByExec(&self.exec).signal(*signal).await?,
            }
        }
        Ok(())
    }

    fn container(&self) -> Option<Container<'_>> {
        self.engine.as_ref().map(|engine| Container { engine, id: &self.id })
    }

    /// Runs a command of deploy.toml as the container's user.
    async fn command(&self, command: &str) -> Result<(), NotWritten> {
        let line = ["/bin/sh", "-c", command];
        let not_run = |code, output| Err(NotWritten::NotRun { command: command.to_owned(), code, output });
        match tokio::time::timeout(COMMAND, self.exec.output(&line, NO_INPUT)).await {
            Ok(Ok(ended)) if ended.code == 0 => Ok(()),
            Ok(Ok(ended)) => {
                let all = [ended.stdout, ended.stderr].concat();
                not_run(Some(ended.code), last_lines(&all))
            }
            Ok(Err(why)) => Err(by_exec::not_run(why)),
            Err(_) => not_run(None, Vec::new()),
        }
    }
}

/// The last lines of a command's output.
fn last_lines(output: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(output);
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(LINES)..].iter().map(|line| (*line).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::Access;
    use super::last_lines;
    use crate::cluster::exec::Container;
    use kube::Client;
    use kube::Config;

    impl Access {
        /// A container that cannot be reached.
        pub(in crate::flow::sync) fn nowhere() -> Access {
            let config = Config::new("http://127.0.0.1:1".parse().unwrap());
            let name = || "nowhere".to_owned();
            let client = Client::try_from(config).unwrap();
            let exec = Container { client, namespace: name(), pod: name(), container: name() };
            Access { exec, id: name(), engine: None }
        }
    }

    #[test]
    fn of_a_long_output_the_end_is_shown() {
        let all: Vec<String> = (0..30).map(|line| format!("line {line}\n")).collect();
        let last = last_lines(all.concat().as_bytes());
        assert_eq!((last.len(), last[0].as_str(), last[9].as_str()), (10, "line 20", "line 29"));
        assert!(last_lines(b"\n \n").is_empty());
    }
}
