//! The table of `todo status`: what matters first, columns that fit.
//!
//! Not a general table: when the width is short, reasons move below their rows, then the age goes, then what is used, then the restarts.
//! Without a terminal nothing is cut, because a program or a file reads it.

use super::grid::grid;
use super::style::TerminalCaps;
use super::style::TextStyle;
use super::style::clean;
use super::style::wrap;
use super::words;
use crate::answer::status::ForwardStatus;
use crate::answer::status::Health;
use crate::answer::status::ImageStatus;
use crate::answer::status::OtherProject;
use crate::answer::status::ProjectHealth;
use crate::answer::status::ServiceStatus;
use crate::answer::status::StatusReport;
use crate::answer::status::WorkloadStatus;

/// The report as a table, `width` columns wide at most (as wide as it gets, if there is no terminal), ending in a line end.
#[must_use]
pub fn table(report: &StatusReport, caps: TerminalCaps, width: Option<usize>) -> String {
    let mut lines = vec![headline(report, caps)];
    let cluster = &report.cluster;
    let version =
        cluster.version.as_deref().map(|version| format!(", Kubernetes {version}")).unwrap_or_default();
    let reason = cluster.reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
    lines.push(format!(
        "cluster {} {}{version}{}",
        clean(&cluster.name),
        clean(&cluster.state),
        clean(&reason)
    ));
    if let Some(revision) = &report.revision {
        let git = revision.git.as_deref().map(|git| format!(", git {}", clean(git))).unwrap_or_default();
        lines.push(format!("revision {}{git}", revision.number));
    }
    if let Some(other) = &report.other {
        lines.extend(wrap(&another(report, other), width));
    }
    if !report.images.is_empty() {
        lines.push(String::new());
        lines.extend(grid(
            &["IMAGE", "SIZE", "AGE", "REFERENCE"],
            &[3, 2],
            &images(report, caps),
            caps,
            width,
        ));
    }
    if !report.workloads.is_empty() {
        lines.push(String::new());
        let header = ["WORKLOAD", "HEALTH", "READY", "RESTARTS", "AGE", "CPU", "MEMORY", "VOLUME", "REASON"];
        lines.extend(grid(&header, &[4, 5, 6, 3, 7], &workloads(report, caps), caps, width));
    }
    if !report.services.is_empty() {
        lines.push(String::new());
        lines.extend(grid(
            &["SERVICE", "ANSWER", "URL", "REASON"],
            &[],
            &services(report, caps),
            caps,
            width,
        ));
    }
    if !report.forwards.is_empty() {
        lines.push(String::new());
        let header = ["FORWARD", "STATE", "ADDRESS", "PID", "REASON"];
        lines.extend(grid(&header, &[3], &forwards(report, caps), caps, width));
    }
    let changes = report.up_changes.map(|changes| {
        if changes {
            "`todo up` would change something: `todo plan` says what"
        } else {
            "`todo up` would change nothing"
        }
    });
    lines.extend(changes.into_iter().flat_map(|text| [vec![String::new()], wrap(text, width)].concat()));
    lines.extend(next_step(report).map(|help| format!("help: {help}")));
    let trimmed: Vec<&str> = lines.iter().map(|line| line.trim_end()).collect();
    trimmed.join("\n") + "\n"
}

fn headline(report: &StatusReport, caps: TerminalCaps) -> String {
    let (style, word) = match report.verdict {
        ProjectHealth::Ready => (TextStyle::Good, "ready"),
        ProjectHealth::Absent if matches!(report.cluster.state.as_str(), "running" | "absent") => {
            (TextStyle::Quiet, "not deployed")
        }
        ProjectHealth::Absent => (TextStyle::Quiet, "not running"),
        ProjectHealth::Degraded => (TextStyle::Bad, "degraded"),
    };
    let name = caps.paint(TextStyle::Strong, &report.project);
    format!("{name} {} in namespace {}", caps.paint(style, word), report.namespace)
}

