//! Which files are manifests, and which of them are templates that something has to fill in before a cluster takes them.

use super::chart;
use super::dockerfile::is_aside;
use super::tree::Tree;
use super::tree::ends;
use super::tree::file_name;
use crate::event::Finding;
use crate::manifest::Object;
use crate::manifest::pods;
use crate::manifest::pods::items;

/// The groups of objects that are for other programs.
const FOREIGN: [&str; 9] = [
    "kustomize.config.k8s.io",
    "kind.x-k8s.io",
    "skaffold/",
    "kubeadm.k8s.io",
    "kubelet.config.k8s.io",
    "k3d.io/",
    "backstage.io/",
    "install.istio.io",
    "kpt.dev/",
];

/// Whether a file is for a cluster; files of kind, kustomize or Skaffold have an apiVersion, too.
pub(super) fn is_manifest(path: &str, text: &str) -> bool {
    let is_yaml = ends(path, &["yaml", "yml"]);
    let says = |word: &str| text.lines().any(|line| line.trim_start_matches('\u{feff}').starts_with(word));
    let named = if is_yaml {
        (says("apiVersion:") || says("\"apiVersion\"") || says("{\"apiVersion\"")) && text.contains("kind")
    } else {
        // A schema that describes manifests has these words deep inside.
        const HEAD: usize = 400;
        let head = text.char_indices().nth(HEAD).map_or(text, |(end, _)| &text[..end]);
        let says = |word: &str| text.contains(&format!("\"{word}\""));
        let first = ["apiVersion", "kind"].iter().any(|word| head.contains(&format!("\"{word}\"")));
        ends(path, &["json"]) && first && says("apiVersion") && says("kind")
    };
    let first = text.lines().find(|line| line.contains("apiVersion")).unwrap_or_default();
    let chart = matches!(file_name(path), "Chart.yaml" | "Chart.yml");
    named && !chart && !FOREIGN.iter().any(|foreign| first.contains(foreign))
}

/// Every template of a tree that belongs to no chart.
#[must_use]
pub fn templates(tree: &Tree) -> Vec<String> {
    let charts = chart::all(tree);
    let is_template = |(path, text): &(&String, &String)| {
        is_manifest(path, text) && !is_aside(path) && !chart::is_of(&charts, path) && {
            let parsed = tree.objects(path);
            is_unnamed(text, &parsed.0, &parsed.1) || has_words_for_ports(&parsed.0)
        }
    };
    tree.texts.iter().filter(is_template).map(|(path, _)| path.clone()).collect()
}

/// Whether braces keep a text from being YAML, or stand for names. Those in a text of a ConfigMap are that text's.
pub(super) fn is_unnamed(text: &str, objects: &[Object], wrong: &[Finding]) -> bool {
    let named = |object: &Object| {
        object.name().is_empty() || object.name().contains("{{") || object.name().contains("{\"")
    };
    text.contains("{{") && (!wrong.is_empty() || objects.iter().any(named))
}

/// Whether a word stands where the API has a number (`core/v1: ContainerPort.containerPort, ServicePort.port`).
pub(super) fn has_words_for_ports(objects: &[Object]) -> bool {
    let container_ports = pods::all(objects).flat_map(|(_, template)| {
        let ports = template.containers().into_iter().flat_map(|container| {
            items(&container.value["ports"])
                .map(|(_, port)| port["containerPort"].is_string())
                .collect::<Vec<_>>()
        });
        ports.collect::<Vec<_>>()
    });
    let services = objects.iter().filter(|object| object.kind() == "Service");
    let mut ports = services
        .flat_map(|service| items(&service.value["spec"]["ports"]))
        .map(|(_, port)| port["port"].is_string());
    ports.any(|is_word| is_word) || container_ports.into_iter().any(|is_word| is_word)
}

/// The note about them.
pub(super) fn describe(templates: &[String]) -> Option<(String, String)> {
    let (first, more) = templates.split_first()?;
    let (what, are) = match more.len() {
        0 => (format!("`{first}`"), "is a template"),
        1 => (format!("`{first}` and `{}`", more[0]), "are templates"),
        count => (format!("`{first}` and {count} more"), "are templates"),
    };
    let message =
        format!("{what} {are}: something has to fill in names or numbers before a cluster takes them");
    Some((
        message,
        "write the values out, and name the files in [[manifests]], if they are needed".to_owned(),
    ))
}
