//! Whether processes that are known to restart themselves really did when files were copied.
//!
//! A flag on the command line shows that a program watches its files, not that it sees changes: its watcher may be
//! missing in the image, or watch another directory. So after the first copy its processes must be new ones.

use crate::flow::sync::access::Access;
use crate::image::archive::NotWritten;
use crate::image::sync::Plan;
use crate::image::sync::WriteKind;
use crate::image::sync::process::Noticed;
use crate::image::sync::process::Process;
use crate::image::sync::process::noticed;
use crate::project::name::ImageName;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::Instant;

/// How long a process may take to notice: those that compare times do so each second.
const LIMIT: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(100);

/// Why an image is built whose process did not restart.
pub(super) const NOT_RELOADED: &str =
    "its process did not restart when files were copied, although it is started with a reloader";

/// The observations of each image: its process, and whether that restarted.
#[derive(Debug, Default)]
pub(super) struct Reloads(BTreeMap<ImageName, (Process, bool)>);

impl Reloads {
    /// Whether this process was seen not to restart.
    pub(super) fn is_refuted(&self, image: &ImageName, process: &Process) -> bool {
        self.0.get(image).is_some_and(|(seen, restarts)| seen == process && !restarts)
    }

    /// Whether it is known that it does, or does not.
    pub(super) fn is_known(&self, image: &ImageName, process: &Process) -> bool {
        self.0.get(image).is_some_and(|(seen, _)| seen == process)
    }

    pub(super) fn add(&mut self, image: &ImageName, process: &Process, restarts: bool) {
        self.0.insert(image.clone(), (process.clone(), restarts));
    }
}

/// Whether the process is expected to restart after the plan is written.
pub(super) fn restarting(plan: &Plan, process: &Process) -> bool {
    plan.writes.iter().any(|write| {
        matches!(write.kind, WriteKind::File { .. })
            && !plan.ruled.contains(&write.destination)
            && noticed(process, &write.destination) == Noticed::Restarted
    })
}

/// Waits until the processes of a container are not those of `before` any more; whether they are others in time.
pub(super) async fn restarted(access: &Access, before: &BTreeSet<String>) -> Result<bool, NotWritten> {
    let deadline = Instant::now() + LIMIT;
    loop {
        if access.processes().await? != *before {
            return Ok(true);
        }
        if Instant::now() >= deadline {
            return Ok(false);
        }
        tokio::time::sleep(POLL).await;
    }
}

#[cfg(test)]
mod tests {
    use super::Reloads;
    use super::restarting;
    use crate::image::sync::FileWrite;
    use crate::image::sync::Plan;
    use crate::image::sync::WriteKind;
    use crate::image::sync::process::Process;
    use crate::project::name::ImageName;

    fn runs(line: &str) -> Process {
        let arguments = line.split(' ').map(str::to_owned).collect();
        Process { arguments, working_dir: "/app".to_owned(), ..Process::default() }
    }

    fn writes(path: &str) -> Plan {
        let kind = WriteKind::File { size: 0, hash: [0; 32] };
        let (source, destination) = ("a".to_owned(), path.to_owned());
        let write = FileWrite { source, destination, uid: 0, gid: 0, mode: 0o644, kind };
        Plan { writes: vec![write], ..Plan::default() }
    }

    #[test]
    fn only_what_restarts_by_itself_has_to_be_seen_restarting() {
        for (line, path, expected) in [
            ("uvicorn main:app --reload", "/app/main.py", true),
            ("nodemon server.js", "/app/server.js", true),
            ("vite", "/app/src/main.ts", false),
            ("nginx", "/usr/share/nginx/html/index.html", false),
            ("flask run --debug", "/app/templates/a.html", false),
        ] {
            assert_eq!(restarting(&writes(path), &runs(line)), expected, "{line} {path}");
        }
        let mut ruled = writes("/app/main.py");
        ruled.ruled.insert("/app/main.py".to_owned());
        assert!(!restarting(&ruled, &runs("uvicorn main:app --reload")), "deploy.toml says what is done");
    }

    #[test]
    fn what_was_seen_of_a_process_says_nothing_of_another_one() {
        let (web, before, now) = (ImageName::parse("web").unwrap(), runs("flask run"), runs("uvicorn a"));
        let mut reloads = Reloads::default();
        assert!(!reloads.is_known(&web, &before));
        reloads.add(&web, &before, false);
        assert!(reloads.is_refuted(&web, &before) && !reloads.is_refuted(&web, &now));
        reloads.add(&web, &before, true);
        assert!(reloads.is_known(&web, &before) && !reloads.is_refuted(&web, &before));
    }
}
