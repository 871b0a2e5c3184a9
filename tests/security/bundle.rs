//! The archive of `todo doctor --bundle`.

use crate::binary::Fixture;
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use std::io::Read;

const SECRET: &str = "hunter2-planted-value";

#[test]
fn no_secret_is_in_the_archive_for_a_report() {
    let encoded = STANDARD_NO_PAD.encode(SECRET);
    let project =
        format!("# {SECRET} {encoded}\n[[manifests]]\npath = 'k8s'\n[secret.s]\nenv-file = '.env'\n");
    let fixture = Fixture::new(&[
        ("deploy.toml", project.as_str()),
        (".env", &format!("TOKEN={SECRET}\n")),
        ("k8s/a.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"),
    ]);
    // A machine without minikube: the archive is written all the same.
    let output = fixture.todo(&["doctor", "--bundle", "report.tar.gz"]);
    assert_eq!(output.code, Some(10), "{}", output.stderr);
    assert!(output.stderr.contains("report.tar.gz"), "{}", output.stderr);
    let bytes = std::fs::read(fixture.path("report.tar.gz")).unwrap();
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(bytes.as_slice()));
    let mut names = Vec::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let mut text = String::new();
        entry.read_to_string(&mut text).unwrap();
        assert!(!text.contains(SECRET) && !text.contains(&encoded), "{text}");
        names.push(entry.path().unwrap().display().to_string());
    }
    assert!(names.iter().any(|name| name.ends_with("/deploy.toml")), "{names:?}");
    let again = fixture.todo(&["doctor", "--bundle", "report.tar.gz"]);
    assert_eq!(again.code, Some(2), "a file that is there is not written over: {}", again.stderr);
}