/// What to do where nothing of the project is deployed.
fn next_step(report: &StatusReport) -> Option<&'static str> {
    let is_absent = report.verdict == ProjectHealth::Absent && report.other.is_none();
    let help = match report.cluster.state.as_str() {
        "running" => "`todo up` deploys it",
        "absent" => "`todo up` creates the cluster and deploys it",
        _ => "`todo up` starts the cluster and deploys what is missing",
    };
    is_absent.then_some(help)
}

fn another(report: &StatusReport, other: &OtherProject) -> String {
    let origin = other.origin.as_deref().unwrap_or("an unknown directory");
    let objects = if other.objects == 1 { "object" } else { "objects" };
    clean(&format!(
        "another project is deployed as `{}` in this namespace: {} {objects}, from {origin}; `todo plan` says what can be done",
        report.project, other.objects
    ))
}

fn images(report: &StatusReport, caps: TerminalCaps) -> Vec<Vec<String>> {
    let row = |image: &ImageStatus| {
        let missing = || caps.paint(TextStyle::Bad, "missing");
        let known = |size: Option<u64>| size.map_or_else(|| "?".to_owned(), words::size);
        vec![
            clean(&image.name),
            if image.present { known(image.size) } else { missing() },
            image.age_s.map(words::age).unwrap_or_default(),
            clean(image.reference.as_deref().unwrap_or_default()),
        ]
    };
    report.images.iter().map(row).collect()
}

fn workloads(report: &StatusReport, caps: TerminalCaps) -> Vec<Vec<String>> {
    let row = |workload: &WorkloadStatus| {
        let ready = match (workload.ready, workload.wanted) {
            (Some(ready), Some(wanted)) => format!("{ready}/{wanted}"),
            _ => String::new(),
        };
        vec![
            clean(&format!("{}/{}", workload.kind, workload.name)),
            health(workload.health, caps),
            ready,
            restarts(workload),
            workload.age_s.map(words::age).unwrap_or_default(),
            workload.cpu_m.map(|cpu| format!("{cpu}m")).unwrap_or_default(),
            workload.memory.map(words::size).unwrap_or_default(),
            volume(workload),
            clean(workload.reason.as_deref().unwrap_or_default()),
        ]
    };
    report.workloads.iter().map(row).collect()
}

/// `12 MB of 1.1 GB`, or `? of 1.1 GB` where nobody measures it.
fn volume(workload: &WorkloadStatus) -> String {
    let used = workload.used.map_or_else(|| "?".to_owned(), words::size);
    workload.capacity.map(|capacity| format!("{used} of {}", words::size(capacity))).unwrap_or_default()
}

/// `3 (OOMKilled, exit code 137)`.
fn restarts(workload: &WorkloadStatus) -> String {
    match (workload.restarts, &workload.last_end) {
        (0, _) => String::new(),
        (count, None) => count.to_string(),
        (count, Some(end)) => format!("{count} ({})", clean(end)),
    }
}

fn services(report: &StatusReport, caps: TerminalCaps) -> Vec<Vec<String>> {
    let row = |service: &ServiceStatus| {
        let took = service.took_ms.map(|took| format!(" in {}", words::duration(took))).unwrap_or_default();
        let status = service.status.map(|status| status.to_string());
        let answer = match (service.answers, status) {
            (true, status) => {
                caps.paint(TextStyle::Good, &format!("{}{took}", status.as_deref().unwrap_or("yes")))
            }
            (false, Some(status)) => caps.paint(TextStyle::Bad, &status),
            (false, None) => caps.paint(TextStyle::Bad, "none"),
        };
        let url = service.url.as_deref().unwrap_or("-");
        vec![clean(&service.name), answer, clean(url), clean(service.reason.as_deref().unwrap_or_default())]
    };
    report.services.iter().map(row).collect()
}

fn forwards(report: &StatusReport, caps: TerminalCaps) -> Vec<Vec<String>> {
    let row = |forward: &ForwardStatus| {
        let state = if forward.running {
            caps.paint(TextStyle::Good, "running")
        } else {
            caps.paint(TextStyle::Bad, "ended")
        };
        vec![
            clean(&format!("{}:{}", forward.service, forward.port)),
            state,
            clean(forward.url.as_deref().unwrap_or(&forward.address)),
            if forward.running { forward.pid.to_string() } else { String::new() },
            clean(forward.reason.as_deref().unwrap_or_default()),
        ]
    };
    report.forwards.iter().map(row).collect()
}

