//! The user's kubeconfig: the profile's entry in it, and the current context, which stays what it was.
//!
//! Not written by us, but for one line: `minikube update-context` switches the current context without being asked, and
//! putting it back by text keeps what no parser of ours knows.

use crate::file;
use crate::replace::replace;
use crate::world::Os;
use crate::world::World;
use anyhow::Context as _;
use kube::config::Kubeconfig;
use std::io;
use std::path::Path;
use std::path::PathBuf;

const KEY: &str = "current-context:";

/// The file that minikube writes: the first that `KUBECONFIG` names, else `~/.kube/config`
/// (`minikube: pkg/minikube/kubeconfig/kubeconfig.go`: `PathFromEnv`).
pub fn path(world: &World) -> Option<PathBuf> {
    let separator = if world.os == Os::Windows { ';' } else { ':' };
    world
        .var("KUBECONFIG")
        .into_iter()
        .flat_map(|list| list.split(separator))
        .find(|entry| !entry.is_empty())
        .map(|entry| world.absolute(Path::new(entry)))
        .or_else(|| world.home().map(|home| home.join(".kube").join("config")))
}

/// Reads it; `None` if there is none.
pub(crate) fn read(path: &Path) -> anyhow::Result<Option<Kubeconfig>> {
    match std::fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Ok(file) if file.len() == 0 => return Ok(None),
        _ => {}
    }
    let read = || -> anyhow::Result<Kubeconfig> {
        file::check(path, file::TEXT)?;
        Ok(Kubeconfig::read_from(path)?)
    };
    read().map(Some).with_context(|| format!("cannot read `{}`", path.display()))
}

/// The API server of the context of that name.
pub(crate) fn server<'a>(kubeconfig: &'a Kubeconfig, context: &str) -> Option<&'a str> {
    let context = kubeconfig.contexts.iter().find(|named| named.name == context)?.context.as_ref()?;
    let user = context.user.as_deref()?;
    kubeconfig.auth_infos.iter().find(|named| named.name == user)?;
    let cluster = kubeconfig.clusters.iter().find(|named| named.name == context.cluster)?;
    cluster.cluster.as_ref()?.server.as_deref()
}

/// What the file says about the current context, to be put back after a program that switches it.
#[derive(Debug)]
pub(crate) struct Before {
    path: PathBuf,
    current: String,
    line: Option<String>,
}

impl Before {
    /// Remembers it.
    pub(crate) fn of(path: PathBuf) -> anyhow::Result<Before> {
        let current = read(&path)?.and_then(|kubeconfig| kubeconfig.current_context).unwrap_or_default();
        let text = file::read_text(&path, file::TEXT).unwrap_or_default();
        let line = text.lines().find(|line| line.starts_with(KEY)).map(str::to_owned);
        Ok(Before { path, current, line })
    }

    /// Puts it back if it changed; nothing else in the file is touched.
    pub(crate) fn restore(&self) -> anyhow::Result<()> {
        let Some(now) = read(&self.path)? else { return Ok(()) };
        if now.current_context.as_deref().unwrap_or_default() == self.current {
            return Ok(());
        }
        let text = file::read_text(&self.path, file::TEXT)?;
        let edited = self.edited(&text);
        let after = Kubeconfig::from_yaml(&edited)?;
        anyhow::ensure!(
            after.current_context.as_deref().unwrap_or_default() == self.current
                && after.clusters.len() == now.clusters.len()
                && after.contexts.len() == now.contexts.len()
                && after.auth_infos.len() == now.auth_infos.len(),
            "the current context of `{}` is not on a line of its own",
            self.path.display()
        );
        write(&self.path, &edited).with_context(|| format!("cannot write `{}`", self.path.display()))
    }

    fn edited(&self, text: &str) -> String {
        let quoted = || format!("{KEY} {}", serde_json::Value::from(self.current.as_str()));
        let wanted = self.line.clone().filter(|line| says(line, &self.current)).unwrap_or_else(quoted);
        let mut found = false;
        let mut edited: String = text
            .split_inclusive('\n')
            .map(|line| {
                if !found && line.starts_with(KEY) {
                    found = true;
                    let end = &line[line.trim_end_matches(['\n', '\r']).len()..];
                    format!("{wanted}{end}")
                } else {
                    line.to_owned()
                }
            })
            .collect();
        if !found {
            if !edited.is_empty() && !edited.ends_with('\n') {
                edited.push('\n');
            }
            edited.push_str(&wanted);
            edited.push('\n');
        }
        edited
    }
}

fn says(line: &str, current: &str) -> bool {
    Kubeconfig::from_yaml(line)
        .is_ok_and(|alone| alone.current_context.as_deref().unwrap_or_default() == current)
}

/// Replaces the file that `path` leads to, which keeps its permissions.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let target = std::fs::canonicalize(path)?;
    replace(&target, text.as_bytes(), Some(std::fs::metadata(&target)?.permissions()))
}

#[cfg(test)]
mod tests {
    use super::Before;
    use super::path;
    use super::read;
    use super::server;
    use crate::world::World;

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

    #[test]
    fn the_current_context_is_put_back_and_nothing_else_is_touched() {
        for (before, after) in [
            (MINE.to_owned(), MINE.replace("'work'   # mine", "mini")),
            (MINE.replace("current-context: 'work'   # mine\n", ""), MINE.replace("'work'   # mine", "mini")),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("config");
            std::fs::write(&file, &before).unwrap();
            let remembered = Before::of(file.clone()).unwrap();
            std::fs::write(&file, &after).unwrap();
            remembered.restore().unwrap();
            let now = std::fs::read_to_string(&file).unwrap();
            if before.contains("work") {
                assert_eq!(now, before);
            } else {
                assert_eq!(now, after.replace("current-context: mini", "current-context: \"\""));
            }
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_link_stays_a_link_and_secrets_stay_secret() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("real"), folder.path().join("link"));
        std::fs::write(&file, MINE).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        let remembered = Before::of(link.clone()).unwrap();
        std::fs::write(&file, MINE.replace("'work'   # mine", "mini")).unwrap();
        remembered.restore().unwrap();
        assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), MINE);
    }

    #[test]
    fn an_entry_counts_when_its_context_cluster_and_user_are_there() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config");
        std::fs::write(&file, MINE).unwrap();
        let whole = read(&file).unwrap().unwrap();
        assert_eq!(server(&whole, "mini"), Some("https://192.168.49.2:8443"));
        assert_eq!(server(&whole, "work"), None);
        std::fs::write(&file, MINE.replace("- name: mini\n  user", "- name: other\n  user")).unwrap();
        assert_eq!(server(&read(&file).unwrap().unwrap(), "mini"), None);
        assert!(read(&folder.path().join("none")).unwrap().is_none());
    }

    #[test]
    fn the_file_is_the_one_that_minikube_writes() {
        for (variable, file) in
            [("", "/h/.kube/config"), ("/a", "/a"), (":/b:/c", "/b"), ("relative", "/w/relative")]
        {
            let world = World::fake("/w", [("HOME", "/h"), ("KUBECONFIG", variable)]);
            assert_eq!(path(&world), Some(file.into()), "{variable}");
        }
    }
}
