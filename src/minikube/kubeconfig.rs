//! The user's kubeconfig files: which exist, their content, and whether minikube can read and write them, too.
//!
//! kubectl merges every file that `KUBECONFIG` names, and so does `minikube start` for its requests to the API server
//! (`minikube: pkg/kapi/kapi.go`: `ClientConfig`). One that cannot be read makes it reset a healthy cluster
//! (`pkg/minikube/bootstrapper/kubeadm/kubeadm.go`: `StartCluster`; tried with v1.38.1), so all of them are read
//! first.

use crate::minikube::text;
use crate::world::Os;
use crate::world::World;
use kube::config::Kubeconfig;
use kube::config::KubeconfigError;
use std::path::Path;
use std::path::PathBuf;

/// Every file that `KUBECONFIG` names, in its order, else `~/.kube/config`.
pub(crate) fn paths(world: &World) -> Vec<PathBuf> {
    let separator = if world.os == Os::Windows { ';' } else { ':' };
    let named = world.var("KUBECONFIG").into_iter().flat_map(|list| list.split(separator));
    let named = named.filter(|entry| !entry.is_empty()).map(|entry| world.absolute(Path::new(entry)));
    let named: Vec<PathBuf> = named.collect();
    if named.is_empty() {
        return world.home().map(|home| home.join(".kube").join("config")).into_iter().collect();
    }
    named
}

/// The file that minikube writes: the first (`minikube: pkg/minikube/kubeconfig/kubeconfig.go`: `PathFromEnv`).
pub fn path(world: &World) -> Option<PathBuf> {
    paths(world).into_iter().next()
}

/// The file that has the context of that name: the first, as kubectl reads them; else that which minikube writes.
pub(crate) fn of_context(world: &World, context: &str) -> Option<PathBuf> {
    let has = |path: &PathBuf| {
        read(path).ok().flatten().is_some_and(|file| file.contexts.iter().any(|named| named.name == context))
    };
    paths(world).into_iter().find(has).or_else(|| path(world))
}

/// Every existing file, with its content.
///
/// # Errors
/// As [`read`], of the first that cannot be read.
pub(crate) fn all(world: &World) -> Result<Vec<(PathBuf, Kubeconfig)>, String> {
    let mut found = Vec::new();
    for path in paths(world) {
        if let Some(kubeconfig) = read(&path)? {
            found.push((path, kubeconfig));
        }
    }
    Ok(found)
}

/// Reads one; `None` if it does not exist, or is empty, which kubectl and minikube read as one without entries.
///
/// # Errors
/// With path, line and column, if it is not a kubeconfig that kubectl could read.
pub(crate) fn read(path: &Path) -> Result<Option<Kubeconfig>, String> {
    let Some(text) = text::read(path)?.filter(|text| !text.is_empty()) else { return Ok(None) };
    let shown = path.display();
    let kubeconfig =
        Kubeconfig::read_from(path).map_err(|error| format!("cannot read `{shown}`: {}", problem(&error)))?;
    for (key, value, must) in
        [("kind", &kubeconfig.kind, "Config"), ("apiVersion", &kubeconfig.api_version, "v1")]
    {
        if let Some(value) = value.as_deref().filter(|value| *value != must) {
            let line = text.lines().position(|line| line.starts_with(key)).map_or(1, |index| index + 1);
            return Err(format!(
                "cannot read `{shown}`: line {line}: it is not a kubeconfig: `{key}` is `{value}`, not `{must}`"
            ));
        }
    }
    Ok(Some(kubeconfig))
}

/// The mistake, and its place. Without the lines around it and without texts of the file, which may be credentials.
fn problem(error: &KubeconfigError) -> String {
    let KubeconfigError::Parse(error) = error else { return error.to_string() };
    let message = error.without_snippet().to_string();
    let mut parts = message.lines().next().unwrap_or_default().split('"');
    let mut why = parts.next().unwrap_or_default().to_owned();
    for (index, part) in parts.enumerate() {
        why.push_str(if index % 2 == 0 { "\"…\"" } else { part });
    }
    match error.location() {
        Some(at) if !why.contains("line ") => format!("line {}, column {}: {why}", at.line(), at.column()),
        _ => why,
    }
}

