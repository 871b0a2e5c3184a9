//! Charts as ways: those that lie side by side, or are two halves of one application, go together.

use super::Kind;
use super::Source;
use super::Way;
use crate::discover::chart;
use crate::discover::chart::Chart;
use crate::discover::script::Scripts;
use crate::discover::tree::Tree;
use crate::discover::tree::file_name;
use crate::discover::tree::parent;
use crate::discover::tree::shown;
use std::collections::BTreeMap;

pub(super) fn by_charts(tree: &Tree, scripts: &Scripts, charts: &[Chart]) -> Vec<Way> {
    let mut groups: BTreeMap<String, Vec<&Chart>> = BTreeMap::new();
    for chart in charts {
        let siblings = charts.iter().filter(|other| parent(&other.folder) == parent(&chart.folder)).count();
        let key = if siblings > 1 {
            parent(&chart.folder).to_owned()
        } else {
            // `api/chart` and `web/chart` are two halves of one application.
            format!("{} {}", chart.folder.matches('/').count(), file_name(&chart.folder))
        };
        groups.entry(key).or_default().push(chart);
    }
    groups.into_values().map(|group| of_charts(tree, scripts, group)).collect()
}

fn of_charts(tree: &Tree, scripts: &Scripts, mut group: Vec<&Chart>) -> Way {
    let released = |chart: &Chart| scripts.releases.iter().rfind(|release| release.chart == chart.folder);
    if group.iter().any(|chart| released(chart).is_some()) {
        group.retain(|chart| released(chart).is_some());
    }
    let folders: Vec<String> = group.iter().map(|chart| format!("`{}`", shown(&chart.folder))).collect();
    let title =
        format!("the {} {}", if group.len() == 1 { "chart" } else { "charts" }, folders.join(" and "));
    let path = if group.len() == 1 { &group[0].folder } else { parent(&group[0].folder) };
    let mut way = Way::new(title, path, Kind::Charts);
    for chart in group {
        let release = released(chart);
        let given = release.map(|release| release.values.clone()).unwrap_or_default();
        let values = if release.is_some() {
            given
        } else {
            chart::local_values(tree, &chart.folder).into_iter().collect()
        };
        let mut left: Vec<String> = Vec::new();
        if let Some(release) = release {
            let at = &release.place;
            left.extend(
                release.absent.iter().map(|file| format!("{at} also passes `{file}`, which is not there")),
            );
            left.extend(release.unknown.iter().map(|key| format!("{at} also sets `{key}`, from a variable")));
        }
        let ours = |key: &&String| key.to_lowercase().contains("image");
        let set = release.map(|release| {
            release
                .set
                .iter()
                .filter(|(key, _)| !ours(key))
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect()
        });
        way.uses.extend(chart::uses(tree, chart, &values));
        way.script = way.script.or_else(|| release.map(|release| release.place.clone()));
        way.sources.push(Source::Chart {
            chart: chart.folder.clone(),
            release: release.map_or_else(|| chart.name.clone(), |release| release.name.clone()),
            values,
            set: set.unwrap_or_default(),
            left,
        });
    }
    way
}
