//! Charts as ways: those that one file installs go together, as do those that lie side by side or are halves of one application.

use super::Method;
use super::MethodKind;
use super::Source;
use crate::discover::chart;
use crate::discover::chart::Chart;
use crate::discover::copies::copy_of;
use crate::discover::evidence::Evidence;
use crate::discover::evidence::Release;
use crate::discover::tree::Tree;
use crate::discover::tree::file_name;
use crate::discover::tree::parent;
use crate::discover::tree::shown;

pub(super) fn by_charts(tree: &Tree, evidence: &Evidence, charts: &[Chart]) -> Vec<Method> {
    let mut groups: Vec<Vec<&Chart>> = Vec::new();
    for chart in charts {
        let release = evidence.release(&chart.folder);
        let group = groups.iter_mut().find(|group| {
            // What renders the same objects is another version, not another half.
            let distinct = group.iter().all(|other| other.name != chart.name);
            distinct
                && group.iter().any(|other| match (evidence.release(&other.folder), release) {
                    (Some(one), Some(two)) => one.provenance.entry == two.provenance.entry,
                    (None, None) => belong_together(&other.folder, &chart.folder),
                    _ => false,
                })
        });
        match group {
            Some(group) => group.push(chart),
            None => groups.push(vec![chart]),
        }
    }
    groups.into_iter().map(|group| of_charts(tree, evidence, group)).collect()
}

/// Side by side, or at the same depth under the same name: `api/chart` and `web/chart`. Not two copies of one thing.
fn belong_together(text: &str, other: &str) -> bool {
    let halves =
        file_name(text) == file_name(other) && text.matches('/').count() == other.matches('/').count();
    copy_of(text) == copy_of(other) && (parent(text) == parent(other) || halves)
}

fn of_charts(tree: &Tree, evidence: &Evidence, group: Vec<&Chart>) -> Method {
    let folders: Vec<String> = group.iter().map(|chart| format!("`{}`", shown(&chart.folder))).collect();
    let title =
        format!("the {} {}", if group.len() == 1 { "chart" } else { "charts" }, folders.join(" and "));
    let path = if group.len() == 1 { &group[0].folder } else { parent(&group[0].folder) };
    let mut method = Method::new(title, path, MethodKind::Charts);
    for chart in group {
        let release = evidence.release(&chart.folder);
        let (values, left) = values(tree, chart, release);
        method.uses.extend(chart::uses(tree, chart, &values));
        if let Some(release) = release {
            method.provenance = method.provenance.or_else(|| Some(release.provenance.clone()));
            method
                .spaces
                .extend(release.namespace.clone().map(|name| (name, release.provenance.place.clone())));
        }
        let ours = |key: &&String| key.to_lowercase().contains("image");
        let given = release.map(|release| release.set.clone()).unwrap_or_default();
        let secret = release.map(|release| release.secret.clone()).unwrap_or_default();
        method.sources.push(Source::Chart {
            chart: chart.folder.clone(),
            release: release.map_or_else(|| chart.name.clone(), |release| release.name.clone()),
            namespace: release.and_then(|release| release.namespace.clone()),
            values,
            set: given.into_iter().filter(|(key, _)| !ours(&key)).collect(),
            set_env: secret.into_iter().filter(|(key, _)| !ours(&key)).collect(),
            left,
        });
    }
    method
}

/// The values files for this machine, and notes about those that were not taken.
///
/// A file for this machine takes precedence over a file for another machine that a script names.
fn values(tree: &Tree, chart: &Chart, release: Option<&Release>) -> (Vec<String>, Vec<String>) {
    let local = chart::local_values(tree, &chart.folder);
    let all = chart::values_files(tree, &chart.folder);
    let mut left = Vec::new();
    let mut taken: Vec<String> = match release {
        Some(release) => {
            left.extend(release.absent_told().into_iter().map(|(_, message)| message));
            release.values.clone()
        }
        None => local.into_iter().collect(),
    };
    // The chart's own values are taken without being named.
    taken.retain(|file| *file != crate::discover::tree::join(&chart.folder, "values.yaml"));
    let others: Vec<String> =
        all.into_iter().filter(|file| !taken.contains(file)).map(|file| format!("`{file}`")).collect();
    if !others.is_empty() {
        left.push(format!(
            "other values of `{}`: {}",
            shown(&chart.folder),
            others[..others.len().min(4)].join(", ")
        ));
    }
    (taken, left)
}
