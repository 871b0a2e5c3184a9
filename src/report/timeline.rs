//! The answer of `todo timeline` as a table and as JSON.

use crate::answer::listing::Listing;
use crate::answer::record::KeptRun;
use crate::answer::record::Time;
use crate::answer::timeline::PodTimes;
use crate::answer::timeline::Timeline;
use crate::report::words;
use serde_json::json;

/// Items that took less, in milliseconds, are not listed.
const WORTH: u64 = 100;

/// A row for the run, each of its steps and items, and each pod.
#[must_use]
pub fn listing(timeline: &Timeline) -> Listing {
    let Timeline { run, usual, pods } = timeline;
    let mut rows = Vec::new();
    let mut usuals = Vec::new();
    if let Some(run) = run {
        rows.push(head(run));
        for step in &run.record.steps {
            let took = usual.took(step.step, None);
            usuals.push(json!({"step": step.step, "took_ms": took}));
            let usually = took.map(words::duration).unwrap_or_default();
            rows.push(row(words::step(step.step), step.time, usually));
            let items = step.items.iter().filter(|item| item.time.took_ms.is_none_or(|took| took >= WORTH));
            rows.extend(items.map(|item| row(&format!("  {}", item.item), item.time, String::new())));
        }
    }
    rows.extend(pods.iter().flat_map(of_pod));
    let json = match run {
        Some(run) => json!({ "run": run, "usual": usuals, "pods": pods }),
        None => json!({ "run": null, "pods": pods }),
    };
    Listing {
        header: vec!["WHAT", "BEGAN", "TOOK", "USUALLY"],
        rows,
        below: run.iter().map(|run| vec![end(run)]).collect(),
        nothing: "no run of this project is recorded on this machine; `todo up` records one",
        json,
    }
}

fn head(run: &KeptRun) -> Vec<String> {
    let KeptRun { record, .. } = run;
    let what = format!("{} {}", record.command, record.project);
    vec![what, String::new(), words::duration(record.took_ms), String::new()]
}

/// When and how the run ended, below its row.
fn end(run: &KeptRun) -> String {
    format!("ended {}, exit code {}", run.ended.strftime("%Y-%m-%d %H:%M:%S UTC"), run.record.code)
}

fn row(what: &str, time: Time, usually: String) -> Vec<String> {
    let began = format!("+{}", words::duration(time.began_ms));
    let took = time.took_ms.map_or_else(|| "unfinished".to_owned(), words::duration);
    vec![what.to_owned(), began, took, usually]
}

/// A pod, and how long after its creation each thing was reached. Kubernetes counts in seconds.
fn of_pod(pod: &PodTimes) -> Vec<Vec<String>> {
    let line = |what: &str, at: Option<u64>| {
        at.map(|at| vec![format!("  {what}"), format!("+{at} s"), String::new(), String::new()])
    };
    let head = vec![
        format!("Pod/{}", pod.pod),
        String::new(),
        pod.ready_s.map(|at| format!("{at} s")).unwrap_or_default(),
        String::new(),
    ];
    let reached = [
        ("scheduled", pod.scheduled_s),
        ("image", pod.image_s),
        ("started", pod.started_s),
        ("ready", pod.ready_s),
    ];
    std::iter::once(head).chain(reached.into_iter().filter_map(|(what, at)| line(what, at))).collect()
}
