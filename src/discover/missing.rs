//! What a project with a deploy.toml needs that `todo up` does not bring, read from the same files as `todo init` reads.

use super::chart;
use super::context::Attempt;
use super::context::before;
use super::evidence::Evidence;
use super::evidence::Provenance;
use super::evidence::Rank;
use super::evidence::Release;
use super::evidence::Sort;
use super::published::is_public;
use super::readers;
use super::tree::Tree;
use super::tree::join;
use super::tree::parent;
use super::variant::distance;
use crate::event::Code;
use crate::event::Finding;
use crate::event::Place;
use crate::manifest::Object;
use crate::manifest::bind::images_named;
use crate::project::Image;
use crate::project::Project;
use crate::project::SourceKind;
use crate::project::clear::Clear;
use crate::project::clear::detect;
use std::collections::BTreeSet;
use std::path::Path;
use std::path::PathBuf;

/// What may be missing when `objects` are deployed.
#[must_use]
pub fn missing(tree: &Tree, project: &Project, objects: &[Object]) -> Vec<Finding> {
    let evidence = readers::read(tree);
    let mut findings = installs(&evidence, project);
    findings.extend(values(tree, &evidence, project));
    findings.extend(builds(tree, project));
    findings.extend(images(project, objects));
    findings
}

/// Values that the scripts give to the project's charts and that deploy.toml does not.
fn values(tree: &Tree, evidence: &Evidence, project: &Project) -> Vec<Finding> {
    let charts = project.sources.iter().filter_map(|source| match &source.kind {
        SourceKind::Chart(chart) => Some((path_of(&project.root, &source.kind)?, chart)),
        SourceKind::Path(_) | SourceKind::Kustomize(_) => None,
    });
    let mut findings = Vec::new();
    for (path, chart) in charts {
        let named = |file: &str| {
            chart.values.iter().any(|known| inside(&project.root, known).as_deref() == Some(file))
        };
        let releases =
            evidence.releases.iter().filter(|release| release.chart == path && counts(&release.provenance));
        for release in releases {
            let absent = release.absent_told().into_iter().filter(|(file, _)| !named(file));
            findings.extend(absent.map(|(_, message)| {
                let help = "write it and name it under `values` of the chart in deploy.toml, if it is needed";
                Code::ValuesNotIncluded.note(message).at(release.provenance.place.clone()).help(help)
            }));
            let files = chart.values.iter().filter_map(|file| inside(&project.root, file));
            let files: Vec<String> = std::iter::once(join(&path, "values.yaml")).chain(files).collect();
            let given = |key: &str| chart.set.contains_key(key) || chart.set_env.contains_key(key);
            let lost = lost(tree, release, &files).into_iter().filter(|key| !given(key));
            findings.extend(lost.map(|key| {
                let message =
                    format!("{} also sets `{key}`, which deploy.toml does not", release.provenance.place);
                let help = "give it by `set` of the chart in deploy.toml, or by `set-env` if it is a secret";
                Code::ValuesNotIncluded.note(message).at(release.provenance.place.clone()).help(help)
            }));
        }
    }
    findings
}

/// The values that a release sets, and that differ from what its values files have; secrets are not compared.
fn lost(tree: &Tree, release: &Release, files: &[String]) -> Vec<String> {
    let ours = |key: &str| key.to_lowercase().contains("image");
    let plain = release.set.iter().filter(|(key, value)| {
        !ours(key) && chart::value_of(tree, files, key).as_deref() != Some(value.as_str())
    });
    let secret = release.secret.keys().filter(|key| {
        let known = chart::value_of(tree, files, key).unwrap_or_default();
        known.is_empty() || detect(key, &known) == Some(Clear::Placeholder)
    });
    plain.map(|(key, _)| key).chain(secret).cloned().collect()
}

/// Steps before the project's images can be built that Git or another build performs.
fn builds(tree: &Tree, project: &Project) -> Vec<Finding> {
    let of_image = |image: &Image| {
        let (dockerfile, context) =
            (inside(&project.root, &image.dockerfile)?, inside(&project.root, &image.context)?);
        let attempt = Attempt {
            dockerfile: &dockerfile,
            context: &context,
            target: image.target.as_deref(),
            args: &image.args,
        };
        let notes = before(tree, attempt).into_iter().map(|note| {
            let finding = Code::CopySourceMissing.warning(note.what).about(format!("image {}", image.name));
            finding.at(Place::file(&dockerfile)).help(note.help)
        });
        Some(notes.collect::<Vec<_>>())
    };
    project.images.iter().filter_map(of_image).flatten().collect()
}

/// Whether a statement is one for this machine, and no test's.
fn counts(provenance: &Provenance) -> bool {
    provenance.rank < Rank::Aside && provenance.distance <= distance("")
}

/// Additional installations of the scripts that deploy the project's manifests.
fn installs(evidence: &Evidence, project: &Project) -> Vec<Finding> {
    let sources: Vec<String> =
        project.sources.iter().filter_map(|source| path_of(&project.root, &source.kind)).collect();
    let deployed = |path: &str| {
        sources.iter().any(|source| source == path || parent(path) == source || parent(source) == path)
    };
    let applied = evidence.applied.iter().filter(|item| deployed(&item.path)).map(|item| &item.provenance);
    let released = evidence
        .releases
        .iter()
        .filter(|release| deployed(&release.chart))
        .map(|release| &release.provenance);
    let scripts: BTreeSet<&PathBuf> = applied
        .chain(released)
        .filter(|provenance| counts(provenance))
        .map(|provenance| &provenance.entry)
        .collect();
    let besides = evidence.besides.iter().filter(|item| {
        item.sort == Sort::Install
            && scripts.contains(&item.provenance.entry)
            && item.provenance.distance <= distance("")
    });
    besides
        .map(|finding| {
            let message = format!("{} {}", finding.provenance.place, finding.what);
            Code::InstallNotIncluded
                .note(message)
                .at(finding.provenance.place.clone())
                .help(finding.help.clone())
        })
        .collect()
}

