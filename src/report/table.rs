//! The table of `todo status`: what matters first, columns that fit.
//!
//! Not a general table: when the width is short, reasons move below their rows, then the age is removed, then the
//! usage, then the restarts. Without a terminal nothing is cut, because a program or a file reads it.

#[cfg(test)]
mod tests;

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
    let mut lines = wrap(&headline(report, caps), width);
    let cluster = &report.cluster;
    let version =
        cluster.version.as_deref().map(|version| format!(", Kubernetes {version}")).unwrap_or_default();
    let reason = cluster.reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
    let cluster =
        format!("cluster {} {}{version}{}", clean(&cluster.name), clean(&cluster.state), clean(&reason));
    lines.extend(wrap(&cluster, width));
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
    lines.extend(next_step(report).into_iter().flat_map(|help| wrap(&format!("help: {help}"), width)));
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

/// `12 MB of 1.1 GB`, or `? of 1.1 GB` where it is not measured.
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