fn health(health: Health, caps: TerminalCaps) -> String {
    let (style, word) = match health {
        Health::Ready => (TextStyle::Good, "ready"),
        Health::Progressing => (TextStyle::Doubtful, "progressing"),
        Health::Failed => (TextStyle::Bad, "failed"),
        Health::Paused => (TextStyle::Doubtful, "paused"),
        Health::Terminating => (TextStyle::Doubtful, "terminating"),
        Health::Missing => (TextStyle::Bad, "missing"),
        Health::Unknown => (TextStyle::Quiet, "unknown"),
    };
    caps.paint(style, word)
}

#[cfg(test)]
mod tests {
    use super::table;
    use crate::answer::status::ClusterStatus;
    use crate::answer::status::ForwardStatus;
    use crate::answer::status::Health;
    use crate::answer::status::ImageStatus;
    use crate::answer::status::ProjectHealth;
    use crate::answer::status::RevisionStatus;
    use crate::answer::status::SCHEMA;
    use crate::answer::status::ServiceStatus;
    use crate::answer::status::StatusReport;
    use crate::answer::status::WorkloadStatus;
    use crate::report::style::TerminalCaps;
    use crate::report::style::columns;

    fn image(name: &str, present: bool) -> ImageStatus {
        ImageStatus {
            name: name.to_owned(),
            reference: Some(format!("{name}:id-3f9a5c21d0b7")),
            present,
            size: present.then_some(143_200_000),
            age_s: Some(7_300),
        }
    }

    fn workload(kind: &str, name: &str, health: Health, ready: Option<u32>) -> WorkloadStatus {
        WorkloadStatus {
            kind: kind.to_owned(),
            name: name.to_owned(),
            health,
            ready,
            wanted: ready.map(|_| 2),
            restarts: 0,
            last_end: None,
            age_s: Some(7_300),
            cpu_m: None,
            memory: None,
            capacity: None,
            used: None,
            reason: None,
        }
    }

    fn degraded() -> StatusReport {
        let mut broken = workload("Deployment", "frontend", Health::Failed, Some(0));
        broken.restarts = 4;
        broken.age_s = Some(130);
        broken.reason = Some("CrashLoopBackOff: container `web` ended with exit code 1".to_owned());
        StatusReport {
            schema: SCHEMA,
            project: "todo-chatbot".to_owned(),
            namespace: "todo-chatbot".to_owned(),
            verdict: ProjectHealth::Degraded,
            cluster: ClusterStatus {
                name: "minikube".to_owned(),
                state: "running".to_owned(),
                version: Some("v1.35.0".to_owned()),
                reason: None,
            },
            revision: None,
            images: vec![image("todo-backend", true), image("todo-frontend", false)],
            workloads: vec![
                broken,
                workload("Deployment", "backend", Health::Ready, Some(2)),
                workload("PersistentVolumeClaim", "backend-data", Health::Ready, None),
            ],
            services: vec![ServiceStatus {
                name: "frontend".to_owned(),
                url: Some("http://192.168.49.2:30080/".to_owned()),
                answers: false,
                status: Some(503),
                took_ms: Some(4),
                reason: Some("no pod behind it is ready".to_owned()),
            }],
            forwards: Vec::new(),
            other: None,
            up_changes: None,
        }
    }

    #[test]
    fn a_wide_terminal_shows_everything() {
        insta::assert_snapshot!(table(&degraded(), TerminalCaps::BARE, Some(120)));
    }

    #[test]
    fn a_narrow_one_shows_what_matters_and_never_wraps() {
        let caps = TerminalCaps { colour: false, unicode: true };
        let narrow = table(&degraded(), caps, Some(60));
        assert!(narrow.lines().all(|line| columns(line) <= 60), "{narrow}");
        insta::assert_snapshot!(narrow);
    }

