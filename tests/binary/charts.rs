//! Helm on the PATH, and what it has to do with the program.

use super::Fixture;
use super::PROJECT;
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
    let fixture = Fixture::new(&[&files[..], &template].concat());
    let output = fixture.todo(&["up"]);
    assert_eq!(output.code, Some(10), "{}", output.stderr);
    assert!(output.stderr.contains("needs Helm") && output.stderr.contains("helm.sh"), "{}", output.stderr);

    let said = "Error: template: web/templates/a.yaml:1:11: executing: nil pointer evaluating interface {}.b";
    script(&fixture, "helm", &format!("echo '{said}' >&2; exit 1"));
    let output = fixture.todo(&["up"]);
    assert_eq!(output.code, Some(2), "{}", output.stderr);
    assert!(output.stderr.contains("--> chart/templates/a.yaml:1:11"), "{}", output.stderr);

    std::fs::write(fixture.path("local.yaml"), "a: 1\nb: [\n").unwrap();
    let output = fixture.todo(&["up"]);
    assert_eq!(output.code, Some(2), "{}", output.stderr);
    assert!(output.stderr.contains("--> local.yaml:"), "{}", output.stderr);

    std::fs::write(fixture.path("deploy.toml"), "[[manifests]]\nchart = 'charts'\n").unwrap();
    let output = fixture.todo(&["up"]);
    assert_eq!(output.code, Some(2), "{}", output.stderr);
    assert!(output.stderr.contains("`charts` has no Chart.yaml"), "{}", output.stderr);
}

#[test]
fn helm_gets_its_objects_back_with_our_images() {
    let fixture = Fixture::new(&[("deploy.toml", PROJECT)]);
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c, image: web}]}\n";
    let mut child = Command::new(env!("CARGO_BIN_EXE_todo"))
        .args(["post-render", "web=web:abc", "--file"])
        .arg(fixture.path("deploy.toml"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), pod.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let rendered = String::from_utf8(output.stdout).unwrap();
    assert!(rendered.contains("\"image\":\"web:abc\",\"imagePullPolicy\":\"Never\""), "{rendered}");
}
