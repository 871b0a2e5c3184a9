//! Accesses a container's files by commands in it: `tar` unpacks, `rm` removes. For container runtimes without an API
//! for copying (the CRI has none), and clusters whose nodes cannot be reached.
//!
//! A command runs as the container's user, and Kubernetes has no option for another one.

use super::last_lines;
use crate::cluster::exec::Container;
use crate::cluster::exec::Input;
use crate::cluster::exec::NO_INPUT;
use crate::cluster::exec::NotRun;
use crate::cluster::exec::Output;
use crate::image::archive::NotWritten;
use crate::image::archive::Observed;
use crate::image::archive::Stamps;
use crate::image::archive::pack::pack;
use crate::image::archive::scripts;
use crate::image::sync::Plan;
use crate::image::sync::facts::Accounts;
use crate::image::sync::facts::PathKind;
use crate::image::sync::process::Process;
use crate::project::Signal;
use health::live;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

/// Time limit for a command.
const LIMIT: Duration = Duration::from_secs(10);

/// Arguments of one `rm`.
const AT_ONCE: usize = 200;

/// Prints which program is missing, or the user and the group.
const LOOK: &str = "for program in tar rm id cat; do
command -v \"$program\" >/dev/null || { echo \"$program\"; exit 3; }
done
id -u; id -g";

/// The kind of `$0`.
const KIND: &str = "if [ -L \"$0\" ]; then echo link; elif [ -d \"$0\" ]; then echo directory
elif [ -e \"$0\" ]; then echo file; else echo none; fi";

/// All processes but this one.
const PROCESSES: &str = "cd /proc && for id in [0-9]*; do [ \"$id\" = $$ ] || echo \"$id\"; done";

pub(super) struct ByExec<'a>(pub(super) &'a Container);

impl ByExec<'_> {
    /// Observes the container, according to its pod and its image. `image` is the image's process, and its volumes.
    pub(super) async fn observe(
        &self,
        pod: &Value,
        image: Option<(Process, Vec<String>)>,
    ) -> Result<Observed, NotWritten> {
        let looked = self.run(&["sh", "-c", LOOK], "sh").await?;
        let stdout_text = String::from_utf8_lossy(&looked.stdout).into_owned();
        let mut lines = stdout_text.lines();
        if looked.code == 3 {
            return Err(NotWritten::NoProgram(stdout_text.trim().to_owned()));
        }
        let mut number = || lines.next().and_then(|line| line.trim().parse::<u32>().ok());
        let (Some(user), Some(group)) = (number(), number()) else {
            return Err(NotWritten::Refused("`id` does not say its user and group".to_owned()));
        };
        let (process, volumes) = image.ok_or_else(|| {
            NotWritten::Engine("it does not have the image that the container was made of".to_owned())
        })?;
        let mut observed = described(pod, &self.0.container, process);
        observed.mounts.extend(volumes);
        observed.user = (user != 0).then_some((user, group));
        let package = format!("{}/package.json", observed.process.working_dir.trim_end_matches('/'));
        if let Some(text) = self.read(&package).await? {
            observed.process.scripts = scripts(&text);
        }
        Ok(observed)
    }

    pub(super) async fn kind(&self, path: &str) -> Result<PathKind, NotWritten> {
        let printed = self.run(&["sh", "-c", KIND, path], "sh").await?.stdout;
        match printed.trim_ascii() {
            b"link" => Ok(PathKind::Link),
            b"directory" => Ok(PathKind::Directory),
            b"file" => Ok(PathKind::File),
            b"none" => Ok(PathKind::Missing),
            _ => Err(NotWritten::Refused(format!("it does not say what is at `{path}`"))),
        }
    }

    pub(super) async fn accounts(&self) -> Result<Accounts, NotWritten> {
        let passwd = self.read("/etc/passwd").await?.unwrap_or_default();
        let group = self.read("/etc/group").await?.unwrap_or_default();
        Ok(Accounts::parse(&String::from_utf8_lossy(&passwd), &String::from_utf8_lossy(&group)))
    }

    pub(super) async fn processes(&self) -> Result<BTreeSet<String>, NotWritten> {
        let printed = self.run(&["sh", "-c", PROCESSES], "sh").await?.stdout;
        Ok(String::from_utf8_lossy(&printed).lines().map(str::to_owned).collect())
    }

    /// A small file; `None` if it cannot be read.
    async fn read(&self, path: &str) -> Result<Option<Vec<u8>>, NotWritten> {
        let ended = self.run(&["cat", path], "cat").await?;
        Ok((ended.code == 0).then_some(ended.stdout))
    }

    pub(super) async fn apply(&self, root: &Path, plan: &Plan, stamps: &Stamps) -> Result<(), NotWritten> {
        let writes: Vec<_> = plan.writes.iter().collect();
        if !writes.is_empty() {
            self.send(&pack(root, &writes, "/", stamps.next())?).await?;
        }
        for some in plan.deletions.chunks(AT_ONCE) {
            let words = ["rm", "-rf", "--"].into_iter().chain(some.iter().map(String::as_str));
            let removed = self.run(&words.collect::<Vec<_>>(), "rm").await?;
            (removed.code == 0).then_some(()).ok_or(NotWritten::NotRemoved)?;
        }
        Ok(())
    }

    /// Unpacks an archive with its modes, and for root with its owners. The times are those of the container's clock
    /// (`-m`): `BusyBox` would truncate those of the archive to seconds, and programs that compare times would see
    /// two saves within a second as one.
    async fn send(&self, archive: &[u8]) -> Result<(), NotWritten> {
        let words = ["tar", "-x", "-p", "-m", "-f", "-", "-C", "/"];
        let input = Some(Input { reader: archive, needs_end: false });
        let ended = tokio::time::timeout(LIMIT, self.0.output(&words, input)).await;
        let ended = ended.map_err(|_| NotWritten::Silent("tar"))?.map_err(not_run)?;
        match ended.code {
            0 => Ok(()),
            code => Err(not_unpacked(code, last_lines(&ended.stderr))),
        }
    }

    /// Sends a signal to process 1.
    pub(super) async fn signal(&self, signal: Signal) -> Result<(), NotWritten> {
        let command = format!("kill -{} 1", signal.name());
        let ended = self.run(&["sh", "-c", &command], "sh").await?;
        let output = last_lines(&ended.stderr);
        let failed = || NotWritten::NotRun { command, code: Some(ended.code), output };
        (ended.code == 0).then_some(()).ok_or_else(failed)
    }

    async fn run(&self, words: &[&str], what: &'static str) -> Result<Output, NotWritten> {
        let ended = tokio::time::timeout(LIMIT, self.0.output(words, NO_INPUT)).await;
        ended.map_err(|_| NotWritten::Silent(what))?.map_err(not_run)
    }
}

