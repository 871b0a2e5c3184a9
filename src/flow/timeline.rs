//! `todo timeline`: where the time of the last run went, step by step, and of its pods.

use crate::cluster::PodTimes;
use crate::cluster::pod_times;
use crate::event::Step;
use crate::fault::Result;
use crate::flow::Answer;
use crate::flow::connected::deployed;
use crate::flow::runs;
use crate::flow::runs::Kept;
use crate::project::Project;
use crate::report::fold::Opening;
use crate::report::listing::Listing;
use crate::report::record::Record;
use crate::report::record::Time;
use crate::report::usual::Usual;
use crate::report::words;
use crate::run::Run;
use crate::world::World;
use serde_json::json;

/// Items that took less are not listed.
const WORTH: u64 = 100;

/// Shows the last run of the project from this machine, and, where its cluster can be asked, its pods.
pub async fn timeline(run: &Run, project: &Project) -> Result<Answer> {
    let cluster = project.minikube.profile.as_str();
    let of = |record: &Record| record.is_of(project.name.as_str(), project.namespace.as_str(), cluster);
    let kept = runs::of(&run.world, of);
    let Some((last, earlier)) = kept.split_first() else {
        let nothing = "no run of this project is kept on this machine: `todo up` is the first";
        let json = json!({ "run": null, "pods": [] });
        return Ok(Answer::Listing(Listing {
            header: Vec::new(),
            rows: Vec::new(),
            below: Vec::new(),
            nothing,
            json,
        }));
    };
    let pods = pods(run, project).await;
    let alike = earlier.iter().map(|kept| &kept.record).filter(|one| one.command == last.record.command);
    let usual = Usual::of(alike);
    let usual = |step: Step| usual.took(step, None);
    let usuals: Vec<_> = last
        .record
        .steps
        .iter()
        .map(|step| json!({"step": step.step, "took_ms": usual(step.step)}))
        .collect();
    let json = json!({ "run": last, "usual": usuals, "pods": pods });
    let mut rows = vec![head(last)];
    for step in &last.record.steps {
        let usually = usual(step.step).map(words::duration).unwrap_or_default();
        rows.push(row(words::step(step.step), step.time, usually));
        let items = step.items.iter().filter(|item| item.time.took_ms.is_none_or(|took| took >= WORTH));
        rows.extend(items.map(|item| row(&format!("  {}", item.item), item.time, String::new())));
    }
    rows.extend(pods.iter().flat_map(of_pod));
    let header = vec!["WHAT", "BEGAN", "TOOK", "USUALLY"];
    Ok(Answer::Listing(Listing { header, rows, below: Vec::new(), nothing: "", json }))
}

/// How long the steps of a run take mostly, for the live view.
pub(crate) fn expected(world: &World, opening: &Opening) -> Usual {
    let Opening { command, project, namespace, profile, .. } = opening;
    let alike = |record: &Record| record.command == *command && record.is_of(project, namespace, profile);
    Usual::of(runs::of(world, alike).iter().map(|kept| &kept.record))
}

/// The pods that run now. A cluster that cannot be asked hides no run.
async fn pods(run: &Run, project: &Project) -> Vec<PodTimes> {
    let asked = async {
        let target = deployed(run, project, Step::Preflight).await?;
        pod_times(run, &target).await
    };
    asked.await.unwrap_or_default()
}

fn head(kept: &Kept) -> Vec<String> {
    let Kept { ended, record } = kept;
    let took = words::duration(record.took_ms);
    let at = ended.strftime("%Y-%m-%d %H:%M:%S UTC");
    vec![
        format!("{} {}, exit code {}, {at}", record.command, record.project, record.code),
        String::new(),
        took,
        String::new(),
    ]
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
