//! `todo status --watch`: the status again and again, and whether `up` would change anything.

use crate::answer::status::ProjectHealth;
use crate::answer::status::StatusReport;
use crate::fault::Result;
use crate::flow::plan;
use crate::flow::status::report;
use crate::project::Project;
use crate::run::Run;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How long is waited between two looks.
const PAUSE: Duration = Duration::from_secs(2);

/// How long the result of the preview is reused: it reads all files and queries the API server about each object.
const PLANNED: Duration = Duration::from_secs(30);

/// The status, looked up again for each call.
#[derive(Debug)]
pub struct Repeated {
    project: Arc<Project>,
    looked: Option<Instant>,
    planned: Option<(Instant, Option<bool>)>,
}

impl Repeated {
    /// Nothing has been read yet.
    #[must_use]
    pub fn new(project: Arc<Project>) -> Repeated {
        Repeated { project, looked: None, planned: None }
    }

    /// The status now; after a pause, unless it is the first.
    ///
    /// # Errors
    /// As for `todo status`.
    pub async fn next(&mut self, run: &Run) -> Result<StatusReport> {
        if let Some(looked) = self.looked {
            tokio::time::sleep_until(looked + PAUSE).await;
        }
        let mut found = report(run, &self.project).await;
        if let Ok(found) = &mut found {
            found.up_changes = self.changes(run, found.verdict).await;
        }
        self.looked = Some(Instant::now());
        found
    }

    /// Whether `up` would change anything; `None` if that cannot be found out.
    async fn changes(&mut self, run: &Run, verdict: ProjectHealth) -> Option<bool> {
        if verdict == ProjectHealth::Absent {
            return None;
        }
        if let Some((_, known)) = self.planned.filter(|(at, _)| at.elapsed() < PLANNED) {
            return known;
        }
        let known = plan::changes(run, &self.project).await.ok();
        self.planned = Some((Instant::now(), known));
        known
    }
}