/// Why there is no exit code, for a message about files.
pub(super) fn not_run(why: NotRun) -> NotWritten {
    match why {
        NotRun::ProgramNotFound(program) => NotWritten::NoProgram(program),
        NotRun::Refused { code: 404, .. } => NotWritten::Gone,
        other => NotWritten::Refused(other.to_string()),
    }
}

/// Why `tar` failed. GNU's prints "Cannot open: File exists" for a file that it could not remove before, because the
/// directory is not writable, and "Permission denied" elsewhere, as `BusyBox` does.
fn not_unpacked(code: i32, output: Vec<String>) -> NotWritten {
    let says = |text: &str| output.iter().any(|line| line.ends_with(text));
    if says("Read-only file system") {
        NotWritten::ReadOnly
    } else if ["File exists", "Permission denied", "Operation not permitted"].into_iter().any(says) {
        NotWritten::NotWritable { output }
    } else {
        NotWritten::NotUnpacked { code, output }
    }
}

/// The pod's status of one of its containers; `process` is the process of the image.
fn described(pod: &Value, name: &str, mut process: Process) -> Observed {
    let container = live::list(pod, "/spec/containers").iter().find(|item| item["name"] == name);
    let Some(container) = container else { return Observed::default() };
    let words = |key: &str| {
        let words = container[key].as_array()?.iter().filter_map(|word| word.as_str().map(str::to_owned));
        Some(words.collect())
    };
    let text = |value: &Value| value.as_str().map(str::to_owned);
    process = process.with_container(words("command"), words("args"));
    for variable in live::list(container, "/env") {
        if let (Some(name), Some(value)) = (text(&variable["name"]), text(&variable["value"])) {
            process.env.insert(name, value);
        }
    }
    if let Some(directory) = text(&container["workingDir"]) {
        process.working_dir = directory;
    }
    let mounts = live::list(container, "/volumeMounts").iter();
    Observed {
        mounts: mounts.filter_map(|mount| text(&mount["mountPath"])).collect(),
        read_only: container["securityContext"]["readOnlyRootFilesystem"] == true,
        process,
        user: None,
    }
}

#[cfg(test)]
mod tests {
    use super::described;
    use super::not_unpacked;
    use crate::image::archive::NotWritten;
    use crate::image::sync::process::Process;
    use serde_json::json;

    #[test]
    fn a_directory_that_the_user_may_not_write_is_told_from_other_failures_of_tar() {
        for (line, is_rights) in [
            ("tar: app/text.txt: Cannot open: File exists", true),
            ("tar: app: Cannot mkdir: Permission denied", true),
            ("tar: app/a: Cannot change mode to rwxr-xr-x: Operation not permitted", true),
            ("tar: can't remove old file app/a: Permission denied", true),
            ("tar: app/a: Cannot write: No space left on device", false),
            ("tar: Unexpected EOF in archive", false),
        ] {
            let why = not_unpacked(2, vec![line.to_owned(), "tar: Exiting with failure status".to_owned()]);
            assert_eq!(matches!(why, NotWritten::NotWritable { .. }), is_rights, "{line}");
            assert_eq!(why.output().len(), 2);
        }
    }

    #[test]
    fn a_pod_says_what_runs_and_what_is_mounted() {
        let pod = json!({"spec": {"containers": [{"name": "proxy"}, {
            "name": "web", "args": ["--reload"], "workingDir": "/src",
            "env": [{"name": "MODE", "value": "dev"}, {"name": "KEY", "valueFrom": {}}],
            "volumeMounts": [{"name": "data", "mountPath": "/data"}],
            "securityContext": {"readOnlyRootFilesystem": true},
        }]}});
        let image = Process {
            entrypoint: vec!["uvicorn".to_owned()],
            arguments: vec!["main:app".to_owned()],
            working_dir: "/app".to_owned(),
            ..Process::default()
        };
        let observed = described(&pod, "web", image.clone());
        assert_eq!((observed.mounts, observed.read_only), (vec!["/data".to_owned()], true));
        assert_eq!(observed.process.entrypoint, image.entrypoint);
        assert_eq!(observed.process.arguments, ["--reload"]);
        assert_eq!((observed.process.working_dir.as_str(), observed.process.env.len()), ("/src", 1));
        let bare = described(&pod, "proxy", image.clone());
        assert_eq!((bare.process, bare.read_only), (image, false));
    }
}
