//! `todo status --watch`: the output after a change. A terminal has the table, always the same; a pipe the table once
//! and then a line for each thing that has changed; a program one document for each change.

use super::style::clean;
use crate::answer::status::Health;
use crate::answer::status::StatusReport;
use crate::answer::status::WorkloadStatus;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The last output.
#[derive(Debug, Default)]
pub struct StatusView {
    last: Option<StatusReport>,
    /// How many lines of the terminal are written over.
    drawn: usize,
}

impl StatusView {
    /// Whether the report differs from the last in more than times and measurements; it is the last one from now on.
    pub(super) fn changed(&mut self, report: &StatusReport) -> bool {
        let still = still(report);
        let changed = self.last.as_ref() != Some(&still);
        self.last = Some(still);
        changed
    }

    /// The table over the one before it, no higher than the terminal.
    pub(super) fn over(&mut self, table: &str, height: Option<usize>) -> String {
        let mut text = String::new();
        if self.drawn > 0 {
            // ECMA-48: CPL, ED.
            let _ = write!(text, "\x1b[{}F\x1b[J", self.drawn);
        }
        let lines: Vec<&str> = table.lines().collect();
        let most = height.map_or(usize::MAX, |height| height.saturating_sub(2).max(1));
        for line in lines.iter().take(most) {
            text.push_str(line);
            text.push('\n');
        }
        self.drawn = lines.len().min(most);
        if lines.len() > most {
            let _ = writeln!(text, "… and {} more lines", lines.len() - most);
            self.drawn += 1;
        }
        text
    }

    /// The table at first, then a line for each thing that has changed; `None` if nothing has.
    pub(super) fn lines(&mut self, report: &StatusReport, table: &str) -> Option<String> {
        let Some(before) = self.last.clone() else {
            self.changed(report);
            return Some(table.to_owned());
        };
        if !self.changed(report) {
            return None;
        }
        let (old, new) = (facts(&before), facts(report));
        let gone =
            old.keys().filter(|key| !new.contains_key(*key)).map(|key| (key.clone(), "gone".to_owned()));
        let changed = new.iter().filter(|(key, fact)| old.get(*key) != Some(fact));
        let changed = changed.map(|(key, fact)| (key.clone(), fact.clone()));
        let mut text = String::new();
        for (key, fact) in changed.chain(gone) {
            let _ = writeln!(text, "{}", clean(&format!("{key}: {fact}")));
        }
        (!text.is_empty()).then_some(text)
    }
}

/// The report without what changes by itself.
fn still(report: &StatusReport) -> StatusReport {
    let mut still = report.clone();
    still.images.iter_mut().for_each(|image| image.age_s = None);
    still.services.iter_mut().for_each(|service| service.took_ms = None);
    for workload in &mut still.workloads {
        *workload = WorkloadStatus { age_s: None, cpu_m: None, memory: None, used: None, ..workload.clone() };
    }
    still
}

/// The facts about each item.
fn facts(report: &StatusReport) -> BTreeMap<String, String> {
    let verdict = format!("{:?}", report.verdict).to_lowercase();
    let with = |mut text: String, reason: &Option<String>| {
        if let Some(reason) = reason {
            let _ = write!(text, ", {reason}");
        }
        text
    };
    let project = (report.project.clone(), verdict);
    let cluster = &report.cluster;
    let cluster = (format!("cluster {}", cluster.name), with(cluster.state.clone(), &cluster.reason));
    let images = report.images.iter().map(|image| {
        let fact =
            if image.present { image.reference.clone().unwrap_or_default() } else { "missing".to_owned() };
        (format!("image {}", image.name), fact)
    });
    let workloads = report.workloads.iter().map(|workload| {
        (format!("{}/{}", workload.kind, workload.name), with(health(workload), &workload.reason))
    });
    let services = report.services.iter().map(|service| {
        let answer = match (service.answers, service.status) {
            (true, _) => "answers".to_owned(),
            (false, Some(status)) => format!("answers {status}"),
            (false, None) => "no answer".to_owned(),
        };
        (format!("Service/{}", service.name), with(answer, &service.reason))
    });
    let forwards = report.forwards.iter().map(|forward| {
        let state = if forward.running { "running" } else { "ended" };
        (format!("forward {}:{}", forward.service, forward.port), with(state.to_owned(), &forward.reason))
    });
    let up = report.up_changes.map(|changes| {
        (
            "todo up".to_owned(),
            if changes { "would change something" } else { "would change nothing" }.to_owned(),
        )
    });
    [project, cluster]
        .into_iter()
        .chain(images)
        .chain(workloads)
        .chain(services)
        .chain(forwards)
        .chain(up)
        .collect()
}

