//! kubectl's current context: never changed if there is one, and set to the profile if there is none, as minikube
//! does.
//!
//! The name of a missing context counts as one: kubectl refuses it by its name, and the user chose it. The line is
//! edited as text, which keeps everything else in the file.

use crate::minikube::kubeconfig;
use crate::minikube::text;
use crate::replace::replace;
use crate::world::World;
use anyhow::Context as _;
use kube::config::Kubeconfig;
use std::io;
use std::path::Path;
use std::path::PathBuf;

const KEY: &str = "current-context:";

/// The current context: the first that a file names, in the order of `KUBECONFIG`, as kubectl reads them.
fn current(files: &[(PathBuf, Kubeconfig)]) -> Option<&str> {
    files.iter().find_map(|(_, file)| named(file))
}

fn named(kubeconfig: &Kubeconfig) -> Option<&str> {
    kubeconfig.current_context.as_deref().filter(|name| !name.is_empty())
}

/// Makes `context` the current one if there is none; returns whether there was none.
///
/// It is written as by `kubectl config use-context`: to the first file that exists, which is that of the entry
/// (`client-go: tools/clientcmd/config.go`: `GetDefaultFilename`).
pub(crate) fn choose(world: &World, context: &str) -> anyhow::Result<bool> {
    let Some(path) = unset(world)? else { return Ok(false) };
    set(&path, context, None)?;
    Ok(true)
}

/// Whether there is no current context.
pub(crate) fn is_unset(world: &World) -> anyhow::Result<bool> {
    unset(world).map(|path| path.is_some())
}

/// The file to be written where there is no current context.
fn unset(world: &World) -> anyhow::Result<Option<PathBuf>> {
    let files = kubeconfig::all(world).map_err(anyhow::Error::msg)?;
    let there = kubeconfig::paths(world).into_iter().find(|path| path.exists());
    Ok(there.filter(|_| current(&files).is_none()))
}

/// The current context before a program that switches it in the file at `path`, to be put back after it.
#[derive(Debug)]
pub(crate) struct Before {
    path: PathBuf,
    /// The value in this file; empty if none.
    here: String,
    line: Option<String>,
}

impl Before {
    /// Reads it. `None` if there is no current context, or no file that could be switched.
    pub(crate) fn read(world: &World) -> anyhow::Result<Option<Before>> {
        let files = kubeconfig::all(world).map_err(anyhow::Error::msg)?;
        let Some(path) = kubeconfig::path(world).filter(|_| current(&files).is_some()) else {
            return Ok(None);
        };
        let here = files.iter().find(|(file, _)| *file == path).and_then(|(_, file)| named(file));
        let text = text::read(&path).map_err(anyhow::Error::msg)?.unwrap_or_default();
        let line = text.lines().find(|line| line.starts_with(KEY)).map(str::to_owned);
        Ok(Some(Before { here: here.unwrap_or_default().to_owned(), path, line }))
    }

    /// Restores it if it changed; nothing else in the file is changed.
    pub(crate) fn restore(&self) -> anyhow::Result<()> {
        set(&self.path, &self.here, self.line.as_deref())
    }
}

/// Sets `context` as the current one in the file, with this `line` if it has that value.
fn set(path: &Path, context: &str, line: Option<&str>) -> anyhow::Result<()> {
    let now = kubeconfig::read(path).map_err(anyhow::Error::msg)?.unwrap_or_default();
    if named(&now).unwrap_or_default() == context {
        return Ok(());
    }
    let text = text::read(path).map_err(anyhow::Error::msg)?.unwrap_or_default();
    let edited = edited(&text, context, line);
    let after = Kubeconfig::from_yaml(&edited)?;
    anyhow::ensure!(
        named(&after).unwrap_or_default() == context
            && after.clusters.len() == now.clusters.len()
            && after.contexts.len() == now.contexts.len()
            && after.auth_infos.len() == now.auth_infos.len(),
        "the current context of `{}` is not on its own line",
        path.display()
    );
    write(path, &edited).with_context(|| format!("cannot write `{}`", path.display()))
}

