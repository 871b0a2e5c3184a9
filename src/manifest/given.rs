//! Values of a chart that the environment or `.env` has: `set-env`. Helm gets them through its standard input, because
//! everybody on a machine can read a program's arguments, and no file is left behind.

use crate::event::Code;
use crate::event::Finding;
use crate::file;
use crate::manifest::yaml;
use crate::project::Chart;
use crate::project::dotenv;
use crate::project::secret::Secret;
use crate::relative::shown;
use crate::run::Run;
use crate::world::World;
use serde_json::Map;
use serde_json::Value;
use std::path::Path;

/// The values, each with its path; those that have none are left out. They are hidden from everything that is printed.
#[must_use]
pub(super) fn values(run: &Run, root: &Path, chart: &Chart) -> Option<Vec<u8>> {
    let mut whole = Value::Object(Map::new());
    for (path, (variable, _)) in &chart.set_env {
        if let Some(value) = value(&run.world, root, variable) {
            run.sink.hide(value.expose());
            put(&mut whole, &keys(path), String::from_utf8_lossy(value.expose()).into_owned());
        }
    }
    (!chart.set_env.is_empty()).then(|| whole.to_string().into_bytes())
}

/// A mistake for every variable that has no value.
#[must_use]
pub(super) fn missing(world: &World, root: &Path, chart: &Chart) -> Vec<Finding> {
    let without = chart.set_env.iter().filter(|(_, (variable, _))| value(world, root, variable).is_none());
    without
        .map(|(path, (variable, place))| {
            let words = format!("`{variable}` has no value, and the chart takes `{path}` from it");
            let help =
                format!("add `{variable}=…` to .env, or set the variable; or remove the line from `set-env`");
            let finding = Code::SecretValueMissing.error(words).at(place.clone()).help(help);
            finding.evidence(place_in_chart(root, chart, path))
        })
        .collect()
}

/// The environment comes before `.env`. An empty value is none.
fn value(world: &World, root: &Path, variable: &str) -> Option<Secret> {
    let file = root.join(".env");
    let from_file = || {
        let read = dotenv::read_bytes(&file::read(&file, file::TEXT).ok()?, &file).ok()?;
        read.entries.into_iter().rev().find(|entry| entry.key.as_str() == variable).map(|entry| entry.value)
    };
    let found = world.var(variable).filter(|value| !value.is_empty()).map(Secret::new).or_else(from_file);
    found.filter(|value| !value.expose().is_empty())
}

/// `a.b\.c` → `a`, `b.c`, as Helm's `--set` reads it.
fn keys(path: &str) -> Vec<String> {
    let mut keys = vec![String::new()];
    let mut letters = path.chars();
    while let Some(letter) = letters.next() {
        let letter = match letter {
            '.' => {
                keys.push(String::new());
                continue;
            }
            '\\' => letters.next().unwrap_or('\\'),
            letter => letter,
        };
        if let Some(key) = keys.last_mut() {
            key.push(letter);
        }
    }
    keys
}

fn put(into: &mut Value, keys: &[String], text: String) {
    let Some((first, rest)) = keys.split_first() else { return };
    if !into.is_object() {
        *into = Value::Object(Map::new());
    }
    if rest.is_empty() {
        into[first.as_str()] = Value::from(text);
    } else {
        put(&mut into[first.as_str()], rest, text);
    }
}

/// Where the chart's own values have the path.
fn place_in_chart(root: &Path, chart: &Chart, path: &str) -> Option<String> {
    let file = chart.folder.join("values.yaml");
    let text = file::read_text(&file, file::OBJECTS).ok()?;
    let document = yaml::documents(&text, Path::new(&shown(root, &file))).0.into_iter().next()?;
    let place = document.places.get(&format!("/{}", keys(path).join("/")))?;
    Some(format!("{place} has no value: `{path}`"))
}

#[cfg(test)]
mod tests {
    use super::missing;
    use super::values;
    use crate::project::SourceKind;
    use crate::project::check::check;
    use crate::run::Run;
    use crate::world::World;

    #[test]
    fn values_come_from_the_environment_and_from_the_file_and_what_lacks_is_told() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("c")).unwrap();
        std::fs::write(root.path().join("c/values.yaml"), "a:\n  url: ''\n").unwrap();
        std::fs::write(root.path().join(".env"), "URL=from-file\nKEY=from-file\nEMPTY=\n").unwrap();
        let text = "[[manifests]]\nchart = 'c'\nset-env = { 'a.url' = 'URL', 'a.key' = 'KEY', 'b\\.c' = 'EMPTY', d = 'GONE' }\n";
        let project = check(&root.path().join("deploy.toml"), text).unwrap();
        let SourceKind::Chart(chart) = &project.sources[0].kind else { panic!() };
        let world = World::fake(root.path(), [("KEY", "from-shell")]);
        let run = Run::fake(world).0;
        let given: serde_json::Value =
            serde_json::from_slice(&values(&run, &project.root, chart).unwrap()).unwrap();
        assert_eq!(given, serde_json::json!({"a": {"url": "from-file", "key": "from-shell"}}));
        let missing = missing(&run.world, &project.root, chart);
        assert_eq!(missing.len(), 2);
        assert!(missing.iter().all(|finding| finding.place.as_ref().unwrap().line == 3), "{missing:?}");
        let mut printed = "Helm says from-shell".to_owned();
        run.sink.redactor().quoted(&mut printed);
        assert!(!printed.contains("from-shell"), "{printed}");
    }
}