    #[test]
    fn usage_is_shown_where_it_is_measured() {
        let mut report = degraded();
        report.workloads[1].cpu_m = Some(45);
        report.workloads[1].memory = Some(314_572_800);
        let table = table(&report, TerminalCaps::BARE, None);
        let row = |name: &str| table.lines().find(|line| line.contains(name)).unwrap().to_owned();
        assert!(row("WORKLOAD").contains("AGE    CPU  MEMORY"), "{table}");
        assert!(row("Deployment/backend").ends_with("45m  315 MB"), "{table}");
        assert!(
            !super::table(&degraded(), TerminalCaps::BARE, None).contains("CPU"),
            "no column that says nothing"
        );
    }

    #[test]
    fn volumes_and_the_revision_are_shown_as_far_as_they_are_known() {
        let mut report = degraded();
        report.revision = Some(RevisionStatus { number: 4, git: Some("1a2b3c4-dirty".to_owned()) });
        report.workloads[2].capacity = Some(1 << 30);
        let of = |report: &StatusReport| table(report, TerminalCaps::BARE, None);
        assert!(
            of(&report).contains("\nrevision 4, git 1a2b3c4-dirty\n")
                && of(&report).contains(&format!("? of {}", super::words::size(1 << 30))),
            "{}",
            of(&report)
        );
        report.workloads[2].used = Some(12_000_000);
        report.revision = Some(RevisionStatus { number: 4, git: None });
        assert!(
            of(&report).contains("\nrevision 4\n")
                && of(&report).contains(&format!("12 MB of {}", super::words::size(1 << 30))),
            "{}",
            of(&report)
        );
    }

    #[test]
    fn forwards_have_their_address_and_those_that_ended_their_reason() {
        let running = ForwardStatus {
            service: "frontend".to_owned(),
            port: 80,
            address: "127.0.0.1:30080".to_owned(),
            url: Some("http://127.0.0.1:30080/".to_owned()),
            running: true,
            pid: 4711,
            reason: None,
        };
        let reason = Some("the Service was deleted".to_owned());
        let ended = ForwardStatus { url: None, running: false, reason, ..running.clone() };
        let report = StatusReport { forwards: vec![running, ended], ..degraded() };
        let table = table(&report, TerminalCaps::BARE, None);
        let rows: Vec<Vec<&str>> = table
            .lines()
            .filter(|line| line.contains("127.0.0.1"))
            .map(|line| line.split("  ").collect())
            .collect();
        assert!(rows[0].contains(&"http://127.0.0.1:30080/") && rows[0].contains(&"4711"), "{table}");
        assert!(rows[1].iter().any(|cell| cell.trim() == "the Service was deleted"), "{table}");
        assert!(!rows[1].contains(&"4711"), "no process has that number, or another one");
        assert!(!super::table(&degraded(), TerminalCaps::BARE, None).contains("FORWARD"));
    }

    #[test]
    fn a_pipe_gets_every_reason_whole() {
        assert!(table(&degraded(), TerminalCaps::BARE, None).contains("ended with exit code 1\n"));
    }

    #[test]
    fn colours_change_nothing_but_the_colour() {
        let coloured = table(&degraded(), TerminalCaps { colour: true, unicode: false }, Some(60));
        assert!(coloured.contains('\x1b'));
        assert_eq!(console::strip_ansi_codes(&coloured), table(&degraded(), TerminalCaps::BARE, Some(60)));
    }

    #[test]
    fn what_is_ready_is_short() {
        let mut report = degraded();
        report.verdict = ProjectHealth::Ready;
        report.workloads.remove(0);
        report.images.remove(1);
        report.services[0] =
            ServiceStatus { answers: true, status: Some(200), reason: None, ..report.services[0].clone() };
        insta::assert_snapshot!(table(&report, TerminalCaps::BARE, Some(100)));
    }

    #[test]
    fn the_json_is_the_same_struct() {
        let report = degraded();
        let text = serde_json::to_string(&report).unwrap();
        assert_eq!(serde_json::from_str::<StatusReport>(&text).unwrap(), report);
        assert!(text.contains(r#""health":"failed""#) && text.contains(r#""verdict":"degraded""#));
    }
}