/// Whether minikube can read all of them.
///
/// # Errors
/// Why not. It reads the file that it writes only with `kind` and `apiVersion` (`kubeconfig.go`: `decode`), which
/// kubectl does not require.
pub(crate) fn readable_by_minikube(world: &World) -> Result<(), String> {
    let all = all(world)?;
    let first = path(world);
    match all.iter().find(|(path, _)| Some(path) == first.as_ref()) {
        Some((path, file)) if file.kind.is_none() || file.api_version.is_none() => Err(format!(
            "minikube cannot read `{}`: it lacks `apiVersion: v1` or `kind: Config`",
            path.display()
        )),
        _ => Ok(()),
    }
}

/// Whether minikube, which is about to write the profile's entry, can read all of them and write the first.
///
/// # Errors
/// Why not.
pub(crate) fn fit_for_minikube(world: &World) -> Result<(), String> {
    readable_by_minikube(world)?;
    let Some(first) = path(world) else { return Ok(()) };
    // minikube creates its directory, too.
    let folder = first.parent().map_or(Ok(()), std::fs::create_dir_all);
    folder
        .and_then(|()| crate::replace::writable(&first))
        .map_err(|error| format!("cannot write `{}`: {error}", first.display()))
}

#[cfg(test)]
mod tests {
    use super::fit_for_minikube;
    use super::path;
    use super::read;
    use crate::world::World;

    #[test]
    fn the_file_is_the_one_that_minikube_writes() {
        for (variable, file) in
            [("", "/h/.kube/config"), ("/a", "/a"), (":/b:/c", "/b"), ("relative", "/w/relative")]
        {
            let world = World::fake("/w", [("HOME", "/h"), ("KUBECONFIG", variable)]);
            assert_eq!(path(&world), Some(file.into()), "{variable}");
        }
    }

    #[test]
    fn what_is_no_kubeconfig_is_told_with_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config");
        for (text, place) in [
            ("{{{{ not yaml", "line 1"),
            ("apiVersion: v1\nkind: Config\nclusters: [\n", "line "),
            ("apiVersion: v1\nkind: Config\nclusters: many\n", "line 3"),
            ("apiVersion: v1\nkind: Deployment\n", "line 2"),
            ("apiVersion: v2\nkind: Config\n", "line 1"),
            ("apiVersion: v1\nkind: Config\ncontexts:\n\t- a\n", "line "),
            ("just words", "line 1"),
        ] {
            std::fs::write(&file, text).unwrap();
            let why = read(&file).unwrap_err();
            assert!(why.contains(place) && why.contains(&file.display().to_string()), "{text:?}: {why}");
        }
        std::fs::write(&file, "").unwrap();
        assert!(read(&file).unwrap().is_none());
        for text in [
            "users:\n- name: a\n  user: {token: s3cret\n",
            "users:\n- user: {token: a}\n  name: [s3cret]\n- s3cret\n",
            "users: s3cret\n",
        ] {
            std::fs::write(&file, text).unwrap();
            let why = read(&file).unwrap_err();
            assert!(!why.contains("s3cret") && why.contains("line "), "{why}");
        }
    }

    #[test]
    fn minikube_gets_only_files_that_it_can_read() {
        let folder = tempfile::tempdir().unwrap();
        let world = World::fake(folder.path(), [("KUBECONFIG", "new/a:b")]);
        fit_for_minikube(&world).unwrap();
        assert!(!folder.path().join("new/a").exists(), "nothing is left");
        for (text, fit) in [("kind: Config\n", true), ("kind: [\n", false)] {
            std::fs::write(folder.path().join("b"), text).unwrap();
            assert_eq!(fit_for_minikube(&world).is_ok(), fit, "{text}");
        }
        std::fs::write(folder.path().join("b"), "").unwrap();
        std::fs::write(folder.path().join("new/a"), "kind: Config\n").unwrap();
        assert!(fit_for_minikube(&world).is_err());
        std::fs::write(folder.path().join("new/a"), "kind: Config\napiVersion: v1\n").unwrap();
        fit_for_minikube(&world).unwrap();
    }
}
