//! Helm on the PATH, and what it has to do with the program.

use super::PROJECT;
use super::Place;
#[cfg(unix)]
use super::script;
use std::process::Command;
use std::process::Stdio;

#[test]
#[cfg(unix)]
fn what_is_wrong_with_a_chart_is_told_before_anything_is_touched() {
    let chart = "[[manifests]]\nchart = 'chart'\nvalues = ['local.yaml']\n";
    let files = [("deploy.toml", chart), ("chart/Chart.yaml", "name: web\n"), ("local.yaml", "a: 1\n")];
    let template = [("chart/templates/a.yaml", "{{ .Values.a.b }}\n")];
    let place = Place::new(&[&files[..], &template].concat());
    let told = place.todo(&["up"]);
    assert_eq!(told.code, Some(10), "{}", told.stderr);
    assert!(told.stderr.contains("needs Helm") && told.stderr.contains("helm.sh"), "{}", told.stderr);

    let said = "Error: template: web/templates/a.yaml:1:11: executing: nil pointer evaluating interface {}.b";
    script(&place, "helm", &format!("echo '{said}' >&2; exit 1"));
    let told = place.todo(&["up"]);
    assert_eq!(told.code, Some(2), "{}", told.stderr);
    assert!(told.stderr.contains("--> chart/templates/a.yaml:1:11"), "{}", told.stderr);

    std::fs::write(place.path("local.yaml"), "a: 1\nb: [\n").unwrap();
    let told = place.todo(&["up"]);
    assert_eq!(told.code, Some(2), "{}", told.stderr);
    assert!(told.stderr.contains("--> local.yaml:"), "{}", told.stderr);

    std::fs::write(place.path("deploy.toml"), "[[manifests]]\nchart = 'charts'\n").unwrap();
    let told = place.todo(&["up"]);
    assert_eq!(told.code, Some(2), "{}", told.stderr);
    assert!(told.stderr.contains("`charts` has no Chart.yaml"), "{}", told.stderr);
}

#[test]
fn helm_gets_its_objects_back_with_our_images() {
    let place = Place::new(&[("deploy.toml", PROJECT)]);
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c, image: web}]}\n";
    let mut child = Command::new(env!("CARGO_BIN_EXE_todo"))
        .args(["post-render", "web=web:abc", "--file"])
        .arg(place.path("deploy.toml"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), pod.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(told.contains("\"image\":\"web:abc\",\"imagePullPolicy\":\"Never\""), "{told}");
}
