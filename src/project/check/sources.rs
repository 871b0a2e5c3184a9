//! `[[manifests]]`: exactly one of a path, a kustomization and a chart.

use crate::project::Source;
use crate::project::SourceKind;
use crate::project::file::Section;
use crate::project::name::ObjectName;
use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;

pub(super) fn source(root: &Path, section: Section<'_, '_>) -> Option<Source> {
    let path = section.text("path");
    let kustomize = section.text("kustomize");
    let chart = section.text("chart");
    let release = section.parsed("release", ObjectName::parse);
    let values: Vec<PathBuf> = section.texts("values").into_iter().map(|at| root.join(at.value)).collect();
    let set =
        section.pairs("set").into_iter().map(|(key, text)| (key.value.to_owned(), text.value.to_owned()));
    let set: BTreeMap<String, String> = set.collect();
    let helm_only = release.is_some() || !values.is_empty() || !set.is_empty();
    let kind = match (path, kustomize, chart) {
        (Some(path), None, None) if !helm_only => Some(SourceKind::Path(root.join(path.value))),
        (None, Some(folder), None) if !helm_only => Some(SourceKind::Kustomize(root.join(folder.value))),
        (None, None, Some(chart)) => {
            let chart = root.join(chart.value);
            let folder =
                chart.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            let release = release.map_or(folder, |at| at.value.to_string());
            Some(SourceKind::Chart { chart, release, values, set })
        }
        (None, None, None) if ["path", "kustomize", "chart"].iter().any(|key| section.has(key)) => None,
        (None, None, None) => {
            section.lacks("says nothing to deploy", "write one of `path`, `kustomize` and `chart`");
            None
        }
        _ if helm_only => {
            section.lacks(
                "has keys of a chart without one",
                "`release`, `values` and `set` go with `chart` alone",
            );
            None
        }
        _ => {
            section.lacks(
                "names several sources",
                "write a `[[manifests]]` for each of `path`, `kustomize` and `chart`",
            );
            None
        }
    };
    let place = section.place.clone();
    section.close();
    kind.map(|kind| Source { place, kind })
}
