//! Where the values of secrets come from, and which are missing.

use super::KnownValues;
use super::Values;
use super::load;
use crate::event::Finding;
use crate::project::check::check;
use crate::world::World;
use std::path::Path;

fn values(folder: &Path, section: &str, environment: &[(&str, &str)]) -> Result<Values, Vec<Finding>> {
    let text = format!("[[manifests]]\npath = 'k8s'\n{section}");
    let project = check(&folder.join("deploy.toml"), &text).unwrap();
    let known = KnownValues {
        needed: &|secret, key| vec![format!("{secret}/{key} is needed")],
        placeholder: |value| value == b"changeme",
    };
    load(&World::fake(folder, environment.iter().copied()), &project, &known)
}

fn places(values: &Values) -> Vec<String> {
    let all = values.places.iter().flatten();
    all.map(|(key, place)| format!("{key} {place}")).collect()
}

fn pairs(values: &Values) -> Vec<(String, String)> {
    let text = |value: &[u8]| String::from_utf8(value.to_vec()).unwrap();
    let mut pairs: Vec<_> =
        values.secrets[0].iter().map(|(key, value)| (key.to_string(), text(value.expose()))).collect();
    pairs.sort();
    pairs
}

#[test]
fn the_environment_comes_before_the_file_and_only_listed_keys_count() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(".env"), "A=file\nB=file\nC=file\n").unwrap();
    let section = "[secret.s]\nenv-file='.env'\nfrom-env=true\nkeys=['A']\noptional=['B']";
    let read = values(folder.path(), section, &[("A", "environment"), ("C", "environment")]).unwrap();
    assert_eq!(pairs(&read), [("A".into(), "environment".into()), ("B".into(), "file".into())]);
    assert_eq!(places(&read), ["B .env:2:1"]);
}

#[test]
fn without_a_list_the_file_is_the_list() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(".env"), "A=1\nB=2\n").unwrap();
    let read = values(folder.path(), "[secret.s]\nenv-file='.env'", &[]).unwrap();
    assert_eq!(pairs(&read).len(), 2);
    std::fs::remove_file(folder.path().join(".env")).unwrap();
    let absent = values(folder.path(), "[secret.s]\nenv-file='.env'", &[]).unwrap_err();
    assert_eq!(absent.iter().map(|item| item.code.as_str()).collect::<Vec<_>>(), ["env-file-missing"]);
}

#[test]
fn an_optional_file_may_be_absent_and_an_empty_value_is_a_value() {
    let folder = tempfile::tempdir().unwrap();
    let section = "[secret.s]\nenv-file='.env'\noptional=['B']";
    assert_eq!(pairs(&values(folder.path(), section, &[]).unwrap()), []);
    std::fs::write(folder.path().join(".env"), "B=\n").unwrap();
    assert_eq!(pairs(&values(folder.path(), section, &[]).unwrap()), [("B".into(), String::new())]);
    let required = "[secret.s]\nenv-file='.env'\nkeys=['B']";
    let read = values(folder.path(), required, &[]).unwrap();
    assert_eq!(pairs(&read), [("B".into(), String::new())]);
    let [warning] = read.warnings.as_slice() else { panic!("{:?}", read.warnings) };
    assert_eq!(warning.place.as_ref().unwrap().to_string(), ".env:1:1");
    assert_eq!(warning.evidence, ["s/B is needed"]);
}

#[test]
fn every_missing_value_is_a_mistake_that_says_where_to_put_it() {
    let folder = tempfile::tempdir().unwrap();
    let section = "[secret.s]\nenv-file='.env'\nkeys=['A','B']";
    let absent = values(folder.path(), section, &[]).unwrap_err();
    assert_eq!(absent.len(), 1, "{absent:?}");
    assert!(absent[0].message.contains("cannot read `.env`"), "{absent:?}");
    std::fs::write(folder.path().join(".env.example"), "A=\n").unwrap();
    let absent = values(folder.path(), section, &[]).unwrap_err();
    assert!(absent[0].help.as_deref().unwrap().contains("`cp .env.example .env`"), "{absent:?}");
    std::fs::write(folder.path().join(".env"), "C=1\n").unwrap();
    let absent = values(folder.path(), section, &[]).unwrap_err();
    assert_eq!(absent.len(), 2, "{absent:?}");
    assert_eq!(absent[1].help.as_deref(), Some("add `B=…` to .env"));
    assert_eq!(absent[1].evidence, ["s/B is needed"]);
}

#[test]
fn a_bad_file_is_told_without_its_values() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(".env"), "A=ok\nthis is s3cret\n").unwrap();
    let findings = values(folder.path(), "[secret.s]\nenv-file='.env'\nkeys=['A']", &[]).unwrap_err();
    assert_eq!(findings[0].place.as_ref().unwrap().to_string(), ".env:2:1");
    assert!(!format!("{findings:?}").contains("s3cret"), "{findings:?}");
}

#[test]
fn a_whole_file_is_the_value_of_a_key() {
    let folder = tempfile::tempdir().unwrap();
    let section = "[secret.s]\nfiles={ 'tls.crt'='certs/a.pem', 'tls.key'='certs/b.pem' }";
    let told_of = values(folder.path(), section, &[]).unwrap_err();
    assert_eq!(told_of.len(), 2, "{told_of:?}");
    assert!(told_of[0].message.starts_with("cannot read `certs/a.pem`, which is `tls.crt` of `[secret.s]`"));
    std::fs::create_dir(folder.path().join("certs")).unwrap();
    std::fs::write(folder.path().join("certs/a.pem"), "-----BEGIN\r\n\"x\"\n").unwrap();
    std::fs::write(folder.path().join("certs/b.pem"), "").unwrap();
    let read = values(folder.path(), section, &[]).unwrap();
    assert_eq!(
        pairs(&read),
        [("tls.crt".into(), "-----BEGIN\r\n\"x\"\n".into()), ("tls.key".into(), String::new())]
    );
}

#[test]
fn the_example_says_what_is_missing_and_what_nobody_filled_in() {
    let folder = tempfile::tempdir().unwrap();
    let example = "API_KEY=sk-demo\nLEVEL=info\nEMPTY_TOKEN=\nNEW=1\nOWN_SECRET=theirs\n";
    std::fs::write(folder.path().join(".env.example"), example).unwrap();
    let own = "API_KEY=sk-demo\nLEVEL=info\nEMPTY_TOKEN=\nOWN_SECRET=mine\nURL=changeme\n";
    std::fs::write(folder.path().join(".env"), own).unwrap();
    let describe = |section: &str| -> Vec<String> {
        let read = values(folder.path(), section, &[]).unwrap();
        let line = |found: &Finding| format!("{} {}", found.place.as_ref().unwrap(), found.message);
        read.warnings.iter().map(line).collect()
    };
    let same = ".env:1:1 `API_KEY` still has the value of .env.example";
    let placeholder = ".env:5:1 the value of `URL` looks like a placeholder";
    let missing = ".env.example:4:1 `NEW` is in .env.example but not in .env";
    assert_eq!(describe("[secret.s]\nenv-file='.env'"), [same, placeholder, missing]);
    // With a list, a missing key of the list is a mistake, and the rest of the example is not meant.
    assert_eq!(describe("[secret.s]\nenv-file='.env'\nkeys=['API_KEY']"), [same]);
}