fn edited(text: &str, context: &str, line: Option<&str>) -> String {
    let quoted = || format!("{KEY} {}", serde_json::Value::from(context));
    let plain = !context.is_empty() && context.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    let ours = || {
        if plain && says(&format!("{KEY} {context}"), context) {
            format!("{KEY} {context}")
        } else {
            quoted()
        }
    };
    let desired = line.filter(|line| says(line, context)).map_or_else(ours, str::to_owned);
    let mut found = false;
    let mut edited: String = text
        .split_inclusive('\n')
        .map(|line| {
            if !found && line.starts_with(KEY) {
                found = true;
                let end = &line[line.trim_end_matches(['\n', '\r']).len()..];
                format!("{desired}{end}")
            } else {
                line.to_owned()
            }
        })
        .collect();
    if !found {
        if !edited.is_empty() && !edited.ends_with('\n') {
            edited.push('\n');
        }
        edited.push_str(&desired);
        edited.push('\n');
    }
    edited
}

fn says(line: &str, current: &str) -> bool {
    Kubeconfig::from_yaml(line).is_ok_and(|alone| named(&alone).unwrap_or_default() == current)
}

/// Replaces the file that `path` points to, which keeps its permissions.
pub(crate) fn write(path: &Path, text: &str) -> io::Result<()> {
    let target = std::fs::canonicalize(path)?;
    replace(&target, text.as_bytes(), Some(std::fs::metadata(&target)?.permissions()))
}

#[cfg(test)]
mod tests {
    use super::Before;
    use super::choose;
    use crate::world::World;
    use std::path::Path;

    const MINE: &str = "\
apiVersion: v1
clusters:
- cluster: {server: 'https://192.168.49.2:8443', surprising-field: 1}
  name: mini
contexts:
- context: {cluster: mini, user: mini}
  name: mini
# a remark
current-context: 'work'   # mine
kind: Config
users:
- name: mini
  user: {}
";

    fn world(folder: &Path, files: &str) -> World {
        World::fake(folder, [("KUBECONFIG", files)])
    }

    #[test]
    fn a_current_context_is_put_back_and_nothing_else_is_touched() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config");
        std::fs::write(&file, MINE).unwrap();
        let before = Before::read(&world(folder.path(), "config")).unwrap().unwrap();
        std::fs::write(&file, MINE.replace("'work'   # mine", "mini")).unwrap();
        before.restore().unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), MINE);
    }

    #[test]
    fn a_current_context_of_another_file_stays_the_one() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a");
        let none = MINE.replace("current-context: 'work'   # mine\n", "");
        std::fs::write(&file, &none).unwrap();
        std::fs::write(folder.path().join("b"), "current-context: other\n").unwrap();
        let world = world(folder.path(), "a:b");
        let before = Before::read(&world).unwrap().unwrap();
        std::fs::write(&file, format!("{none}current-context: mini\n")).unwrap();
        before.restore().unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), format!("{none}current-context: \"\"\n"));
        assert!(!choose(&world, "mini").unwrap());
    }

    #[test]
    fn where_there_is_no_current_context_it_is_the_profile_and_one_that_is_there_stays() {
        let line = "current-context: 'work'   # mine";
        for (text, chosen) in [
            (MINE.to_owned(), None),
            (MINE.replace(line, "current-context: gone"), None),
            (
                MINE.replace(line, "current-context: \"\"  # none"),
                Some(MINE.replace(line, "current-context: mini")),
            ),
            (MINE.replace(line, "current-context:"), Some(MINE.replace(line, "current-context: mini"))),
            (
                MINE.replace(&format!("{line}\n"), ""),
                Some(format!("{}current-context: mini\n", MINE.replace(&format!("{line}\n"), ""))),
            ),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("config");
            std::fs::write(&file, &text).unwrap();
            // The first of the list does not exist, so kubectl writes the second.
            let world = world(folder.path(), "none:config");
            assert_eq!(choose(&world, "mini").unwrap(), chosen.is_some(), "{text}");
            assert_eq!(std::fs::read_to_string(&file).unwrap(), chosen.unwrap_or(text));
            assert!(!choose(&world, "mini").unwrap(), "a second time there is nothing to do");
        }
    }

    #[test]
    fn a_file_that_cannot_be_edited_by_its_lines_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config");
        let json = r#"{"apiVersion": "v1", "kind": "Config", "current-context": ""}"#;
        std::fs::write(&file, json).unwrap();
        choose(&world(folder.path(), "config"), "mini").unwrap_err();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), json);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_stays_a_link_and_secrets_stay_secret() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("real"), folder.path().join("link"));
        std::fs::write(&file, MINE.replace("'work'   # mine", "")).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        std::os::unix::fs::symlink("real", &link).unwrap();
        assert!(choose(&world(folder.path(), "link"), "mini").unwrap());
        assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), MINE.replace("'work'   # mine", "mini"));
        assert_eq!(folder.path().read_dir().unwrap().count(), 2, "nothing else is left");
    }
}