fn health(workload: &WorkloadStatus) -> String {
    let word = match workload.health {
        Health::Ready => "ready",
        Health::Progressing => "progressing",
        Health::Failed => "failed",
        Health::Paused => "paused",
        Health::Terminating => "terminating",
        Health::Missing => "missing",
        Health::Unknown => "unknown",
    };
    let mut text = word.to_owned();
    if let (Some(ready), Some(wanted)) = (workload.ready, workload.wanted) {
        let _ = write!(text, " {ready}/{wanted}");
    }
    match workload.restarts {
        0 => {}
        1 => text.push_str(", 1 restart"),
        restarts => drop(write!(text, ", {restarts} restarts")),
    }
    if let Some(end) = workload.last_end.as_ref().filter(|_| workload.restarts > 0) {
        let _ = write!(text, " (last: {end})");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::StatusView;
    use crate::answer::status::Health;
    use crate::answer::status::StatusReport;
    use serde_json::json;

    fn report() -> StatusReport {
        serde_json::from_value(json!({
            "schema": 1, "project": "shop", "namespace": "shop", "verdict": "ready",
            "cluster": {"name": "minikube", "state": "running", "version": null, "reason": null},
            "images": [{"name": "web", "reference": "web:1", "present": true, "size": 1, "age_s": 5}],
            "workloads": [{"kind": "Deployment", "name": "web", "health": "ready", "ready": 1, "wanted": 1, "restarts": 0,
                "age_s": 5, "cpu_m": 1, "memory": 1, "reason": null}],
            "services": [{"name": "web", "url": null, "answers": true, "status": 200, "took_ms": 3, "reason": null}],
        }))
        .unwrap()
    }

    #[test]
    fn times_and_measurements_are_no_change() {
        let mut view = StatusView::default();
        assert!(view.changed(&report()));
        let mut later = report();
        later.images[0].age_s = Some(9);
        later.workloads[0].age_s = Some(9);
        later.workloads[0].cpu_m = Some(9);
        later.workloads[0].memory = None;
        later.services[0].took_ms = Some(9);
        assert!(!view.changed(&later));
        later.workloads[0].restarts = 1;
        assert!(view.changed(&later) && !view.changed(&later));
    }

    #[test]
    fn a_pipe_has_the_table_once_and_then_what_has_changed() {
        let mut view = StatusView::default();
        assert_eq!(view.lines(&report(), "table\n").as_deref(), Some("table\n"));
        assert_eq!(view.lines(&report(), "table\n"), None);
        let mut later = report();
        later.workloads[0].health = Health::Failed;
        later.workloads[0].restarts = 2;
        later.workloads[0].last_end = Some("OOMKilled, exit code 137".to_owned());
        later.services.clear();
        let text = view.lines(&later, "table\n").unwrap();
        let subjects: Vec<&str> = text.lines().filter_map(|line| line.split(':').next()).collect();
        assert_eq!(subjects, ["Deployment/web", "Service/web"], "{text}");
        assert!(text.contains("137") && text.contains("failed 1/1"), "{text}");
    }

    #[test]
    fn a_terminal_is_written_over_and_not_beyond_its_height() {
        let mut view = StatusView::default();
        assert_eq!(view.over("a\nb\n", Some(24)), "a\nb\n");
        assert_eq!(view.over("c\n", Some(24)), "\x1b[2F\x1b[Jc\n");
        let cut = view.over("1\n2\n3\n4\n5\n", Some(5));
        assert_eq!(cut.lines().count(), 4, "{cut}");
        assert!(view.over("a\n", Some(5)).starts_with("\x1b[4F"));
    }
}