/// Images without an owner that are not of this project: on Docker Hub only published software has such names.
fn images(project: &Project, objects: &[Object]) -> Vec<Finding> {
    let named = images_named(objects, &project.bindings, project.images.iter().map(|image| &image.name));
    let mut seen = BTreeSet::new();
    let unknown = named.foreign.into_iter().filter(|(image, _)| {
        let name = image.split(['@', ':']).next().unwrap_or(image);
        !name.contains('/') && !is_public(name) && seen.insert(name.to_owned())
    });
    unknown
        .map(|(image, place)| {
            let message = format!("nothing here builds `{image}`, and no image of that name is known");
            let help = "add `[image.…]` to deploy.toml, or correct the name; put it on the node before `todo up` if something else builds it";
            Code::ImageNotBuilt.warning(message).at(place).help(help)
        })
        .collect()
}

/// The path of a source below the project's directory.
fn path_of(root: &Path, source: &SourceKind) -> Option<String> {
    let path = match source {
        SourceKind::Path(path) | SourceKind::Kustomize(path) => path,
        SourceKind::Chart(chart) => &chart.folder,
    };
    inside(root, path)
}

/// A path below the project's directory, as the tree has it.
fn inside(root: &Path, path: &Path) -> Option<String> {
    let inside = path.strip_prefix(root).ok()?;
    let inside = inside.to_string_lossy().replace('\\', "/");
    Some(if inside == "." { String::new() } else { inside.trim_end_matches("/.").to_owned() })
}

#[cfg(test)]
mod tests {
    use super::missing;
    use crate::discover::tree::Tree;
    use crate::manifest::read::objects;
    use crate::project::check::check;
    use std::path::Path;

    fn codes(script: &str, image: &str) -> Vec<&'static str> {
        let tree = Tree::from_texts("x", &[("up.sh", script), ("k8s/a.yaml", ""), ("old/a.yaml", "")]);
        let text = "[image.web]\ncontext = \"web\"\n[[manifests]]\npath = \"k8s\"\n";
        let project = check(Path::new("/p/deploy.toml"), text).unwrap();
        let pod = format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: a}}\nspec: {{containers: [{{name: c, image: '{image}'}}]}}\n"
        );
        missing(&tree, &project, &objects(&pod)).iter().map(|finding| finding.code.as_str()).collect()
    }

    #[test]
    fn what_a_build_or_a_chart_lacks_is_told() {
        let dockerfile = "FROM x\nCOPY . .\nCOPY build/libs/*.jar a.jar\n";
        let text =
            "[image.web]\ncontext = \"web\"\n[[manifests]]\nchart = \"chart\"\nvalues = [\"own.yaml\"]\n";
        let project = check(Path::new("/p/deploy.toml"), text).unwrap();
        let codes = |more: &[(&str, &str)]| -> Vec<&'static str> {
            let files =
                [("chart/Chart.yaml", "name: c\n"), ("web/Dockerfile", dockerfile), ("web/build.gradle", "")];
            let tree = Tree::from_texts("x", &[&files[..], more].concat());
            missing(&tree, &project, &[]).iter().map(|finding| finding.code.as_str()).collect()
        };
        let built = ("web/build/libs/a.jar", "");
        let submodule = (".gitmodules", "[submodule \"t\"]\n\tpath = web/theme\n");
        assert_eq!(codes(&[built]), [""; 0]);
        assert_eq!(codes(&[]), ["copy-source-missing"]);
        assert_eq!(codes(&[built, submodule]), ["copy-source-missing"]);
        assert_eq!(codes(&[built, submodule, ("web/theme/a", "")]), [""; 0]);
        let installs = |file: &str| format!("helm install c chart -f {file}\n");
        assert_eq!(codes(&[built, ("up.sh", &installs("secret.yaml"))]), ["values-not-included"]);
        assert_eq!(codes(&[built, ("up.sh", &installs("own.yaml"))]), [""; 0]);
        assert_eq!(codes(&[built, ("test/up.sh", &installs("secret.yaml"))]), [""; 0]);
        let values = ("chart/values.yaml", "db: {host: localhost, password: ''}\n");
        for (set, lost) in [
            ("db.host=db", 1),
            ("db.host=localhost", 0),
            ("db.password=$PASSWORD", 1),
            ("image.tag=dev", 0),
            ("db.host=db,db.port=1", 2),
        ] {
            let up = format!("helm install c chart --set {set}\n");
            let found = codes(&[built, values, ("up.sh", &up)]);
            assert_eq!(found, vec!["values-not-included"; lost], "{set}");
        }
    }

    #[test]
    fn what_the_deploying_script_installs_and_what_nothing_builds_is_told() {
        let install = "helm install kafka bitnami/kafka\n";
        for (script, image, expected) in [
            (format!("{install}kubectl apply -f k8s\n"), "web", &["install-not-included"][..]),
            (format!("{install}kubectl apply -f k8s/a.yaml\n"), "web", &["install-not-included"]),
            (format!("{install}kubectl apply -f old\n"), "web", &[]),
            ("kubectl apply -f k8s\n".to_owned(), "catalog:1", &["image-not-built"]),
            (String::new(), "nginx:1.29", &[]),
            (String::new(), "ghcr.io/acme/web", &[]),
        ] {
            assert_eq!(codes(&script, image), expected, "{script} {image}");
        }
    }
}
