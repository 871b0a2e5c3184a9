//! `todo status` as a table, in several widths.

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
