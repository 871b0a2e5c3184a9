//! Which methods a tree offers, and in which order.

use super::Method;
use super::Programs;
use super::Source;
use super::all;
use crate::discover::dockerfile;
use crate::discover::readers;
use crate::discover::tree::Tree;

const HAS: Programs = Programs { helm: true, kustomize: true };

fn pod(name: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\nspec: {{containers: [{{name: c, image: {name}}}]}}\n"
    )
}

fn methods(files: &[(&str, &str)]) -> (Vec<Method>, bool) {
    let tree = Tree::from_texts("shop", files);
    all(&tree, &readers::read(&tree), &[], &dockerfile::all(&tree), HAS)
}

fn titles(files: &[(&str, &str)]) -> Vec<String> {
    methods(files).0.into_iter().map(|method| method.title).collect()
}

#[test]
fn what_a_script_deploys_goes_first() {
    let pod = pod("a");
    let files =
        [("helm/app/Chart.yaml", "name: app"), ("k8s/a.yaml", pod.as_str()), ("Dockerfile", "FROM a")];
    let both = titles(&files);
    assert_eq!(
        both,
        ["the chart `helm/app`", "the manifests in `k8s/a.yaml`", "manifests written after the Dockerfile"]
    );
    assert!(!methods(&files).1, "two that nothing tells apart are a question");
    let scripted = [&files[..], &[("deploy.sh", "kubectl apply -f k8s/")]].concat();
    assert_eq!(titles(&scripted)[0], "the manifests in `k8s/a.yaml`");
    assert!(methods(&scripted).1);
}

#[test]
fn of_two_charts_the_one_comes_first_that_more_documents_install() {
    let install = |chart: &str| format!("```sh\nhelm install app charts/{chart}\n```\n");
    let (alpha, beta) = (install("alpha"), install("beta"));
    let charts = [("charts/alpha/Chart.yaml", "name: alpha"), ("charts/beta/Chart.yaml", "name: beta")];
    let files = [("a.md", alpha.as_str()), ("b.md", &beta), ("c.md", &beta)];
    let (first, clear) = methods(&[&charts[..], &files].concat());
    assert_eq!((first[0].path.as_str(), clear), ("charts/beta", false), "the other is named");
    let readme = [&charts[..], &files, &[("README.md", alpha.as_str())]].concat();
    assert_eq!(methods(&readme).0[0].path, "charts/alpha", "the README of the whole goes first");
}

#[test]
fn halves_are_one_way_and_what_is_defined_again_is_left_out() {
    let (a, b) = (pod("a"), pod("b"));
    let halves = methods(&[("api/k8s/a.yaml", &a), ("web/k8s/b.yaml", &b)]).0;
    assert_eq!(halves.len(), 1);
    assert_eq!(halves[0].sources, [Source::Path("api/k8s".into()), Source::Path("web/k8s".into())]);
    let again = &methods(&[("k8s/dev/a.yaml", &a), ("k8s/prod/a.yaml", &a), ("k8s/b.yaml", &b)]).0[0];
    assert_eq!(again.sources, [Source::Path("k8s".into()), Source::Path("k8s/dev".into())]);
    assert_eq!(again.left_out[0].0, "`k8s/prod` (1 file)");
}

#[test]
fn a_namespace_that_two_files_make_is_no_reason_to_leave_one_out() {
    let space = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n---\n";
    let (a, b) = (format!("{space}{}", pod("a")), format!("{space}{}", pod("b")));
    let method = &methods(&[("k8s/a.yaml", &a), ("k8s/b.yaml", &b)]).0[0];
    assert_eq!((method.sources.as_slice(), method.objects.len()), (&[Source::Path("k8s".into())][..], 3));
    assert!(method.left_out.is_empty());
}

#[test]
fn of_a_folder_that_a_command_applies_nothing_is_left_out_that_is_there_once() {
    let space = |label: &str| {
        format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: shop, labels: {{a: {label}}}}}\n---\n")
    };
    let (a, b) = (format!("{}{}", space("one"), pod("a")), format!("{}{}", space("two"), pod("b")));
    let files = [("k8s/a.yaml", a.as_str()), ("k8s/b.yaml", &b)];
    let left = |more: &[(&str, &str)]| methods(&[&files[..], more].concat()).0[0].left_out.len();
    assert_eq!(left(&[]), 1);
    assert_eq!(left(&[("up.sh", "kubectl apply -f k8s/\n")]), 0);
    let copy = [("k8s/c.yaml", a.as_str()), ("up.sh", "kubectl apply -f k8s/\n")];
    assert_eq!(left(&copy), 1, "what has nothing of its own is not needed");
}

#[test]
fn a_folder_with_other_files_is_named_by_its_manifests() {
    let a = pod("a");
    let method = &methods(&[
        ("k8s/a.yaml", &a),
        ("k8s/kind.yaml", "kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\n"),
    ])
    .0[0];
    assert_eq!(method.sources, [Source::Path("k8s/a.yaml".into())]);
}
